package loop

import "time"

// grain is what times of [Loop.About] are rounded up to.
const grain = 100 * time.Millisecond

// A Timer is a call that [Loop.AfterFunc] or [Loop.About] has promised. Its
// methods may be called on its loop only.
type Timer struct {
	loop   *Loop
	at     time.Time
	seq    uint64 // timers of one instant run in the order in which they were made
	fn     func()
	index  int     // place in the heap, or in the bucket; -1: in none
	bucket *bucket // nil: in the heap
}

// AfterFunc runs fn on the loop after d. It may be called on the loop only. All
// timers of a loop share one runtime timer; making and stopping one costs a few
// steps in a heap.
func (l *Loop) AfterFunc(d time.Duration, fn func()) *Timer {
	t := &Timer{loop: l, fn: fn, index: -1}
	l.timers.push(t, time.Now().Add(d))
	return t
}

// About is AfterFunc for what has no need to be punctual: fn runs up to 100 ms
// late, together with all that is due by then. A call leaves half a dozen of
// these behind, for the times that transactions are remembered; to wake for
// each would cost more than all else they do.
func (l *Loop) About(d time.Duration, fn func()) *Timer {
	t := &Timer{loop: l, fn: fn, index: -1}
	if d <= 0 {
		l.timers.push(t, time.Now())
		return t
	}
	due := time.Now().Add(d)
	slot := (due.UnixNano() + int64(grain) - 1) / int64(grain)
	b := l.about[slot]
	if b == nil {
		b = &bucket{}
		l.about[slot] = b
		l.timers.push(&Timer{loop: l, index: -1, fn: func() {
			delete(l.about, slot)
			b.run()
		}}, due.Add(time.Duration(slot*int64(grain)-due.UnixNano())))
	}
	t.bucket, t.index = b, len(b.timers)
	b.timers = append(b.timers, t)
	return t
}

// Stop says whether it prevented the call. Stopping a nil timer does nothing.
func (t *Timer) Stop() bool {
	switch {
	case t == nil || t.index < 0:
		return false
	case t.bucket != nil:
		t.bucket.remove(t)
	default:
		t.loop.timers.remove(t.index)
	}
	return true
}

// Reset lets the timer run after d, punctually, whether it has run or not.
func (t *Timer) Reset(d time.Duration) {
	t.Stop()
	t.loop.timers.push(t, time.Now().Add(d))
}

// A bucket is timers that run together.
type bucket struct{ timers []*Timer }

func (b *bucket) run() {
	// A timer may stop others, of this bucket too.
	for len(b.timers) > 0 {
		t := b.timers[len(b.timers)-1]
		b.remove(t)
		t.fn()
	}
}

func (b *bucket) remove(t *Timer) {
	last := len(b.timers) - 1
	moved := b.timers[last]
	b.timers[t.index], moved.index = moved, t.index
	b.timers[last] = nil
	b.timers = b.timers[:last]
	t.index, t.bucket = -1, nil
}

// timers is a heap, the next timer first.
type timers struct {
	heap []*Timer
	seq  uint64
}

func (ts *timers) next() (time.Time, bool) {
	if len(ts.heap) == 0 {
		return time.Time{}, false
	}
	return ts.heap[0].at, true
}

// run calls what is due. A func that makes a timer for now does not keep the
// loop from its queue: only what was there at the start is run.
func (ts *timers) run(l *Loop) {
	for last := ts.seq; len(ts.heap) > 0; {
		t := ts.heap[0]
		if t.at.After(l.now) || t.seq > last {
			return
		}
		ts.remove(0)
		t.fn()
	}
}

func (ts *timers) push(t *Timer, at time.Time) {
	ts.seq++
	t.at, t.seq, t.index = at, ts.seq, len(ts.heap)
	ts.heap = append(ts.heap, t)
	ts.up(t.index)
}

func (ts *timers) remove(i int) {
	h := ts.heap
	t, last := h[i], len(h)-1
	if i != last {
		ts.swap(i, last)
	}
	h[last] = nil
	ts.heap = h[:last]
	if i != last && !ts.down(i) {
		ts.up(i)
	}
	t.index = -1
}

func (ts *timers) less(i, j int) bool {
	a, b := ts.heap[i], ts.heap[j]
	if a.at.Equal(b.at) {
		return a.seq < b.seq
	}
	return a.at.Before(b.at)
}

func (ts *timers) swap(i, j int) {
	h := ts.heap
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (ts *timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !ts.less(i, parent) {
			return
		}
		ts.swap(i, parent)
		i = parent
	}
}

func (ts *timers) down(i int) bool {
	start := i
	for {
		child := 2*i + 1
		if child >= len(ts.heap) {
			break
		}
		if r := child + 1; r < len(ts.heap) && ts.less(r, child) {
			child = r
		}
		if !ts.less(child, i) {
			break
		}
		ts.swap(i, child)
		i = child
	}
	return i != start
}
