//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestRefusals: what cannot be done is refused with the right status and with
// what the peer needs to know, and nothing is left of it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	n := start(t, `routes: [{to: "600", service: echo}]`)
	w := newWire(t, "127.0.0.1")
	offer := w.sdp()
	for _, c := range []struct {
		name   string
		edit   func(text string) string // of a good INVITE
		want   int
		header string // that the response must have
		value  string // that is in it
	}{
		{"unknown codec", func(s string) string {
			return strings.NewReplacer("RTP/AVP 0 101", "RTP/AVP 18", "a=rtpmap:101 telephone-event/8000\r\n", "").Replace(s)
		}, 488, "warning", "305"},
		{"events alone", func(s string) string { return strings.Replace(s, "RTP/AVP 0 101", "RTP/AVP 101", 1) }, 488, "warning", ""},
		{"no audio", func(s string) string { return strings.Replace(s, "m=audio", "m=video", 1) }, 488, "warning", "304"},
		{"body of another type", func(s string) string { return strings.Replace(s, "application/sdp", "text/plain", 1) }, 415, "accept", "application/sdp"},
		{"compressed body", func(s string) string {
			return strings.Replace(s, "Content-Type", "Content-Encoding: gzip\r\nContent-Type", 1)
		}, 415, "accept-encoding", "identity"},
		{"required extension", func(s string) string {
			return strings.Replace(s, "Content-Type", "Require: 100rel, foo\r\nContent-Type", 1)
		}, 420, "unsupported", "foo"},
		{"no hop left", func(s string) string { return strings.Replace(s, "Max-Forwards: 70", "Max-Forwards: 0", 1) }, 483, "", ""},
		{"SIP/3.0", func(s string) string { return strings.Replace(s, " SIP/2.0\r\nVia", " SIP/3.0\r\nVia", 1) }, 505, "", ""},
		{"unknown scheme", func(s string) string { return strings.Replace(s, "INVITE sip:", "INVITE foo:", 1) }, 416, "", ""},
		{"nobody there", func(s string) string { return strings.Replace(s, "INVITE sip:600", "INVITE sip:12345", 1) }, 404, "", ""},
		{"REGISTER", as("REGISTER"), 405, "allow", "INVITE"},
		{"unknown method", as("DANCE"), 501, "allow", "INVITE"},
		{"BYE of no call", as("BYE"), 481, "", ""},
		{"unknown dialog", func(s string) string { return strings.Replace(s, "\r\nCall-ID", ";tag=nobody\r\nCall-ID", 1) }, 481, "", ""},

		{"no Call-ID", without("Call-ID"), 400, "", ""},
		{"no From", without("From"), 400, "", ""},
		{"no To", without("To"), 400, "", ""},
		{"no CSeq", without("CSeq"), 400, "", ""},
		{"CSeq of another method", func(s string) string { return strings.Replace(s, "1 INVITE", "1 BYE", 1) }, 400, "", ""},
		{"CSeq out of range", func(s string) string { return strings.Replace(s, "1 INVITE", "36893488147419103232 INVITE", 1) }, 400, "", ""},
		{"From without its end", func(s string) string { return strings.Replace(s, "From: <sip", "From: \"Joe <sip", 1) }, 400, "", ""},
		{"Request-URI with a blank", func(s string) string { return strings.Replace(s, "INVITE sip:600@", "INVITE sip:6 00@", 1) }, 400, "", ""},
		{"body cut short", func(s string) string { return s[:len(s)-40] }, 400, "", ""},
		{"body is no SDP", func(s string) string {
			head, body, _ := strings.Cut(s, "\r\n\r\n")
			return head + "\r\n\r\n" + strings.Repeat("x", len(body))
		}, 400, "", ""},
		{"port out of range", func(s string) string {
			head, body, _ := strings.Cut(s, "\r\n\r\n")
			body = strings.Replace(body, fmt.Sprintf("m=audio %d ", mediaPort(offer)), "m=audio 99999 ", 1)
			return strings.Replace(head, "Content-Length: "+fmt.Sprint(len(strings.ReplaceAll(offer, "\n", "\r\n"))), fmt.Sprint("Content-Length: ", len(body)), 1) + "\r\n\r\n" + body
		}, 400, "", ""},
	} {
		a := w.attempt(n.sip, "600")
		text := fmt.Sprintf("INVITE %s SIP/2.0\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\nMax-Forwards: 70\nFrom: <sip:+4670000001@%s>;tag=f%s\nTo: %s\nCall-ID: %s\nCSeq: 1 INVITE\nContact: <sip:caller@%s>\nContent-Type: application/sdp\nContent-Length: %d\n\n%s",
			a.target, w.host(), a.id, w.host(), a.id, a.to, a.id, w.host(), len(strings.ReplaceAll(offer, "\n", "\r\n")), offer)
		good := strings.ReplaceAll(text, "\n", "\r\n")
		bad := c.edit(good)
		if bad == good {
			t.Errorf("%s: the edit changed nothing", c.name)
		}
		bad = fixLength(c.name, bad)
		w.conn.WriteToUDP([]byte(bad), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n.sip})
		m, ok := w.next(3*time.Second, func(m message) bool { return strings.Contains(m.get("via"), a.id) && m.status() >= 200 })
		if !ok {
			t.Errorf("%s: no answer, want %d", c.name, c.want)
			continue
		}
		if m.status() != c.want {
			t.Errorf("%s: %q, want %d", c.name, m.start, c.want)
		}
		if c.header != "" && (m.get(c.header) == "" || !strings.Contains(m.get(c.header), c.value)) {
			t.Errorf("%s: %s: %q, want %q in it", c.name, c.header, m.get(c.header), c.value)
		}
		if strings.HasPrefix(bad, "INVITE") {
			a.request("ACK", 1, "", m.get("to"), a.target, "", "")
		}
	}
	n.idle()

	// None of it has harmed the node.
	call := newWire(t, "127.0.0.1").attempt(n.sip, "600")
	answered200(t, call.call(offer))
	call.hangup()
	n.records(1)
	n.idle()
}

// as makes another request of an INVITE.
func as(method string) func(string) string {
	return func(s string) string { return strings.ReplaceAll(s, "INVITE", method) }
}

// without takes a header out.
func without(name string) func(string) string {
	return func(s string) string {
		before, rest, _ := strings.Cut(s, "\r\n"+name+": ")
		_, after, _ := strings.Cut(rest, "\r\n")
		return before + "\r\n" + after
	}
}

// fixLength corrects Content-Length, unless it is what is wrong.
func fixLength(name, text string) string {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	at := strings.Index(head, "Content-Length: ")
	if name == "body cut short" || at < 0 {
		return text
	}
	return head[:at] + fmt.Sprint("Content-Length: ", len(body)) + "\r\n\r\n" + body
}

func mediaPort(sdp string) int {
	addr, _, _ := mediaOf(sdp)
	return addr.Port
}

// TestMergedRequest: the same INVITE by a second way is refused (RFC 3261
// §8.2.2.2), the first goes on.
func TestMergedRequest(t *testing.T) {
	t.Parallel()
	n := start(t, `
routes: [{to: "140", flow: slow}]
flows: {slow: [{type: sleep, option: {duration: 700}}, {type: answer}, {type: sleep, option: {duration: 60000}}]}
`)
	w := newWire(t, "127.0.0.1")
	a := w.attempt(n.sip, "140")
	a.invite()
	if _, ok := w.next(patience, func(m message) bool { return m.status() == 100 }); !ok {
		t.Fatal("no 100")
	}
	a.request("INVITE", 1, "otherway", a.to, a.target, "Content-Type: application/sdp\n", w.sdp())
	m, ok := w.next(patience, func(m message) bool { return m.status() >= 200 })
	if !ok || m.status() != 482 || !strings.Contains(m.get("via"), "otherway") {
		t.Fatalf("the second copy drew %q", m.start)
	}
	a.request("ACK", 1, "otherway", m.get("to"), a.target, "", "")
	a.seq = 1
	answered200(t, a.final(false))
	a.hangup()
	n.records(1)
	n.idle()
}

// TestGlare: an INVITE that crosses ours in the same dialog is refused with 491,
// one that comes before the last is answered with 500; the calls go on.
func TestGlare(t *testing.T) {
	t.Parallel()
	callee := newWire(t, "127.0.0.1")
	n := start(t, fmt.Sprintf(connectYAML, "callee@"+callee.host()))
	caller := newWire(t, "127.0.0.1")
	call := caller.attempt(n.sip, "200")
	call.invite()
	s := callee.served()
	s.respond(180, "Ringing", "", "")
	ring, ok := caller.next(patience, func(m message) bool { return m.status() == 180 })
	if !ok {
		t.Fatal("the caller hears nothing of the ringing")
	}

	s.request("INVITE", callee.sdp()) // our INVITE is not answered yet
	m, ok := callee.next(patience, func(m message) bool { return m.method() == "INVITE" && m.status() >= 200 })
	if !ok || m.status() != 491 {
		t.Errorf("a crossing INVITE drew %q, want 491", m.start)
	}

	early := *call
	early.to, early.target = ring.get("to"), ring.target()
	early.seq = 2
	early.request("INVITE", 2, "i2", early.to, early.target, "Content-Type: application/sdp\n", caller.sdp())
	if m := early.final(false); m.status() != 500 || m.get("retry-after") == "" {
		t.Errorf("an INVITE before the last is answered drew %q, Retry-After %q; want 500", m.start, m.get("retry-after"))
	}

	s.answer(callee.sdp())
	call.seq = 1
	answered200(t, call.final(false))
	call.seq = 2
	call.hangup()
	s.ended()
	n.records(2)
	n.idle()
}

// TestGarbage: noise draws silence or an error, and costs nothing.
func TestGarbage(t *testing.T) {
	t.Parallel()
	n := start(t, `routes: [{to: "600", service: echo}]`)
	w := newWire(t, "127.0.0.1")
	before := n.goroutines()
	for _, text := range []string{
		"", "\x00", "\r\n\r\n", "garbage", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "INVITE", "INVITE sip:600@x SIP/2.0", "INVITE sip:600@x SIP/2.0\r\n\r\n",
		"SIP/2.0 200 OK\r\n\r\n", "SIP/2.0 999999999999 OK\r\nVia: SIP/2.0/UDP 127.0.0.1\r\n\r\n", strings.Repeat("A", 65000),
		"INVITE sip:600@x SIP/2.0\r\n" + strings.Repeat("Via: SIP/2.0/UDP 127.0.0.9:1\r\n", 2000) + "\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKnobody\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
		"ACK sip:600@x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKack\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
		"CANCEL sip:600@x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060\r\nMax-Forwards: x\r\n\r\n",
	} {
		for range 5 {
			w.conn.WriteToUDP([]byte(text), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n.sip})
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.sip))
			if err != nil {
				t.Fatal(err)
			}
			c.Write([]byte(text))
			c.Close()
		}
	}
	call := newWire(t, "127.0.0.1").attempt(n.sip, "600")
	answered200(t, call.call(newVoice(t, "127.0.0.1").sdp("0")))
	call.hangup()
	n.records(1)
	n.idle()
	for _, m := range w.messages() {
		if m.status() < 400 && m.status() != 0 || m.status() == 0 {
			t.Errorf("garbage drew %q", m.start)
		}
	}
	n.eventually(patience, "connections and goroutines are given back", func() error {
		if v, err := n.metric("tandem_sip_streams"); err != nil || v != 0 {
			return fmt.Errorf("%v connections, %v", v, err)
		}
		if now := n.goroutines(); now > before+5 {
			return fmt.Errorf("%v goroutines, %v before", now, before)
		}
		return nil
	})
	if v, err := n.metric("tandem_sip_malformed_total"); err != nil || v < 20 {
		t.Errorf("%v messages are counted as malformed, %v", v, err)
	}
}
