package jitter

import "time"

const (
	// maxDropout and maxMisorder are RFC 3550 A.1's bounds of what a loss or a
	// detour can explain.
	maxDropout  = 3000
	maxMisorder = 128
	// jumpLimit is how far a timestamp may be off without being taken for a
	// jump.
	jumpLimit = 100 * time.Millisecond
)

// A verdict says how a sequence number fits what came before.
type verdict uint8

const (
	fits        verdict = iota
	jumped              // the stream has begun again
	implausible         // a stray packet, unless the next follows it
)

// A sequence extends the numbers of packets to 64 bits, across wraps, jumps and
// changes of source.
type sequence struct {
	started bool
	ssrc    uint32
	high    int64  // the highest number so far
	last    uint16 // as it was in the packet
	bad     uint16 // the number that would confirm a jump
	suspect bool

	// The position and timestamp of the newest packet, and how far packets are
	// apart.
	pos  int64
	ts   uint32
	at   int64 // its extended number
	step int64 // samples from one packet to the next
	has  bool
}

// place says where a packet belongs.
func (s *sequence) place(ssrc uint32, seq uint16) (int64, verdict) {
	if !s.started {
		s.started = true
		s.ssrc, s.last, s.high = ssrc, seq, int64(seq)
		return s.high, fits
	}
	if ssrc != s.ssrc {
		s.ssrc = ssrc
		return s.restart(seq), jumped
	}
	delta := int64(int16(seq - s.last))
	if delta > maxDropout || delta < -maxMisorder {
		// RFC 3550 A.1: two packets in a row say that the sender means it.
		if s.suspect && seq == s.bad {
			return s.restart(seq), jumped
		}
		s.suspect, s.bad = true, seq+1
		return 0, implausible
	}
	s.suspect = false
	if delta <= 0 {
		return s.high + delta, fits
	}
	s.high += delta
	s.last = seq
	return s.high, fits
}

func (s *sequence) restart(seq uint16) int64 {
	s.suspect = false
	s.high++
	s.last = seq
	return s.high
}

// position maps the timestamp of a packet onto the timeline.
func (b *Buffer) position(p Packet, seq int64, jumped bool, at time.Duration) int64 {
	s := &b.seq
	if !s.has {
		s.has = true
		s.pos, s.ts, s.at = 0, p.Timestamp, seq
		// The first packet's transit is zero by definition.
		s.pos = b.samples(at)
		return s.pos
	}
	delta := int64(int32(p.Timestamp-s.ts)) * int64(b.rate) / int64(b.clock)
	pos := s.pos + delta
	skipped := seq - s.at
	if s.step > 0 && !jumped {
		// How far the timestamp is from what the sequence number promises. A
		// pause of the sender's moves it on, but then it has arrived that much
		// later, too.
		off := b.time(delta - skipped*s.step)
		early := b.transit.mean - (at - b.time(pos))
		jumped = off < -jumpLimit && skipped > 0 || off > jumpLimit && early > jumpLimit
	}
	if jumped {
		b.stats.Resyncs++
		pos = b.resume(seq, at)
	} else if skipped == 1 && delta > 0 {
		s.step = delta
	}
	if skipped > 0 {
		s.pos, s.ts, s.at = pos, p.Timestamp, seq
	}
	return pos
}

// resume gives the position of a packet whose timestamp says nothing: the one
// after the newest, if it came about then, else where its arrival puts it.
func (b *Buffer) resume(seq int64, at time.Duration) int64 {
	s := &b.seq
	byArrival := b.samples(at - b.transit.mean)
	follows := s.pos + (seq-s.at)*s.step
	if d := b.time(byArrival - follows); s.step > 0 && d < jumpLimit && d > -jumpLimit {
		return follows
	}
	return max(byArrival, s.pos)
}
