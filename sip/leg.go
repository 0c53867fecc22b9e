package sip

import (
	"fmt"
	"net/netip"
)

// Direction says who called whom.
type Direction int

// Incoming legs called us; outgoing ones we called.
const (
	Incoming Direction = iota
	Outgoing
)

// String gives "incoming" or "outgoing".
func (d Direction) String() string {
	switch d {
	case Incoming:
		return "incoming"
	case Outgoing:
		return "outgoing"
	}
	return fmt.Sprintf("Direction(%d)", int(d))
}

// LegInfo says what a leg is. It does not change after the leg was made.
type LegInfo struct {
	Direction Direction
	// From and To are the addresses of the INVITE's headers, without tags.
	From, To FromTo
	// RequestURI is whom the INVITE asks for.
	RequestURI Uri
	// Trunk is the peer's name; empty for a leg to a bare SIP address.
	Trunk string
	// CallID is the SIP Call-ID.
	CallID string
	// Remote is where the INVITE came from or was sent to; the zero value while
	// that is being looked for.
	Remote netip.AddrPort
	// Hops is how many hops a call that is placed on behalf of this incoming
	// one may take, 0 to 70: its Max-Forwards less this hop.
	Hops int
	// Headers are those of the INVITE, for programs that look at them; not to
	// be changed.
	Headers []Header
}

// FromTo is the value of a From or To header.
type FromTo struct {
	Display string
	URI     Uri
}

// What a leg reports to the func(any) that it was given. All of them name the
// leg; [Hungup] is the last message of a leg and comes exactly once.
type (
	// Ringing says that an outgoing leg got a provisional response above 100.
	Ringing struct {
		Leg    string
		Status int
		// Media says that early media flows from the far end.
		Media bool
	}
	// Answered says that the leg is up: an outgoing one got its 2xx and sent
	// the ACK, an incoming one got the ACK.
	Answered struct{ Leg string }
	// Hungup says that the leg is gone, and why.
	Hungup struct {
		Leg   string
		Cause Cause
	}
	// Held says that the far end put us on hold or resumed (RFC 3264 §8.4).
	Held struct {
		Leg string
		On  bool
	}
	// Referred says that the far end asks to be connected elsewhere (RFC 3515).
	Referred struct {
		Leg        string
		To         Uri
		Replaces   string
		ReferredBy string
	}
	// Info is an INFO request that is not about digits (RFC 6086); it was
	// answered with 200.
	Info struct {
		Leg, ContentType string
		Body             []byte
	}
)

// What a leg is told.
type (
	// Early is a provisional response to an incoming call.
	Early struct {
		// Status is 101 to 199; 180 and 183 are the usual ones.
		Status int
		// Reason is the reason phrase; empty for the usual one.
		Reason string
		// Media sends our description, so that the caller hears us before the
		// call is answered.
		Media   bool
		Headers []Header
	}
	// AnswerOptions go with the 200.
	AnswerOptions struct{ Headers []Header }
	// MediaOptions say what a re-INVITE changes.
	MediaOptions struct {
		// Hold offers sendonly; without it sendrecv.
		Hold bool
		// Codecs are offered in this order; none: as before.
		Codecs []string
	}
	// ReferOptions say where the far end is sent (RFC 3515).
	ReferOptions struct {
		To string
		// Replaces is the dialog the new call takes the place of (RFC 3891).
		Replaces string
	}
)
