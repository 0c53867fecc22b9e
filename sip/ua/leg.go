package ua

import (
	"time"

	"tandem/media"
	"tandem/sip"
)

// A Leg is one dialog joined to one audio stream. Its methods may be called from
// any goroutine and never block; an error is what can be known at once.
type Leg struct {
	id   string
	info sip.LegInfo
}

// ID is the leg's id.
func (l *Leg) ID() string { return l.id }

// Info says what the leg is.
func (l *Leg) Info() sip.LegInfo { return l.info }

// SetPost says where the leg's messages go from now on. post must not block.
func (l *Leg) SetPost(post func(any)) {}

// Ring sends a provisional response to an incoming call.
func (l *Leg) Ring(e sip.Early) error { return nil }

// Answer answers an incoming call with 200; sip.Answered follows when the ACK
// has come.
func (l *Leg) Answer(o sip.AnswerOptions) error { return nil }

// Hangup ends the leg in the way its state asks for: an error response, CANCEL
// or BYE. sip.Hungup follows.
func (l *Leg) Hangup(c sip.Cause) error { return nil }

// Reinvite changes the media of an answered leg.
func (l *Leg) Reinvite(o sip.MediaOptions) error { return nil }

// Refer sends the far end elsewhere (RFC 3515).
func (l *Leg) Refer(o sip.ReferOptions) error { return nil }

// Request sends a request within the dialog, such as INFO or MESSAGE. Method,
// headers and body are taken from req; what a dialog's request needs is added.
func (l *Leg) Request(req *sip.Request) error { return nil }

// SendDigits sends digits to the far end as RFC 4733 events of dur each, gap
// apart. Only 0-9 A-D * # are allowed; "w" waits for half a second.
func (l *Leg) SendDigits(digits string, dur, gap time.Duration) error { return nil }

// Port is the leg's audio, to be joined to a bridge.
func (l *Leg) Port() media.Port { return nil }
