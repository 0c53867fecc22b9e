package flow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"tandem/flow"
	"tandem/sip"
)

func TestIDs(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 123_000_000, time.UTC)
	ids := flow.NewIDs("media-1", func() time.Time { return now }, nil)
	seen := map[string]bool{}
	last := ""
	for range 2000 {
		id := ids.New()
		u, err := uuid.Parse(id)
		if err != nil || u.Version() != 8 || u.Variant() != uuid.RFC4122 {
			t.Fatalf("%s: version %v, variant %v, %v", id, u.Version(), u.Variant(), err)
		}
		at, node, ok := flow.ParseID(id)
		if !ok || !at.Equal(now) || node != flow.NodeNumber("media-1") {
			t.Fatalf("%s: %v of node %d, %v", id, at, node, ok)
		}
		if seen[id] || id <= last {
			t.Fatalf("%s after %s", id, last)
		}
		seen[id], last = true, id
	}
	for _, bad := range []string{"", "x", flow.NilID, uuid.NewString(), strings.Repeat("-", 36)} {
		if _, _, ok := flow.ParseID(bad); ok {
			t.Errorf("%q is taken for an id", bad)
		}
	}
	if flow.NodeNumber("media-1") == flow.NodeNumber("media-2") {
		t.Error("two nodes have one number")
	}
}

func TestNormalAddress(t *testing.T) {
	for _, tt := range []struct{ in, want flow.Address }{
		{flow.Address{Target: "+46 (70) 123-45 67"}, flow.Address{Type: "tel", Target: "+46701234567"}},
		{flow.Address{Type: "tel", Target: "anonymous"}, flow.Address{Type: "tel", Target: "anonymous"}},
		{flow.Address{Type: "TEL", Target: "tel:+1"}, flow.Address{Type: "tel", Target: "+1"}},
		{flow.Address{Target: "Bob@Example.COM:5060"}, flow.Address{Type: "sip", Target: "Bob@example.com:5060"}},
		{flow.Address{Target: "sip:100"}, flow.Address{Type: "sip", Target: "sip:100"}},
		{flow.Address{Type: "extension", Target: "2001", Name: "Desk"}, flow.Address{Type: "extension", Target: "2001", Name: "Desk"}},
	} {
		got := flow.NormalAddress(tt.in)
		if got != tt.want {
			t.Errorf("%+v: %+v, want %+v", tt.in, got, tt.want)
		}
		if again := flow.NormalAddress(got); again != got {
			t.Errorf("%+v changes again to %+v", got, again)
		}
	}
}

func TestVariables(t *testing.T) {
	v := flow.NewVariables()
	v.Set("a", "A")
	v.Set("b", "${a}")
	v.Set("x y", "z")
	for in, want := range map[string]string{
		"": "", "plain": "plain", "${a}": "A", "-${a}-${a}-": "-A-A-", "${b}": "${a}", "${none}": "", "${x y}": "z",
		"${a": "${a", "$a {a}": "$a {a}", "${${a}}": "}", "$${a}": "$A", "${}": "",
	} {
		if got, err := v.Expand(in); got != want || err != nil {
			t.Errorf("Expand(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	doc := map[string]any{"s": "${a}", "n": 5.0, "l": []any{"${a}", 1, true, nil, map[string]any{"${a}": "${a}"}}}
	got, err := v.ExpandAll(doc)
	want := map[string]any{"s": "A", "n": 5.0, "l": []any{"A", 1, true, nil, map[string]any{"${a}": "A"}}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if doc["s"] != "${a}" {
		t.Error("the template was changed")
	}
}

func TestVariableLimits(t *testing.T) {
	v := flow.NewVariables()
	if err := v.Set("", "x"); err == nil {
		t.Error("a variable without a name")
	}
	if err := v.Set("a", strings.Repeat("x", flow.MaxVariableSize+1)); err == nil {
		t.Error("a value over the limit")
	}
	big := strings.Repeat("x", flow.MaxVariableSize)
	n := 0
	for ; n < 100; n++ {
		if v.Set(strings.Repeat("k", n+1), big) != nil {
			break
		}
	}
	if n != flow.MaxVariablesSize/flow.MaxVariableSize-1 {
		t.Errorf("%d values of the largest size", n)
	}
	v.Delete("k")
	if err := v.Set("k", big); err != nil {
		t.Error("room is not given back:", err)
	}
	if _, err := v.Expand(strings.Repeat("${k}", 1000)); err == nil {
		t.Error("a text of 32 MB")
	}
	many := flow.NewVariables()
	for i := range flow.MaxVariables + 1 {
		err := many.Set(strings.Repeat("a", i%90+1)+string(rune('0'+i/90)), "")
		if (err != nil) != (i >= flow.MaxVariables) {
			t.Fatalf("variable %d: %v", i, err)
		}
	}
}

func TestCauses(t *testing.T) {
	for _, tt := range []struct {
		in     sip.Cause
		reason flow.Reason
		final  bool
		relay  int
	}{
		{sip.Cause{Status: 486}, flow.ReasonBusy, true, 486},
		{sip.Cause{Status: 600}, flow.ReasonBusy, true, 600},
		{sip.Cause{Status: 603}, flow.ReasonNoAnswer, true, 603},
		{sip.Cause{Status: 480}, flow.ReasonNoAnswer, true, 480},
		{sip.Cause{Status: 487}, flow.ReasonNoAnswer, true, 480},
		{sip.Cause{Status: 408}, flow.ReasonNoAnswer, false, 480},
		{sip.Cause{Status: 404}, flow.ReasonFailed, false, 404},
		{sip.Cause{Status: 403}, flow.ReasonFailed, true, 403},
		{sip.Cause{Status: 401}, flow.ReasonFailed, false, 403},
		{sip.Cause{Status: 407}, flow.ReasonFailed, false, 403},
		{sip.Cause{Status: 503}, flow.ReasonFailed, false, 503},
		{sip.Cause{Status: 302}, flow.ReasonFailed, false, 480},
		{sip.Cause{Status: 580}, flow.ReasonFailed, false, 580},
		{sip.Cause{Q850: 16}, flow.ReasonNoAnswer, true, 480},
		{sip.Cause{Q850: 17}, flow.ReasonBusy, true, 486},
		{sip.Cause{Q850: 19}, flow.ReasonNoAnswer, true, 480},
		{sip.Cause{Q850: 21}, flow.ReasonNoAnswer, true, 603},
		{sip.Cause{Q850: 26}, flow.ReasonNoAnswer, true, 480},
		{sip.Cause{Q850: 1}, flow.ReasonFailed, false, 404},
		{sip.Cause{Q850: 22}, flow.ReasonFailed, false, 410},
		{sip.Cause{Q850: 27}, flow.ReasonFailed, false, 502},
		{sip.Cause{Q850: 28}, flow.ReasonFailed, false, 484},
		{sip.Cause{Q850: 29}, flow.ReasonFailed, false, 501},
		{sip.Cause{Q850: 34}, flow.ReasonFailed, false, 503},
		{sip.Cause{Q850: 38}, flow.ReasonFailed, false, 500},
		{sip.Cause{Q850: 42}, flow.ReasonFailed, false, 503},
		{sip.Cause{Q850: 58}, flow.ReasonFailed, false, 488},
		{sip.Cause{}, flow.ReasonFailed, false, 480},
	} {
		if r := flow.RefusalReason(tt.in); r != tt.reason {
			t.Errorf("%v: reason %s, want %s", tt.in, r, tt.reason)
		}
		if f := flow.FinalAttempt(tt.in); f != tt.final {
			t.Errorf("%v: final %v", tt.in, f)
		}
		if r := flow.RelayCause(tt.in); r.Status != tt.relay || r.By != sip.Local {
			t.Errorf("%v: relayed as %d, want %d", tt.in, r.Status, tt.relay)
		}
	}
	for _, r := range append(flow.Reasons(), "unknown") {
		if c := flow.EndCause(r); c.Status < 400 || c.Q850 == 0 {
			t.Errorf("%s ends with %v", r, c)
		}
	}
}
