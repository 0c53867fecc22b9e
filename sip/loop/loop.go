// Package loop runs everything that concerns a Call-ID on one goroutine.
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
	wake  chan struct{} // one token: there is something in queue, or stopped is set
	done  chan struct{}

	mu      sync.Mutex
	queue   []func()
	stopped bool

	// Of the goroutine alone.
	now    time.Time
	timers timers
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
	first := len(l.queue) == 1
	l.mu.Unlock()
	if first {
		l.signal()
	}
	return true
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

func (l *Loop) run() {
	defer close(l.done)
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	var batch []func()
	for {
		l.now = time.Now()
		l.timers.run(l)

		l.mu.Lock()
		batch, l.queue = l.queue, batch[:0]
		stopped := l.stopped
		l.mu.Unlock()
		if len(batch) == 0 {
			if stopped {
				return
			}
			if next, ok := l.timers.next(); ok {
				alarm.Reset(time.Until(next))
			} else {
				alarm.Reset(time.Hour)
			}
			select {
			case <-l.wake:
			case <-alarm.C:
			}
			continue
		}
		for i, fn := range batch {
			l.now = time.Now()
			fn()
			batch[i] = nil
		}
		if cap(batch) > 4096 {
			batch = nil // a burst does not keep its memory
		}
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
		l := &Loop{index: i, wake: make(chan struct{}, 1), done: make(chan struct{})}
		g.loops[i] = l
		go l.run()
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
