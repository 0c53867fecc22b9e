package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"tandem/flow"
	"tandem/media/worker"
	"tandem/sip"
	"tandem/sip/resolve"
	"tandem/sip/ua"
)

func itoa(i int) string { return strconv.Itoa(i) }

// A dialer places the legs of calls: numbers by the trunks of `outbound`, SIP
// addresses directly. It implements [flow.Dialer].
type dialer node

var (
	errNobody        = errors.New("the destination's target is empty")
	errUnknownNumber = errors.New("no line of outbound matches the number")
)

// Routes implements [flow.Dialer].
func (d *dialer) Routes(to flow.Address) ([]flow.Route, error) {
	if to.Target == "" { // a variable that is empty, mostly
		return nil, errNobody
	}
	switch to.Type {
	case "tel":
		var list []flow.Route
		for _, t := range d.trunks.Outbound(to.Target) {
			list = append(list, flow.Route{Trunk: t.Name, To: to})
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("%s: %w", to.Target, errUnknownNumber)
		}
		return list, nil
	case "sip":
		if _, err := sipTarget(to.Target); err != nil {
			return nil, fmt.Errorf("%q: %w", to.Target, err)
		}
		return []flow.Route{{To: to}}, nil
	}
	return nil, fmt.Errorf("destinations of type %q cannot be called; have tel, sip", to.Type)
}

// Dial implements [flow.Dialer].
func (d *dialer) Dial(by flow.Route, o flow.DialOptions) (flow.Leg, error) {
	u := ua.DialOptions{ID: o.CallID, From: d.from(o.From), Headers: o.Headers, TryTimeout: o.Silence, Trunk: by.Trunk, MaxForwards: o.Hops}
	offered, release := o.Codecs, func() {}
	var err error
	if by.Trunk == "" {
		u.To, err = sipTarget(by.To.Target)
	} else if t := d.trunks.Trunk(by.Trunk); t == nil {
		err = fmt.Errorf("there is no trunk %s", by.Trunk)
	} else {
		u.To, u.Username, u.Password = t.Target(by.To.Target), t.Username, t.Password
		if len(offered) == 0 {
			offered = t.Codecs
		}
		release, err = t.Enter(d.calls.Clock().Now())
	}
	if err != nil {
		return nil, err
	}
	u.Post = releasing(o.Post, release)
	if near, ok := o.Near.(interface{ Worker() *worker.Worker }); ok {
		u.Worker = near.Worker()
	}
	to := u.To
	u.Find = func(found func(string, []netip.AddrPort, error)) {
		answer := func(targets []resolve.Target, err error) {
			network, addrs := sameNetwork(targets)
			found(network, addrs, err)
		}
		if targets, ready, err := d.resolver.Resolve(&to, answer); ready {
			answer(targets, err)
		}
	}
	var leg *ua.Leg
	if u.Codecs, err = codecs(offered); err == nil {
		leg, err = d.engine.ua.Dial(u)
	}
	if err != nil {
		release()
		return nil, err
	}
	return leg, nil
}

// sameNetwork are the first target's network and the addresses of all targets
// that share it.
func sameNetwork(targets []resolve.Target) (network string, addrs []netip.AddrPort) {
	for _, t := range targets {
		if network == "" {
			network = t.Network
		}
		if t.Network == network {
			addrs = append(addrs, t.Addr)
		}
	}
	return network, addrs
}

// sipTarget parses user@host:port, with or without its scheme.
func sipTarget(s string) (sip.Uri, error) {
	if scheme(s) == "" {
		s = "sip:" + s
	}
	u, err := sip.ParseURI(s)
	u.Headers = nil // they are not for a Request-URI (RFC 3261 §19.1.1)
	return u, err
}

// scheme is the scheme that a SIP address begins with, with its colon; empty
// where there is none.
func scheme(s string) string {
	for _, p := range []string{"sip:", "sips:"} {
		if len(s) >= len(p) && strings.EqualFold(s[:len(p)], p) {
			return s[:len(p)]
		}
	}
	return ""
}

// from is the caller as the called party sees it: a number or name at our own
// address, the advertised one where there is one.
func (d *dialer) from(a flow.Address) sip.FromTo {
	user, _, _ := strings.Cut(a.Target[len(scheme(a.Target)):], "@") // the caller's own host is none of the called party's business
	if user == "" {
		user = "anonymous"
	}
	host, _ := d.cfg.SIP.Advertise.Split()
	return sip.FromTo{Display: a.TargetName, URI: sip.Uri{Scheme: "sip", User: sip.EscapeUser(user), Host: host}}
}
