package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"time"
)

const (
	// maxGoodbye is how long a leg that was told to end may take: a BYE that
	// nobody answers gives up after 64·T1.
	maxGoodbye = 40 * time.Second
	// maxHold is how long a call waits at its end for its recording to be
	// complete and for those it has to do with to take note.
	maxHold = 5 * time.Second
)

// errLoop ends a program that goes in circles.
var errLoop = errors.New("too many steps without media moving")

// run is the call's goroutine. place makes the leg of an outgoing call; nil for
// an incoming one.
func (c *Call) run(place func() error) {
	defer c.finish()
	c.logStart()
	if place == nil {
		c.startLimit() // nobody may wait for an answer for ever
	} else if err := place(); err != nil {
		return
	}
	err := c.programs()
	if err != nil && err != ErrHangup {
		c.Log().Warn("program ended", "err", err)
	}
	c.Hangup(ReasonNormal) // nothing is done where it was the leg that ended
}

// programs runs the call's program, and those that replace it, to the end.
func (c *Call) programs() (err error) {
	defer func() {
		// A fault in one call's program must not take the others with it.
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
			c.Log().Error("program panicked", "err", err, "stack", string(debug.Stack()))
		}
	}()
	for {
		if c.next != nil {
			c.ctrl, c.next = c.next, nil
			c.loops = map[string]int{}
			c.outer = nil
			c.newActiveflow()
		}
		err := c.program()
		if err != ErrReplaced {
			return err
		}
	}
}

// program runs one program to its end.
func (c *Call) program() error {
	info := Info{Call: c, Record: c.rec, Leg: c.leg.Info()}
	prog, err := c.ask(func(ctx context.Context) (Program, error) { return c.ctrl.Start(ctx, info) })
	if err != nil || prog == nil {
		return err
	}
	if cl, ok := prog.(interface{ Close() }); ok {
		defer cl.Close()
	}
	var done Outcome
	defer func() { done.drop() }() // what no program has come to hear
	for {
		if err := c.poll(); err != nil {
			return err
		}
		a, err := prog.Next(done)
		done = Outcome{}
		if err != nil || a == nil {
			return err
		}
		if c.steps++; c.steps > c.calls.cfg.MaxSteps {
			return errLoop
		}
		if done, err = a.Run(c); err != nil {
			var f *fatal
			switch {
			case err == ErrHangup, err == ErrReplaced, errors.As(err, &f):
				return err
			}
			c.Log().Warn("action", "action", c.rec.Action.Type, "err", err)
			done = Outcome{}
		}
		if done.Result != nil {
			r := done.Result
			p, err := c.ask(func(ctx context.Context) (Program, error) { return c.ctrl.Result(ctx, r) })
			switch {
			case err == ErrHangup, err == ErrReplaced:
				return err
			case err != nil:
				c.Log().Warn("result", "action", c.rec.Action.Type, "err", err)
			case p != nil:
				done.drop()
				prog, done = p, Outcome{}
			}
		}
	}
}

// ask asks the controller for a program.
func (c *Call) ask(answer func(context.Context) (Program, error)) (Program, error) {
	if _, ok := c.ctrl.(Immediate); ok {
		return answer(c.ctx)
	}
	return Await(c, answer, nil)
}

// finish ends the call: what it has started, its leg, the calls chained to it,
// its record.
func (c *Call) finish() {
	c.gone = true
	for i := len(c.ends) - 1; i >= 0; i-- {
		if fn := c.ends[i]; fn != nil {
			fn()
		}
	}
	c.ends = nil
	c.StopRecording()
	c.leave()
	c.cancel()
	if c.leg != nil && !c.legOver {
		c.drain(maxGoodbye, func() bool { return c.legOver })
		if !c.legOver {
			c.Log().Error("leg did not end", "leg", c.leg.ID())
		}
	}
	c.drain(maxHold, func() bool { return c.rcd == nil && c.holds == 0 })
	c.rec.RecordingID = ""
	for _, other := range c.chained {
		other.End(ReasonNormal)
	}
	if c.leg != nil {
		c.reportMedia()
	}
	c.conclude()
	c.tellParent(Progress{Status: Ended, SIP: c.cause.Status, Cause: c.cause, Reason: Reason(c.rec.HangupReason), By: c.rec.HangupBy})
	c.calls.remove(c)
	rest, dropped := c.mbox.close()
	close(c.done)
	for _, m := range rest {
		if cmd, ok := m.(*command); ok && cmd.reply != nil {
			cmd.reply <- ErrHangup
		}
	}
	c.logEnd(dropped)
}

// drain reads the mailbox until over says so, at most for d. Commands are
// refused.
func (c *Call) drain(d time.Duration, over func() bool) {
	expired := false
	t := c.Clock().AfterFunc(d, func() { c.mbox.put(wakeUp(func() { expired = true })) })
	defer t.Stop()
	for !over() && !expired {
		m, ok := c.mbox.get()
		if !ok {
			<-c.mbox.ready
			continue
		}
		switch m := m.(type) {
		case *command:
			if m.reply != nil {
				m.reply <- ErrHangup
			}
		case wakeUp:
			m()
		default:
			c.handle(m, nil)
		}
	}
}

// wakeUp is a timer's message to a call that is ending.
type wakeUp func()

// logStart writes the call's first line. A call that is placed has not come far
// enough to be worth one.
func (c *Call) logStart() {
	r := &c.rec
	level := slog.LevelInfo
	if r.Direction == DirOutgoing {
		level = slog.LevelDebug
	}
	log := c.calls.cfg.Log
	if !log.Enabled(c.ctx, level) {
		return
	}
	log.Log(c.ctx, level, "call starts", "call", c.id, "dir", r.Direction, "trunk", r.Trunk, "from", r.Source.Target, "to", r.Destination.Target, "sipid", r.SIPCallID)
}

// logEnd writes the call's last line, with its counters.
func (c *Call) logEnd(dropped int) {
	r := &c.rec
	args := []any{
		"call", c.id, "dir", r.Direction, "from", r.Source.Target, "to", r.Destination.Target, "trunk", r.Trunk, "sipid", r.SIPCallID, "status", r.SIPStatus, "cause", r.HangupCause,
		"by", r.HangupBy, "reason", r.HangupReason,
		"dur", time.Time(r.TMHangup).Sub(time.Time(r.TMCreate)).Round(time.Millisecond),
	}
	if m := r.Media; m != nil {
		args = append(args, "codec", m.Codec, "sent", m.PacketsSent, "received", m.PacketsReceived, "lost", m.PacketsLost, "mos", math.Round(m.MOS*100)/100)
	}
	if dropped > 0 {
		args = append(args, "dropped", dropped)
	}
	c.calls.cfg.Log.Info("call ended", args...)
}
