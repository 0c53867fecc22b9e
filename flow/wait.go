package flow

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"tandem/media/dtmf"
	"tandem/media/stream"
	"tandem/sip"
)

// Forever is no time limit of a [Call.Wait].
const Forever time.Duration = 0

// maxTypedAhead is how many digits a call keeps for the next digits_receive.
const maxTypedAhead = 128

// Wait returns the first message that want accepts, [ErrTimeout] after d
// (at most; d ≤ 0: no limit), [ErrHangup] as soon as the call is ending, or
// [ErrReplaced]. A nil want accepts nothing.
//
// It is the one place where a call reads its mailbox: meanwhile commands run,
// On handlers look at each message, and digits that want does not take are kept
// for later. All other messages that nobody wants are dropped.
func (c *Call) Wait(d time.Duration, want func(Msg) bool) (Msg, error) {
	var expired atomic.Bool
	if d > 0 {
		t := c.calls.cfg.Clock.AfterFunc(d, func() {
			expired.Store(true)
			c.mbox.wake()
		})
		defer t.Stop()
	}
	for {
		if err := c.unwinding(); err != nil {
			return nil, err
		}
		m, ok := c.mbox.get()
		if !ok {
			if expired.Load() {
				return nil, ErrTimeout
			}
			<-c.mbox.ready
			continue
		}
		if c.handle(m, want) {
			return m, nil
		}
	}
}

// Sleep waits for d. d ≤ 0 is over at once.
func (c *Call) Sleep(d time.Duration) error {
	if d <= 0 {
		return c.unwinding()
	}
	if _, err := c.Wait(d, nil); err != ErrTimeout {
		return err
	}
	return nil
}

// poll handles what has come without waiting for more, so that a program whose
// actions never wait can still be commanded and ended.
func (c *Call) poll() error {
	for {
		if err := c.unwinding(); err != nil {
			return err
		}
		m, ok := c.mbox.get()
		if !ok {
			return nil
		}
		c.handle(m, nil)
	}
}

// unwinding is the error with which an action is to end, if any.
func (c *Call) unwinding() error {
	switch {
	case c.gone:
		return ErrHangup
	case c.next != nil && !c.placing:
		return ErrReplaced
	}
	for _, o := range c.outer {
		if o.got != nil {
			return errBroken
		}
	}
	return nil
}

// handle does with m what does not depend on who waits, and says whether want
// takes it.
func (c *Call) handle(m Msg, want func(Msg) bool) bool {
	switch m := m.(type) {
	case *command:
		err := m.fn(c)
		if m.reply != nil {
			m.reply <- err
		}
		return false
	case *result:
		m.then(m.msg)
		return false
	case endNow:
		cause := EndCause(m.reason)
		if m.refuse != 0 && c.Status() != Progressing {
			cause = sip.StatusCause(m.refuse, sip.Local)
		}
		c.HangupCause(m.reason, cause)
		return false
	case released:
		c.holds--
		return false
	case ringOver:
		if c.Status() != Progressing {
			c.Hangup(ReasonDialout)
		}
		return false
	case sip.Hungup:
		if c.leg == nil || m.Leg != c.leg.ID() {
			return false // a route that was given up
		}
		if !c.trying {
			c.over(m.Cause)
			return false
		}
	case sip.Ringing:
		if c.leg == nil || m.Leg != c.leg.ID() || c.rec.Direction != DirOutgoing {
			return false
		}
		c.ringing(m)
	case sip.Answered:
		if c.leg == nil || m.Leg != c.leg.ID() {
			return false
		}
		c.answered()
	case stream.Timeout:
		if c.leg != nil && m.Leg == c.leg.ID() && c.Status() == Progressing {
			c.Log().Warn("no packet has come for too long")
			c.Hangup(ReasonNormal)
		}
		return false
	case dtmf.Digit:
		if c.leg == nil || m.Leg != c.leg.ID() {
			return false
		}
		c.Publish(TypeDTMFReceived, DTMF{CallID: c.id, Digit: string(rune(m.Char)), Duration: m.Duration.Milliseconds(), Source: m.Source})
	}
	for _, h := range c.on {
		if !h.off && h.want(m) {
			h.do(m)
		}
	}
	if c.gone {
		return false
	}
	if want != nil && want(m) {
		return true
	}
	for i := len(c.outer) - 1; i >= 0; i-- {
		if o := c.outer[i]; o.got == nil && o.want(m) {
			o.got = m
			return false
		}
	}
	if d, ok := m.(dtmf.Digit); ok {
		c.TypeAhead(d.Char)
	}
	return false
}

// TypeDTMFReceived is the type of the event of a digit; its data is a [DTMF].
const TypeDTMFReceived = "dtmf_received"

// A DTMF is a digit that a call has received.
type DTMF struct {
	CallID string `json:"call_id"`
	Digit  string `json:"digit"`
	// Duration is in milliseconds; 0 where it is not known.
	Duration int64 `json:"duration"`
	// Source is rfc4733, info or inband.
	Source string `json:"source"`
}

// TypeAhead keeps a digit for the next digits_receive. More than a person can
// mean are dropped.
func (c *Call) TypeAhead(digit byte) {
	if len(c.digits) < maxTypedAhead {
		c.digits = append(c.digits, digit)
	}
}

// ShowDigit keeps a digit for the next digits_receive and shows it in the
// digits variable already: the digit that has ended a talk. Whoever empties the
// variable takes the digit, so that it counts once.
func (c *Call) ShowDigit(digit byte) {
	c.shown = 0
	if len(c.digits) < maxTypedAhead {
		c.TypeAhead(digit)
		c.shown = len(c.digits)
	}
	c.Vars().put(VarDigits, string(rune(digit)))
}

// NextDigit takes the oldest digit typed ahead.
func (c *Call) NextDigit() (digit byte, ok bool) {
	if len(c.digits) == 0 {
		return 0, false
	}
	digit = c.digits[0]
	c.digits = c.digits[:copy(c.digits, c.digits[1:])]
	c.shown = max(c.shown-1, 0)
	return digit, true
}

// SetDigits stores what was received in the digits variable.
func (c *Call) SetDigits(digits string) {
	c.shown = 0
	c.Vars().put(VarDigits, digits)
}

// TakeDigits empties the digits variable.
func (c *Call) TakeDigits() {
	if i := c.shown; i > 0 {
		c.digits = append(c.digits[:i-1], c.digits[i:]...)
	}
	c.SetDigits("")
}

// IsDigit is a want for the call's own digits.
func IsDigit(m Msg) bool {
	_, ok := m.(dtmf.Digit)
	return ok
}

type handler struct {
	want func(Msg) bool
	do   func(Msg)
	off  bool
}

// On has do see every message that want accepts, whatever action runs, until it
// is cancelled or the call ends. It takes nothing away from who waits.
func (c *Call) On(want func(Msg) bool, do func(Msg)) (cancel func()) {
	h := &handler{want: want, do: do}
	on := make([]*handler, 0, len(c.on)+1) // a handler may add one while the list is walked
	for _, old := range c.on {
		if !old.off {
			on = append(on, old)
		}
	}
	c.on = append(on, h)
	return func() { h.off = true }
}

type outer struct {
	want func(Msg) bool
	got  Msg
}

// Until runs a step and breaks it off at the first message that want accepts
// and the step itself does not: a digit breaks a prompt. It returns that
// message, or nil with the step's own error.
func (c *Call) Until(want func(Msg) bool, step func() error) (Msg, error) {
	o := &outer{want: want}
	c.outer = append(c.outer, o)
	err := step()
	c.outer = c.outer[:len(c.outer)-1]
	if o.got != nil {
		if e := c.unwinding(); e == ErrHangup || e == ErrReplaced {
			return nil, e
		}
		return o.got, nil
	}
	return nil, err
}

// Go does slow work on a goroutine of its own; ctx ends with the call. then,
// which may be nil, gets its result on the call's goroutine; it is not called
// if the call is over by then.
func (c *Call) Go(work func(ctx context.Context) Msg, then func(Msg)) {
	if then == nil {
		then = func(Msg) {}
	}
	go func() { c.mbox.put(&result{msg: work(c.ctx), then: then}) }()
}

// Await does slow work on a goroutine of its own and waits for it. If the wait
// is broken off, ctx is cancelled and what the work still brings goes to drop,
// which may be nil.
func Await[T any](c *Call, work func(ctx context.Context) (T, error), drop func(T)) (T, error) {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	p := &pending[T]{}
	go func() {
		v, err := work(ctx)
		if p.finish(v, err) {
			c.mbox.put(p)
		} else if err == nil && drop != nil {
			drop(v)
		}
	}()
	_, err := c.Wait(Forever, func(m Msg) bool { return m == Msg(p) })
	if err != nil {
		if p.abandon() && p.err == nil && drop != nil {
			drop(p.value)
		}
		var none T
		return none, err
	}
	return p.value, p.err
}

// pending is work whose result is waited for.
type pending[T any] struct {
	mu        sync.Mutex
	finished  bool
	abandoned bool
	value     T
	err       error
}

// finish stores the result and says whether anybody still wants it.
func (p *pending[T]) finish(v T, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.abandoned {
		return false
	}
	p.value, p.err, p.finished = v, err, true
	return true
}

// abandon gives the result up and says whether there is one already.
func (p *pending[T]) abandon() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.abandoned = true
	return p.finished
}
