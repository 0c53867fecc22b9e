package mediatest

import (
	"container/heap"
	"net/netip"
	"sync"

	"tandem/media"
)

// A flight holds packets that are under way and hands each over when it is due.
type flight struct {
	clock media.Clock
	land  func(delivery) // one at a time

	mu     sync.Mutex
	queue  deliveries
	added  int
	timer  media.Timer
	closed bool
}

type delivery struct {
	Delivery
	from, to netip.AddrPort
	order    int
}

func newFlight(clock media.Clock, land func(delivery)) *flight {
	return &flight{clock: clock, land: land}
}

func (f *flight) add(d delivery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.added++
	d.order = f.added
	heap.Push(&f.queue, d)
	if f.queue[0].order == d.order {
		f.arm()
	}
}

// arm sets the timer to the first delivery.
func (f *flight) arm() {
	if len(f.queue) == 0 || f.closed {
		return
	}
	d := max(0, f.queue[0].At.Sub(f.clock.Now()))
	if f.timer == nil {
		f.timer = f.clock.AfterFunc(d, f.run)
		return
	}
	f.timer.Reset(d)
}

func (f *flight) run() {
	for {
		f.mu.Lock()
		if f.closed || len(f.queue) == 0 || f.queue[0].At.After(f.clock.Now()) {
			f.arm()
			f.mu.Unlock()
			return
		}
		d := heap.Pop(&f.queue).(delivery)
		f.mu.Unlock()
		f.land(d)
	}
}

func (f *flight) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.timer != nil {
		f.timer.Stop()
	}
}

// deliveries is a heap by time, then by order of sending.
type deliveries []delivery

func (h deliveries) Len() int { return len(h) }
func (h deliveries) Less(i, j int) bool {
	if h[i].At.Equal(h[j].At) {
		return h[i].order < h[j].order
	}
	return h[i].At.Before(h[j].At)
}
func (h deliveries) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *deliveries) Push(x any)   { *h = append(*h, x.(delivery)) }
func (h *deliveries) Pop() any {
	old := *h
	d := old[len(old)-1]
	old[len(old)-1] = delivery{}
	*h = old[:len(old)-1]
	return d
}
