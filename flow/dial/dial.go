// Package dial turns destinations into an answered call. By which trunks a
// number is reached, and which of them is next when one fails, is for
// [flow.Dialer] and the call itself.
package dial

import (
	"errors"
	"fmt"
	"time"

	"tandem/flow"
	"tandem/sip"
)

// Options say whom to ring and how.
type Options struct {
	// Source is what the called parties see.
	Source flow.Address
	// Destinations are rung all at once.
	Destinations []flow.Address
	// Early lets the program of a called party begin while it rings.
	Early bool
	// RingLimit is how long they may ring; 0: what the configuration says.
	RingLimit time.Duration
	// Headers are added to the INVITEs.
	Headers []sip.Header
	// Program is what each called party does once it has answered (or rings).
	Program func() flow.Controller
	// Progress, which may be nil, hears how the calls get on.
	Progress func(flow.Progress)
}

// MaxDestinations is how many can be rung at once.
const MaxDestinations = 50

// ErrNobody says that no destination could be called at all.
var ErrNobody = errors.New("none of the destinations could be called")

// Failed says that nobody answered.
type Failed struct {
	// Ends are how the calls ended, in the order of the destinations; those
	// that could not be placed are missing.
	Ends []flow.Progress
}

func (f *Failed) Error() string {
	if len(f.Ends) == 0 {
		return ErrNobody.Error()
	}
	e := f.Ends[0]
	return fmt.Sprintf("nobody answered: %s, %s", e.Reason, e.Cause)
}

// Ring rings all destinations for c until one answers, which it returns, and
// hangs the others up. If none does, the error is a [*Failed]. When the wait is
// broken off, all are hung up.
func Ring(c *flow.Call, o Options) (*flow.Call, error) {
	if len(o.Destinations) > MaxDestinations {
		return nil, fmt.Errorf("%d destinations; at most %d", len(o.Destinations), MaxDestinations)
	}
	var children []*flow.Call
	for _, to := range o.Destinations {
		child, err := c.Calls().Dial(c, flow.Target{
			Source: o.Source, Destination: to, Early: o.Early, RingLimit: o.RingLimit, Headers: o.Headers,
		}, o.Program())
		if err != nil {
			c.Log().Warn("dial", "to", to.Type, "err", err)
			continue
		}
		children = append(children, child)
	}
	var winner *flow.Call
	defer func() {
		for _, child := range children {
			switch {
			case child == winner:
			case winner != nil && child.Tell(elsewhere) == nil:
			default:
				child.End(flow.ReasonCancel)
			}
		}
	}()
	ends := make(map[*flow.Call]flow.Progress)
	for len(ends) < len(children) {
		m, err := c.Wait(flow.Forever, func(m flow.Msg) bool {
			p, ok := m.(flow.Progress)
			return ok && contains(children, p.Call)
		})
		if err != nil {
			return nil, err
		}
		p := m.(flow.Progress)
		if o.Progress != nil {
			o.Progress(p)
		}
		switch p.Status {
		case flow.Progressing:
			winner = p.Call
			return winner, nil
		case flow.Ended:
			ends[p.Call] = p
		}
	}
	failed := &Failed{}
	for _, child := range children {
		failed.Ends = append(failed.Ends, ends[child])
	}
	return nil, failed
}

// elsewhere ends a call whose party came too late: phones then do not show it as
// missed (RFC 3326 §3.1).
func elsewhere(c *flow.Call) {
	cause := flow.EndCause(flow.ReasonCancel)
	cause.Headers = []sip.Header{sip.NewHeader("Reason", `SIP;cause=200;text="Call completed elsewhere"`)}
	c.HangupCause(flow.ReasonCancel, cause)
}

func contains(calls []*flow.Call, c *flow.Call) bool {
	for _, other := range calls {
		if other == c {
			return true
		}
	}
	return false
}
