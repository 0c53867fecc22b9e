package mediatest

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Conditions are what a [Link] does to packets. The zero value delivers each
// at once and unchanged. Fractions are 0 to 1.
type Conditions struct {
	// Delay is added to every packet.
	Delay time.Duration
	// Jitter is added to Delay, anew for each packet; nil is none.
	Jitter Jitter
	// InOrder keeps jitter from reordering: a packet arrives no earlier than
	// the one before it.
	InOrder bool
	// Loss drops packets; nil drops none.
	Loss Loss
	// Reorder is the fraction of packets held back by ReorderBy.
	Reorder   float64
	ReorderBy time.Duration
	// Duplicate is the fraction of packets that arrive twice.
	Duplicate float64
	// Corrupt is the fraction of packets in which one to four bytes change.
	Corrupt float64
	// SkewPPM stretches time since the first packet by so many parts in a
	// million: positive for a sender whose clock is slow. A negative skew uses
	// up Delay, then stops.
	SkewPPM float64
	// Pauses hold packets back.
	Pauses []Pause
	// NewPortAfter is when, since the first packet, they begin to come from
	// another source port, as from a NAT that was restarted; 0 is never.
	NewPortAfter time.Duration
}

// A Pause begins After the first packet, and lasts For. What is sent meanwhile
// arrives at its end, or never.
type Pause struct {
	After, For time.Duration
	Drop       bool
}

// A Jitter gives the variable delay of one packet; never less than 0.
type Jitter func(r *rand.Rand) time.Duration

// Uniform is a delay from 0 to limit.
func Uniform(limit time.Duration) Jitter {
	return func(r *rand.Rand) time.Duration { return time.Duration(r.Int64N(int64(limit) + 1)) }
}

// Exponential is a delay that is mostly short, with the given mean, and never
// more than eight times that.
func Exponential(mean time.Duration) Jitter {
	return func(r *rand.Rand) time.Duration {
		return min(time.Duration(r.ExpFloat64()*float64(mean)), 8*mean)
	}
}

// Spikes is a delay of 0, and of height for the given fraction of packets.
func Spikes(fraction float64, height time.Duration) Jitter {
	return func(r *rand.Rand) time.Duration {
		if r.Float64() < fraction {
			return height
		}
		return 0
	}
}

// A Loss says for one packet after the other whether it is lost. It is made
// anew for each link, for it has a state.
type Loss func() func(r *rand.Rand) bool

// Bernoulli loses the given fraction of packets, independently.
func Bernoulli(fraction float64) Loss {
	return func() func(*rand.Rand) bool {
		return func(r *rand.Rand) bool { return r.Float64() < fraction }
	}
}

// Gilbert loses the given fraction of packets in bursts of the given mean
// length: a chain of two states, in the bad one of which everything is lost.
// G.107's BurstR is burst * (1 - fraction).
func Gilbert(fraction, burst float64) Loss {
	leave := 1 / math.Max(1, burst)
	enter := leave * fraction / (1 - fraction)
	return func() func(*rand.Rand) bool {
		bad := false
		return func(r *rand.Rand) bool {
			if bad {
				bad = r.Float64() >= leave
			} else {
				bad = r.Float64() < enter
			}
			return bad
		}
	}
}

// A Link is one direction of a path. It decides; [Network] and [Proxy] carry.
// It is not safe for concurrent use.
type Link struct {
	c       Conditions
	r       *rand.Rand
	lose    func(*rand.Rand) bool
	begun   bool
	start   time.Time
	latest  time.Time
	counted LinkStats
}

// LinkStats are what a link has done.
type LinkStats struct{ Packets, Lost, Reordered, Duplicated, Corrupted int }

// NewLink makes a link that does the same to the same packets for the same
// seed.
func NewLink(seed uint64, c Conditions) *Link {
	l := &Link{c: c, r: rand.New(rand.NewPCG(seed, 0x6c696e6b))}
	if c.Loss != nil {
		l.lose = c.Loss()
	}
	return l
}

// A Delivery is a packet that arrives.
type Delivery struct {
	At   time.Time
	Data []byte
	// NewPort says that it comes from the other source port.
	NewPort bool
}

// Stats are the link's counters.
func (l *Link) Stats() LinkStats { return l.counted }

// Pass says when, how often and in what shape pkt, sent now, arrives. Data is
// a copy.
func (l *Link) Pass(now time.Time, pkt []byte) []Delivery {
	if !l.begun {
		l.begun, l.start = true, now
	}
	l.counted.Packets++
	since := now.Sub(l.start)
	if l.lose != nil && l.lose(l.r) {
		l.counted.Lost++
		return nil
	}
	at := now.Add(l.c.Delay + time.Duration(float64(since)*l.c.SkewPPM/1e6))
	if l.c.Jitter != nil {
		at = at.Add(l.c.Jitter(l.r))
	}
	if l.c.InOrder && at.Before(l.latest) {
		at = l.latest
	}
	if l.c.Reorder > 0 && l.r.Float64() < l.c.Reorder {
		at = at.Add(l.c.ReorderBy)
		l.counted.Reordered++
	} else if at.After(l.latest) {
		l.latest = at
	}
	for _, p := range l.c.Pauses {
		if since < p.After || since >= p.After+p.For {
			continue
		}
		if p.Drop {
			l.counted.Lost++
			return nil
		}
		if end := l.start.Add(p.After + p.For); at.Before(end) {
			at = end
		}
	}
	if at.Before(now) {
		at = now
	}
	data := slices.Clone(pkt)
	if l.c.Corrupt > 0 && l.r.Float64() < l.c.Corrupt && len(data) > 0 {
		l.counted.Corrupted++
		for range 1 + l.r.IntN(4) {
			data[l.r.IntN(len(data))] ^= byte(1 + l.r.IntN(255))
		}
	}
	d := Delivery{At: at, Data: data, NewPort: l.c.NewPortAfter > 0 && since >= l.c.NewPortAfter}
	if l.c.Duplicate > 0 && l.r.Float64() < l.c.Duplicate {
		l.counted.Duplicated++
		return []Delivery{d, {At: at, Data: slices.Clone(data), NewPort: d.NewPort}}
	}
	return []Delivery{d}
}
