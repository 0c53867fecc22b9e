package main

import (
	"cmp"
	"testing"

	"tandem/flow"
	"tandem/sip"
	"tandem/sip/trunk"
)

// TestSIPTarget: what may be written as a SIP destination.
func TestSIPTarget(t *testing.T) {
	for in, want := range map[string]string{
		"bob@192.0.2.1:5070":                  "sip:bob@192.0.2.1:5070",
		"sip:bob@[2001:db8::1];transport=tcp": "sip:bob@[2001:db8::1];transport=tcp",
		"SIP:bob@example.net":                 "sip:bob@example.net",
		"192.0.2.1":                           "sip:192.0.2.1",
		"bob@example.net?Route=%3Csip:x%3E":   "sip:bob@example.net", // headers are not for a Request-URI
		"bob@exa mple":                        "",
		"":                                    "",
		"bob@x\r\nVia: y":                     "",
	} {
		u, err := sipTarget(in)
		if got := u.String(); err == nil && got != want || err != nil && want != "" {
			t.Errorf("%q is %q, %v; want %q", in, got, err, want)
		}
	}
}

// TestNames: a caller's display name is passed on as it came.
func TestNames(t *testing.T) {
	d := (*dialer)(paperNode(t))
	for _, c := range []struct {
		uri           sip.Uri
		display, name string
		from          string
	}{
		{sip.Uri{Scheme: "sip", User: "+4670", Host: "example.net"}, `Bob \"B\"`, `Bob "B"`, "+4670"},
		{sip.Uri{Scheme: "sip", User: "bob", Host: "example.net"}, "", "", "bob"},
		{sip.Uri{Scheme: "sip", User: "a%20b", Host: "example.net"}, `\\`, `\`, "a%20b"},
		{sip.Uri{Scheme: "sip", Host: "example.net"}, "", "", "anonymous"},
		{sip.Uri{Scheme: "sip", User: "+4670;npdi;rn=+46800", Host: "example.net"}, "", "", "+4670"}, // RFC 4694
		{sip.Uri{Scheme: "sip", User: "bob;x", Host: "example.net"}, "", "", "bob;x"},
	} {
		a := flow.NormalAddress(address(&c.uri, c.display))
		if a.TargetName != c.name {
			t.Errorf("%q becomes %q, want %q", c.display, a.TargetName, c.name)
		}
		if f := d.from(a); f.Display != c.name || f.URI.User != c.from || f.URI.Host != "" {
			t.Errorf("%+v is shown as %+v", a, f)
		}
	}
	if f := d.from(flow.Address{Type: "sip", Target: "sip:bob@example.net"}); f.URI.User != "bob" {
		t.Errorf("a source with a scheme is shown as %q", f.URI.User)
	}
}

// TestRoutes: what can be called, and by which trunks.
func TestRoutes(t *testing.T) {
	n := paperNode(t)
	var err error
	n.trunks, err = trunk.New([]trunk.Config{
		{Name: "a", To: sip.Uri{Scheme: "sip", Host: "a.example"}}, {Name: "b", To: sip.Uri{Scheme: "sip", Host: "b.example"}}, {Name: "in"},
	}, []trunk.Outbound{{To: "+46*", Trunks: []string{"a", "in", "b"}}, {To: "*", Trunks: []string{"b"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		to   flow.Address
		want string // trunks, "-" none; empty: an error
	}{
		{flow.Address{Type: "tel", Target: "+4670"}, "a b "},
		{flow.Address{Type: "tel", Target: "100"}, "b "},
		{flow.Address{Type: "tel", Target: ""}, ""},
		{flow.Address{Type: "sip", Target: "bob@example.net"}, "- "},
		{flow.Address{Type: "sip", Target: ""}, ""},
		{flow.Address{Type: "sip", Target: "bob@exa mple"}, ""},
		{flow.Address{Type: "agent", Target: "x"}, ""},
	} {
		routes, err := (*dialer)(n).Routes(c.to)
		got := ""
		for _, r := range routes {
			got += cmp.Or(r.Trunk, "-") + " "
		}
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v: by %q, %v; want %q", c.to, got, err, c.want)
		}
	}
}
