package ua_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/sip"
	"tandem/sip/ua"
)

func TestIncomingCall(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c := p.NewCall("100")
		c.Invite(offer(p, "0 8 101"))
		p.Expect("100")
		l := w.leg()
		info := l.Info()
		equal(t, "trunk", info.Trunk, "acme")
		equal(t, "direction", info.Direction, sip.Incoming)
		equal(t, "user", info.RequestURI.User, "100")
		equal(t, "remote", info.Remote, p.Local())
		w.must(l.Ring(sip.Early{}))
		if m := p.Expect("180"); m.Tag("To") == "" || m.Body() != "" || m.Contact() != "sip:100@192.0.2.1:5060" {
			t.Errorf("180: %s", m.Raw)
		}
		w.must(l.Answer(sip.AnswerOptions{Headers: []sip.Header{sip.NewHeader("X-Flow", "7")}}))
		m := p.Expect("200")
		contains(t, "200", m.Raw, "m=audio 20", " RTP/AVP 0 101\r\n", "X-Flow: 7\r\n", "Server: tandem\r\n", "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO\r\n")
		l.quiet()
		c.Ack(m, "")
		expect[sip.Answered](l)
		if l.Port() == nil {
			t.Error("no port")
		}
		c.Send("BYE", "", `Reason: Q.850;cause=16;text="done"`)
		p.Expect("200 BYE")
		cause := l.hungup(200, sip.Remote)
		equal(t, "cause", cause.Q850, 16)
		if l.Hangup(sip.Cleared(sip.Local)) == nil || l.Answer(sip.AnswerOptions{}) == nil || l.Ring(sip.Early{}) == nil {
			t.Error("a leg that is over does as if it were not")
		}
		p.Silence(time.Minute)
	})
}

func TestIncomingOverTCP(t *testing.T) {
	run(t, func(w *world) {
		p := w.tcp(them)
		c := p.NewCall("100")
		c.Invite(offer(p, "8"))
		l := w.leg()
		w.must(l.Answer(sip.AnswerOptions{}))
		if m := c.Answered(); m.Contact() != "sip:100@192.0.2.1:5060;transport=tcp" {
			t.Error(m.Contact())
		}
		expect[sip.Answered](l)
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		m := p.Expect("BYE")
		contains(t, "BYE", m.Raw, "Reason: Q.850;cause=16")
		p.Reply(m, 200, "", "")
		l.hungup(200, sip.Local)
	})
}

// TestLostConnection: the connection of a call is gone, known or not; the BYE
// comes by another one to the Contact.
func TestLostConnection(t *testing.T) {
	for _, known := range []bool{true, false} {
		run(t, func(w *world) {
			p := w.tcp(them)
			ln, err := w.net.Listen(netip.AddrPortFrom(them, 5099))
			w.must(err)
			defer ln.Close()
			c := p.NewCall("100")
			text := c.Text("INVITE", offer(p, "8"))
			p.SendRaw([]byte(strings.Replace(text, "Contact: <"+p.URI("caller")+">", "Contact: <sip:c@192.0.2.2:5099;transport=tcp>", 1)))
			l := w.leg()
			w.must(l.Answer(sip.AnswerOptions{}))
			c.Answered()
			expect[sip.Answered](l)
			p.Close()
			if known {
				synctest.Wait()
			}
			w.must(l.Hangup(sip.Cleared(sip.Local)))
			q := w.accept(ln)
			q.Reply(q.Expect("BYE"), 200, "", "")
			l.hungup(200, sip.Local)
		})
	}
}

func TestEarlyMedia(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c := p.NewCall("100")
		c.Invite(offer(p, "8 101"))
		l := w.leg()
		w.must(l.Ring(sip.Early{Media: true}))
		early := p.Expect("183")
		contains(t, "183", early.Raw, "m=audio 20", "a=sendrecv")
		w.must(l.Ring(sip.Early{Status: 180}))
		p.Expect("180")
		w.must(l.Answer(sip.AnswerOptions{}))
		final := p.Expect("200")
		equal(t, "answer in 200", final.Body(), early.Body())
		equal(t, "tag", final.Tag("To"), early.Tag("To"))
		c.Ack(final, "")
		expect[sip.Answered](l)
		c.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestNoOffer: an INVITE without description gets our offer in the 200, and
// answers in the ACK.
func TestNoOffer(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c := p.NewCall("100")
		c.Invite("")
		l := w.leg()
		w.must(l.Answer(sip.AnswerOptions{}))
		m := p.Expect("200")
		contains(t, "offer", m.Raw, "RTP/AVP 8 0 3 101\r\n")
		c.Ack(m, offer(p, "3"))
		expect[sip.Answered](l)
		c.Bye()
		l.hungup(200, sip.Remote)

		// Without an answer there is nothing to talk by.
		c = p.NewCall("100")
		c.Invite("")
		l = w.leg()
		w.must(l.Answer(sip.AnswerOptions{}))
		c.Answered()
		p.Reply(p.Expect("BYE"), 200, "", "")
		l.hungup(488, sip.Local)
	})
}

func TestRefusals(t *testing.T) {
	sdp := func(formats string, more ...string) string {
		return "v=0\no=- 1 1 IN IP4 192.0.2.2\ns=-\nc=IN IP4 192.0.2.2\nt=0 0\nm=audio 4000 RTP/AVP " + formats + "\n" + strings.Join(more, "\n") + "\n"
	}
	for name, c := range map[string]struct {
		method, body string
		headers      []string
		edit         func(text string) string
		want         string
		has          string
	}{
		"OPTIONS":          {method: "OPTIONS", want: "200", has: "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO\r\nAccept: application/sdp"},
		"REGISTER":         {method: "REGISTER", want: "405", has: "Allow: INVITE"},
		"MESSAGE":          {method: "MESSAGE", body: "hi", headers: []string{"Content-Type: text/plain"}, want: "405"},
		"SUBSCRIBE":        {method: "SUBSCRIBE", want: "405"},
		"REFER":            {method: "REFER", want: "405"},
		"unknown":          {method: "DANCE", want: "501"},
		"BYE":              {method: "BYE", want: "481"},
		"INFO":             {method: "INFO", want: "481"},
		"PRACK":            {method: "PRACK", want: "405"},
		"Require":          {method: "INVITE", body: sdp("8"), headers: []string{"Require: 100rel, foo"}, want: "420", has: "Unsupported: 100rel, foo\r\n"},
		"content type":     {method: "INVITE", body: "x", headers: []string{"Content-Type: application/foo"}, want: "415", has: "Accept: application/sdp"},
		"content encoding": {method: "INVITE", body: sdp("8"), headers: []string{"Content-Encoding: gzip"}, want: "415"},
		"Accept":           {method: "INVITE", body: sdp("8"), headers: []string{"Accept: text/plain"}, want: "406"},
		"Max-Forwards":     {method: "INVITE", body: sdp("8"), edit: func(s string) string { return strings.Replace(s, "Max-Forwards: 70", "Max-Forwards: 0", 1) }, want: "483"},
		"no codec":         {method: "INVITE", body: sdp("18"), want: "488", has: "Warning: 305 "},
		"SRTP only":        {method: "INVITE", body: strings.Replace(sdp("8"), "RTP/AVP", "RTP/SAVP", 1), want: "488", has: "Warning: 304 "},
		"port 0":           {method: "INVITE", body: strings.Replace(sdp("8"), "4000", "0", 1), want: "488"},
		"host name in c=":  {method: "INVITE", body: strings.Replace(sdp("8"), "c=IN IP4 192.0.2.2", "c=IN IP4 a.example", 1), want: "488"},
		"IPv6 in c=":       {method: "INVITE", body: strings.Replace(sdp("8"), "c=IN IP4 192.0.2.2", "c=IN IP6 2001:db8::2", 1), want: "488", has: "Warning: 301 "},
		"bad SDP":          {method: "INVITE", body: "v=0\nm=audio x RTP/AVP 8\n", want: "400"},
		"no SDP":           {method: "INVITE", body: "hello", want: "400"},
		"1,000 m-lines":    {method: "INVITE", body: sdp("8", strings.Repeat("m=audio 1 RTP/AVP 0\n", 1000)), want: "400"},
		"version":          {method: "INVITE", body: sdp("8"), edit: func(s string) string { return strings.Replace(s, " SIP/2.0\r\n", " SIP/3.0\r\n", 1) }, want: "505"},
		"scheme":           {method: "INVITE", body: sdp("8"), edit: func(s string) string { return strings.Replace(s, "INVITE sip:", "INVITE mailto:", 1) }, want: "416"},
		"To tag of nobody": {method: "INVITE", body: sdp("8"), edit: func(s string) string {
			return strings.Replace(s, "To: <sip:100@192.0.2.1:5060>", "To: <sip:100@192.0.2.1:5060>;tag=x", 1)
		}, want: "481"},
		"empty multipart":    {method: "INVITE", body: "--x--\n", headers: []string{"Content-Type: multipart/mixed;boundary=x"}, want: "415"},
		"multipart, no mark": {method: "INVITE", body: "--x\n\n--x--\n", headers: []string{"Content-Type: multipart/mixed"}, want: "400"},
		"multipart, cut off": {method: "INVITE", body: "--x\nContent-Type: application/sdp\n\nv=0", headers: []string{"Content-Type: multipart/mixed;boundary=x"}, want: "400"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(w *world) {
				p := w.caller()
				call := p.NewCall("100")
				text := call.Text(c.method, c.body, c.headers...)
				if c.edit != nil {
					text = c.edit(text)
				}
				p.SendRaw([]byte(text))
				m := p.Expect(c.want)
				contains(t, "response", m.Raw, c.has)
				if len(w.legs) > 0 {
					t.Error("it became a leg")
				}
				if c.method == "INVITE" {
					call.Ack(m, "")
				}
				p.Silence(time.Minute)
			})
		})
	}
}

// TestStrangers get no byte, whatever they send (security.md 14, 35).
func TestStrangers(t *testing.T) {
	run(t, func(w *world) {
		p := w.peer(alien, 5060)
		for _, method := range []string{"INVITE", "OPTIONS", "REGISTER", "BYE", "MESSAGE", "SUBSCRIBE", "CANCEL", "ACK", "FOO"} {
			c := p.NewCall("100")
			c.Send(method, "")
			c.RemoteTag = "guessed"
			c.Send(method, "")
		}
		p.Send("garbage\n\n")
		p.Send("INVITE sip:x SIP/9.0\n\n")
		p.Silence(time.Minute)

		// But inside a dialog that we know, anybody may speak.
		known := w.caller()
		c, l := w.answered(known)
		c.Peer = p
		c.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestNobodysRequest: a source that the transport lets through, but that is no
// peer's, gets no byte either.
func TestNobodysRequest(t *testing.T) {
	runWith(t, func(c *ua.Config) { c.Transport.Accept = nil }, func(w *world) {
		p := w.peer(alien, 5060)
		for _, method := range []string{"INVITE", "OPTIONS", "REGISTER", "BYE"} {
			p.NewCall("100").Send(method, "")
		}
		p.Silence(time.Minute)
	})
}

// TestMerged: the same INVITE by two ways is one call (RFC 3261 §8.2.2.2).
func TestMerged(t *testing.T) {
	run(t, func(w *world) {
		p, q := w.caller(), w.peer(other, 5060)
		c := p.NewCall("100")
		c.Invite(offer(p, "8"))
		l := w.leg()
		d := *c
		d.Peer, d.Seq = q, c.Seq-1
		d.Invite(offer(q, "8"))
		d.Ack(q.Expect("482"), "")
		w.must(l.Hangup(sip.StatusCause(486, sip.Local)))
		c.Ack(p.Expect("486"), "")
		l.hungup(486, sip.Local)
	})
}

func TestRoutingDecision(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		w.refuse = sip.Cause{Status: 503, Headers: []sip.Header{sip.NewHeader("Retry-After", "30")}}
		c := p.NewCall("100")
		c.Invite(offer(p, "8"))
		m := p.Expect("503")
		contains(t, "503", m.Raw, "Retry-After: 30\r\n")
		c.Ack(m, "")
		p.Silence(time.Minute)
	})
}

func TestDrain(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c, l := w.answered(p)
		w.ua.Drain(20 * time.Second)
		n := p.NewCall("100")
		n.Invite(offer(p, "8"))
		m := p.Expect("503")
		contains(t, "503", m.Raw, "Retry-After: 20\r\n")
		n.Ack(m, "")
		n = p.NewCall("100")
		n.Send("OPTIONS", "")
		contains(t, "OPTIONS", p.Expect("503 OPTIONS").Raw, "Retry-After: 20\r\n")
		c.Send("INFO", "")
		p.Expect("200 INFO")
		expect[sip.Info](l)
		c.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestPortsExhausted: what has no media is refused, and every port comes back.
func TestPortsExhausted(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		var legs []*leg
		for range 10 {
			c := p.NewCall("100")
			c.Invite(offer(p, "8"))
			legs = append(legs, w.leg())
		}
		c := p.NewCall("100")
		c.Invite(offer(p, "8"))
		c.Ack(p.Expect("503"), "")
		equal(t, "calls told that there is no room", w.turned, 1)
		equal(t, "refused", w.refused, []string{"acme 100 503"})
		for _, l := range legs {
			w.must(l.Hangup(sip.StatusCause(486, sip.Local)))
			l.hungup(486, sip.Local)
		}
		time.Sleep(40 * time.Second) // nobody acknowledges
	})
}

func TestTooManyLegs(t *testing.T) {
	runWith(t, func(c *ua.Config) { c.MaxLegs = 1 }, func(w *world) {
		p := w.caller()
		c, l := w.answered(p)
		n := p.NewCall("100")
		n.Invite(offer(p, "8"))
		n.Ack(p.Expect("503"), "")
		equal(t, "refused", w.refused, []string{"acme 100 503"})
		c.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestRefusedIsTold: whoever keeps a list of refused calls hears of those that
// never come to a routing decision, and of no other request.
func TestRefusedIsTold(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		try := func(kind, method, body string, headers ...string) {
			c := p.NewCall("100")
			text := c.Text(method, body, headers...)
			if kind == "483" {
				text = strings.Replace(text, "Max-Forwards: 70", "Max-Forwards: 0", 1)
			}
			p.SendRaw([]byte(text))
			if m := p.Expect(kind); method == "INVITE" {
				c.Ack(m, "")
			}
		}
		try("488", "INVITE", offer(p, "18"))
		try("420", "INVITE", offer(p, "8"), "Require: foo")
		try("483", "INVITE", offer(p, "8"))
		try("481", "BYE", "")
		w.ua.Drain(20 * time.Second)
		try("503", "INVITE", offer(p, "8"))
		try("503", "OPTIONS", "")
		equal(t, "refused", w.refused, []string{"acme 100 488", "acme 100 420", "acme 100 483", "acme 100 503"})
	})
}

// TestLostAck: the 200 is repeated at T1, doubling to T2, for 64*T1, then the
// call ends with BYE (RFC 3261 §13.3.1.4).
func TestLostAck(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c := p.NewCall("100")
		c.Invite(offer(p, "8"))
		l := w.leg()
		w.must(l.Answer(sip.AnswerOptions{}))
		bye := p.Expect("BYE")
		if n := p.Count("200"); n < 10 || n > 11 {
			t.Errorf("%d times 200", n)
		}
		p.Reply(bye, 200, "", "")
		cause := l.hungup(408, sip.Local)
		equal(t, "cause", cause.Q850, sip.RecoveryOnTimer)
	})
}

// TestLost200: the second one is acknowledged, and no third comes.
func TestLost200(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c := p.NewCall("100")
		c.Invite(offer(p, "8"))
		l := w.leg()
		w.must(l.Answer(sip.AnswerOptions{}))
		p.Expect("200")
		c.Ack(p.Expect("200"), "")
		expect[sip.Answered](l)
		p.Drain()
		p.Silence(30 * time.Second)
		c.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestLostBye: ours is repeated; the leg has ended at once.
func TestLostBye(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		_, l := w.answered(p)
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		l.hungup(200, sip.Local)
		p.Expect("BYE")
		p.Reply(p.Expect("BYE"), 200, "", "")
		p.Silence(time.Minute)

		_, l = w.answered(p)
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		l.hungup(200, sip.Local)
		p.Wait(time.Minute)
		if n := p.Count("BYE"); n < 10 {
			t.Errorf("%d times BYE", n)
		}
	})
}

// TestCrossingByes: both hang up at once; nobody is told that there is no call.
func TestCrossingByes(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c, l := w.answered(p)
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		bye := p.Expect("BYE")
		c.Bye()
		p.Reply(bye, 200, "", "")
		l.hungup(200, sip.Local)
	})
}

// TestHangupBeforeAck: the BYE waits for the ACK (RFC 3261 §15).
func TestHangupBeforeAck(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c := p.NewCall("100")
		c.Invite(offer(p, "8"))
		l := w.leg()
		w.must(l.Answer(sip.AnswerOptions{}))
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		l.hungup(200, sip.Local)
		m := p.Expect("200")
		p.Wait(3 * time.Second)
		equal(t, "BYE", p.Count("BYE"), 0)
		c.Ack(m, "")
		p.Reply(p.Expect("BYE"), 200, "", "")
	})
}

func TestIncomingCancelled(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c := p.NewCall("100")
		c.Invite(offer(p, "8"))
		l := w.leg()
		w.must(l.Ring(sip.Early{}))
		p.Expect("180")
		c.Cancel(`Reason: SIP;cause=200;text="Call completed elsewhere"`)
		p.Expect("200 CANCEL")
		c.Ack(p.Expect("487"), "")
		cause := l.hungup(487, sip.Remote)
		equal(t, "reason", cause.Reason, "Call completed elsewhere")
		c.Cancel()
		p.Expect("200 CANCEL") // matches the transaction still
		p.Drain()
		p.Silence(time.Minute)

		// A CANCEL for nothing.
		c = p.NewCall("100")
		c.Seq = 1
		c.Text("INVITE", "")
		c.Cancel()
		p.Expect("481 CANCEL")

		// BYE may end an early dialog too.
		c = p.NewCall("100")
		c.Invite(offer(p, "8"))
		l = w.leg()
		w.must(l.Ring(sip.Early{}))
		c.RemoteTag = p.Expect("180").Tag("To")
		seq := c.Seq
		c.Send("BYE", "")
		p.Expect("200 BYE")
		c.Seq = seq
		c.Ack(p.Expect("487"), "")
		l.hungup(487, sip.Remote)
	})
}

// TestRefusedByProgram: each status reaches the caller with the reason.
func TestRefusedByProgram(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		for _, c := range []struct {
			cause sip.Cause
			want  string
		}{
			{sip.StatusCause(486, sip.Local), "486"},
			{sip.StatusCause(603, sip.Local), "603"},
			{sip.Cause{Q850: sip.UserBusy}, "486"},
			{sip.Cause{Q850: sip.Unallocated}, "404"},
			{sip.Cleared(sip.Local), "603"},
		} {
			call := p.NewCall("100")
			call.Invite(offer(p, "8"))
			l := w.leg()
			w.must(l.Hangup(c.cause))
			m := p.Expect(c.want)
			contains(t, "response", m.Raw, "Reason: Q.850;cause=")
			call.Ack(m, "")
			expect[sip.Hungup](l)
		}
	})
}

// TestHeaderInjection: nothing that would start a line of its own goes out
// (security.md 16).
func TestHeaderInjection(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c, l := w.answered(p)
		evil := []sip.Header{sip.NewHeader("X-A", "1\r\nX-Evil: 1")}
		for name, err := range map[string]error{
			"hangup":  l.Hangup(sip.Cause{Headers: evil}),
			"reason":  l.Hangup(sip.Cause{Reason: "x\r\nX-Evil: 1"}),
			"name":    l.Hangup(sip.Cause{Headers: []sip.Header{sip.NewHeader("X Y", "1")}}),
			"dialog":  l.Hangup(sip.Cause{Headers: []sip.Header{sip.NewHeader("Call-ID", "1")}}),
			"codec":   l.Reinvite(sip.MediaOptions{Codecs: []string{"mp3"}}),
			"digits":  l.SendDigits("12x", 100*time.Millisecond, 0),
			"request": l.Request(sip.NewRequest(sip.BYE, sip.Uri{})),
		} {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		c.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestOptionalBody: a body that may be ignored is: the INVITE is one without an
// offer (RFC 3261 §8.2.3).
func TestOptionalBody(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c := p.NewCall("100")
		optional := []string{"Content-Type: application/isup", "Content-Disposition: signal;handling=optional"}
		c.Invite("isup", optional...)
		l := w.leg()
		w.must(l.Answer(sip.AnswerOptions{}))
		ok := p.Expect("200 INVITE")
		contains(t, "offer", ok.Body(), "m=audio ", " RTP/AVP 8 0 3 101\r\n")
		c.Ack(ok, offer(p, "8"))
		expect[sip.Answered](l)
		c.Invite("isup", optional...)
		ok = p.Expect("200 INVITE")
		contains(t, "offer", ok.Body(), "m=audio ", " RTP/AVP 8 0 3")
		c.Ack(ok, offer(p, "8"))
		c.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestMultipart: the description beside a location, as emergency calls have it.
func TestMultipart(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c := p.NewCall("112")
		c.Invite("--x\nContent-Type: application/pidf+xml\n\n<presence/>\n--x\nContent-Type: application/sdp\n\n"+offer(p, "8")+"\n--x--\n",
			"Content-Type: multipart/mixed;boundary=x")
		l := w.leg()
		w.must(l.Answer(sip.AnswerOptions{}))
		contains(t, "answer", c.Answered().Body(), " RTP/AVP 8\r\n")
		expect[sip.Answered](l)
		c.Bye()
		l.hungup(200, sip.Remote)
	})
}
