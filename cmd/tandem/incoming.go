package main

import (
	"errors"
	"strings"
	"time"

	"tandem/flow"
	"tandem/flow/event"
	"tandem/flow/route"
	"tandem/sip"
	"tandem/sip/ua"
)

// incoming decides about a new call; it runs on the leg's loop.
func (n *node) incoming(info sip.LegInfo) (take func(*ua.Leg), refuse sip.Cause) {
	from, to := userOf(&info.From.URI), userOf(&info.RequestURI)
	no := func(status int, reason string) (func(*ua.Leg), sip.Cause) {
		n.refuse(info, status, reason)
		return nil, sip.StatusCause(status, sip.Local)
	}
	switch {
	case n.draining.Load():
		return no(503, "draining")
	case !n.open.Load(): // it came in while the sockets were being opened
		return no(503, "starting")
	}
	d, ok := route.Decide(n.rules, route.Call{Trunk: info.Trunk, From: from, To: to})
	switch {
	case !ok:
		return no(404, "no route matches")
	case d.Kind == route.Reject:
		return no(d.Status, "rejected by route "+routeName(d.Rule))
	}
	ctrl, in, err := n.starter.Controller(d)
	if err != nil {
		return no(404, "route "+routeName(d.Rule)+": "+err.Error())
	}
	release, err := n.enter(info.Trunk)
	if err != nil {
		return no(503, err.Error())
	}
	in.Source, in.Destination = address(&info.From.URI, info.From.Display), address(&info.RequestURI, "")
	return func(leg *ua.Leg) {
		if leg == nil { // no port for its media
			release()
			return
		}
		if _, err := n.calls.Accept(&countedLeg{Leg: leg, release: release}, in, ctrl); err != nil {
			release()
			status := 500
			if errors.Is(err, flow.ErrDraining) {
				status = 503
			}
			n.refuse(info, status, err.Error())
			_ = leg.Hangup(sip.StatusCause(status, sip.Local)) // it may be over already
		}
	}, sip.Cause{}
}

// routeName is how a rule is called in logs: by its number in the file, from 1.
func routeName(i int) string { return itoa(i + 1) }

// refused remembers an INVITE that the user agent has refused by itself.
func (n *node) refused(info sip.LegInfo, with *sip.ReplyError) {
	reason := with.Reason
	if reason == "" {
		reason = sip.ReasonPhrase(with.Status)
	}
	n.refuse(info, with.Status, strings.ToLower(reason))
}

// refuse remembers an INVITE that became no call.
func (n *node) refuse(info sip.LegInfo, status int, reason string) {
	from, to := userOf(&info.From.URI), userOf(&info.RequestURI)
	n.refusals.Add(event.Refusal{
		ID: n.calls.NewID(), TMCreate: event.Time(time.Now()), Trunk: info.Trunk, Remote: info.Remote.String(),
		SIPCallID: info.CallID, From: from, To: to, Status: status, Reason: reason,
	})
	n.log.Info("refused", "trunk", info.Trunk, "remote", info.Remote.String(), "sipid", info.CallID, "from", from, "to", to, "status", status, "cause", reason)
}

// enter counts a call in at its trunk.
func (n *node) enter(name string) (release func(), err error) {
	t := n.trunks.Trunk(name)
	if t == nil {
		return func() {}, nil
	}
	return t.Enter(time.Now())
}

// address turns a URI into an address: of type tel where the user part is a
// number, else of type sip. display is as it stands in the header.
func address(u *sip.Uri, display string) flow.Address {
	user := userOf(u)
	display = sip.Unescape(display)
	if isNumber(user) {
		return flow.Address{Type: "tel", Target: user, TargetName: display}
	}
	target := user
	if u.Host != "" {
		target += "@" + u.Host
	}
	return flow.Address{Type: "sip", Target: target, TargetName: display}
}

// isNumber says whether s is a telephone number, with or without +.
func isNumber(s string) bool {
	if len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// A countedLeg gives its trunk's place back when it is over.
type countedLeg struct {
	*ua.Leg
	release func()
}

// SetPost implements [flow.Leg].
func (l *countedLeg) SetPost(post func(any)) { l.Leg.SetPost(releasing(post, l.release)) }

// releasing is post that calls release with the leg's last message.
func releasing(post func(any), release func()) func(any) {
	return func(m any) {
		if _, over := m.(sip.Hungup); over {
			release()
		}
		post(m)
	}
}
