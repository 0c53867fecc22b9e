package event

import (
	"maps"
	"slices"
	"sync"
)

// A Subscription gets events as they happen, as long as it keeps up.
type Subscription struct {
	bus  *Bus
	want func(*Event) bool
	c    chan Event
	lost uint64 // since the last TypeLost; the bus's goroutine's
	once sync.Once
	gone chan struct{}
}

// Subscribe gives the events that want accepts (nil: all) from now on. room is
// how many may wait to be received; those that find no room are lost, and a
// [TypeLost] event without a number stands in their place. want runs on the
// bus's goroutine: it must be quick and must not call the bus.
func (b *Bus) Subscribe(room int, want func(*Event) bool) *Subscription {
	s := &Subscription{bus: b, want: want, c: make(chan Event, max(room, 2)), gone: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		close(s.c)
		return s
	}
	b.subs[s] = struct{}{}
	return s
}

// Events is where the events arrive; it is closed when the bus is.
func (s *Subscription) Events() <-chan Event { return s.c }

// Close ends the subscription. Events that wait may still be received.
func (s *Subscription) Close() {
	s.once.Do(func() {
		close(s.gone)
		s.bus.mu.Lock()
		delete(s.bus.subs, s)
		s.bus.mu.Unlock()
	})
}

// subscriptions are those there are. The lock is held.
func (b *Bus) subscriptions() []*Subscription {
	if len(b.subs) == 0 {
		return nil
	}
	return slices.Collect(maps.Keys(b.subs))
}

// deliver hands batch to live subscribers. Only the bus's goroutine calls it,
// so nobody else sends on their channels.
func (b *Bus) deliver(batch []Event, subs []*Subscription) {
	var lost uint64
	for _, s := range subs {
		for i := range batch {
			if s.want == nil || s.want(&batch[i]) {
				lost += s.offer(batch[i])
			}
		}
	}
	if lost > 0 {
		b.mu.Lock()
		b.total.LostLive += lost
		b.mu.Unlock()
	}
}

// offer sends e if there is room, and says how many events were lost.
func (s *Subscription) offer(e Event) uint64 {
	select {
	case <-s.gone:
		return 0
	default:
	}
	need := 1
	if s.lost > 0 {
		need = 2
	}
	if cap(s.c)-len(s.c) < need {
		s.lost++
		return 1
	}
	if s.lost > 0 {
		s.c <- Event{Type: TypeLost, Time: e.Time, Data: Lost{Count: s.lost}}
		s.lost = 0
	}
	s.c <- e
	return 0
}

// endSubscriptions closes the channels when the bus ends.
func (b *Bus) endSubscriptions() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subs {
		close(s.c)
	}
	clear(b.subs)
}
