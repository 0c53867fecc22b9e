package jitter

import (
	"time"

	"tandem/media"
)

const (
	// margin is how early nearly all packets are to come before their tick,
	// slackness how much more there must be before delay is taken away.
	margin    = 500 * time.Microsecond
	slackness = 3 * time.Millisecond
	// firstReach is how many packets' time a missing packet is waited for
	// until it is known whether packets overtake each other here.
	firstReach = 3
	maxReach   = 120 * time.Millisecond
	// After stretching and squeezing so many ticks pass until the next time.
	stretchPause = 2
	squeezePause = 5
	// silentAfter is after how much concealment nothing is left to hear.
	silentAfter = 100 * time.Millisecond
)

// Read fills dst with the next tick of samples, which is 20 ms at the buffer's
// rate. It is called once a tick, at now. It says false, and leaves dst alone,
// where there is nothing to hear.
func (b *Buffer) Read(dst []int16, now time.Time) bool {
	if b.epoch.IsZero() {
		b.epoch = now
	}
	at := now.Sub(b.epoch)
	if b.tick.runs && at-b.tick.last > idle && b.seq.has {
		// Nobody has been listening; what is here is old.
		if s := b.store.at(b.seq.at); s != nil {
			b.flush(s.seq, s.pos, s)
		} else {
			b.flush(b.seq.high+1, b.end, nil)
		}
	}
	b.tick.run(at, media.Tick)
	n := len(dst)
	if b.started {
		b.correct(n)
	}
	b.fill(n, at)
	if b.fifo.len() < n {
		// Nothing has come for long; time goes on without a sample being made.
		b.end += int64(n - b.fifo.len())
		b.fifo.r = len(b.fifo.buf)
		return false
	}
	b.fifo.take(dst)
	return true
}

// fill decodes and conceals until there is a tick of samples, or leaves it where
// there is nothing to be heard.
func (b *Buffer) fill(n int, at time.Duration) {
	under := false
	for b.fifo.len() < n {
		need := n - b.fifo.len()
		s := b.earliest()
		switch {
		case s == nil:
			if b.started && !under && b.concealed < b.rate/10 {
				b.stats.Underruns++
				under = true
			}
		case !b.started || s.pos <= b.end:
			if !b.held(s, at) {
				b.play(s)
				continue
			}
		default:
			need = int(min(int64(need), s.pos-b.end))
		}
		if !b.conceal(need) {
			return
		}
	}
}

// earliest gives the first packet that is to be played, or nil.
func (b *Buffer) earliest() *slot {
	for n := b.next; n <= b.seq.high; n++ {
		s := b.store.at(n)
		switch {
		case s == nil:
		case len(s.payload) == 0 && n == b.next:
			b.store.pass(s)
			b.next++
		case len(s.payload) == 0:
		case b.time(b.seq.pos-s.pos) > maxDepth:
			b.store.pass(s)
			b.stats.Overflow++
			b.next = n + 1
		default:
			return s
		}
	}
	return nil
}

// held says whether s, whose time has come, has to wait for one before it that
// is missing and may have been overtaken.
func (b *Buffer) held(s *slot, at time.Duration) bool {
	if !b.started || s.seq == b.next {
		return false
	}
	missing := false
	for n := b.next; n < s.seq && !missing; n++ {
		missing = b.store.at(n) == nil
	}
	if !missing {
		return false
	}
	reach := b.reach
	if reach < 0 {
		reach = firstReach*b.time(b.seq.step) + 5*time.Millisecond
	}
	// The first missing sample is at real.
	return at-b.time(b.real)-b.transit.mean < reach
}

// play decodes s. What it holds follows what was made so far, whatever its
// position: where that is earlier, the offset grows.
func (b *Buffer) play(s *slot) {
	lost := 0
	for n := b.next; n < s.seq; n++ {
		if before := b.store.at(n); before == nil {
			lost++
		} else {
			b.store.pass(before)
		}
	}
	if b.started && lost > 0 {
		b.stats.Lost += uint64(lost)
		b.reach = 0 // waiting did not help
	}
	b.fifo.room(max(b.largest, int(b.perTick())))
	before := len(b.fifo.buf)
	buf, err := b.dec.Decode(b.fifo.buf, s.format, s.payload)
	b.store.pass(s)
	b.next = s.seq + 1
	if err != nil || len(buf) <= before {
		b.stats.Undecodable++
		if !b.started {
			b.real, b.end = s.pos, s.pos
		}
		b.started = true
		return
	}
	b.started = true
	b.fifo.buf = buf
	b.largest = max(b.largest, len(buf)-before)
	b.end = s.pos + int64(len(buf)-before)
	b.real = b.end
	b.concealed = 0
	b.format = s.format
	b.stats.Played++
}

// conceal makes up for n samples. It says false, having made none, where
// nothing is left to hear.
func (b *Buffer) conceal(n int) bool {
	if b.concealed >= int(b.samples(silentAfter)) {
		if n == b.rate/50 {
			return false
		}
		b.fifo.zeros(n) // the rest of a tick in which something is heard
		b.end += int64(n)
		return true
	}
	b.fifo.room(b.rate / 50)
	before := len(b.fifo.buf)
	buf, err := b.dec.Decode(b.fifo.buf, b.format, nil)
	if err != nil || len(buf) <= before {
		b.fifo.zeros(n)
	} else {
		n = min(n, len(buf)-before)
		b.fifo.buf = buf[:before+n]
	}
	b.end += int64(n)
	b.concealed += n
	b.stats.Concealed += b.time(int64(n))
	return true
}

// offset is the time at which the next sample is played less its position.
func (b *Buffer) offset() time.Duration {
	return b.tick.due - b.time(b.end-int64(b.fifo.len()))
}

// slack is how early, before the tick that needs it, a packet comes that is as
// late as nearly all are at most, if the next sample were shift samples further
// on than it is.
func (b *Buffer) slack(worst time.Duration, n int, shift int64) time.Duration {
	head := b.end - int64(b.fifo.len()) + shift
	// A packet is needed when the tick begins in which its first sample lies.
	begins := b.within(head)
	within := int32(0)
	for _, at := range b.recent[:min(b.recentAt, len(b.recent))] {
		m := at - begins
		if m < 0 {
			m += int32(n)
		}
		within = max(within, m)
	}
	return b.offset() - b.time(shift) - worst - b.time(int64(within))
}

// correct stretches or squeezes what is to be played in this tick where the
// delay is too small or larger than need be.
func (b *Buffer) correct(n int) {
	b.measure()
	b.sinceFix++
	if b.concealed > 0 {
		// Nothing is there to be stretched; a packet that comes now grows the
		// delay by itself.
		return
	}
	worst := b.transit.worst()
	ms := b.fifo.ms
	slack := b.slack(worst, n, 0)
	switch {
	case slack < margin && b.sinceFix >= stretchPause:
		shortest := maxCut - cutRange
		for shortest > minCut && b.slack(worst, n, -int64((shortest-1)*ms)) >= margin {
			shortest--
		}
		if !b.ahead(compared * ms) {
			return
		}
		if b.fifo.stretch(shortest*ms, (shortest+cutRange)*ms) > 0 {
			b.stats.Stretches++
			b.sinceFix = 0
		}
	case b.sinceFix >= squeezePause && slack >= margin+slackness+minCut*time.Millisecond:
		worst = b.transit.lasting()
		longest := maxCut
		for longest >= minCut && b.slack(worst, n, int64(longest*ms)) < margin+slackness {
			longest--
		}
		// Less is not worth a cut.
		if longest < minCut+cutRange/2 || !b.ahead(longest*ms+max(n, compared*ms)) {
			return
		}
		if b.fifo.squeeze(max(minCut, longest-cutRange)*ms, longest*ms) > 0 {
			b.stats.Squeezes++
			b.sinceFix = 0
		}
	}
}

// ahead decodes until n samples are there. It says false where they are not, or
// do not follow each other.
func (b *Buffer) ahead(n int) bool {
	for b.fifo.len() < n {
		s := b.earliest()
		if s == nil || s.seq != b.next || s.pos != b.end {
			return false
		}
		b.play(s)
	}
	return true
}

// measure keeps the figures of the delay.
func (b *Buffer) measure() {
	d := max(0, b.offset()-b.transit.mean)
	b.stats.Delay = d
	b.stats.MaxDelay = max(b.stats.MaxDelay, d)
	b.delaySum += float64(d)
	b.delayN++
}
