package sip

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestCauses is the table of RFC 3398 and RFC 3326 by status.
func TestCauses(t *testing.T) {
	for _, c := range []struct{ status, q850, back int }{
		{400, 41, 503}, {401, 21, 403}, {402, 21, 403}, {403, 21, 403}, {404, 1, 404}, {405, 63, 480},
		{406, 79, 501}, {407, 21, 403}, {408, 102, 504}, {410, 22, 410}, {413, 127, 500}, {415, 79, 501},
		{420, 127, 500}, {423, 127, 500}, {480, 18, 408}, {481, 41, 503}, {482, 25, 483}, {483, 25, 483},
		{484, 28, 484}, {485, 1, 404}, {486, 17, 486}, {487, 16, 480}, {488, 65, 488}, {500, 41, 503},
		{501, 79, 501}, {502, 38, 503}, {503, 41, 503}, {504, 102, 504}, {505, 127, 500}, {513, 127, 500},
		{600, 17, 486}, {603, 21, 403}, {604, 1, 404}, {606, 65, 488}, {200, 16, 480}, {302, 31, 480}, {699, 127, 500},
	} {
		if got := Q850FromStatus(c.status); got != c.q850 {
			t.Errorf("%d is Q.850 %d, want %d", c.status, got, c.q850)
		}
		if got := StatusFromQ850(c.q850); got != c.back {
			t.Errorf("Q.850 %d is %d, want %d", c.q850, got, c.back)
		}
	}
	for q := range 200 {
		if s := StatusFromQ850(q); s < 400 || s > 699 {
			t.Errorf("Q.850 %d is %d", q, s)
		}
	}
}

func TestCauseOf(t *testing.T) {
	bye := strings.ReplaceAll(plain, "OPTIONS", "BYE")
	busy := strings.Replace(plain, "OPTIONS sip:100@192.0.2.1 SIP/2.0", "SIP/2.0 486 Gone Fishing", 1)
	for _, c := range []struct{ msg, reason, want string }{
		{bye, "", "200 16 Normal Clearing"},
		{bye, "Reason: Q.850;cause=17;text=\"User \\\"busy\\\"\"\r\n", `200 17 User "busy"`},
		{bye, "reason : SIP ;cause=486\r\n", "486 17 Busy Here"},
		{bye, "Reason: SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=26\r\n", "200 26 Call completed elsewhere"},
		{bye, "Reason: Q.850;cause=999;text=no\r\nReason: X;cause=1\r\nReason: Q.850;x=\"a;cause=3\";cause=38\r\n", "200 38 no"},
		{busy, "", "486 17 Gone Fishing"},
		{busy, "Reason: Q.850;cause=34\r\n", "486 34 Gone Fishing"},
		{busy, "Reason: SIP;cause=500\r\n", "486 17 Gone Fishing"},
		// What a far end writes is passed on: to the caller, into records.
		{strings.Replace(busy, "Gone", "Gone\x1b\x7f\x01", 1), "", "486 17 Gone    Fishing"},
		{bye, "Reason: Q.850;cause=17;text=\"" + strings.Repeat("å", 100) + "\"\r\n", "200 17 " + strings.Repeat("å", 64)},
	} {
		got := CauseOf(mustParse(t, strings.Replace(c.msg, "Max-", c.reason+"Max-", 1)))
		if s := fmt.Sprint(got.Status, got.Q850, " ", got.Reason); s != c.want || got.By != Remote {
			t.Errorf("%q: %s, want %s", c.reason, s, c.want)
		}
	}
	h := Cause{Q850: 17, Reason: "a \"b\"\r\nX: y"}.ReasonHeader()
	if got := h.Value(); got != `Q.850;cause=17;text="a \"b\"  X: y"` {
		t.Errorf("Reason: %s", got)
	}
	if got := (Cause{Status: 404}).ReasonHeader().Value(); got != "Q.850;cause=1" {
		t.Errorf("Reason: %s", got)
	}
	for want, c := range map[string]Cause{"486 Busy Here": StatusCause(486, Remote), "Q.850 16 Normal Clearing": Cleared(Local)} {
		if c.String() != want {
			t.Errorf("%s, want %s", c, want)
		}
	}
}

// TestInjection: what comes from applications stays in its header (security
// row 16).
func TestInjection(t *testing.T) {
	for _, evil := range []string{"\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b", "\x1b[2J", "\x7f"} {
		if err := CheckText(evil); !errors.Is(err, ErrHeader) {
			t.Errorf("%q: %v", evil, err)
		}
		if err := CheckHeader("X-A", evil); !errors.Is(err, ErrHeader) {
			t.Errorf("%q: %v", evil, err)
		}
		if err := CheckHeader("X"+evil, "1"); !errors.Is(err, ErrHeader) {
			t.Errorf("%q: %v", evil, err)
		}
		if got := Quote(evil); strings.ContainsAny(got, "\r\n\x00\x1b\x7f") {
			t.Errorf("%q is quoted as %q", evil, got)
		}
		u := Uri{Scheme: "sip", User: EscapeUser(evil), Host: "h"}
		if _, err := ParseURI(u.String()); err != nil || User(&u) != evil {
			t.Errorf("%q becomes %q, %v", evil, u.String(), err)
		}
	}
	for name, value := range map[string]string{"X-A": "plain, \"q\"; ünï\tcode", "a": ""} {
		if err := CheckHeader(name, value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, s := range []string{`a`, `a "b" \c`, `\`, `"`, ``} {
		if got := Unquote(Quote(s)); got != s {
			t.Errorf("%q becomes %q", s, got)
		}
		h := &FromHeader{DisplayName: Escape(s), Address: Uri{Host: "h"}}
		back := &FromHeader{}
		if err := nameAddr(h.Value(), "From", false, &back.DisplayName, &back.Address, &back.Params); err != nil || Unescape(back.DisplayName) != s {
			t.Errorf("%q is printed %q and read as %q, %v", s, h.Value(), back.DisplayName, err)
		}
	}
	req := mustParse(t, plain).(*Request)
	req.AppendHeader(NewHeader("X-A", "1\r\nX-Evil: 1"))
	if out, err := Append([]byte("before"), req); err != ErrLineBreak || string(out) != "before" {
		t.Errorf("printed %q, %v", out, err)
	}
}

func TestUser(t *testing.T) {
	for in, want := range map[string]string{
		"sip:+4685550100@h":                    "+4685550100",
		"sip:%2B46%20x@h":                      "+46 x",
		"sip:100%@h":                           "100%",
		"sip:100%zz%4@h":                       "100%zz%4",
		"sip:a%00b@h":                          "a\x00b",
		"sip:h":                                "",
		"tel:+46-8-555.01(00);phone-context=x": "+4685550100",
		"tel:*21%23":                           "*21#",
	} {
		u, err := ParseURI(in)
		if err != nil || User(&u) != want {
			t.Errorf("%s: %q, %v", in, User(&u), err)
		}
	}
}

// TestNewResponse copies what RFC 3261 §8.2.6 says.
func TestNewResponse(t *testing.T) {
	invite := mustParse(t, strings.Replace(strings.ReplaceAll(plain, "OPTIONS", "INVITE"), "Max-",
		"Via: SIP/2.0/UDP second;branch=z9hG4bK2\r\nRecord-Route: <sip:rr1;lr>\r\nRecord-Route: <sip:rr2;lr>\r\nTimestamp: 54\r\nContact: <sip:c>\r\nMax-", 1)).(*Request)
	head := "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKabc\nFrom: <sip:a@example.com>;tag=a\nTo: <sip:b@example.com>%s\nCall-ID: x\nCSeq: 1 INVITE\nVia: SIP/2.0/UDP second;branch=z9hG4bK2\n%sContent-Length: 0\n\n"
	rr := "Record-Route: <sip:rr1;lr>\nRecord-Route: <sip:rr2;lr>\n"
	for _, c := range []struct {
		status          int
		line, tag, more string
	}{
		{100, "100 Trying", "", "Timestamp: 54\n"}, {180, "180 Ringing", ";tag=us", rr}, {200, "200 OK", ";tag=us", rr}, {404, "404 Not Found", ";tag=us", ""},
	} {
		out, err := Append(nil, NewResponse(invite, c.status, "", "us"))
		want := "SIP/2.0 " + c.line + "\n" + fmt.Sprintf(head, c.tag, c.more)
		if got := strings.ReplaceAll(string(out), "\r\n", "\n"); got != want || err != nil {
			t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
		}
	}
	if ToTag(invite) != "" {
		t.Error("the request was changed")
	}
	inDialog := mustParse(t, strings.Replace(plain, "b@example.com>", "b@example.com>;tag=old", 1)).(*Request)
	if got := ToTag(NewResponse(inDialog, 200, "", "new")); got != "old" {
		t.Errorf("tag %s", got)
	}
}

// TestCheck is what a user agent refuses.
func TestCheck(t *testing.T) {
	a := &Abilities{
		Methods: []RequestMethod{INVITE, OPTIONS, BYE}, Extensions: []string{"replaces", "timer"},
		Types: []string{"application/sdp", "multipart/mixed"}, Answers: []string{"application/sdp"},
	}
	body := func(more string) string { return more + "Content-Length: 4\r\n\r\nbody" }
	for _, c := range []struct {
		method, more string
		status       int
		header       string
	}{
		{method: "INVITE"},
		{method: "OPTIONS", more: "Require: replaces , Timer\r\n"},
		{method: "MESSAGE", status: 405, header: "Allow: INVITE, OPTIONS, BYE"},
		{method: "DANCE", status: 501, header: "Allow: INVITE, OPTIONS, BYE"},
		{method: "INVITE", more: "Require: timer,a\r\nrequire:b, ,c\r\n", status: 420, header: "Unsupported: a, b, c"},
		{method: "CANCEL", more: "Require: a\r\n"},
		{method: "ACK", more: "Require: a\r\n"},
		{method: "INVITE", more: body("Content-Type: Application/SDP ;charset=x\r\n")},
		{method: "INVITE", more: body("c: application/sdp\r\n")},
		{method: "INVITE", more: body("Content-Type: text/x\r\n"), status: 415, header: "Accept: application/sdp, multipart/mixed"},
		{method: "INVITE", more: body(""), status: 415, header: "Accept: application/sdp, multipart/mixed"},
		{method: "INVITE", more: body("Content-Type: text/x\r\nContent-Disposition: render; handling=Optional\r\n")},
		{method: "INVITE", more: body("Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n"), status: 415, header: "Accept-Encoding: identity"},
		{method: "INVITE", more: body("Content-Type: application/sdp\r\ne: identity\r\n")},
		{method: "INVITE", more: "Content-Type: text/x\r\n"}, // no body
		{method: "INVITE", more: "Accept: text/x\r\n", status: 406},
		{method: "INVITE", more: "Accept: \r\n", status: 406},
		{method: "INVITE", more: "Accept: text/x, application/*;q=0.1\r\n"},
		{method: "INVITE", more: "Accept: text/x\r\nAccept: Application/SDP\r\n"},
		{method: "INVITE", more: "Accept: */*\r\n"},
		{method: "OPTIONS", more: "Accept: text/x\r\n"},
		{method: "INVITE", more: "Accept: " + strings.Repeat("a/b,", 3000) + "\r\n", status: 406},
	} {
		msg := strings.Replace(strings.ReplaceAll(plain, "OPTIONS", c.method), "Max-", c.more+"Max-", 1)
		if strings.HasSuffix(c.more, "body") {
			msg = strings.Replace(strings.ReplaceAll(plain, "OPTIONS", c.method), "Content-Length: 0\r\n\r\n", c.more, 1)
		}
		req := mustParse(t, msg).(*Request)
		e := a.Check(req)
		switch {
		case e == nil && c.status != 0, e != nil && e.Status != c.status:
			t.Errorf("%s %.60q: %v, want %d", c.method, c.more, e, c.status)
		case e != nil && c.header != "":
			res := e.Response(req, "us")
			if !slices.ContainsFunc(res.Headers(), func(h Header) bool { return h.String() == c.header }) {
				t.Errorf("%s %.60q lacks %s:\n%s", c.method, c.more, c.header, res)
			}
		}
	}
	for hops, want := range map[string]int{"0": 0, "1": 0, "70": 69, "255": 70} {
		req := mustParse(t, strings.Replace(plain, "Forwards: 70", "Forwards: "+hops, 1)).(*Request)
		if e := CheckHops(req); (e != nil) != (hops == "0") || e != nil && e.Status != 483 {
			t.Errorf("Max-Forwards %s: %v", hops, e)
		}
		if got := Hops(req); got != want {
			t.Errorf("Max-Forwards %s becomes %d", hops, got)
		}
	}
}

// TestNever: embedded headers are kept for printing and are nowhere else
// (security row 17).
func TestNever(t *testing.T) {
	m := mustParse(t, strings.Replace(plain, "<sip:b@example.com>", "<sip:b@example.com?Route=%3Csip:evil%3E&Identity=x>", 1)).(*Request)
	if m.Route() != nil || len(m.GetHeaders("identity")) != 0 || m.To().Address.Headers == nil {
		t.Errorf("applied:\n%s", m)
	}
}

func TestRandom(t *testing.T) {
	seen := map[string]bool{}
	for range 2000 {
		for _, s := range []string{NewTag(), NewBranch(), NewCallID()} {
			if seen[s] || !token(s) {
				t.Fatalf("%q", s)
			}
			seen[s] = true
		}
	}
}
