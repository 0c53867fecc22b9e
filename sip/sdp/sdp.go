// Package sdp describes one audio stream to a peer and understands what the
// peer says of it (RFC 8866), by offer and answer (RFC 3264).
//
// [Parse] takes what carriers send, which is often not what the grammar says:
// a normaliser puts lines in order, fills in what is missing and sets aside the
// media sections that are not ours, and only then does pion/sdp read it. A
// [Session] is the offer/answer state of one leg: it makes offers and answers,
// keeps the payload types that the peer chose, the number of m= lines and the
// version in o=, and says in an [Agreed] how the stream is to run.
package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Limits of a description. What exceeds them is refused as a whole.
const (
	// MaxSize is the longest description in bytes: what fits in a datagram.
	MaxSize = 65535
	// MaxMedia is the highest number of m= lines. Each must be answered in
	// its place, so a request with very many would draw as long an answer.
	MaxMedia = 64
	// MaxAttributes is the highest number of a= lines in all.
	MaxAttributes = 4096
)

// Reasons to refuse a description that could be read. All three are a
// 488 Not Acceptable Here (RFC 3261 §21.4.26).
var (
	ErrNoAudio = errors.New("no audio stream that we can use")
	ErrNoCodec = errors.New("no codec in common")
	// ErrAddress says that the description names no address to which audio
	// may be sent: a host name, a multicast or the broadcast address, one of
	// another version of IP than ours.
	ErrAddress = errors.New("no usable media address")
)

// A SyntaxError says why a description cannot be read. It is a 400 Bad Request.
type SyntaxError struct {
	// Line is the line's number from 1, or 0 when the fault is the whole's.
	Line int
	What string
}

// Error implements error.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.What
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.What)
}

// A Direction says which ways a stream flows, as seen by whoever says it.
type Direction uint8

// Directions (RFC 8866 §6.7). The zero value is the default of the grammar.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// String is the name of the attribute.
func (d Direction) String() string {
	return [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}[d&3]
}

// Send says whether d lets its owner send.
func (d Direction) Send() bool { return d == SendRecv || d == SendOnly }

// Recv says whether d lets its owner receive.
func (d Direction) Recv() bool { return d == SendRecv || d == RecvOnly }

// Reverse is d as seen from the other side.
func (d Direction) Reverse() Direction { return direction(d.Recv(), d.Send()) }

// And allows what both directions allow.
func (d Direction) And(o Direction) Direction {
	return direction(d.Send() && o.Send(), d.Recv() && o.Recv())
}

func direction(send, recv bool) Direction {
	switch {
	case send && recv:
		return SendRecv
	case send:
		return SendOnly
	case recv:
		return RecvOnly
	}
	return Inactive
}

// A Description is what one side says about the stream.
type Description struct {
	// Origin is the value of the o= line as it came.
	Origin string
	// Sections are all m= lines in order, ours and others.
	Sections []Section
	// Audio is the audio stream that we can use; nil when there is none.
	Audio *Audio
}

// A Section is one m= line as it came, enough to refuse it in its place.
type Section struct {
	Kind    string // "audio", "video", "image", …
	Port    int    // 0: refused or removed
	Proto   string // "RTP/AVP", …
	Formats string // the rest of the line
}

// Audio is one audio stream.
type Audio struct {
	// Index is its place in [Description.Sections].
	Index int
	// Addr is where its owner wants to receive RTP. The port is 0 when the
	// stream is refused or removed; the address is unspecified (0.0.0.0) when
	// its owner is on hold in the way of RFC 2543.
	Addr netip.AddrPort
	// RTCP is where its owner wants RTCP: what a=rtcp says (RFC 3605), else
	// the next port.
	RTCP netip.AddrPort
	// Formats are its payload types in order of preference.
	Formats []Format
	// Direction is as its owner sees it.
	Direction Direction
	// Ptime and MaxPtime are the packet time its owner would like to receive
	// and the longest it can; 0 when not said.
	Ptime, MaxPtime time.Duration
}

// A Format is one payload type of a stream.
type Format struct {
	PayloadType uint8
	// Name is the encoding name in lower case; from rtpmap, or of the static
	// payload type (RFC 3551 table 4). Empty when neither says.
	Name string
	// ClockRate is the rate of the RTP timestamp in Hz.
	ClockRate int
	// Channels is 1 unless rtpmap says otherwise.
	Channels int
	// Fmtp is the value of a=fmtp after the payload type.
	Fmtp string
}

// TelephoneEvent is the encoding name of RFC 4733 digits.
const TelephoneEvent = "telephone-event"
