package rtp

import (
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"time"
)

const (
	// reportInterval is the mean time between reports; each is drawn from half
	// to one and a half of it (RFC 3550 §6.2).
	reportInterval = 5 * time.Second
	// maxRTT is the longest round trip that is believed.
	maxRTT = 10 * time.Second
	// maxLost is the largest count that fits a report block's 24 bits.
	maxLost = 1<<23 - 1
)

// A reporter keeps what RTCP is about besides the receiver's and the sender's
// counters.
type reporter struct {
	cname string
	next  time.Time

	signalled netip.AddrPort // of the SDP
	to        netip.AddrPort // where reports go
	host      netip.Addr     // the host whose RTCP is accepted beside signalled

	remoteSSRC uint32
	lsr        uint32    // of the peer's last sender report
	lsrAt      time.Time // when that came; zero before
	sentBefore uint64    // packets sent as of the last report
	quiet      int       // reports since a packet was sent

	rtt, minRTT, maxRTT time.Duration
	heard               bool // the peer has reported on our stream
	about               reportBlock
}

func (r *reporter) init(cname string) {
	if len(cname) > 255 {
		cname = cname[:255]
	}
	r.cname = cname
}

// randomCNAME is a name for one session that tells nothing (RFC 7022 §4.2).
func randomCNAME(random []byte) string { return hex.EncodeToString(random) }

func (r *reporter) schedule(now time.Time) {
	r.next = now.Add(reportInterval/2 + rand.N(reportInterval))
}

func (r *reporter) due(now time.Time) bool { return !now.Before(r.next) }

// setRemote tells where the SDP wants RTCP.
func (r *reporter) setRemote(rtcp netip.AddrPort, changed bool) {
	if rtcp != r.signalled || changed {
		r.to, r.host = rtcp, rtcp.Addr()
	}
	r.signalled = rtcp
}

// latched tells where RTP comes from. Where that is not what the SDP says, RTCP
// goes to the port after it until it is known better.
func (r *reporter) latched(from netip.AddrPort, asSignalled bool) {
	r.host = from.Addr()
	switch {
	case asSignalled:
		r.to = r.signalled
	case from.Port() < 65535:
		r.to = netip.AddrPortFrom(from.Addr(), from.Port()+1)
	}
}

// newStream tells that the peer's RTP has another SSRC.
func (r *reporter) newStream(ssrc uint32) {
	r.remoteSSRC = ssrc
	r.lsr, r.lsrAt = 0, time.Time{}
}

// receiveRTCP handles what arrives at the RTCP port. Nothing is ever answered.
func (s *Session) receiveRTCP(data []byte, from netip.AddrPort, now time.Time) {
	r := &s.rtcp
	if !from.IsValid() || (from != r.signalled && from.Addr() != r.host) {
		s.count.wrongSource++
		return
	}
	var rep report
	if err := rep.parse(data, s.out.ssrc); err != nil {
		s.count.malformed++
		return
	}
	// A peer that sends nothing but reports has an SSRC we have not heard;
	// once it is known, others are not listened to.
	known := s.count.received > 0
	if known && rep.ssrc != r.remoteSSRC {
		s.count.wrongSource++
		return
	}
	s.count.rtcpReceived++
	if known && from != r.signalled && s.latch.source != s.latch.signalled && from != s.latch.source {
		r.to = from // behind a NAT, and it knows the SSRC
	}
	if rep.sender {
		r.lsr, r.lsrAt = rep.ntp, now
	}
	if rep.about {
		r.heard, r.about = true, rep.block
		r.measure(rep.block, now)
	}
	if known && rep.bye && rep.names(r.remoteSSRC) && s.opts.OnBye != nil {
		s.opts.OnBye() // may close or move the session: nothing after it
	}
}

// measure takes the round trip from a report on our stream (RFC 3550 §6.4.1).
func (r *reporter) measure(b reportBlock, now time.Time) {
	if b.lsr == 0 {
		return
	}
	rtt := fromShortNTP(uint32(ntpTime(now)>>16) - b.lsr - b.dlsr)
	if rtt > maxRTT {
		// Nonsense, or a peer whose clock makes the trip shorter than nothing.
		return
	}
	r.rtt = rtt
	if r.minRTT == 0 || rtt < r.minRTT {
		r.minRTT = rtt
	}
	r.maxRTT = max(r.maxRTT, rtt)
}

// sendReport sends the report that is due, or the last one with a BYE.
func (s *Session) sendReport(now time.Time, bye bool) {
	r := &s.rtcp
	r.schedule(now)
	s.pair.drops() // for the metric
	if !r.to.IsValid() || (s.count.sent == 0 && s.count.received == 0) {
		return
	}
	if s.count.sent == r.sentBefore {
		r.quiet++
	} else {
		r.quiet = 0
	}
	r.sentBefore = s.count.sent
	var info *senderInfo
	if s.count.sent > 0 && r.quiet < 2 { // we are a sender (RFC 3550 §6.3.8)
		info = &senderInfo{
			ntp:       ntpTime(now),
			timestamp: s.out.timestamp + uint32(ticks(now.Sub(s.out.at), s.rate)),
			packets:   uint32(s.count.sent),
			octets:    uint32(s.count.sentBytes),
		}
	}
	var block *reportBlock
	if s.in.started {
		b := s.reportBlock(now)
		block = &b
	}
	buf := appendReport(s.worker.Load().Buffer()[:0], s.out.ssrc, info, block)
	buf = appendCNAME(buf, s.out.ssrc, r.cname)
	if bye {
		buf = appendBYE(buf, s.out.ssrc)
	}
	if err := s.pair.RTCP.Send(buf, r.to); err != nil {
		s.count.sendErrors++
		return
	}
	s.count.rtcpSent++
}

// reportBlock tells of what was received since the last one (RFC 3550 A.3).
func (s *Session) reportBlock(now time.Time) reportBlock {
	in, r := &s.in, &s.rtcp
	expected, received := in.expectedNow(), in.received
	interval := int64(expected - in.priorExpected)
	lost := interval - int64(received-in.priorReceived)
	in.priorExpected, in.priorReceived = expected, received
	b := reportBlock{
		ssrc:    r.remoteSSRC,
		lost:    int32(min(expected-received, maxLost)),
		highest: uint32(in.max - 1<<16),
		jitter:  uint32(in.jitter >> 4),
	}
	if lost > 0 && interval > 0 {
		b.fraction = uint8(min(255, lost<<8/interval))
	}
	if !r.lsrAt.IsZero() {
		b.lsr, b.dlsr = r.lsr, shortNTP(now.Sub(r.lsrAt))
	}
	return b
}

// stats adds what RTCP knows.
func (r *reporter) stats(st *Stats, rate int) {
	st.RTT, st.MinRTT, st.MaxRTT = r.rtt, r.minRTT, r.maxRTT
	if r.heard {
		st.RemoteLost = r.about.lost
		st.RemoteFraction = float64(r.about.fraction) / 256
		st.RemoteJitter = duration(int64(r.about.jitter), rate)
	}
}
