package rtp

import (
	"net/netip"
	"time"
)

// Stats are a session's counters so far: what a call's record keeps.
type Stats struct {
	// Local is the address of our RTP socket, Remote that to which we send:
	// the one of the SDP, or the one that was latched.
	Local, Remote netip.AddrPort
	// SSRC is ours, RemoteSSRC that of the peer's current stream.
	SSRC, RemoteSSRC uint32

	// Sent counts RTP packets sent, SentBytes their payload, SendErrors those
	// that the kernel refused.
	Sent, SentBytes, SendErrors uint64

	// Received counts the packets handed on, ReceivedBytes their payload.
	Received, ReceivedBytes uint64
	// Expected is how many packets the peer has sent by its sequence numbers,
	// Lost how many of these have not arrived (RFC 3550 A.3; duplicates are
	// not counted here, so that it is never negative).
	Expected, Lost uint64
	// Duplicate packets are dropped. OutOfOrder packets came after a later
	// one and were handed on. Late packets were more than 100 places off, or
	// the first after a jump, and were dropped. Jumps counts restarts of the
	// sequence.
	Duplicate, OutOfOrder, Late, Jumps uint64
	// WrongSource packets came from an address or SSRC that the latch does not
	// accept, Malformed ones were no RTP or RTCP, RateLimited ones exceeded
	// the stream's cap. All were dropped.
	WrongSource, Malformed, RateLimited uint64
	// SSRCChanges and SourceChanges count how often the peer's SSRC and
	// address changed in mid-stream and were accepted.
	SSRCChanges, SourceChanges uint64
	// KernelDrops is how many datagrams the kernel dropped at the two sockets
	// because their buffers were full.
	KernelDrops uint64

	// Jitter is RFC 3550 §6.4.1's estimate, MaxJitter its largest value.
	Jitter, MaxJitter time.Duration
	// BurstRatio is the mean length of the observed losses over that of
	// independent ones (ITU-T G.107 BurstR); 1 where nothing was lost.
	BurstRatio float64

	// RTCPSent and RTCPReceived count compound packets.
	RTCPSent, RTCPReceived uint64
	// RTT is the last round trip by RTCP, MinRTT and MaxRTT its extremes; 0
	// until known.
	RTT, MinRTT, MaxRTT time.Duration
	// RemoteLost, RemoteFraction and RemoteJitter are what the peer last
	// reported of our stream: packets lost, the fraction lost (0 to 1) since
	// its report before, jitter.
	RemoteLost     int32
	RemoteFraction float64
	RemoteJitter   time.Duration

	// First and Last are when the first and the last packet were received;
	// zero when none was.
	First, Last time.Time
}

// LossFraction is Lost over Expected, 0 to 1.
func (s *Stats) LossFraction() float64 {
	if s.Expected == 0 {
		return 0
	}
	return float64(s.Lost) / float64(s.Expected)
}

// MOS estimates how the received stream sounded. codec is its name; discarded
// is how many packets came too late to be played, delay what packetisation and
// the jitter buffer added to half the round trip.
func (s *Stats) MOS(codec string, discarded uint64, delay time.Duration) float64 {
	loss := 0.0
	if s.Expected > 0 {
		loss = min(1, float64(s.Lost+discarded)/float64(s.Expected))
	}
	return MOS(codec, loss, s.RTT/2+delay, s.BurstRatio)
}
