package ua

import (
	"log/slog"
	"net/netip"
	"time"

	"tandem/codec"
	"tandem/sip"
)

// Config says how a UA works. It is not changed after New.
type Config struct {
	// Codecs are offered in this order, and accepted, on legs that name none.
	Codecs []*codec.Codec
	// Identify says whose request this is that came from src outside of any
	// dialog. When it says false, the request gets no answer at all. It runs
	// on a loop and must not block.
	Identify func(src netip.AddrPort, req *sip.Request) (Peer, bool)
	// Incoming decides about a new call: a refuse with a Status of 300 to 699
	// refuses it (its Headers go into the response); otherwise take is called
	// at once with the leg, whose stream is open. Both run on the leg's loop
	// and must not block; take sets where the leg's messages go.
	Incoming func(info sip.LegInfo) (take func(*Leg), refuse sip.Cause)
	// Log gets what happens. nil: nothing.
	Log *slog.Logger
}

// A Peer is who a request is from.
type Peer struct {
	// Name is the trunk's name.
	Name string
	// Codecs replaces [Config.Codecs] for its legs; nil: it does not.
	Codecs []*codec.Codec
}

// A UA is a user agent: the legs of one program.
type UA struct{}

// DialOptions describe an outgoing leg.
type DialOptions struct {
	// ID is the leg's id; empty: one is made.
	ID string
	// To is the Request-URI, and the URI of the To header.
	To sip.Uri
	// From is the caller as the far end is to see it.
	From sip.FromTo
	// Network is "udp" (or empty) or "tcp".
	Network string
	// Remotes are the addresses to try in order: the next one when one does
	// not answer within TryTimeout, refuses the connection or says 503.
	Remotes []netip.AddrPort
	// TryTimeout is how long an address may stay silent; 0: 4 s when another
	// follows, else 64*T1 (32 s).
	TryTimeout time.Duration
	// Route are preloaded Route headers (an outbound proxy).
	Route []sip.Uri
	// Headers go into the INVITE. Each must pass sip.CheckHeader.
	Headers []sip.Header
	// Codecs are offered in this order; nil: [Config.Codecs].
	Codecs []*codec.Codec
	// Username and Password answer digest challenges of this peer. Without a
	// Username challenges are not answered.
	Username, Password string
	// Trunk is the peer's name, for LegInfo.
	Trunk string
	// RingTimeout is how long the far end may ring until it is cancelled (the
	// leg then ends with 480 and Q.850 cause 19); 0: for ever.
	RingTimeout time.Duration
	// MaxForwards is what the INVITE says; 0: 70.
	MaxForwards int
	// Post gets the leg's messages. It must not block.
	Post func(any)
}

// Dial starts an outgoing leg and returns at once; progress comes through Post.
func (u *UA) Dial(o DialOptions) (*Leg, error) { return nil, nil }

// Drain makes the UA refuse new calls with 503 and Retry-After, and answer
// OPTIONS with 503. Calls that are up go on.
func (u *UA) Drain(retryAfter time.Duration) {}

// Legs says how many legs there are.
func (u *UA) Legs() int { return 0 }

// Close ends all legs with a BYE or CANCEL, and then the transports.
func (u *UA) Close() {}
