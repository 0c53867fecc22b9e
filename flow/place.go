package flow

import (
	"errors"
	"time"

	"tandem/flow/event"
	"tandem/sip"
)

// A Target is a call to be placed.
type Target struct {
	// Source is the caller as the called party is to see it; Destination whom
	// to call.
	Source, Destination Address
	// Type and FlowID are those of the record; an empty Type is [TypeOfFlow].
	Type, FlowID string
	// Customer is whose call it is; empty: the parent's, or the implicit one.
	Customer string
	// Early starts the program when the called end rings, not when it
	// answers.
	Early bool
	// RingLimit is how long it may ring; 0: what the configuration says.
	RingLimit time.Duration
	// Unchained leaves the call up when its parent ends.
	Unchained bool
	// Headers are added to the INVITE; Codecs are offered, empty: as
	// configured.
	Headers []sip.Header
	Codecs  []string
	// Variables are given to the call's program.
	Variables map[string]string
}

var (
	errNoDialer = errors.New("calls cannot be placed: there is no dialer")
	errNoRoute  = errors.New("no route to the destination")
)

// Dial places a call and returns at once. With a parent the call is chained to
// it, unless to says otherwise, and what becomes of it reaches the parent as
// [Progress] messages; Dial is then called on the parent's goroutine. Without
// one it may be called from any.
//
// The error is what can be known at once, such as a destination without route.
func (n *Calls) Dial(parent *Call, to Target, ctrl Controller) (*Call, error) {
	d := n.cfg.Services.Dialer
	if d == nil {
		return nil, errNoDialer
	}
	to.Source, to.Destination = NormalAddress(to.Source), NormalAddress(to.Destination)
	routes, err := d.Routes(to.Destination)
	if err != nil {
		return nil, err
	}
	if len(routes) == 0 {
		return nil, errNoRoute
	}
	if to.RingLimit <= 0 {
		to.RingLimit = n.cfg.RingLimit
	}
	c := n.newCall(ctrl)
	c.parent = parent
	c.rec.Direction = DirOutgoing
	c.rec.FlowID = to.FlowID
	if to.Type != "" {
		c.rec.Type = to.Type
	}
	c.rec.Source, c.rec.Destination = to.Source, to.Destination
	if parent != nil {
		c.hops = parent.hops
	}
	o := DialOptions{CallID: c.id, Hops: c.hops, From: to.Source, Headers: to.Headers, Codecs: to.Codecs, Post: c.Post}
	switch {
	case to.Customer != "":
		c.rec.CustomerID = to.Customer
	case parent != nil:
		c.rec.CustomerID = parent.rec.CustomerID
	}
	if parent != nil {
		if parent.gone {
			return nil, ErrHangup
		}
		if !to.Unchained {
			c.rec.MasterCallID = parent.id
		}
		if parent.leg != nil {
			o.Near = parent.leg.Port()
		}
	}
	// A call that lives while we drain may still place those it needs.
	if err := n.add(c, parent != nil); err != nil {
		return nil, err
	}
	c.begin(to.Variables)
	if parent != nil && !to.Unchained {
		parent.Chain(c)
	}
	go c.run(func() error { return c.place(d, routes, o, to) })
	return c, nil
}

// maxSilence is how long a route may be silent before the next one is tried.
const maxSilence = 4 * time.Second

// ringOver says that a placed call has rung for long enough.
type ringOver struct{}

// place sends the INVITE by one route after the other, until one answers, or
// rings where the program is to start early. An attempt that fails makes way
// for the next unless the called party has spoken ([FinalAttempt]).
func (c *Call) place(d Dialer, routes []Route, o DialOptions, to Target) error {
	c.placing = true
	defer func() { c.placing, c.trying = false, false }()
	if c.hops <= 0 {
		return c.unplaced(483)
	}
	c.limit = c.Clock().AfterFunc(to.RingLimit, func() { c.Post(ringOver{}) })
	for i, by := range routes {
		if err := c.poll(); err != nil {
			return err
		}
		if o.Silence = 0; i+1 < len(routes) {
			o.Silence = maxSilence
		}
		leg, err := d.Dial(by, o)
		if err != nil {
			c.Log().Warn("dial", "trunk", by.Trunk, "err", err)
			continue
		}
		c.leg, c.legOver, c.early = leg, false, false
		c.rec.Trunk, c.rec.SIPCallID = by.Trunk, leg.Info().CallID
		if i > 0 {
			c.publish(event.TypeCallUpdated)
		}
		c.trying = i+1 < len(routes)
		m, err := c.Wait(Forever, func(m Msg) bool {
			switch m.(type) {
			case sip.Answered, sip.Hungup:
				return true
			case sip.Ringing:
				return to.Early
			}
			return false
		})
		if err != nil {
			return err
		}
		end, ended := m.(sip.Hungup)
		if !ended {
			return nil
		}
		c.over(end.Cause)
		if FinalAttempt(end.Cause) {
			return ErrHangup
		}
		c.gone = false
		c.Log().Info("next route", "trunk", by.Trunk, "status", end.Cause.Status, "cause", end.Cause.Q850)
	}
	if c.leg == nil { // no route has room, or an address
		return c.unplaced(503)
	}
	c.gone = true
	return ErrHangup
}

// unplaced ends a call for which no INVITE was sent; status is what a caller is
// told for whom it was to be placed.
func (c *Call) unplaced(status int) error {
	c.reason = ReasonFailed
	c.over(sip.StatusCause(status, sip.Local))
	return ErrHangup
}
