package rtp

import (
	"net/netip"
	"time"
)

// counts are the parts of [Stats] that are only counted.
type counts struct {
	received, receivedBytes, sent, sentBytes uint64 // those of every packet
	last, first                              time.Time

	sendErrors                          uint64
	duplicate, outOfOrder, late, jumps  uint64
	wrongSource, malformed, rateLimited uint64
	ssrcChanges, sourceChanges          uint64
	rtcpSent, rtcpReceived              uint64
}

// SetRemote tells where the peer's SDP wants RTP and RTCP: at the start and
// after every offer and answer. We send to rtp until the peer is heard from
// elsewhere and has proved itself; RTCP goes to rtcp, where the zero value is
// the port after rtp's. A zero or unspecified address stops sending (RFC 3264
// §8.4, the old way of hold). On the worker.
func (s *Session) SetRemote(rtp, rtcp netip.AddrPort, opts RemoteOptions) {
	rtp, rtcp = usable(rtp), usable(rtcp)
	opts.Signalling = opts.Signalling.Unmap()
	if !rtcp.IsValid() && rtp.IsValid() && rtp.Port() < 65535 {
		rtcp = netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1)
	}
	now := s.worker.Load().Now()
	changed := rtp != s.latch.signalled
	s.latch.setRemote(rtp, opts, now)
	if changed {
		s.out.to = rtp
	}
	s.rtcp.setRemote(rtcp, changed)
	if changed {
		s.quiet.restart(now)
		s.rearm(now)
	}
}

// usable is addr in its plain form, or the zero value where nothing can be sent
// there.
func usable(addr netip.AddrPort) netip.AddrPort {
	ip := addr.Addr().Unmap().WithZone("")
	if !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || addr.Port() == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, addr.Port())
}

// receiveRTP handles what arrives at the RTP port.
func (s *Session) receiveRTP(data []byte, from netip.AddrPort, now time.Time) {
	// RTCP on this port (RFC 5761 §4): no RTP payload type that we agree to
	// looks like it.
	if len(data) > 1 && data[1] >= 192 && data[1] <= 223 {
		s.receiveRTCP(data, from, now)
		return
	}
	p := &s.pkt
	if err := p.parse(data); err != nil {
		s.count.malformed++
		return
	}
	switch s.latch.check(from, p, now) {
	case refused:
		s.count.wrongSource++
		return
	case newSource:
		s.sourceChanged(from, p)
	case newSSRC:
		s.count.ssrcChanges++
		s.log.Debug("RTP SSRC changed", "remote", from, "ssrc", p.SSRC)
		s.streamChanged(p)
	}
	arrival := now.Sub(s.start)
	if !s.limit.allow(arrival) {
		s.count.rateLimited++
		return
	}
	switch s.in.update(p.Seq) {
	case duplicate:
		s.count.duplicate++
		return
	case tooLate:
		s.count.late++
		return
	case reordered:
		s.count.outOfOrder++
	case jumped:
		s.count.jumps++
	}
	s.in.time(p.Timestamp, arrival, s.rate)
	c := &s.count
	if c.received == 0 {
		c.first = now
	}
	c.received++
	c.receivedBytes += uint64(len(p.Payload))
	c.last = now
	s.quiet.heard(now)
	s.onPacket(p, now) // may close or move the session: nothing after it
}

// sourceChanged makes from the peer.
func (s *Session) sourceChanged(from netip.AddrPort, p *Packet) {
	if s.count.received > 0 && from != s.heard {
		s.count.sourceChanges++
	}
	s.heard = from
	s.out.to = from
	s.rtcp.latched(from, from == s.latch.signalled)
	s.log.Debug("RTP source latched", "remote", from, "ssrc", p.SSRC)
	if s.in.started && p.SSRC == s.rtcp.remoteSSRC {
		return // the same stream by another way: its sequence goes on
	}
	if s.in.started {
		s.count.ssrcChanges++
	}
	s.streamChanged(p)
}

// streamChanged begins a new sequence with p, which is counted afterwards.
func (s *Session) streamChanged(p *Packet) {
	s.rtcp.newStream(p.SSRC)
	s.in.end()
}

// Stats are the counters so far. On the worker; after Close they stay as they
// were.
func (s *Session) Stats() Stats {
	c := &s.count
	st := Stats{
		Local: s.LocalAddr(), Remote: s.out.to, SSRC: s.out.ssrc, RemoteSSRC: s.rtcp.remoteSSRC,
		Sent: c.sent, SentBytes: c.sentBytes, SendErrors: c.sendErrors,
		Received: c.received, ReceivedBytes: c.receivedBytes,
		Expected: s.in.expected(), Lost: s.in.lost(),
		Duplicate: c.duplicate, OutOfOrder: c.outOfOrder, Late: c.late, Jumps: c.jumps,
		WrongSource: c.wrongSource, Malformed: c.malformed, RateLimited: c.rateLimited,
		SSRCChanges: c.ssrcChanges, SourceChanges: c.sourceChanges,
		KernelDrops: s.pair.drops(),
		Jitter:      duration(int64(s.in.jitter>>4), s.rate), MaxJitter: duration(int64(s.in.maxJitter>>4), s.rate),
		BurstRatio: s.in.burstRatio(),
		RTCPSent:   c.rtcpSent, RTCPReceived: c.rtcpReceived,
		First: c.first, Last: c.last,
	}
	s.rtcp.stats(&st, s.rate)
	return st
}

// A bucket admits packets at a rate with some allowance for bursts (GCRA).
type bucket struct {
	interval, burst, next time.Duration
}

// newBucket admits rate packets a second and, after a pause, half as many at
// once: what a network that stood still gives back.
func newBucket(rate int) bucket {
	b := bucket{interval: time.Second / time.Duration(rate)}
	b.burst = max(1, time.Duration(rate/2)) * b.interval
	return b
}

func (b *bucket) allow(now time.Duration) bool {
	next := max(b.next, now) + b.interval
	if next-now > b.burst {
		return false
	}
	b.next = next
	return true
}

// SetTimeout makes Options.OnTimeout be called when no packet has come within
// initial from now, or within silence of the last one. 0 is never, as it is at
// first; a stream on hold has no time-out. On the worker.
func (s *Session) SetTimeout(initial, silent time.Duration) {
	now := s.worker.Load().Now()
	s.quiet.initial, s.quiet.silent = initial, silent
	s.quiet.restart(now)
	s.rearm(now)
}

func (s *Session) rearm(now time.Time) {
	if s.timer != nil && !s.closed {
		s.timer.Reset(s.untilNext(now))
	}
}

// silence watches for the peer's silence.
type silence struct {
	initial, silent time.Duration
	since           time.Time // of the last packet, or of the wait for the first
	flowing         bool      // packets have come since the wait began
	told            bool
}

// restart waits for a first packet anew.
func (q *silence) restart(now time.Time) { q.since, q.flowing, q.told = now, false, false }

func (q *silence) heard(now time.Time) { q.since, q.flowing, q.told = now, true, false }

// deadline is when the present silence has lasted too long.
func (q *silence) deadline() (time.Time, bool) {
	d := q.initial
	if q.flowing {
		d = q.silent
	}
	if d <= 0 || q.told {
		return time.Time{}, false
	}
	return q.since.Add(d), true
}

// expired says, once, that it has.
func (q *silence) expired(now time.Time) bool {
	at, ok := q.deadline()
	if !ok || now.Before(at) {
		return false
	}
	q.told = true
	return true
}
