package jitter

import (
	"container/heap"
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// The tests run a sender, a network and a listener on one clock of their own.
// A sample is its own position: the listener knows what he hears.

const testRate = 8000

// raw decodes payloads of 16-bit samples and conceals with -1.
type raw struct{}

func (raw) Decode(dst []int16, _ uint8, payload []byte) ([]int16, error) {
	if payload == nil {
		for range testRate / 50 {
			dst = append(dst, -1)
		}
		return dst, nil
	}
	for i := 0; i+1 < len(payload); i += 2 {
		dst = append(dst, int16(binary.BigEndian.Uint16(payload[i:])))
	}
	return dst, nil
}

type arrival struct {
	at    time.Duration
	order int
	p     Packet
	sent  time.Duration
}

type arrivals []arrival

func (a arrivals) Len() int { return len(a) }
func (a arrivals) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)   { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}

// sim is one stream: packet n is sent at n·ptime, arrives when the network
// lets it, and is listened to at phase + k·20 ms.
type sim struct {
	b     *Buffer
	ptime time.Duration
	phase time.Duration
	skew  float64 // of the sender's clock: 1e-6 is one ppm fast
	// network gives the delay of packet n, or false where it is lost.
	network func(n int, sent time.Duration) (time.Duration, bool)
	// change may alter a packet before it is sent.
	change func(n int, p *Packet)
	// tick is called after each tick.
	tick func(at time.Duration, samples []int16, heard bool)

	order   int
	pending arrivals
	n       int
	nextAt  time.Duration
}

var start = time.Unix(1000, 0)

func newSim(ptime time.Duration) *sim {
	return &sim{
		b: New(8000, testRate, raw{}), ptime: ptime, phase: 7 * time.Millisecond,
		network: func(int, time.Duration) (time.Duration, bool) { return 0, true },
	}
}

func (s *sim) packet(n int) Packet {
	count := int(s.ptime * testRate / time.Second)
	payload := make([]byte, 2*count)
	for i := range count {
		binary.BigEndian.PutUint16(payload[2*i:], uint16((n*count+i)%32000))
	}
	return Packet{SSRC: 1, Seq: uint16(65000 + n), Timestamp: uint32(4294900000 + n*count), Payload: payload}
}

// run goes on until the given time.
func (s *sim) run(until time.Duration) {
	for ; s.nextAt < until; s.nextAt += 20 * time.Millisecond {
		at := s.nextAt + s.phase
		for {
			sent := time.Duration(float64(s.n) * float64(s.ptime) / (1 + s.skew))
			if sent > at {
				break
			}
			p := s.packet(s.n)
			if s.change != nil {
				s.change(s.n, &p)
			}
			if d, ok := s.network(s.n, sent); ok {
				s.order++
				heap.Push(&s.pending, arrival{sent + d, s.order, p, sent})
			}
			s.n++
		}
		for len(s.pending) > 0 && s.pending[0].at <= at {
			a := heap.Pop(&s.pending).(arrival)
			s.b.Push(a.p, start.Add(a.at))
		}
		var dst [testRate / 50]int16
		heard := s.b.Read(dst[:], start.Add(at))
		if s.tick != nil {
			s.tick(at, dst[:], heard)
		}
	}
}

// delays collects, for each tick whose first sample was sent, how long that
// sample was under way in all.
func (s *sim) delays(from time.Duration, into *[]time.Duration) {
	count := int(s.ptime * testRate / time.Second)
	s.tick = func(at time.Duration, samples []int16, heard bool) {
		if at < from || !heard || samples[0] < 0 {
			return
		}
		// The position wraps at 32000 samples, 4 s.
		pos := int(samples[0])
		now := int(float64(at) / float64(time.Second) * testRate * (1 + s.skew))
		for pos+32000 <= now {
			pos += 32000
		}
		packet := pos / count
		sent := time.Duration(float64(packet) * float64(s.ptime) / (1 + s.skew))
		*into = append(*into, at-sent-time.Duration(pos%count)*time.Second/testRate)
	}
}

func uniform(seed uint64, limit time.Duration) func(int, time.Duration) (time.Duration, bool) {
	r := rand.New(rand.NewPCG(seed, 1))
	return func(int, time.Duration) (time.Duration, bool) {
		if limit == 0 {
			return 0, true
		}
		return time.Duration(r.Int64N(int64(limit))), true
	}
}

// diff is what has been counted between two snapshots.
func diff(a, b Stats) Stats {
	return Stats{
		Played: b.Played - a.Played, Late: b.Late - a.Late, Lost: b.Lost - a.Lost,
		Overflow: b.Overflow - a.Overflow, Duplicate: b.Duplicate - a.Duplicate,
		Stretches: b.Stretches - a.Stretches, Squeezes: b.Squeezes - a.Squeezes,
		Underruns: b.Underruns - a.Underruns, Resyncs: b.Resyncs - a.Resyncs,
		Concealed: b.Concealed - a.Concealed,
	}
}
