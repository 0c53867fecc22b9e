package flow

import (
	"time"

	"tandem/media"
	"tandem/sip"
)

// A Leg is one side of a call: a dialog and its audio. *ua.Leg is one; tests
// and the simulator have their own.
//
// No method blocks. Their errors are those that can be known at once, such as
// an answer to a leg that is over; everything else is reported to the func that
// SetPost was given, as the messages of package sip: Ringing, Answered, Held,
// Referred, Info, dtmf.Digit, and at last exactly one Hungup.
type Leg interface {
	// ID names the leg in its messages.
	ID() string
	// Info says what the leg's INVITE said.
	Info() sip.LegInfo
	// SetPost tells the leg where its messages go. Those that came before are
	// handed over at once. post may be called from any goroutine.
	SetPost(post func(any))
	// Ring sends a provisional response to an incoming INVITE.
	Ring(sip.Early) error
	// Answer accepts an incoming INVITE; Answered follows when the ACK is in.
	Answer(sip.AnswerOptions) error
	// Hangup ends the leg by BYE, CANCEL or the final response that the cause
	// names, whichever its state asks for.
	Hangup(sip.Cause) error
	// Reinvite renegotiates media; Refer asks the far end to call elsewhere;
	// Request sends any other request inside the dialog.
	Reinvite(sip.MediaOptions) error
	Refer(sip.ReferOptions) error
	Request(*sip.Request) error
	// SendDigits sends digits (0-9 A-D * #) out of band, each for duration,
	// with gap between them.
	SendDigits(digits string, duration, gap time.Duration) error
	// Port is the leg's audio; nil where it has none.
	Port() media.Port
}

// Services are what the actions of a call draw on. Each may be nil: what needs
// it then fails.
type Services struct {
	Media      Media
	Prompts    Prompts
	Speech     Speech
	Recordings Recordings
	Dialer     Dialer
}

// A Dialer places legs.
type Dialer interface {
	// Routes says by which ways a destination can be reached, in the order in
	// which they are to be tried.
	Routes(to Address) ([]Route, error)
	// Dial sends an INVITE and returns at once; what becomes of it reaches
	// o.Post as the messages of package sip.
	Dial(by Route, o DialOptions) (Leg, error)
}

// A Route is one way to a destination.
type Route struct {
	// Trunk names the trunk of the configuration; empty where the destination
	// is called directly.
	Trunk string
	// To is whom to call: a tel number at the trunk, or a SIP target.
	To Address
}

// DialOptions say how a leg is placed.
type DialOptions struct {
	// CallID is the id of the call the leg is for.
	CallID string
	// From is the caller that the called party is to see.
	From Address
	// Headers are added to the INVITE.
	Headers []sip.Header
	// Codecs are what is offered, by name; empty: what the trunk or the
	// configuration says.
	Codecs []string
	// Near is a port of the bridge the leg will probably join, so that its
	// media can live on the same worker from the start; may be nil.
	Near media.Port
	// Hops is the INVITE's Max-Forwards, 1 to 70; 0: the usual 70.
	Hops int
	// Silence is how long the called end may leave the INVITE without any
	// response, 100 included, until the leg ends with 408; 0: as long as SIP
	// allows (32 s).
	Silence time.Duration
	// Post takes the leg's messages, as [Leg.SetPost] does.
	Post func(any)
}
