// Package loop runs everything that concerns a Call-ID on one goroutine at a
// time.
//
// A [Loop] owns the transactions, dialogs and timers of the Call-IDs that hash
// to it. Whoever wants to reach them hands it a func: messages of one Call-ID
// are thereby handled in the order in which they came, and nothing in
// sip/transaction, sip/dialog and sip/ua needs a lock. A func that runs on a
// loop must not block: a loop serves many calls.
package loop

import (
	"hash/maphash"
	"sync"
	"time"
)

// A Loop runs funcs one after the other.
type Loop struct {
	index int
	wake  chan struct{} // one token: there is something for the loop's goroutine
	done  chan struct{}

	mu      sync.Mutex
	queue   []func()
	stopped bool
	held    bool      // somebody runs a func, or the loop's goroutine timers
	wanted  bool      // the loop's goroutine waits until nobody does
	alarm   time.Time // when the loop's goroutine wakes by itself

	// Of whoever holds the loop.
	now    time.Time
	timers timers
	about  map[int64]*bucket // by their time, in units of grain
	batch  []func()          // what is being run; kept for its room
}

// Post runs fn on the loop after all that was posted before. Any goroutine may
// call it; it never blocks. After [Group.Stop] fn is dropped and the result is
// false.
func (l *Loop) Post(fn func()) bool { return l.post(fn, 0) }

// TryPost is Post for what a peer sends: where limit funcs wait already, fn is
// dropped and the result is false.
func (l *Loop) TryPost(fn func(), limit int) bool { return l.post(fn, limit) }

func (l *Loop) post(fn func(), limit int) bool {
	l.mu.Lock()
	if l.stopped || limit > 0 && len(l.queue) >= limit {
		l.mu.Unlock()
		return false
	}
	l.queue = append(l.queue, fn)
	wake := len(l.queue) == 1 && !l.held
	l.mu.Unlock()
	if wake {
		l.signal()
	}
	return true
}

// Run is Post by somebody who has the time to do the work: where the loop has
// nothing else to do, fn runs on the caller's goroutine, before Run returns.
// That saves waking another one, which costs more than most of what a loop is
// asked to do. Not for media workers.
func (l *Loop) Run(fn func()) bool { return l.run(fn, 0) }

// TryRun is to Run what TryPost is to Post.
func (l *Loop) TryRun(fn func(), limit int) bool { return l.run(fn, limit) }

func (l *Loop) run(fn func(), limit int) bool {
	l.mu.Lock()
	if l.stopped || l.held || len(l.queue) > 0 {
		l.mu.Unlock()
		return l.post(fn, limit)
	}
	l.held = true
	l.mu.Unlock()
	defer l.leave()
	l.now = time.Now()
	fn()
	for n := 0; n < maxRest; {
		// What fn has posted, mostly.
		l.mu.Lock()
		l.batch, l.queue = l.queue, l.batch[:0]
		l.mu.Unlock()
		if len(l.batch) == 0 {
			break
		}
		n += len(l.batch)
		l.runBatch()
	}
	return true
}

// maxRest is about how many funcs of others are run by who has found the loop
// idle, before its goroutine is woken for the rest.
const maxRest = 8

// leave gives the loop back and wakes its goroutine if there is anything left
// for it.
func (l *Loop) leave() {
	l.mu.Lock()
	l.held = false
	next, ok := l.timers.next()
	wake := l.wanted || len(l.queue) > 0 || ok && next.Before(l.alarm)
	l.wanted = false
	l.mu.Unlock()
	if wake {
		l.signal()
	}
}

// Index is the loop's place in its group, from 0.
func (l *Loop) Index() int { return l.index }

// Now is the time at which the current func or timer was started; only on the
// loop.
func (l *Loop) Now() time.Time { return l.now }

func (l *Loop) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// hold takes the loop for its goroutine.
func (l *Loop) hold() {
	l.mu.Lock()
	for l.held {
		l.wanted = true
		l.mu.Unlock()
		<-l.wake
		l.mu.Lock()
	}
	l.held = true
	l.mu.Unlock()
}

// serve is the loop's goroutine.
func (l *Loop) serve() {
	defer close(l.done)
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for l.turn() {
		if d := time.Until(l.sleepsUntil()); d > 0 {
			alarm.Reset(d)
			select {
			case <-l.wake:
			case <-alarm.C:
			}
		}
	}
}

func (l *Loop) sleepsUntil() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alarm
}

// turn runs what is due and queued until nothing is, and says whether the loop
// goes on.
func (l *Loop) turn() bool {
	l.hold()
	for {
		l.now = time.Now()
		l.timers.run(l)

		l.mu.Lock()
		l.batch, l.queue = l.queue, l.batch[:0]
		if len(l.batch) == 0 {
			defer l.mu.Unlock()
			l.held = false
			l.alarm = l.now.Add(time.Hour)
			if next, ok := l.timers.next(); ok {
				l.alarm = next
			}
			return !l.stopped
		}
		l.mu.Unlock()
		l.runBatch()
	}
}

// runBatch runs what was taken from the queue. Whoever calls it holds the loop.
func (l *Loop) runBatch() {
	for i, fn := range l.batch {
		l.now = time.Now()
		l.batch[i] = nil
		fn()
	}
	if cap(l.batch) > 4096 {
		l.batch = nil // a burst does not keep its memory
	}
}

// A Group is the loops of one program.
type Group struct {
	loops []*Loop
	seed  maphash.Seed
}

// NewGroup starts n loops, at least one. One per core is right.
func NewGroup(n int) *Group {
	g := &Group{loops: make([]*Loop, max(n, 1)), seed: maphash.MakeSeed()}
	for i := range g.loops {
		l := &Loop{index: i, wake: make(chan struct{}, 1), done: make(chan struct{}), about: make(map[int64]*bucket)}
		g.loops[i] = l
		go l.serve()
	}
	return g
}

// For is the loop of a Call-ID. Which one it is cannot be guessed from outside,
// so that nobody can aim all his calls at one loop.
func (g *Group) For(callID string) *Loop {
	if len(g.loops) == 1 {
		return g.loops[0]
	}
	return g.loops[maphash.String(g.seed, callID)%uint64(len(g.loops))]
}

// Loops are all loops of the group, to be read only.
func (g *Group) Loops() []*Loop { return g.loops }

// Stop lets the loops run what was posted, and waits until they have ended.
// Timers that are not due then never run. It must not be called on a loop.
func (g *Group) Stop() {
	for _, l := range g.loops {
		l.mu.Lock()
		l.stopped = true
		l.mu.Unlock()
		l.signal()
	}
	for _, l := range g.loops {
		<-l.done
	}
}
