package transport

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// Limits bound what peers can make us hold and do. A zero field stands for the
// value in brackets.
type Limits struct {
	// Queue is how many funcs may wait in a loop before messages are dropped
	// [8192].
	Queue int
	// StrangerRate and StrangersRate are how many messages a second one unknown
	// source, and all of them together, may send that could be a dialog's
	// [2000, 20000].
	StrangerRate, StrangersRate int
	// Streams is how many stream connections may be open [8192].
	Streams int
	// StrangerStreams and StrangerStreamsEach are how many of them unknown
	// sources may have, together and each address [1024, 32].
	StrangerStreams, StrangerStreamsEach int
	// StreamQueue is how many octets may wait for a peer to read them [1 MiB].
	StreamQueue int
	// MessageTimeout is how long a message on a stream may take from its first
	// octet to its last [20 s].
	MessageTimeout time.Duration
	// StrangerTimeout closes a connection of an unknown source that sends no
	// message [30 s].
	StrangerTimeout time.Duration
	// IdleTimeout closes any connection that sends no message; below 0 none
	// [1 h]. A later message makes a new one.
	IdleTimeout time.Duration
	// DialTimeout, WriteTimeout [4 s, 10 s].
	DialTimeout, WriteTimeout time.Duration
	// Linger is how long a stream that cannot be followed any more stays open,
	// so that its peer reads why [1 s].
	Linger time.Duration
}

func (lim Limits) orDefaults() Limits {
	for _, f := range []struct {
		v   *int
		def int
	}{
		{&lim.Queue, 8192}, {&lim.StrangerRate, 2000}, {&lim.StrangersRate, 20000}, {&lim.Streams, 8192},
		{&lim.StrangerStreams, 1024}, {&lim.StrangerStreamsEach, 32}, {&lim.StreamQueue, 1 << 20},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	for _, f := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&lim.MessageTimeout, 20 * time.Second}, {&lim.StrangerTimeout, 30 * time.Second},
		{&lim.IdleTimeout, time.Hour}, {&lim.DialTimeout, 4 * time.Second},
		{&lim.WriteTimeout, 10 * time.Second}, {&lim.Linger, time.Second},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	return lim
}

// A brake counts messages of a second, of each source and of all. Sources share
// a fixed number of slots: memory does not grow with their number, and one who
// shares the slot of a flooder shares his fate for a second.
type brake struct {
	each, all uint64
	seed      maphash.Seed
	total     atomic.Uint64
	slots     []atomic.Uint64 // second<<24 | messages in it
}

func (b *brake) init(each, all int) {
	b.each, b.all, b.seed = uint64(each), uint64(all), maphash.MakeSeed()
	b.slots = make([]atomic.Uint64, 4096)
}

// pass says whether one more message of a is in bounds.
func (b *brake) pass(a netip.Addr, now time.Time) bool {
	second := uint64(now.Unix())
	return bump(&b.slots[maphash.Comparable(b.seed, a)%uint64(len(b.slots))], second) <= b.each &&
		bump(&b.total, second) <= b.all
}

// bump counts one message of the given second and says how many there were.
func bump(slot *atomic.Uint64, second uint64) uint64 {
	const bits = 24
	for {
		old := slot.Load()
		n := old & (1<<bits - 1)
		if old>>bits != second&(1<<(64-bits)-1) {
			n = 0
		}
		if n < 1<<bits-1 {
			n++
		}
		if slot.CompareAndSwap(old, second<<bits|n) {
			return n
		}
	}
}

// counters are what Stats reads.
type counters struct {
	received, sent, failed     atomic.Uint64
	malformed, strangers, late atomic.Uint64
	refused                    atomic.Uint64
}

// Stats are counts since the start.
type Stats struct {
	Received uint64 // messages handed to loops
	Sent     uint64 // messages sent
	Failed   uint64 // datagrams that could not be sent
	// Malformed messages were refused or dropped.
	Malformed uint64
	// Strangers' messages were dropped without a byte.
	Strangers uint64
	// Overload: messages dropped because their loop was behind.
	Overload uint64
	// KernelDrops: datagrams that the kernel dropped because we did not read
	// fast enough. Anything above 0 is a loss that no peer is told of.
	KernelDrops uint64
	// RefusedStreams: connections closed at once because there are too many.
	RefusedStreams uint64
	// Streams are the connections open now.
	Streams int
}

// Stats reads the counters. Any goroutine may call it.
func (l *Layer) Stats() Stats {
	s := Stats{
		Received: l.count.received.Load(), Sent: l.count.sent.Load(), Failed: l.count.failed.Load(),
		Malformed: l.count.malformed.Load(), Strangers: l.count.strangers.Load(),
		Overload: l.count.late.Load(), RefusedStreams: l.count.refused.Load(),
	}
	for _, sock := range l.sockets {
		s.KernelDrops += uint64(sock.drops.Load())
	}
	l.mu.Lock()
	s.Streams = len(l.all)
	l.mu.Unlock()
	return s
}
