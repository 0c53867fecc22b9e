package rtp

import (
	"net/netip"
	"time"
)

// A Latch says which sources of RTP are believed to be the peer. Whichever it
// is, the address of the SDP comes first: its packets are accepted at once.
type Latch uint8

const (
	// LatchPeer also lets a source at the SDP's host or at the host that the
	// peer's SIP comes from, whatever its port, prove itself: the peer is
	// behind a NAT, or changes its port. The default.
	LatchPeer Latch = iota
	// LatchStrict accepts the SDP's address alone.
	LatchStrict
	// LatchAny lets any source prove itself: the peer's media come from a host
	// that nobody has named. Until the peer has been heard, a stranger who
	// finds the port may take its place.
	LatchAny
)

// RemoteOptions say who else than the address of the SDP may be the peer.
type RemoteOptions struct {
	Latch Latch
	// Signalling is the host that the peer's SIP comes from; the zero Addr
	// where it says nothing about the media.
	Signalling netip.Addr
}

const (
	// proof is how many packets in sequence of one SSRC a source must deliver
	// to be latched.
	proof = 4
	// proofSSRC is how many the latched source must deliver to change its
	// SSRC, without one of the old SSRC between.
	proofSSRC = 2
	// silentSource is for how long the old source must be silent before an
	// equal one can take its place.
	silentSource = 2 * time.Second
	// silentSSRC is the same for an SSRC that came back after it was replaced:
	// then two senders, one of them false, use one address.
	silentSSRC = 200 * time.Millisecond
	// settle is for how long after its SDP has changed a peer may go on
	// sending from where it did before, without being sent to there.
	settle = 500 * time.Millisecond
	// armedFor is how long after new SDP a new SSRC is taken at once.
	armedFor = 5 * time.Second
	// maxCandidates is how many sources may be proving themselves at a time;
	// the one heard longest ago is forgotten.
	maxCandidates = 4
)

// A rank is how likely a source is the peer. A better one takes the place of
// a worse as soon as it has proved itself, an equal or worse one only when the
// other is silent; one that nobody has named never takes that of one that
// somebody has.
type rank uint8

const (
	rankNone      rank = iota // not accepted, or latched before the SDP changed
	rankAny                   // LatchAny
	rankHost                  // the SDP's or the signalling's host, another port
	rankSignalled             // the SDP's address
)

// A verdict is what the latch says of a packet.
type verdict uint8

const (
	refused   verdict = iota
	accepted          // from the latched source
	newSSRC           // from the latched source, which has changed its SSRC
	newSource         // the source is latched from now on
)

// A latch decides whose packets are the peer's: RTP carries no other proof.
type latch struct {
	source    netip.AddrPort // latched; the zero value until heard
	ssrc      uint32
	rank      rank           // of source
	heard     time.Time      // when source was last heard with ssrc
	signalled netip.AddrPort // of the SDP; the zero value until known
	opts      RemoteOptions
	armed     time.Time // until when a new SSRC is taken at once
	moved     time.Time // when the SDP's address last changed
	oldSSRC   uint32    // the one before ssrc
	changed   time.Time // when ssrc took its place
	contested bool      // oldSSRC was heard again after that

	candidates [maxCandidates]candidate
}

// A candidate is a source that is proving itself.
type candidate struct {
	source netip.AddrPort
	ssrc   uint32
	next   uint16    // the sequence number that would go on
	n      int       // packets in sequence so far
	since  time.Time // of the first of them
	heard  time.Time
}

// setRemote tells what new SDP says. Where the address is the old one nothing
// is given up; where it has changed, the old source is heard until a new one
// has come.
func (l *latch) setRemote(addr netip.AddrPort, opts RemoteOptions, now time.Time) {
	if addr != l.signalled {
		l.rank, l.moved = rankNone, now
		clear(l.candidates[:])
	}
	l.signalled, l.opts = addr, opts
	if opts.Latch == LatchStrict && l.source != addr {
		l.source = netip.AddrPort{}
	}
	l.armed = now.Add(armedFor)
	if l.source.IsValid() && l.source == addr {
		l.rank = rankSignalled
	}
}

// check says what to do with a packet.
func (l *latch) check(from netip.AddrPort, p *Packet, now time.Time) verdict {
	if from == l.source {
		if p.SSRC != l.ssrc {
			return l.checkSSRC(p, now)
		}
		l.heard = now
		if l.rank == rankNone {
			return l.confirm(p, now)
		}
		return accepted
	}
	r := l.rankOf(from)
	if r == rankNone || (r == rankAny && l.rank > rankAny) {
		return refused
	}
	if r == rankSignalled && l.rank == rankNone {
		return l.take(from, r, p, now)
	}
	if c := l.prove(from, p, now); c.n < proof {
		return refused
	}
	if r <= l.rank && now.Sub(l.heard) < silentSource {
		return refused
	}
	return l.take(from, r, p, now)
}

func (l *latch) rankOf(from netip.AddrPort) rank {
	switch {
	case !l.signalled.IsValid():
		return rankNone
	case from == l.signalled:
		return rankSignalled
	case l.opts.Latch == LatchStrict:
		return rankNone
	case from.Addr() == l.signalled.Addr() || from.Addr() == l.opts.Signalling:
		return rankHost
	case l.opts.Latch == LatchAny:
		return rankAny
	}
	return rankNone
}

// confirm latches the old source anew that goes on after the SDP has changed,
// as behind a NAT whose inside alone has changed.
func (l *latch) confirm(p *Packet, now time.Time) verdict {
	r := l.rankOf(l.source)
	if r == rankNone || now.Sub(l.moved) < settle || l.prove(l.source, p, now).n < proof {
		return accepted
	}
	return l.take(l.source, r, p, now)
}

func (l *latch) take(from netip.AddrPort, r rank, p *Packet, now time.Time) verdict {
	l.source, l.rank, l.ssrc, l.heard = from, r, p.SSRC, now
	l.oldSSRC, l.contested = 0, false
	clear(l.candidates[:])
	return newSource
}

// checkSSRC judges a new SSRC from the latched source. Peers change theirs
// without saying so, as when a call goes on from a gateway's announcement to
// the callee; somebody who forges the peer's address looks the same, but the
// true stream then goes on beside it.
func (l *latch) checkSSRC(p *Packet, now time.Time) verdict {
	if p.SSRC == l.oldSSRC && now.Sub(l.changed) < silentSource {
		l.contested = true
	}
	if !now.Before(l.armed) || l.contested {
		c := l.prove(l.source, p, now)
		n, quiet := proofSSRC, now.Sub(c.since)
		if l.contested {
			n, quiet = proof, silentSSRC
		}
		if c.n < n || !l.heard.Before(c.since) || now.Sub(l.heard) < quiet {
			return refused
		}
	}
	l.armed = time.Time{}
	l.oldSSRC, l.changed = l.ssrc, now
	l.ssrc, l.heard = p.SSRC, now
	clear(l.candidates[:])
	return newSSRC
}

// prove counts a packet for the candidate that it is from.
func (l *latch) prove(from netip.AddrPort, p *Packet, now time.Time) *candidate {
	oldest := &l.candidates[0]
	for i := range l.candidates {
		c := &l.candidates[i]
		if c.n > 0 && c.source == from && c.ssrc == p.SSRC {
			if p.Seq != c.next || now.Sub(c.heard) > silentSource {
				c.n, c.since = 0, now
			}
			if from == l.source && p.SSRC != l.ssrc && !l.heard.Before(c.since) {
				c.n, c.since = 0, now // the old SSRC was heard in between
			}
			c.n, c.next, c.heard = min(c.n+1, proof), p.Seq+1, now
			return c
		}
		if c.n == 0 || (oldest.n > 0 && c.heard.Before(oldest.heard)) {
			oldest = c
		}
	}
	*oldest = candidate{source: from, ssrc: p.SSRC, next: p.Seq + 1, n: 1, since: now, heard: now}
	return oldest
}
