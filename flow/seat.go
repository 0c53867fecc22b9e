package flow

import (
	"errors"
	"io"

	"tandem/media"
	"tandem/sip"
)

// errNoAudio says that a call has no audio of ours: its media goes elsewhere.
var errNoAudio = errors.New("the call has no audio here")

// seat is where a call's leg hears and is heard: one participant in one bridge
// at a time, the call's own or one it shares.
type seat struct {
	bridge Bridge
	me     Participant
}

// Participant is the call in its bridge. A call that is in none gets one of its
// own first. It fails for a leg without audio.
func (c *Call) Participant() (Participant, error) {
	if c.seat.me != nil {
		return c.seat.me, nil
	}
	if c.Services().Media == nil || c.leg == nil || c.leg.Port() == nil {
		return nil, errNoAudio
	}
	port := c.leg.Port()
	c.seat.bridge = c.Services().Media.Bridge(CallBridge, port)
	c.seat.me = c.seat.bridge.Join(port)
	return c.seat.me, nil
}

// Bridge is the bridge that the call is in, its own where it is in none.
func (c *Call) Bridge() (Bridge, error) {
	if _, err := c.Participant(); err != nil {
		return nil, err
	}
	return c.seat.bridge, nil
}

// Join takes the call into a bridge that it shares with others.
func (c *Call) Join(b Bridge) error {
	if c.seat.me != nil {
		c.seat.me.Move(b)
		c.seat.bridge = b
		return nil
	}
	if c.leg == nil || c.leg.Port() == nil {
		return errNoAudio
	}
	c.seat = seat{bridge: b, me: b.Join(c.leg.Port())}
	return nil
}

// Part takes the call out of a shared bridge, into one of its own.
func (c *Call) Part() {
	if c.seat.me == nil || c.gone {
		return // the end of the call takes it out
	}
	b := c.Services().Media.Bridge(CallBridge, c.leg.Port())
	c.seat.me.Move(b)
	c.seat.bridge = b
}

// leave gives the leg's port back at the end of the call.
func (c *Call) leave() {
	if c.seat.me != nil {
		c.seat.me.Play(nil, nil)
		c.seat.me.Leave(nil)
		c.seat = seat{}
	}
}

// Rate is the rate in Hz at which sound for the call is best made.
func (c *Call) Rate() int {
	if c.leg == nil || c.leg.Port() == nil {
		return 8000
	}
	return c.leg.Port().Rate()
}

// EarlyMedia lets a caller hear us before the answer: 183 with our description,
// once. For any other call it does nothing.
func (c *Call) EarlyMedia() error {
	if c.rec.Direction != DirIncoming || c.Status() != Ringing || c.early {
		return nil
	}
	c.early, c.rang = true, true
	return c.leg.Ring(sip.Early{Status: 183, Media: true})
}

// RingBack tells a caller who is not answered that it rings.
func (c *Call) RingBack() error {
	if c.rec.Direction != DirIncoming || c.Status() != Ringing || c.rang {
		return nil
	}
	c.rang = true
	return c.leg.Ring(sip.Early{Status: 180})
}

// Hears says whether the far end hears what the call is played now: it is
// answered, or has been given early media.
func (c *Call) Hears() bool {
	return c.Status() == Progressing || c.rec.Direction == DirIncoming && c.early && !c.gone
}

// Play makes the call hear src to its end. Whatever breaks it off stops the
// sound. It does not answer: an unanswered caller hears early media.
func (c *Call) Play(src media.Source) error {
	me, err := c.Participant()
	if err == nil {
		err = c.EarlyMedia()
	}
	if err != nil {
		closeSource(src)
		return err
	}
	me.Play(src, func(err error) { c.Post(PromptDone{Source: src, Err: err}) })
	m, err := c.Wait(Forever, func(m Msg) bool {
		done, ok := m.(PromptDone)
		return ok && done.Source == src
	})
	if err != nil {
		if c.seat.me != nil {
			c.seat.me.Play(nil, nil)
		}
		return err
	}
	c.MediaMoved()
	return m.(PromptDone).Err
}

// closeSource ends a source that nobody will read.
func closeSource(src media.Source) {
	if cl, ok := src.(io.Closer); ok {
		cl.Close()
	}
}
