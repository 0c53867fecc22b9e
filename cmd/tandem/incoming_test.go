package main

import (
	"log/slog"
	"net/netip"
	"testing"

	"tandem/config"
	"tandem/flow"
	"tandem/flow/action"
	"tandem/flow/api"
	"tandem/flow/route"
	"tandem/sip"
	"tandem/sip/trunk"
)

// paperNode is a node that routes calls and has nothing to carry them.
func paperNode(t *testing.T, trunks ...trunk.Config) *node {
	t.Helper()
	table, err := trunk.New(trunks, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{
		cfg: &config.Config{}, log: slog.New(slog.DiscardHandler), trunks: table, refusals: api.NewRefusals(10),
		calls: flow.NewCalls(flow.Config{Node: "test"}), starter: &route.Starter{Env: &action.Env{}},
		rules: []route.Rule{{To: "600", Service: "echo"}, {To: "403", Reject: 403}},
	}
	n.open.Store(true)
	return n
}

func invite(to string) sip.LegInfo {
	return sip.LegInfo{
		Trunk: "acme", CallID: "x", Remote: netip.MustParseAddrPort("192.0.2.1:5060"),
		From:       sip.FromTo{Display: `Bob \"B\"`, URI: sip.Uri{Scheme: "sip", User: "+4670", Host: "example.net"}},
		RequestURI: sip.Uri{Scheme: "sip", User: to, Host: "example.net"},
	}
}

// TestIncoming: where calls are sent, why they are refused, and that a refused
// one leaves a line, but no place taken at its trunk.
func TestIncoming(t *testing.T) {
	acme := trunk.Config{Name: "acme", Calls: 1}
	for _, tt := range []struct {
		name, to string
		edit     func(*node)
		status   int
	}{
		{"a route", "600", nil, 0},
		{"no route", "601", nil, 404},
		{"rejected", "403", nil, 403},
		{"draining", "600", func(n *node) { n.draining.Store(true) }, 503},
		{"the sockets are being opened", "600", func(n *node) { n.open.Store(false) }, 503},
		{"the trunk is full", "600", func(n *node) { n.enter("acme") }, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := paperNode(t, acme)
			if tt.edit != nil {
				tt.edit(n)
			}
			taken := n.trunks.Trunk("acme").Up()
			take, refuse := n.incoming(invite(tt.to))
			if refuse.Status != tt.status || (take == nil) != (tt.status != 0) {
				t.Fatalf("refused with %d, taken %v", refuse.Status, take != nil)
			}
			refusals := n.refusals.List()
			if take != nil {
				if up := n.trunks.Trunk("acme").Up(); up != taken+1 {
					t.Errorf("the trunk carries %d calls", up)
				}
				take(nil) // there is no port for it
			} else if len(refusals) != 1 || refusals[0].Status != tt.status || refusals[0].To != tt.to || refusals[0].Trunk != "acme" || refusals[0].Reason == "" {
				t.Errorf("refusals %+v", refusals)
			}
			if up := n.trunks.Trunk("acme").Up(); up != taken {
				t.Errorf("the trunk carries %d calls, want %d", up, taken)
			}
		})
	}
	n := paperNode(t, acme, trunk.Config{Name: "own", From: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}, Codecs: []string{"gsm", "pcmu"}},
		trunk.Config{Name: "any", From: []netip.Prefix{netip.MustParsePrefix("192.0.2.8/32")}})
	if p, ok := n.identify(netip.MustParseAddrPort("192.0.2.7:5060"), nil); !ok || p.Name != "own" || len(p.Codecs) != 2 || p.Codecs[0].Name != "gsm" || !p.OwnOrder {
		t.Errorf("a trunk with codecs of its own is %+v", p)
	}
	if p, ok := n.identify(netip.MustParseAddrPort("192.0.2.8:5060"), nil); !ok || p.Name != "any" || p.Codecs != nil || p.OwnOrder {
		t.Errorf("a trunk without is %+v", p)
	}
	if _, ok := n.identify(netip.MustParseAddrPort("192.0.2.9:5060"), nil); ok {
		t.Error("a stranger is a trunk's")
	}
	n.refused(invite("1"), &sip.ReplyError{Status: 488})
	if got := n.refusals.List(); len(got) != 1 || got[0].Status != 488 || got[0].Reason != "not acceptable here" || got[0].From != "+4670" {
		t.Errorf("refusals %+v", got)
	}
}
