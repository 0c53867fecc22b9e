package trunk

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/sip"
)

func mustURI(t *testing.T, s string) sip.Uri {
	t.Helper()
	u, err := sip.ParseURI(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func prefixes(s ...string) (ps []netip.Prefix) {
	for _, p := range s {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}

func table(t *testing.T) *Table {
	t.Helper()
	tab, err := New([]Config{
		{Name: "acme", From: prefixes("198.51.100.0/24", "2001:db8:1::/48"), To: mustURI(t, "sip:sbc.acme.example:5070;transport=tcp")},
		{Name: "narrow", From: prefixes("198.51.100.16/28"), To: mustURI(t, "sip:192.0.2.1")},
		{Name: "one", From: prefixes("::ffff:203.0.113.7/128")},
		{Name: "lab", From: prefixes("127.0.0.0/8")},
	}, []Outbound{
		{To: "+46*", Trunks: []string{"acme", "one", "narrow"}},
		{To: "+46850*", Trunks: []string{"narrow"}},
		{To: "*", Trunks: []string{"narrow"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestIdentify(t *testing.T) {
	tab := table(t)
	for src, want := range map[string]string{
		"198.51.100.1":         "acme",
		"198.51.100.17":        "narrow",
		"198.51.100.32":        "acme",
		"::ffff:198.51.100.17": "narrow",
		"203.0.113.7":          "one",
		"203.0.113.8":          "",
		"2001:db8:1:2::3":      "acme",
		"2001:db8:2::3":        "",
		"127.0.0.2":            "lab",
		"0.0.0.0":              "",
	} {
		got := ""
		if tr := tab.Identify(netip.MustParseAddr(src)); tr != nil {
			got = tr.Name
		}
		if got != want {
			t.Errorf("%s is %q, want %q", src, got, want)
		}
		if known := tab.Known(netip.AddrPortFrom(netip.MustParseAddr(src), 5060)); known != (want != "") {
			t.Errorf("%s: known %v", src, known)
		}
	}
}

func TestOutbound(t *testing.T) {
	tab := table(t)
	for number, want := range map[string]string{
		"+46701234567": "acme narrow", // the first line, not the longest; one has no target
		"+4685012":     "acme narrow",
		"+15551234":    "narrow",
		"":             "narrow",
	} {
		var got []string
		for _, tr := range tab.Outbound(number) {
			got = append(got, tr.Name)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q leaves by %q, want %q", number, s, want)
		}
	}
}

func TestTarget(t *testing.T) {
	tr := table(t).Trunk("acme")
	for number, want := range map[string]string{
		"+46701234567": "sip:+46701234567@sbc.acme.example:5070;transport=tcp",
		"*21#":         "sip:*21%23@sbc.acme.example:5070;transport=tcp",
		"a b@c\r\n":    "sip:a%20b%40c%0D%0A@sbc.acme.example:5070;transport=tcp",
	} {
		if u := tr.Target(number); u.String() != want {
			t.Errorf("%q becomes %s", number, u.String())
		}
	}
}

func TestLimits(t *testing.T) {
	tab, err := New([]Config{{Name: "calls", Calls: 2}, {Name: "rate", Rate: 10}, {Name: "free"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	calls := tab.Trunk("calls")
	first, err1 := calls.Enter(now)
	_, err2 := calls.Enter(now)
	if _, err := calls.Enter(now); err1 != nil || err2 != nil || !errors.Is(err, ErrCalls) {
		t.Errorf("two calls: %v, %v, then %v", err1, err2, err)
	}
	first()
	first()
	if calls.Up() != 1 {
		t.Errorf("%d calls up, want 1", calls.Up())
	}
	if _, err := calls.Enter(now); err != nil {
		t.Errorf("after one ended: %v", err)
	}

	// Twice the rate for ten seconds.
	taken := 0
	for i := range 200 {
		release, err := tab.Trunk("rate").Enter(now.Add(time.Duration(i) * 50 * time.Millisecond))
		switch {
		case err == nil:
			taken++
			release()
		case !errors.Is(err, ErrRate):
			t.Fatal(err)
		}
		if _, err := tab.Trunk("free").Enter(now); err != nil {
			t.Fatalf("the other trunk: %v", err)
		}
	}
	if taken < 100 || taken > 110 {
		t.Errorf("%d calls in 10 s at 10 a second", taken)
	}
}

func TestBadTable(t *testing.T) {
	for want, c := range map[string]struct {
		trunks   []Config
		outbound []Outbound
	}{
		"trunk a: there twice":                     {trunks: []Config{{Name: "a"}, {Name: "a"}}},
		"trunk b: from: 192.0.2.0/24 is trunk a's": {trunks: []Config{{Name: "a", From: prefixes("192.0.2.0/24")}, {Name: "b", From: prefixes("192.0.2.77/24")}}},
		"outbound +1*: unknown trunk z":            {outbound: []Outbound{{To: "+1*", Trunks: []string{"z"}}}},
		"trunk a: from: bad prefix":                {trunks: []Config{{Name: "a", From: []netip.Prefix{{}}}}},
	} {
		if _, err := New(c.trunks, c.outbound); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
