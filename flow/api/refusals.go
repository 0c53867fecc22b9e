package api

import (
	"sync"

	"tandem/flow/event"
)

// Refusals keeps the last INVITEs that were refused before they became calls.
// Its methods may be called from any goroutine.
type Refusals struct {
	mu    sync.Mutex
	ring  []event.Refusal
	next  int
	total uint64
}

// NewRefusals keeps up to n.
func NewRefusals(n int) *Refusals { return &Refusals{ring: make([]event.Refusal, 0, max(n, 1))} }

// Add keeps one more and forgets the oldest where there is no room.
func (r *Refusals) Add(f event.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total++
	if len(r.ring) < cap(r.ring) {
		r.ring = append(r.ring, f)
		return
	}
	r.ring[r.next] = f
	r.next = (r.next + 1) % len(r.ring)
}

// Total is how many there were since the start.
func (r *Refusals) Total() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// List gives them, newest first.
func (r *Refusals) List() []event.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]event.Refusal, 0, len(r.ring))
	for i := range r.ring {
		out = append(out, r.ring[(r.next+len(r.ring)-1-i)%len(r.ring)])
	}
	return out
}
