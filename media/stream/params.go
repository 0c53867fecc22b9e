package stream

import (
	"log/slog"
	"net/netip"
	"time"

	"tandem/codec"
	"tandem/media/jitter"
	"tandem/media/rtp"
)

// Options are what a stream is made with.
type Options struct {
	// ID is the leg's id; messages and log lines carry it.
	ID string
	// Post gets the stream's messages: [dtmf.Digit], [Timeout] and [Bye]. It
	// is called on the worker and never blocks. nil drops them.
	Post func(any)
	// InbandDTMF makes the stream listen for digits in the audio when the
	// peer has agreed to no telephone-events. Such a stream is not relayed.
	InbandDTMF bool
	// Timeout is after how long without a packet [Timeout] is posted, while
	// the peer is to send; 0 is never.
	Timeout time.Duration
	// SSRC and CNAME are those of rtp.Options.
	SSRC  uint32
	CNAME string
	// Log gets what is worth noting; nil discards it.
	Log *slog.Logger
}

// Timeout is posted when no packet has come for Options.Timeout; once more only
// after packets have come in between.
type Timeout struct{ Leg string }

// Bye is posted when the peer's RTCP says that its stream has ended (RFC 3550
// §6.6). The call may go on.
type Bye struct{ Leg string }

// A Direction says, from our side, which way audio flows (RFC 3264 §5.1).
type Direction uint8

// The directions of RFC 3264, from our side.
const (
	SendRecv Direction = iota
	SendOnly           // we hold the peer: what it sends is not heard
	RecvOnly           // the peer holds us: nothing is sent
	Inactive
)

// Sends says whether we send.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives says whether we hear the peer.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// String is the name of the SDP attribute.
func (d Direction) String() string {
	switch d {
	case SendRecv:
		return "sendrecv"
	case SendOnly:
		return "sendonly"
	case RecvOnly:
		return "recvonly"
	default:
		return "inactive"
	}
}

// A Format is a codec under the payload type that SDP has given it.
type Format struct {
	PayloadType uint8
	Codec       *codec.Codec
	Fmtp        string
}

// Params are what offer and answer have agreed on.
type Params struct {
	// Send is what we send. A nil codec sends and receives nothing.
	Send Format
	// Receive is what the peer may send, each under our payload type; it may
	// change from one to another at any packet. Empty is Send alone.
	Receive []Format
	// Ptime is how much audio a sent packet holds: 10 to 60 ms in whole
	// multiples of 10 ms and of the codec's frame; 0 is 20 ms. What cannot be
	// is replaced by the nearest that can. Packets of any length are
	// received.
	Ptime time.Duration
	// EventSend and EventReceive are the payload types of telephone-events;
	// 0 is none. Without EventSend, digits are sent as tones.
	EventSend, EventReceive uint8
	// EventClock is the rate of the telephone-events' timestamps in Hz; 0 is
	// that of Send's codec.
	EventClock int
	// Direction is ours: SendOnly when we hold the peer.
	Direction Direction
	// Remote is where the peer wants RTP, RemoteRTCP where it wants RTCP; an
	// invalid RemoteRTCP is the port after Remote's. An invalid or unspecified
	// Remote sends nothing.
	Remote, RemoteRTCP netip.AddrPort
	// Latch says who else than Remote may be the peer.
	Latch rtp.RemoteOptions
}

// Stats are a stream's counters so far: what a call's record keeps.
type Stats struct {
	// Sent and Received are the names of the codecs in use, empty where none
	// was.
	Sent, Received string
	// RTP and Jitter are those of the parts.
	RTP    rtp.Stats
	Jitter jitter.Stats
	// Relayed counts packets handed on from another stream without decoding.
	Relayed uint64
	// BadPayloads counts packets of an unknown payload type, or that the codec
	// could not decode.
	BadPayloads uint64
	// Digits counts digits received, DigitsDropped events that were none or
	// too many.
	Digits, DigitsDropped uint64
	// MOS estimates how the received audio sounded, 1 to 4.5 (ITU-T G.107);
	// 0 when nothing was received.
	MOS float64
}
