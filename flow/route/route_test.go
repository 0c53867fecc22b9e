package route_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tandem/flow"
	"tandem/flow/action"
	"tandem/flow/conference"
	"tandem/flow/event"
	"tandem/flow/flowtest"
	"tandem/flow/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rules are those of the contract.
var rules = []route.Rule{
	{Trunk: "acme", To: "+46850*", Flow: "reception"},
	{To: "7000", Jambonz: "ivr"},
	{To: "8*", Mediaservice: "cust.example.net"},
	{To: "600", Service: "echo"},
	{To: "700", Conference: "standup"},
	{From: "+4670*", To: "9", Reject: 403},
	{Trunk: route.Users, To: "2*", Flow: "desk"},
}

func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		call route.Call
		want string
	}{
		{route.Call{Trunk: "acme", To: "+468501234"}, "flow reception"},
		{route.Call{Trunk: "beta", To: "+468501234"}, ""},
		{route.Call{User: "2001", To: "+468501234"}, ""},
		{route.Call{Trunk: "beta", To: "7000"}, "jambonz ivr"},
		{route.Call{Trunk: "beta", To: "70001"}, ""},
		{route.Call{Trunk: "beta", To: "8"}, "mediaservice cust.example.net"},
		{route.Call{User: "2001", To: "600"}, "service echo"},
		{route.Call{Trunk: "acme", To: "700"}, "conference standup"},
		{route.Call{Trunk: "acme", From: "+46701", To: "9"}, "reject 403"},
		{route.Call{Trunk: "acme", From: "+46801", To: "9"}, ""},
		{route.Call{User: "2001", To: "2002"}, "flow desk"},
		{route.Call{Trunk: "acme", To: "2002"}, ""},
		{route.Call{}, ""},
	} {
		d, ok := route.Decide(rules, tt.call)
		got := ""
		if ok {
			got = d.String()
		}
		if got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.call, got, tt.want)
		}
		lines := route.Explain(rules, tt.call)
		if last := lines[len(lines)-1]; last.Matched != ok || ok && last.Text != tt.want || ok && last.Rule != d.Rule {
			t.Errorf("%+v: explained as %+v", tt.call, lines)
		}
	}
}

func TestExplain(t *testing.T) {
	got := route.Explain(rules, route.Call{Trunk: "beta", From: "+4680", To: "9"})
	want := []route.Line{
		{Rule: 0, Text: "trunk acme, but the call comes from beta"},
		{Rule: 1, Text: `to "7000" does not match "9"`},
		{Rule: 2, Text: `to "8*" does not match "9"`},
		{Rule: 3, Text: `to "600" does not match "9"`},
		{Rule: 4, Text: `to "700" does not match "9"`},
		{Rule: 5, Text: `from "+4670*" does not match "+4680"`},
		{Rule: 6, Text: "not from a registered user"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestStarter runs what each kind of target leads to.
func TestStarter(t *testing.T) {
	for _, tt := range []struct {
		decision route.Decision
		press    string
		typ, log string
	}{
		{route.Decision{Kind: route.Flow, Name: "reception"}, "", "flow", "answer; in bridge1; out"},
		{route.Decision{Kind: route.Conference, Name: "standup"}, "", "conference", "answer; in bridge1; in room2; out"},
		{route.Decision{Kind: route.Service, Name: "echo"}, "", "sip-service", "answer; in bridge1; echo true; echo false; out"},
		{route.Decision{Kind: route.Service, Name: "tone"}, "", "sip-service", "answer; in bridge1; play *tone.Source; stop *tone.Source; out"},
		{route.Decision{Kind: route.Service, Name: "music"}, "", "sip-service", "answer; in bridge1; play *tone.Source; stop *tone.Source; out"},
		{route.Decision{Kind: route.Service, Name: "readback"}, "12*#", "sip-service",
			"answer; in bridge1; play say Enter digits, and end with hash.; play say You entered 1, 2, star.; play say I heard no digits.; out"},
	} {
		t.Run(tt.decision.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := flowtest.New(nil, nil)
				rooms := conference.New(w.Calls, nil)
				s := &route.Starter{Env: &action.Env{Rooms: rooms}, Flow: func(name string) ([]flow.Step, string, bool) {
					return []flow.Step{{Type: "answer"}, {Type: "sleep", Option: map[string]any{"duration": 60000}}}, event.NamedID(name), name == "reception"
				}}
				ctrl, in, err := s.Controller(tt.decision)
				if err != nil {
					t.Fatal(err)
				}
				leg := w.Caller()
				c, err := w.Calls.Accept(leg, in, ctrl)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				leg.FarPresses(tt.press)
				time.Sleep(17 * time.Second)
				leg.FarHangsUp()
				<-c.Done()
				if got := w.Log.Of(leg.ID()); got != tt.log {
					t.Errorf("did\n %s, want\n %s", got, tt.log)
				}
				if r := c.Snapshot(); r.Type != tt.typ || tt.typ == "flow" && r.FlowID != event.NamedID("reception") {
					t.Errorf("type %s, flow %s", r.Type, r.FlowID)
				}
				rooms.Close()
			})
		})
	}
	s := &route.Starter{Flow: func(string) ([]flow.Step, string, bool) { return nil, "", false }}
	for _, d := range []route.Decision{{Kind: route.Flow, Name: "x"}, {Kind: route.Service, Name: "x"}, {Kind: route.Jambonz, Name: "x"}, {Kind: route.Reject}} {
		if _, _, err := s.Controller(d); err == nil {
			t.Errorf("%s: no error", d)
		}
	}
}

// TestServices: every service that is named is there.
func TestServices(t *testing.T) {
	s := &route.Starter{}
	for _, name := range route.Services() {
		if _, _, err := s.Controller(route.Decision{Kind: route.Service, Name: name}); err != nil {
			t.Error(err)
		}
	}
}
