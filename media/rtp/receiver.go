package rtp

import "time"

const (
	maxDropout  = 3000 // RFC 3550 A.1: a greater step forward is a jump
	maxMisorder = 100  // a greater step back is a jump too
	windowBits  = 128
)

// An order is where a packet stands in its sequence.
type order uint8

const (
	inOrder   order = iota
	reordered       // after a later one
	duplicate       // came before
	tooLate         // far off: an old packet, or the first after a jump
	jumped          // in order, in a sequence that starts anew
)

// A receiver keeps the sequence, loss and jitter of what is received
// (RFC 3550 A.1, A.3, A.8).
type receiver struct {
	started  bool
	max      int64     // highest sequence number with its cycles
	base     int64     // first one
	bad      int32     // the sequence number that would confirm a jump, or -1
	window   [2]uint64 // which of max, max-1, ... were received; bit 0 is max
	received uint64    // different packets since base

	// Sequences that have ended, by a jump or a new SSRC.
	pastExpected, pastReceived uint64

	// What the report before has covered.
	priorExpected, priorReceived uint64

	// Runs of missing packets.
	runs, missing int64

	jitter, maxJitter uint64 // in 1/16 timestamp units
	transit           int64
	lastTimestamp     uint32
	timed             bool // transit is set
}

// end closes the sequence; the next packet begins another. The counters go on.
func (r *receiver) end() {
	if r.started {
		r.pastExpected += r.expectedNow()
		r.pastReceived += r.received
		r.received = 0
		r.started = false
	}
}

func (r *receiver) begin(seq uint16) {
	r.end()
	r.started = true
	r.max = int64(seq) + 1<<16 // room for packets from before the first
	r.base = r.max
	r.bad = -1
	r.window = [2]uint64{1, 0}
	r.received = 1
	r.priorExpected, r.priorReceived = 0, 0
	r.resetJitter()
}

// resetJitter forgets the transit time, so that the next packet begins anew.
func (r *receiver) resetJitter() { r.timed = false }

func (r *receiver) expectedNow() uint64 {
	if !r.started {
		return 0
	}
	return uint64(r.max - r.base + 1)
}

func (r *receiver) expected() uint64 { return r.pastExpected + r.expectedNow() }

func (r *receiver) lost() uint64 {
	return r.expected() - r.pastReceived - r.received
}

// update takes one packet into account.
func (r *receiver) update(seq uint16) order {
	if !r.started {
		r.begin(seq)
		return inOrder
	}
	step := int64(int16(seq - uint16(r.max)))
	switch {
	case step > 0 && step < maxDropout:
		r.shift(int(step))
		r.max += step
		r.received++
		if step > 1 {
			r.runs++
			r.missing += step - 1
		}
		r.bad = -1
		return inOrder
	case step <= 0 && step > -maxMisorder:
		return r.fill(int(-step))
	case r.bad == int32(seq):
		r.begin(seq)
		return jumped
	}
	r.bad = int32(seq + 1)
	return tooLate
}

// fill takes the packet that stands back places before max.
func (r *receiver) fill(back int) order {
	if r.has(back) {
		return duplicate
	}
	r.window[back/64] |= 1 << (back % 64)
	r.received++
	if seq := r.max - int64(back); seq < r.base {
		if gap := r.base - seq - 1; gap > 0 {
			r.runs++
			r.missing += gap
		}
		r.base = seq
		return reordered
	}
	r.missing--
	before, after := r.has(back+1), r.has(back-1)
	switch {
	case before && after:
		r.runs-- // the run is filled
	case !before && !after:
		r.runs++ // it has become two
	}
	return reordered
}

func (r *receiver) has(back int) bool { return r.window[back/64]>>(back%64)&1 != 0 }

// shift moves the window n > 0 places on and marks the newest.
func (r *receiver) shift(n int) {
	switch {
	case n >= windowBits:
		r.window = [2]uint64{}
	case n >= 64:
		r.window[1] = r.window[0] << (n - 64)
		r.window[0] = 0
	default:
		r.window[1] = r.window[1]<<n | r.window[0]>>(64-n)
		r.window[0] <<= n
	}
	r.window[0] |= 1
}

// time takes the arrival of a packet into the jitter (RFC 3550 A.8). Packets of
// one telephone event bear one timestamp (RFC 4733 §2.2) and would look like
// jitter; only the first counts.
func (r *receiver) time(timestamp uint32, arrival time.Duration, rate int) {
	if r.timed && timestamp == r.lastTimestamp {
		return
	}
	transit := ticks(arrival, rate) - int64(timestamp)
	if r.timed {
		d := int64(int32(transit - r.transit)) // modulo 2^32, as timestamps are
		d = max(d, -d)
		if d < int64(rate) { // a greater one is a timestamp that has jumped
			r.jitter += uint64(d) - (r.jitter+8)>>4
			r.maxJitter = max(r.maxJitter, r.jitter)
		}
	}
	r.transit, r.lastTimestamp, r.timed = transit, timestamp, true
}

// burstRatio is G.107's BurstR: the mean length of the runs of missing packets
// over the mean length that independent losses of the same frequency have.
func (r *receiver) burstRatio() float64 {
	expected := r.expected()
	if r.runs <= 0 || r.missing <= 0 || expected == 0 {
		return 1
	}
	p := float64(r.missing) / float64(expected)
	return max(1, float64(r.missing)/float64(r.runs)*(1-p))
}

// ticks is d in units of a clock of rate Hz, without overflow for years.
func ticks(d time.Duration, rate int) int64 {
	sec, rest := int64(d/time.Second), int64(d%time.Second)
	return sec*int64(rate) + rest*int64(rate)/int64(time.Second)
}

// duration is the reverse of ticks.
func duration(n int64, rate int) time.Duration {
	return time.Duration(n * int64(time.Second) / int64(rate))
}
