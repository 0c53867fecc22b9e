package ua

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"tandem/media"
	"tandem/media/dtmf"
	"tandem/media/stream"
	"tandem/sip"
	"tandem/sip/dialog"
	"tandem/sip/loop"
	"tandem/sip/sdp"
)

// Errors of a leg's methods.
var (
	// ErrEnded says that the leg is over.
	ErrEnded = errors.New("the leg has ended")
	// ErrState says that the leg is not in the state that is needed: answering
	// an outgoing call, or one that is up already.
	ErrState = errors.New("not possible in this state of the leg")
)

// How far a leg has come.
const (
	ringing int32 = iota
	answered
	ended
)

// A Leg is one dialog joined to one audio stream. Its methods may be called from
// any goroutine and never block; an error is what can be known at once.
type Leg struct {
	id    string
	info  sip.LegInfo
	ua    *UA
	shard *shard
	out   outbox
	state atomic.Int32
	// port is the stream once it is open: at once for an incoming leg, before
	// the first message for an outgoing one.
	port atomic.Pointer[stream.Stream]

	// Of the loop alone.
	dial   *DialOptions
	client *dialog.Client // outgoing
	dialog *dialog.Dialog // nil until an outgoing leg is answered
	stream *stream.Stream
	peer   netip.Addr // where its signalling comes from: a phone behind NAT sends its media from there
	sdp    sdp.Session
	offer  *sdp.Description // the caller's, until it is answered
	answer []byte           // to it
	agreed sdp.Agreed
	early  bool // outgoing: a description has come before the answer
	held   bool // by the far end
	hold   bool // by us
	up     bool
	ring   *loop.Timer
}

// ID is the leg's id.
func (l *Leg) ID() string { return l.id }

// Info says what the leg is.
func (l *Leg) Info() sip.LegInfo { return l.info }

// SetPost says where the leg's messages go from now on. What was posted before
// anybody wanted it is handed over at once. post is called from several
// goroutines, but never twice at a time; it must not block nor call SetPost.
func (l *Leg) SetPost(post func(any)) { l.out.set(post) }

// Port is the leg's audio, to be joined to a bridge; nil as long as the stream
// of an outgoing leg is not open, which it is before its first message.
func (l *Leg) Port() media.Port {
	if s := l.port.Load(); s != nil {
		return s
	}
	return nil
}

// Stats hands the stream's counters to fn, on the media worker; they stay as
// they were when the leg has ended. A leg without a stream gives zeros at once.
func (l *Leg) Stats(fn func(stream.Stats)) {
	if s := l.port.Load(); s != nil {
		s.Stats(fn)
		return
	}
	fn(stream.Stats{})
}

// Stream is the leg's audio; nil like Port.
func (l *Leg) Stream() *stream.Stream { return l.port.Load() }

// Ring sends a provisional response to an incoming call. With Media it carries
// our answer, so that the caller hears what the leg's port is given. To a call
// without an offer it cannot.
func (l *Leg) Ring(e sip.Early) error {
	if err := l.mayAnswer(); err != nil {
		return err
	}
	if e.Status == 0 {
		e.Status = 180
		if e.Media {
			e.Status = 183
		}
	}
	if e.Status <= 100 || e.Status > 199 {
		return fmt.Errorf("provisional status %d: %w", e.Status, ErrState)
	}
	if err := checkHeaders(e.Headers); err != nil {
		return err
	}
	l.do(func() {
		var body []byte
		if e.Media && l.offer != nil {
			if body = l.makeAnswer(); body == nil {
				return
			}
		}
		if err := l.dialog.Ring(e.Status, e.Reason, e.Headers, body); err != nil {
			l.log("not rung", err)
		}
	})
	return nil
}

// Answer answers an incoming call with 200; sip.Answered follows when the ACK
// has come.
func (l *Leg) Answer(o sip.AnswerOptions) error {
	if err := checkHeaders(o.Headers); err != nil {
		return err
	}
	if l.info.Direction != sip.Incoming {
		return ErrState
	}
	if !l.state.CompareAndSwap(ringing, answered) {
		return l.mayAnswer()
	}
	l.do(func() {
		var body []byte
		if l.offer != nil {
			if body = l.makeAnswer(); body == nil {
				return
			}
		} else {
			body = l.sdp.Offer(l.wanted())
		}
		if err := l.dialog.Answer(o.Headers, body, l.offer == nil); err != nil {
			l.log("not answered", err)
		}
	})
	return nil
}

func (l *Leg) mayAnswer() error {
	switch {
	case l.state.Load() == ended:
		return ErrEnded
	case l.info.Direction != sip.Incoming || l.state.Load() != ringing:
		return ErrState
	}
	return nil
}

// Hangup ends the leg in the way its state asks for: an error response, CANCEL
// or BYE. sip.Hungup follows. The cause's Headers go with it.
func (l *Leg) Hangup(c sip.Cause) error {
	if l.state.Load() == ended {
		return ErrEnded
	}
	if err := checkHeaders(c.Headers); err != nil {
		return err
	}
	if err := sip.CheckText(c.Reason); err != nil {
		return err
	}
	c.By = sip.Local
	l.do(func() { l.hangup(c) })
	return nil
}

func (l *Leg) hangup(c sip.Cause) {
	switch {
	case l.dialog != nil:
		l.dialog.Hangup(c)
	case l.client != nil:
		l.client.Hangup(c)
	case l.dial != nil: // its address is still being looked for
		user{l}.Ended(c)
	}
}

// Reinvite changes the media of an answered leg. Should the far end refuse, the
// leg goes on as before.
func (l *Leg) Reinvite(o sip.MediaOptions) error {
	switch l.state.Load() {
	case ended:
		return ErrEnded
	case ringing:
		return ErrState
	}
	codecs, err := codecsByName(o.Codecs)
	if err != nil {
		return err
	}
	l.do(func() { l.reinvite(o.Hold, codecs) })
	return nil
}

// Refer would send the far end elsewhere (RFC 3515). It is not built yet, and
// says so.
func (l *Leg) Refer(sip.ReferOptions) error {
	return fmt.Errorf("REFER: %w", errors.ErrUnsupported)
}

// Request sends a request within the dialog, such as INFO or MESSAGE. Method,
// headers and body are taken from req, which is not to be touched any more;
// what a dialog's request needs is added. What becomes of it is not reported.
func (l *Leg) Request(req *sip.Request) error {
	if l.state.Load() == ended {
		return ErrEnded
	}
	switch req.Method {
	case sip.INVITE, sip.ACK, sip.BYE, sip.CANCEL, sip.PRACK, sip.UPDATE, sip.REGISTER, "":
		return fmt.Errorf("%s as a request: %w", req.Method, ErrState)
	}
	for _, h := range req.Headers() {
		if err := sip.CheckHeader(h.Name(), h.Value()); err != nil {
			return err
		}
		if ours(h.Name()) && !strings.HasPrefix(strings.ToLower(h.Name()), "content-") {
			return fmt.Errorf("header %s: %w", h.Name(), sip.ErrHeader)
		}
	}
	req.RemoveHeader("Content-Length") // written anew with the body
	l.do(func() {
		d := l.dialog
		if d == nil && l.client != nil {
			d = l.client.Early()
		}
		if d == nil {
			return
		}
		if err := d.Send(req, nil); err != nil {
			l.log("request not sent", err)
		}
	})
	return nil
}

// SendDigits sends digits to the far end as RFC 4733 events of dur each, gap
// apart, or as tones where it has not agreed to events.
func (l *Leg) SendDigits(digits string, dur, gap time.Duration) error {
	if l.state.Load() == ended {
		return ErrEnded
	}
	if err := dtmf.Check(digits); err != nil {
		return err
	}
	s := l.port.Load()
	if s == nil {
		return ErrState
	}
	return s.SendDigits(digits, dur, gap, nil)
}

// do runs fn on the leg's loop, if the leg is not over by then.
func (l *Leg) do(fn func()) {
	l.shard.loop.Run(func() {
		if l.state.Load() != ended {
			fn()
		}
	})
}

func (l *Leg) log(what string, err error) {
	l.ua.cfg.Log.Warn(what, "leg", l.id, "call", l.info.CallID, "err", err)
}
