package dial_test

import (
	"errors"
	"strings"
	"testing"

	"tandem/flow"
	"tandem/flow/dial"
)

func TestRoutes(t *testing.T) {
	var placed flow.Route
	r := &dial.Router{
		Rules: []dial.Rule{
			{To: "+46*", Trunks: []string{"acme", "beta"}},
			{To: "+1*", Trunks: []string{"gamma"}},
			{To: "+*", Trunks: []string{"rest"}},
		},
		Place: func(by flow.Route, _ flow.DialOptions) (flow.Leg, error) { placed = by; return nil, nil },
	}
	for _, tt := range []struct {
		to   flow.Address
		want string
		err  error
	}{
		{flow.Address{Type: flow.TypeTel, Target: "+46701234567"}, "acme beta", nil},
		{flow.Address{Type: flow.TypeTel, Target: "+1"}, "gamma", nil},
		{flow.Address{Type: flow.TypeTel, Target: "+47"}, "rest", nil},
		{flow.Address{Type: flow.TypeTel, Target: "112"}, "", dial.ErrNoRoute},
		{flow.Address{Type: flow.TypeSIP, Target: "a@b"}, "", nil},
	} {
		routes, err := r.Routes(tt.to)
		if !errors.Is(err, tt.err) {
			t.Errorf("%v: %v", tt.to, err)
		}
		var got []string
		for _, by := range routes {
			got = append(got, by.Trunk)
			if by.To != tt.to {
				t.Errorf("route to %v, want %v", by.To, tt.to)
			}
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%v: trunks %q, want %q", tt.to, s, tt.want)
		}
	}
	if _, err := r.Routes(flow.Address{Type: flow.TypeAgent, Target: "x"}); err == nil {
		t.Error("an agent can be dialled")
	}
	if r.Dial(flow.Route{Trunk: "acme"}, flow.DialOptions{}); placed.Trunk != "acme" {
		t.Errorf("placed by %q", placed.Trunk)
	}
}
