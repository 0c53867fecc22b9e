package worker

import (
	"container/heap"
	"time"
)

// A Timer is a function that its worker will call once. All its methods are
// called on the worker.
type Timer struct {
	w     *Worker
	at    time.Duration // since the worker's start
	fn    func(now time.Time)
	index int // in the heap, -1 outside
}

// AfterFunc calls fn once, on the worker, after d. On the worker.
func (w *Worker) AfterFunc(d time.Duration, fn func(now time.Time)) *Timer {
	t := &Timer{w: w, fn: fn, index: -1}
	t.Reset(d)
	return t
}

// Every calls fn on the worker each d, which is at least 1 ms, without drift,
// until cancel is called on the worker. On the worker.
func (w *Worker) Every(d time.Duration, fn func(now time.Time)) (cancel func()) {
	d = max(d, time.Millisecond)
	t := &Timer{w: w, index: -1}
	t.fn = func(now time.Time) {
		// After a standstill the missed calls are left out.
		t.at += d * max(1, (now.Sub(w.start)-t.at)/d)
		heap.Push(&w.timers, t)
		fn(now)
	}
	t.Reset(d)
	return func() { t.Stop() }
}

// Reset makes the timer fire d from now, whether it has fired or not.
func (t *Timer) Reset(d time.Duration) {
	t.at = t.w.now.Sub(t.w.start) + max(0, d)
	if t.index >= 0 {
		heap.Fix(&t.w.timers, t.index)
		return
	}
	heap.Push(&t.w.timers, t)
}

// Stop says whether it prevented the call.
func (t *Timer) Stop() bool {
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.w.timers, t.index)
	return true
}

func (w *Worker) runTimers() {
	now := w.now.Sub(w.start)
	// Those set meanwhile with no delay wait for the next turn.
	for n := len(w.timers); n > 0 && len(w.timers) > 0 && w.timers[0].at <= now; n-- {
		heap.Pop(&w.timers).(*Timer).fn(w.now)
	}
}

// timers is a heap by time.
type timers []*Timer

func (h timers) next() (time.Duration, bool) {
	if len(h) == 0 {
		return 0, false
	}
	return h[0].at, true
}

func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timers) Push(x any) {
	t := x.(*Timer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timers) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
