package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const plain = "OPTIONS sip:100@192.0.2.1 SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKabc\r\n" +
	"From: <sip:a@example.com>;tag=a\r\n" +
	"To: <sip:b@example.com>\r\n" +
	"Call-ID: x\r\n" +
	"CSeq: 1 OPTIONS\r\n" +
	"Max-Forwards: 70\r\n" +
	"Content-Length: 0\r\n\r\n"

func mustParse(t testing.TB, s string) Message {
	t.Helper()
	m, err := Parse([]byte(s))
	if err != nil {
		t.Fatalf("%v in\n%s", err, s)
	}
	return m
}

// TestMissing leaves out every set of the fields that must be there (sipgo
// GHSA-c623-f998-8hhv was a crash on one).
func TestMissing(t *testing.T) {
	fields := []string{"Via", "From", "To", "Call-ID", "CSeq"}
	for set := 1; set < 1<<len(fields); set++ {
		var msg strings.Builder
		for line := range strings.Lines(plain) {
			name, _, _ := strings.Cut(line, ":")
			out := false
			for i, f := range fields {
				out = out || set&(1<<i) != 0 && name == f
			}
			if !out {
				msg.WriteString(line)
			}
		}
		_, err := Parse([]byte(msg.String()))
		if err == nil || err.(*ReplyError).Status != 400 || !strings.HasPrefix(err.(*ReplyError).Reason, "Missing ") {
			t.Errorf("set %05b: %v", set, err)
		}
		reply, to, ok := Refusal([]byte(msg.String()), err.(*ReplyError), netip.MustParseAddrPort("192.0.2.7:4000"))
		if via := set&1 == 0; ok != via {
			t.Errorf("set %05b: refused %v", set, ok)
		} else if ok && (to.String() != "192.0.2.7:5060" || !strings.Contains(string(reply), "received=192.0.2.7")) {
			t.Errorf("set %05b: to %v\n%s", set, to, reply)
		}
	}
}

// TestScalars: numbers that fit nowhere (security row 19).
func TestScalars(t *testing.T) {
	for _, c := range []struct {
		old, new string
		status   int // 0: accepted
	}{
		{"CSeq: 1 ", "CSeq: 0 ", 0},
		{"CSeq: 1 ", "CSeq: 2147483647 ", 0},
		{"CSeq: 1 ", "CSeq: 2147483648 ", 400},
		{"CSeq: 1 ", "CSeq: 4294967297 ", 400},
		{"CSeq: 1 ", "CSeq: 18446744073709551617 ", 400},
		{"CSeq: 1 ", "CSeq: -1 ", 400},
		{"CSeq: 1 ", "CSeq: +1 ", 400},
		{"CSeq: 1 ", "CSeq: 0x1 ", 400},
		{"CSeq: 1 ", "CSeq:  ", 400},
		{"CSeq: 1 OPTIONS", "CSeq: 1OPTIONS", 400},
		{"Forwards: 70", "Forwards: 255", 0},
		{"Forwards: 70", "Forwards: 256", 400},
		{"Forwards: 70", "Forwards: -1", 400},
		{"Forwards: 70", "Forwards: ", 400},
		{"Length: 0", "Length: 1", 400},
		{"Length: 0", "Length: -0", 400},
		{"Length: 0", "Length: 0 0", 400},
		{"Length: 0", "Length: 0, 0", 400},
		{"Length: 0", "Length: 2147483648", 413},
		{"Length: 0", "Length: 18446744073709551616", 413},
		{"Length: 0", "Length: " + strings.Repeat("9", 10000), 400},
		{"192.0.2.2:5060", "192.0.2.2:65535", 0},
		{"192.0.2.2:5060", "192.0.2.2:65536", 400},
		{"192.0.2.2:5060", "192.0.2.2:0", 400},
		{"192.0.2.2:5060", "192.0.2.2:", 400},
		{"100@192.0.2.1 ", "100@192.0.2.1:65536 ", 400},
		{"100@192.0.2.1 ", "100@192.0.2.1:-1 ", 400},
		{"100@192.0.2.1 ", "100@192.0.2.1:+1 ", 400},
		{"a@example.com", "a@example.com:99999999999999999999", 400},
		{"Max-", "Expires: 99999999999999999999999\r\nMax-", 0}, // for whom it concerns
	} {
		_, err := Parse([]byte(strings.Replace(plain, c.old, c.new, 1)))
		status := 0
		if err != nil {
			status = err.(*ReplyError).Status
		}
		if status != c.status {
			t.Errorf("%.60q: %v, want %d", c.new, err, c.status)
		}
	}
	for _, line := range []string{"SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/2.0 1000 x", "SIP/2.0 4294967496 x", "SIP/2.0 -20 x", "SIP/2.0 2xx x", "SIP/2.0  x", "SIP/3.0 200 OK", "SIP/2.0"} {
		if m, err := Parse([]byte(strings.Replace(plain, "OPTIONS sip:100@192.0.2.1 SIP/2.0", line, 1))); err == nil {
			t.Errorf("%q is a response:\n%s", line, m)
		}
	}
}

// TestSmuggling: spellings by which a header slips past one reader and not
// another either are refused or mean the same to everybody (security row 15).
func TestSmuggling(t *testing.T) {
	secret := func(m Message) (vs []string) {
		for _, h := range m.GetHeaders("x-secret") {
			vs = append(vs, h.Value())
		}
		return vs
	}
	seen := func(line string) { // it must be found under its name
		t.Helper()
		m := mustParse(t, strings.Replace(plain, "Max-", line+"\r\nMax-", 1))
		if got := secret(m); len(got) != 1 || got[0] != "1" {
			t.Errorf("%q is read as %q", line, got)
		}
	}
	for _, line := range []string{
		"X-Secret: 1", "X-Secret:1", "X-Secret :1", "X-Secret  : 1", "X-Secret\t:\t1", "x-secret: 1", "X-SECRET: 1",
		"x-SeCrEt: 1", "X-Secret:\r\n 1", "X-Secret :\r\n\t1", "X-Secret:\r\n  \r\n 1", "X-Secret: 1\r\n ", "X-Secret: 1 \t",
	} {
		seen(line)
	}
	for _, line := range []string{
		"X-Secret\x00: 1", "\x00X-Secret: 1", "X-Secret\u00a0: 1", "X\u2011Secret: 1", "X-Secret\v: 1", "X-Secret\f: 1",
		"X-Sec ret: 1", "X-Secret\r: 1", "A: b\rX-Secret: 1", "A: b\nX-Secret: 1", "A: b\r\r\nX-Secret: 1", "A: b\n\rX-Secret: 1",
		": 1", " X: 1\r\nX-Secret", "X-Secret 1", "(X-Secret): 1", "X-Secret;: 1", "\"X-Secret\": 1", "X-Secret: a\x00b", "X-Secret: \x1b[2J", "X-Secret\x7f: 1",
	} {
		if m, err := Parse([]byte(strings.Replace(plain, "Max-", line+"\r\nMax-", 1))); err == nil {
			if got := secret(m); len(got) != 0 || !strings.HasPrefix(line, " ") {
				t.Errorf("%q passes as\n%s", line, m)
			}
		}
	}
	if m := mustParse(t, strings.Replace(plain, "Max-", "X-Secret: 1\r\nX-Secret: 2\r\nMax-", 1)); len(secret(m)) != 2 {
		t.Error("one of two is lost")
	}
}

// TestValues reads what stands in Via, name-addr and URI.
func TestValues(t *testing.T) {
	for in, want := range map[string]string{ // a Contact, as it is printed
		"sip:a@h":                              "<sip:a@h>",
		"sip:a@h;p=1":                          "<sip:a@h>;p=1",
		"<sip:a@h;p=1>;q=0.5":                  "<sip:a@h;p=1>;q=0.5",
		"*":                                    "*",
		"A B <sip:h>":                          `"A B" <sip:h>`,
		`"A \"B\" \\" <sip:h>`:                 `"A \"B\" \\" <sip:h>`,
		`"<sip:x@y>" <sip:h>`:                  `"<sip:x@y>" <sip:h>`,
		"<sip:a:b@h:5070>":                     "<sip:a:b@h:5070>",
		"<sips:h;Transport=TCP;LR;X=Y>":        "<sips:h;transport=TCP;lr;X=Y>",
		"<sip:h> ; Expires = 60 ;ob":           "<sip:h>;expires=60;ob",
		`<sip:h>;+sip.instance="<urn:u>"`:      `<sip:h>;+sip.instance="<urn:u>"`,
		`<sip:h>;x="a; b, \"c"`:                `<sip:h>;x="a; b, \"c"`,
		"<sip:[2001:db8::1]:5060>":             "<sip:[2001:db8::1]:5060>",
		"<tel:+46-8-50;phone-context=x>":       "<tel:+46-8-50;phone-context=x>",
		"<sip:a@h?Route=%3Csip:x%3E&a=b>":      "<sip:a@h?Route=%3Csip:x%3E&a=b>",
		"sip:h;;x":                             "<sip:h>;x",
		"<sip:%00@h>":                          "<sip:%00@h>",
		`sip:h;x="<sip:y>"`:                    `<sip:h>;x="<sip:y>"`,
		"<sip:1;phone-context=a@h;user=phone>": "<sip:1;phone-context=a@h;user=phone>",
	} {
		h := &ContactHeader{}
		if err := nameAddr(in, "Contact", true, &h.DisplayName, &h.Address, &h.Params); err != nil {
			t.Errorf("%q: %v", in, err)
		} else if h.Value() != want {
			t.Errorf("%q is printed %q", in, h.Value())
		}
	}
	for _, in := range []string{
		"", "sip:", "h", "<>", "<sip:h", "sip:h>", `"A <sip:h>`, `"A" sip:h`, `A" <sip:h>`, `A\ <sip:h>`, "<sip:a b@h>", "< sip:h>", "<sip:h >",
		"sip:a@h?x=y", "sip:a,b@h", "<sip:h:>", "<sip:h:0>", "<sip:h:65536>", "<sip:a@>", "<sip:@>", "<sip:h_h/x>", "<sip:[::1>", "<sip:[]>", "<sip:[x]>",
		"<sip:[::1]x>", "<sip:h>x", "<sip:h>;=1", `<sip:h>;x="a`, `<sip:h>;x=a"b`, "<sip:h>;tag=1;tag=2", "<sip:h\r\n>", `<sip:"a"@h>`, "<so.ap:x>", "A <sip:h> B",
	} {
		h := &ContactHeader{}
		if err := nameAddr(in, "Contact", true, &h.DisplayName, &h.Address, &h.Params); err == nil {
			t.Errorf("%q passes as %q", in, h.Value())
		}
	}
	for in, want := range map[string]string{ // a Via, as it is printed
		"SIP/2.0/UDP h": "SIP/2.0/UDP h",
		"SIP / 2.0 / TCP \t h : 5070 ; Branch = x":   "SIP/2.0/TCP h:5070;branch=x",
		"SIP/2.0/TLS [2001:db8::1]:5061;rport":       "SIP/2.0/TLS [2001:db8::1]:5061;rport",
		"SIP/2.0/UDP [::ffff:192.0.2.1];RPort;X=Y":   "SIP/2.0/UDP [::ffff:192.0.2.1];rport;X=Y",
		"SIP/2.0/UDP h;received=2001:db8::1;rport=1": "SIP/2.0/UDP h;received=2001:db8::1;rport=1",
		`SIP/2.0/UDP h;x="a;b";y="c d"`:              `SIP/2.0/UDP h;x="a;b";y="c d"`,
	} {
		h, err := viaValue(nil, in)
		if err != nil || h.Value() != want {
			t.Errorf("%q: %q, %v", in, h.Value(), err)
		}
	}
	for _, in := range []string{
		"", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0 UDP h", "SIP/2.0//UDP h", "SIP/2.0/U DP h", "SIP/2.0/UDP h h", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h:70000",
		"SIP/2.0/UDP h;", "SIP/2.0/UDP h;;x", "SIP/2.0/UDP h;branch=a;branch=b", "SIP/2.0/UDP [::1", "SIP/2.0/UDP <h>", "SIP/2.0/UDP h;x=\"", "SIP/2.0/UDP ;branch=x", "SIP/2.0/UDP h/x",
	} {
		if h, err := viaValue(nil, in); err == nil {
			t.Errorf("%q passes as %q", in, h.Value())
		}
	}
}

// TestLists: commas between values, also within quotes and <>.
func TestLists(t *testing.T) {
	m := mustParse(t, strings.Replace(plain, "Max-", "v: SIP/2.0/UDP h1 , SIP/2.0/UDP h2;x=\"a, b\"\r\n"+
		"Route: <sip:r1;lr>,<sip:r2?a=b,c>\r\n ,  \"x, y\" <sip:r3>\r\nContact: <sip:a,1@c1>, sip:c2\r\nRecord-Route: <sip:rr1>,<sip:rr2>\r\nMax-", 1))
	var got []string
	for _, h := range m.(*Request).Headers() {
		got = append(got, h.String())
	}
	want := []string{
		"Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKabc", "From: <sip:a@example.com>;tag=a", "To: <sip:b@example.com>", "Call-ID: x", "CSeq: 1 OPTIONS",
		"Via: SIP/2.0/UDP h1", "Via: SIP/2.0/UDP h2;x=\"a, b\"", "Route: <sip:r1;lr>", "Route: <sip:r2?a=b,c>", "Route: <sip:r3>",
		"Contact: <sip:a,1@c1>", "Contact: <sip:c2>", "Record-Route: <sip:rr1>", "Record-Route: <sip:rr2>", "Max-Forwards: 70", "Content-Length: 0",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// TestSizes: what carriers send at most passes, what only costs does not, and
// neither takes long (security row 25).
func TestSizes(t *testing.T) {
	with := func(lines string) string { return strings.Replace(plain, "Max-", lines+"Max-", 1) }
	body := strings.Repeat("a=x\r\n", 6500)
	for name, c := range map[string]struct {
		msg    string
		status int
	}{
		"500 headers":    {with(strings.Repeat("X-H: some value or other\r\n", 500)), 0},
		"2500 headers":   {with(strings.Repeat("X-H: v\r\n", 2500)), 413},
		"90 Via":         {with(strings.Repeat("Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n", 90)), 0},
		"800 Via":        {with(strings.Repeat("Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n", 800)), 413},
		"32 kB body":     {strings.Replace(plain, "Length: 0\r\n\r\n", fmt.Sprintf("Length: %d\r\n\r\n%s", len(body), body), 1), 0},
		"12 kB Identity": {with("Identity: " + strings.Repeat("e", 12000) + "\r\n"), 0},
		"40 kB header":   {with("X-H: " + strings.Repeat("e", 40000) + "\r\n"), 413},
		"Accept":         {with("Accept: " + strings.Repeat("a/b, ", 3000) + "\r\n"), 0},
		"Via commas":     {with("Via: " + strings.Repeat(",", 10000) + "\r\n"), 400},
		"Route list":     {with("Route: " + strings.Repeat("<sip:h>,", 2000) + "<sip:h>\r\n"), 0},
		"parameters":     {with("Contact: <sip:h>" + strings.Repeat(";a", 7000) + "\r\n"), 0},
		"folds":          {with("X-H:" + strings.Repeat("\r\n x", 3000) + "\r\n"), 0},
		"70 kB":          {with("") + strings.Repeat("x", 70000), 513},
	} {
		start := time.Now()
		_, err := Parse([]byte(c.msg))
		took := time.Since(start)
		status := 0
		if err != nil {
			status = err.(*ReplyError).Status
		}
		if status != c.status {
			t.Errorf("%s: %v, want %d", name, err, c.status)
		}
		if took > 100*time.Millisecond {
			t.Errorf("%s took %v", name, took)
		}
	}
}

// TestMethodsAreExact: neither case nor escapes make a method another.
func TestMethodsAreExact(t *testing.T) {
	for _, method := range []string{"invite", "Invite", "INV%49TE", "RE%47IST%45R"} {
		m := mustParse(t, strings.ReplaceAll(plain, "OPTIONS", method)).(*Request)
		if m.Method != RequestMethod(method) || m.IsInvite() {
			t.Errorf("%s became %s", method, m.Method)
		}
	}
	if _, err := Parse([]byte(strings.Replace(plain, "OPTIONS sip", "options sip", 1))); err == nil {
		t.Error("CSeq of another case passes")
	}
}

// TestFramer feeds heads octet by octet; what it finds is what Parse takes.
func TestFramer(t *testing.T) {
	msg := []byte(strings.Replace(plain, "Length: 0\r\n\r\n", "Length: 3\r\n\r\nabc", 1))
	var f Framer
	for i := range len(msg) {
		if n, err := f.Next(msg[:i]); n != 0 || err != nil {
			t.Fatalf("%d octets: %d, %v", i, n, err)
		}
	}
	for range 2 {
		if n, err := f.Next(append(msg[:len(msg):len(msg)], "next"...)); n != len(msg) || err != nil {
			t.Fatalf("all: %d, %v", n, err)
		}
	}
	// Many small pieces cost no more than their sum.
	big := []byte("OPTIONS sip:h SIP/2.0\r\nX: " + strings.Repeat("y", 60000))
	start := time.Now()
	f = Framer{}
	for i := range len(big) {
		f.Next(big[:i])
	}
	if d := time.Since(start); d > 200*time.Millisecond {
		t.Errorf("60 kB octet by octet took %v", d)
	}
}

func TestMayBeOurs(t *testing.T) {
	for msg, want := range map[string]bool{
		plain: false,
		strings.Replace(plain, "<sip:b@example.com>", "<sip:b@example.com>;tag=x", 1):    true,
		strings.Replace(plain, "To: <sip:b@example.com>", "t:sip:b@h ;\r\n TAG=x", 1):    true,
		strings.ReplaceAll(plain, "OPTIONS", "ACK"):                                      true,
		strings.ReplaceAll(plain, "OPTIONS", "CANCEL"):                                   true,
		strings.Replace(plain, "OPTIONS sip:100@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK", 1): true,
		"": false, "junk": false, "\r\n\r\n": false, "INVITE sip:a SIP/2.0\r\n\r\n": false,
	} {
		if got := MayBeOurs([]byte(msg)); got != want {
			t.Errorf("%v for\n%s", got, msg)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range torture(f, "../testdata/torture", "", "") {
		f.Add(m.data)
	}
	f.Add([]byte(carrierInvite))
	src := netip.MustParseAddrPort("192.0.2.7:5060")
	f.Fuzz(func(t *testing.T, data []byte) {
		MayBeOurs(data)
		var framer Framer
		if n, err := framer.Next(data); err == nil && n > len(data) {
			t.Fatalf("framed %d of %d", n, len(data))
		}
		msg, err := Parse(data)
		if err != nil {
			e := err.(*ReplyError)
			if reply, to, ok := Refusal(data, e, src); ok {
				if to.Addr() != src.Addr() {
					t.Fatalf("refused to %v", to)
				}
				if len(reply) > len(data)+300 {
					t.Fatalf("%d octets drew %d", len(data), len(reply))
				}
				if o, err := scan(reply); err != nil || o.head != len(reply) {
					t.Fatalf("%v in the refusal\n%q", err, reply)
				}
			}
			return
		}
		once, err := Append(nil, msg)
		if err != nil {
			t.Fatalf("%v printing\n%q", err, data)
		}
		if len(once) > MaxMessage {
			return // names were written out
		}
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("%v in its own print\n%q\nof\n%q", err, once, data)
		}
		if twice, _ := Append(nil, again); string(twice) != string(once) {
			t.Fatalf("print changes\n%q\n%q", once, twice)
		}
		if string(again.Body()) != string(msg.Body()) || FromTag(again) != FromTag(msg) || CallID(again) != CallID(msg) {
			t.Fatalf("print means something else\n%q", once)
		}
		if req, ok := msg.(*Request); ok {
			(&Abilities{Methods: []RequestMethod{req.Method}}).Check(req)
			User(&req.Recipient)
			CauseOf(req)
			if _, err := Append(nil, NewResponse(req, 200, "", "x")); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:a@h", "sips:a:b@[::1]:5061;transport=tcp?x=y", "tel:+46850;phone-context=+46", "sip:1;a=b@h", "urn:x:y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			return
		}
		once := u.String()
		v, err := ParseURI(once)
		if err != nil || v.String() != once || User(&v) != User(&u) || v.Host != u.Host || v.Port != u.Port {
			t.Fatalf("%q is printed %q and read as %q, %v", s, once, v.String(), err)
		}
	})
}
