package flow

import (
	"errors"
	"time"

	"tandem/flow/event"
	"tandem/sip"
)

// maxAckWait is how long an answered caller's ACK can take: the 200 is repeated
// for 64·T1 (RFC 3261 §13.3.1.4), after which the leg gives up by itself.
const maxAckWait = 33 * time.Second

var errNotIncoming = errors.New("only an incoming call can be answered")

// Accept answers an incoming call that is not answered yet and does not wait
// for the ACK. For an answered call it does nothing.
func (c *Call) Accept(o sip.AnswerOptions) error {
	switch {
	case c.Status() == Progressing:
		return nil
	case c.gone || c.Status().Ending():
		return ErrHangup
	case c.rec.Direction != DirIncoming:
		return errNotIncoming
	}
	if err := c.leg.Answer(o); err != nil {
		return err
	}
	c.rec.SIPStatus = 200
	c.setStatus(Progressing)
	c.startLimit()
	c.MediaMoved()
	_, err := c.Participant() // from here on the far end expects packets
	if errors.Is(err, errNoAudio) {
		err = nil
	}
	return err
}

// Answer is Accept and waits for the ACK. An outgoing call that is being placed
// is waited for.
func (c *Call) Answer() error {
	if c.rec.Direction == DirOutgoing && c.Status() != Progressing {
		_, err := c.Wait(Forever, func(m Msg) bool { return c.Status() == Progressing })
		return err
	}
	if err := c.Accept(sip.AnswerOptions{}); err != nil {
		return err
	}
	if c.rec.Direction == DirOutgoing || c.acked {
		return c.unwinding()
	}
	_, err := c.Wait(maxAckWait, func(m Msg) bool {
		_, ok := m.(sip.Answered)
		return ok
	})
	if err == ErrTimeout {
		return nil // the leg hangs up by itself
	}
	return err
}

// ringing takes note of a provisional response to a call that was placed.
func (c *Call) ringing(m sip.Ringing) {
	c.setStatus(Ringing)
	if !c.early {
		c.early = m.Media
	}
	c.tellParent(Progress{Status: Ringing, SIP: m.Status, Media: c.early})
}

// answered takes note that the leg is up.
func (c *Call) answered() {
	c.acked = true
	if c.rec.Direction != DirOutgoing || !c.setStatus(Progressing) {
		return
	}
	c.rec.SIPStatus = 200
	c.startLimit()
	c.tellParent(Progress{Status: Progressing, SIP: 200, Media: true})
}

// startLimit makes the call end when it gets too long: counted from its answer,
// and before that from its beginning.
func (c *Call) startLimit() {
	c.stopLimit() // of ringing
	if d := c.calls.cfg.MaxCall; d > 0 {
		c.limit = c.Clock().AfterFunc(d, func() { c.Post(endNow{reason: ReasonTimeout}) })
	}
}

func (c *Call) stopLimit() {
	if c.limit != nil {
		c.limit.Stop()
		c.limit = nil
	}
}

// tellParent tells who placed the call what becomes of it, once each.
func (c *Call) tellParent(p Progress) {
	if c.parent == nil || p.Status == c.said.Status && p.Media == c.said.Media {
		return
	}
	p.Call, c.said = c, p
	c.parent.Post(p)
}

// Hangup ends the call: BYE, CANCEL, or for a caller who is not answered the
// status that stands for the reason. The action that runs is unwound by
// [ErrHangup]. A call that is ending already is left alone.
func (c *Call) Hangup(r Reason) { c.HangupCause(r, EndCause(r)) }

// HangupCause is Hangup with what the far end is told.
func (c *Call) HangupCause(r Reason, cause sip.Cause) {
	if c.gone || c.Status().Ending() {
		return
	}
	if c.Status() == Progressing { // a BYE has no status
		cause.Status, cause.Reason = 0, ""
	}
	c.gone, c.trying, c.reason = true, false, r
	next := Terminating
	if c.rec.Direction == DirOutgoing && c.Status() != Progressing {
		next = Canceling
		cause.Status, cause.Reason = 487, "" // what a CANCEL makes of the INVITE
	}
	c.setStatus(next)
	if c.leg == nil || c.legOver { // not placed yet, or between two routes
		return
	}
	err := c.leg.Hangup(cause)
	if errors.Is(err, sip.ErrHeader) { // text that cannot be sent is no reason to leave the leg up
		c.Log().Warn("hang up", "err", err)
		err = c.leg.Hangup(EndCause(r))
	}
	if err != nil {
		c.Log().Debug("hang up", "err", err)
	}
}

// over takes note that the leg is gone.
func (c *Call) over(cause sip.Cause) {
	c.gone, c.cause = true, cause
	c.rec.HangupCause = cause.Q850
	if c.rec.HangupCause == 0 {
		c.rec.HangupCause = sip.Q850FromStatus(cause.Status)
	}
	if c.rec.Direction == DirIncoming && !c.acked && cause.Status == 487 && cause.By == sip.Remote {
		// The caller's CANCEL came before our 200 was out: nobody was billed.
		c.rec.TMProgressing = event.Time{}
	}
	if c.rec.TMProgressing.IsZero() && cause.Status >= 300 {
		c.rec.SIPStatus = cause.Status
	}
	c.legOver = true
}

// verdict is who ended the call and why, as its record says it (voipbin.md §12,
// then §4.5).
func (c *Call) verdict() (by string, r Reason) {
	answered := !c.rec.TMProgressing.IsZero()
	if c.reason != "" { // we did
		switch {
		case c.reason == ReasonTimeout || c.reason == ReasonAMD:
			return ByLocal, c.reason
		case answered:
			return ByLocal, ReasonNormal
		case c.rec.Direction == DirIncoming, c.reason == ReasonDialout, c.reason == ReasonFailed:
			return ByLocal, c.reason
		}
		return ByLocal, ReasonCancel
	}
	by = ByRemote
	if c.cause.By == sip.Local {
		by = ByLocal // the leg gave up: no media, no ACK, no answer to a refresh
	}
	switch {
	case answered:
		return by, ReasonNormal
	case c.rec.Direction == DirOutgoing:
		// Whoever did not answer our INVITE is remote, also where a timer of
		// ours found that out.
		return ByRemote, RefusalReason(c.cause)
	case by == ByRemote:
		return by, ReasonCancel
	}
	return by, ReasonFailed
}

// conclude writes the end into the record.
func (c *Call) conclude() {
	c.stopLimit()
	by, r := c.verdict()
	c.rec.HangupBy, c.rec.HangupReason = by, string(r)
	c.setStatus(Ended)
}
