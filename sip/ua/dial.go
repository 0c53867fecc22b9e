package ua

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tandem/codec"
	"tandem/media/worker"
	"tandem/sip"
	"tandem/sip/auth"
	"tandem/sip/dialog"
)

// errNoAnswer says that a 2xx or ACK carries no answer to our offer.
var errNoAnswer = errors.New("no answer to our offer")

// errNowhere says that there is no address to send a call to.
var errNowhere = errors.New("no remote address")

// ErrFull says that there are as many legs as there may be.
var ErrFull = errors.New("too many calls")

// DialOptions describe an outgoing leg.
type DialOptions struct {
	// ID is the leg's id; empty: one is made.
	ID string
	// To is the Request-URI, and the URI of the To header.
	To sip.Uri
	// From is the caller as the far end is to see it; the display name is
	// plain text. An empty host stands for our own, as the way to the far end
	// has it.
	From sip.FromTo
	// Network is "udp" (or empty) or "tcp".
	Network string
	// Remotes are the addresses to try in order: the next one when one does
	// not answer within TryTimeout, refuses the connection or says 503.
	Remotes []netip.AddrPort
	// Find, where Remotes is empty, looks for Network and Remotes. It is
	// called on the leg's loop and must not block; found is called once, from
	// any goroutine. Without an address the leg ends with 503, Q.850 cause 3
	// (no route to destination).
	Find func(found func(network string, remotes []netip.AddrPort, err error))
	// TryTimeout is how long an address may stay silent; 0: 4 s when another
	// follows, else 64*T1 (32 s).
	TryTimeout time.Duration
	// Route are preloaded Route headers (an outbound proxy).
	Route []sip.Uri
	// Headers go into the INVITE. Those that a dialog is made of are refused.
	Headers []sip.Header
	// Codecs are offered in this order; nil: [Config.Codecs].
	Codecs []*codec.Codec
	// Username and Password answer digest challenges of this peer, those of
	// Realm alone where it is set. Without a Username challenges are not
	// answered.
	Username, Password, Realm string
	// Trunk is the peer's name, for LegInfo.
	Trunk string
	// RingTimeout is how long the call may take to be answered until it is
	// cancelled (the leg then ends with 480 and Q.850 cause 19); 0: for ever.
	RingTimeout time.Duration
	// MaxForwards is what the INVITE says, 1 to 70 (see sip.Hops); 0: 70.
	MaxForwards int
	// Worker is where the stream is to live, that of the bridge it will join;
	// nil: any.
	Worker *worker.Worker
	// Post gets the leg's messages, as [Leg.SetPost] says.
	Post func(any)
}

// Dial starts an outgoing leg and returns at once; progress comes through Post.
// The error is what is wrong with o, or [ErrFull].
func (u *UA) Dial(o DialOptions) (*Leg, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if u.full() {
		return nil, ErrFull
	}
	if o.ID == "" {
		o.ID = u.cfg.NewID()
	}
	o.From.Display = sip.Escape(o.From.Display)
	callID := sip.NewCallID()
	l := &Leg{id: o.ID, ua: u, dial: &o, shard: u.shards[u.cfg.Loops.For(callID).Index()]}
	l.info = sip.LegInfo{
		Direction: sip.Outgoing, From: o.From, To: sip.FromTo{URI: o.To}, RequestURI: o.To,
		Trunk: o.Trunk, CallID: callID, Headers: o.Headers,
	}
	if len(o.Remotes) > 0 {
		l.info.Remote = o.Remotes[0]
	}
	l.sdp.Codecs = o.Codecs
	if l.sdp.Codecs == nil {
		l.sdp.Codecs = u.cfg.Codecs
	}
	l.out.post = o.Post
	if !l.shard.loop.Run(l.start) {
		return nil, ErrEnded
	}
	return l, nil
}

// start sends the INVITE.
func (l *Leg) start() {
	o := l.dial
	l.shard.add(l)
	if o.RingTimeout > 0 {
		l.ring = l.shard.loop.AfterFunc(o.RingTimeout, func() {
			c := sip.StatusCause(480, sip.Local)
			c.Q850, c.Reason = sip.NoAnswer, "no answer"
			l.hangup(c)
		})
	}
	if len(o.Remotes) > 0 {
		l.invite()
		return
	}
	o.Find(func(network string, remotes []netip.AddrPort, err error) {
		l.shard.loop.Post(func() {
			if l.state.Load() == ended { // hung up meanwhile
				return
			}
			if err == nil && len(remotes) == 0 {
				err = errNowhere
			}
			if err != nil {
				c := sip.StatusCause(503, sip.Local)
				c.Q850, c.Reason = sip.NoRoute, err.Error()
				user{l}.Ended(c)
				return
			}
			o.Network, o.Remotes = network, remotes
			l.invite()
		})
	})
}

// invite sends the INVITE to the addresses that are known now.
func (l *Leg) invite() {
	o := l.dial
	client, err := l.shard.set.Invite(dialog.InviteOptions{
		CallID: l.info.CallID, To: o.To, From: o.From, Contact: o.From.URI.User,
		Network: o.Network, Remotes: o.Remotes, TryTimeout: o.TryTimeout, Route: o.Route,
		Headers: o.Headers, MaxForwards: o.MaxForwards,
		Auth: auth.NewClient(auth.Credentials{Username: o.Username, Password: o.Password, Realm: o.Realm}),
	}, user{l})
	if err != nil {
		user{l}.Ended(sip.StatusCause(503, sip.Local))
		return
	}
	l.client = client
}

// check says what is wrong with o. What it lets pass cannot break out of the
// line it is written into.
func (o *DialOptions) check() error {
	if len(o.Remotes) == 0 && o.Find == nil {
		return fmt.Errorf("dial: %w", errNowhere)
	}
	if o.Network != "" && o.Network != "udp" && o.Network != "tcp" {
		return fmt.Errorf("dial: unknown network %q", o.Network)
	}
	from := o.From.URI
	if from.Host == "" {
		from.Host = "anonymous.invalid"
	}
	for _, u := range append([]sip.Uri{o.To, from}, o.Route...) {
		if _, err := sip.ParseURI(u.String()); err != nil {
			return fmt.Errorf("dial: URI: %w", err)
		}
	}
	if err := sip.CheckText(o.From.Display); err != nil {
		return fmt.Errorf("dial: display name: %w", err)
	}
	if err := checkHeaders(o.Headers); err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	return nil
}

// checkHeaders refuses what would break a message or the dialog.
func checkHeaders(hs []sip.Header) error {
	for _, h := range hs {
		if err := sip.CheckHeader(h.Name(), h.Value()); err != nil {
			return fmt.Errorf("header: %w", err)
		}
		if ours(h.Name()) {
			return fmt.Errorf("header %s: %w", h.Name(), sip.ErrHeader)
		}
	}
	return nil
}

// ours are the headers that belong to the dialog and its transport.
func ours(name string) bool {
	switch strings.ToLower(name) {
	case "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "route", "record-route",
		"max-forwards", "content-length", "l", "content-type", "c", "content-encoding", "e",
		"authorization", "proxy-authorization", "require", "proxy-require":
		return true
	}
	return false
}

func codecsByName(names []string) ([]*codec.Codec, error) {
	var out []*codec.Codec
	for _, n := range names {
		c := codec.ByName(n)
		if c == nil {
			return nil, fmt.Errorf("unknown codec %q", n)
		}
		out = append(out, c)
	}
	return out, nil
}
