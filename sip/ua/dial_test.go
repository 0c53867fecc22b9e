package ua_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/codec"
	"tandem/sip"
	"tandem/sip/ua"
)

func TestOutgoingCall(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(func(o *ua.DialOptions) {
			o.From.Display = `Joe "the" Caller`
			o.Headers = []sip.Header{sip.NewHeader("X-Call", "7")}
			o.Route = []sip.Uri{{Scheme: "sip", Host: "sbc.example", UriParams: sip.Params{{K: "lr"}}}}
			o.MaxForwards = 12
			o.Trunk = "acme"
		})
		m := p.Expect("INVITE")
		contains(t, "INVITE", m.Raw, "INVITE sip:200@192.0.2.2:5060 SIP/2.0\r\n", "Route: <sip:sbc.example;lr>\r\n", "Max-Forwards: 12\r\n",
			`From: "Joe \"the\" Caller" <sip:100@example.net>;tag=`, "To: <sip:200@192.0.2.2:5060>\r\n", "User-Agent: tandem\r\n",
			"X-Call: 7\r\n", "Contact: <sip:100@192.0.2.1:5060>\r\n", "Content-Type: application/sdp\r\n", "RTP/AVP 8 0 3 101\r\n", "Allow: INVITE")
		p.Reply(m, 100, "", "")
		p.Reply(m, 180, "callee", "")
		equal(t, "ringing", expect[sip.Ringing](l), sip.Ringing{Leg: l.ID(), Status: 180})
		p.Reply(m, 200, "callee", offer(p, "0 101"))
		ack := p.Expect("ACK")
		equal(t, "ACK's CSeq", ack.Get("CSeq"), "1 ACK")
		contains(t, "ACK", ack.Raw, "ACK sip:callee@192.0.2.2:5060 SIP/2.0\r\n", ";tag=callee\r\n")
		expect[sip.Answered](l)
		p.Reply(m, 200, "callee", offer(p, "0 101")) // repeated: acknowledged again
		equal(t, "second ACK", p.Expect("ACK").Raw, ack.Raw)
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		bye := p.Expect("BYE")
		equal(t, "BYE's CSeq", bye.Get("CSeq"), "2 BYE")
		p.Reply(bye, 200, "", "")
		l.hungup(200, sip.Local)
	})
}

func TestOutgoingOverTCP(t *testing.T) {
	run(t, func(w *world) {
		ln, err := w.net.Listen(netip.AddrPortFrom(them, 5060))
		w.must(err)
		defer ln.Close()
		l := w.dial(func(o *ua.DialOptions) { o.Network = "tcp" })
		p := w.accept(ln)
		m := p.Expect("INVITE")
		contains(t, "INVITE", m.Raw, "Via: SIP/2.0/TCP", ";transport=tcp>")
		p.Reply(m, 200, "x", offer(p, "8"))
		p.Expect("ACK")
		expect[sip.Answered](l)
		c := p.Answering(m, "x")
		c.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestFailures: each final response ends the leg with its status; 3xx are not
// followed.
func TestFailures(t *testing.T) {
	for _, status := range []int{302, 400, 401, 403, 404, 407, 408, 480, 486, 487, 488, 491, 500, 503, 600, 603, 699} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			run(t, func(w *world) {
				p := w.caller()
				l := w.dial(nil)
				p.Reply(p.Expect("INVITE"), status, "x", "", "Contact: <sip:evil@192.0.2.66>")
				p.Expect("ACK")
				l.hungup(status, sip.Remote)
				p.Silence(time.Minute)
			})
		})
	}
}

func TestRemoteReason(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(nil)
		p.Reply(p.Expect("INVITE"), 480, "x", "", `Reason: Q.850;cause=20;text="absent"`)
		p.Expect("ACK")
		c := l.hungup(480, sip.Remote)
		equal(t, "Q.850", c.Q850, 20)
		equal(t, "reason", c.Reason, "absent")
	})
}

// TestAnswerOfAnotherFamily: an answer that names an address that our socket
// cannot send to ends the call.
func TestAnswerOfAnotherFamily(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(nil)
		p.Reply(p.Expect("INVITE"), 200, "x", strings.Replace(offer(p, "8"), "c=IN IP4 192.0.2.2", "c=IN IP6 2001:db8::2", 1))
		p.Expect("ACK")
		p.Reply(p.Expect("BYE"), 200, "", "")
		l.hungup(488, sip.Local)
	})
}

// TestOwnAddress: where the From names no host, it is ours as the peer sees it.
func TestOwnAddress(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(func(o *ua.DialOptions) { o.From.URI.Host = "" })
		invite := p.Expect("INVITE")
		contains(t, "INVITE", invite.Get("From"), "<sip:100@192.0.2.1>;tag=")
		p.Reply(invite, 200, "x", offer(p, "8"))
		p.Expect("ACK")
		expect[sip.Answered](l)
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		bye := p.Expect("BYE")
		equal(t, "From of the BYE", bye.Get("From"), invite.Get("From"))
		p.Reply(bye, 200, "", "")
		l.hungup(200, sip.Local)
	})
}

// TestHostileReason: whatever the far end gives as its reason, another leg can
// be ended with it.
func TestHostileReason(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		c := p.NewCall("100")
		c.Invite(offer(p, "8"))
		in := w.leg()
		b := w.peer(other, 5060)
		out := w.dialTo(b)
		invite := b.Expect("INVITE")
		b.SendRaw([]byte(strings.Replace(b.Text(invite, 486, "x", ""), "Busy Here", "Busy\x1b[2J\"Here", 1)))
		b.Expect("ACK")
		w.must(in.Hangup(out.hungup(486, sip.Remote)))
		m := p.Expect("486")
		contains(t, "486", m.Raw, `;text="Busy [2J\"Here"`)
		c.Ack(m, "")
		in.hungup(486, sip.Local)
	})
}

// TestNobodyThere: no answer in 64*T1.
func TestNobodyThere(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		start := time.Now()
		l := w.dial(nil)
		l.hungup(408, sip.Local)
		equal(t, "time", time.Since(start).Round(time.Second), 32*time.Second)
		equal(t, "INVITEs", len(p.Drain()), 7)
	})
}

func TestOutgoingEarlyMedia(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(nil)
		m := p.Expect("INVITE")
		p.Reply(m, 183, "x", offer(p, "8"))
		equal(t, "183", expect[sip.Ringing](l), sip.Ringing{Leg: l.ID(), Status: 183, Media: true})
		p.Reply(m, 180, "x", "")
		equal(t, "180", expect[sip.Ringing](l), sip.Ringing{Leg: l.ID(), Status: 180, Media: true})
		p.Reply(m, 200, "x", "") // the answer was in the 183, many think
		p.Expect("ACK")
		expect[sip.Answered](l)
		p.Answering(m, "x").Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestManyProvisionals: more than ten do no harm (sipgo gave up there).
func TestManyProvisionals(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(nil)
		m := p.Expect("INVITE")
		for i := range 200 {
			p.Reply(m, 180+i%4, fmt.Sprint("fork", i), "")
			expect[sip.Ringing](l)
		}
		p.Reply(m, 200, "fork7", offer(p, "8"))
		p.Expect("ACK")
		expect[sip.Answered](l)
		p.Answering(m, "fork7").Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestForks: the first 200 wins; each other one gets its own ACK and a BYE.
func TestForks(t *testing.T) {
	run(t, func(w *world) {
		p, q := w.caller(), w.peer(other, 5060)
		l := w.dial(nil)
		m := p.Expect("INVITE")
		p.Reply(m, 183, "a", offer(p, "8"))
		p.Reply(m, 180, "b", "")
		expect[sip.Ringing](l)
		expect[sip.Ringing](l)
		p.Reply(m, 200, "b", offer(p, "8"))
		if ack := p.Expect("ACK"); ack.Tag("To") != "b" {
			t.Error(ack.Raw)
		}
		expect[sip.Answered](l)
		// The second answers from another host; it gets ACK and BYE there.
		q.Remote = us
		reply := func() {
			text := "SIP/2.0 200 OK\nVia: " + m.Get("Via") + "\nFrom: " + m.Get("From") + "\nTo: " + m.Get("To") + ";tag=c\nCall-ID: " +
				m.Get("Call-ID") + "\nCSeq: 1 INVITE\nContact: <sip:c@192.0.2.3>\nContent-Length: 0\n\n"
			p.Send(text)
		}
		reply()
		ack, bye := q.Expect("ACK"), q.Expect("BYE")
		if ack.Tag("To") != "c" || bye.Tag("To") != "c" || ack.Get("CSeq") != "1 ACK" || bye.Get("CSeq") != "2 BYE" {
			t.Errorf("%s\n%s", ack.Raw, bye.Raw)
		}
		q.Reply(bye, 200, "", "")
		reply() // again
		equal(t, "ACK again", q.Expect("ACK").Raw, ack.Raw)
		p.Answering(m, "b").Bye()
		l.hungup(200, sip.Remote)
		p.Drain()
		p.Silence(time.Minute)
		q.Silence(0)
	})
}

// TestLate200: the 200 is still repeated when its transaction has ended.
func TestLate200(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(nil)
		m := p.Expect("INVITE")
		p.Reply(m, 200, "x", offer(p, "8"))
		p.Expect("ACK")
		expect[sip.Answered](l)
		time.Sleep(40 * time.Second)
		p.Reply(m, 200, "x", offer(p, "8"))
		p.Expect("ACK")
		p.Answering(m, "x").Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestBadAnswer: a 200 without a usable answer gets ACK and BYE.
func TestBadAnswer(t *testing.T) {
	for name, body := range map[string]string{
		"none": "", "garbage": "hello", "no codec": "v=0\nc=IN IP4 1.2.3.4\nm=audio 4000 RTP/AVP 18\n",
		"port 0": "v=0\nc=IN IP4 1.2.3.4\nm=audio 0 RTP/AVP 8\n", "no audio": "v=0\n",
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(w *world) {
				p := w.caller()
				l := w.dial(nil)
				m := p.Expect("INVITE")
				p.Reply(m, 200, "x", body)
				p.Expect("ACK")
				p.Reply(p.Expect("BYE"), 200, "", "")
				l.hungup(488, sip.Local)
			})
		})
	}
}

// TestFailover: the next address is tried on silence, refusal and 503; never on
// another answer.
func TestFailover(t *testing.T) {
	t.Run("silence", func(t *testing.T) {
		run(t, func(w *world) {
			dead, p := w.peer(them, 5061), w.peer(them, 5062)
			start := time.Now()
			l := w.dial(nil, 5061, 5062)
			m := p.Expect("INVITE")
			if d := time.Since(start); d > 4100*time.Millisecond {
				t.Errorf("second address after %v", d)
			}
			first := dead.Expect("INVITE")
			if first.Get("Via") == m.Get("Via") || first.Get("Call-ID") != m.Get("Call-ID") || m.Get("CSeq") != "2 INVITE" {
				t.Error(m.Raw)
			}
			p.Reply(m, 200, "x", offer(p, "8"))
			p.Expect("ACK")
			expect[sip.Answered](l)
			// The first wakes up: it is cancelled, and when it answers
			// nevertheless, hung up.
			dead.Reply(first, 180, "late", "")
			dead.Reply(dead.Expect("CANCEL"), 200, "late", "")
			dead.Reply(first, 200, "late", offer(dead, "8"))
			if ack := dead.Expect("ACK"); ack.Tag("To") != "late" {
				t.Error(ack.Raw)
			}
			dead.Reply(dead.Expect("BYE"), 200, "", "")
			l.quiet()
			p.Answering(m, "x").Bye()
			l.hungup(200, sip.Remote)
		})
	})
	t.Run("503", func(t *testing.T) {
		run(t, func(w *world) {
			busy, p := w.peer(them, 5061), w.peer(them, 5062)
			l := w.dial(nil, 5061, 5062)
			m := busy.Expect("INVITE")
			busy.Reply(m, 100, "", "")
			busy.Reply(m, 503, "x", "")
			busy.Expect("ACK")
			m = p.Expect("INVITE")
			p.Reply(m, 503, "x", "")
			p.Expect("ACK")
			l.hungup(503, sip.Remote)
		})
	})
	t.Run("refused connection", func(t *testing.T) {
		run(t, func(w *world) {
			ln, err := w.net.Listen(netip.AddrPortFrom(them, 5062))
			w.must(err)
			defer ln.Close()
			start := time.Now()
			l := w.dial(func(o *ua.DialOptions) { o.Network = "tcp" }, 5061, 5062)
			p := w.accept(ln)
			m := p.Expect("INVITE")
			if d := time.Since(start); d > 100*time.Millisecond {
				t.Errorf("second address after %v", d)
			}
			p.Reply(m, 486, "x", "")
			p.Expect("ACK")
			l.hungup(486, sip.Remote)
		})
	})
	t.Run("busy is an answer", func(t *testing.T) {
		run(t, func(w *world) {
			p, q := w.peer(them, 5061), w.peer(them, 5062)
			l := w.dial(nil, 5061, 5062)
			p.Reply(p.Expect("INVITE"), 486, "x", "")
			p.Expect("ACK")
			l.hungup(486, sip.Remote)
			q.Silence(10 * time.Second)
		})
	})
	t.Run("all refuse", func(t *testing.T) {
		run(t, func(w *world) {
			l := w.dial(func(o *ua.DialOptions) { o.Network = "tcp" }, 5061, 5062)
			l.hungup(503, sip.Local)
		})
	})
}

func TestRingTimeout(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(func(o *ua.DialOptions) { o.RingTimeout = 20 * time.Second })
		m := p.Expect("INVITE")
		start := time.Now()
		p.Reply(m, 180, "x", "")
		expect[sip.Ringing](l)
		cancel := p.Expect("CANCEL")
		equal(t, "time", time.Since(start).Round(time.Second), 20*time.Second)
		contains(t, "CANCEL", cancel.Raw, "Reason: Q.850;cause=19", "CSeq: 1 CANCEL\r\n", "Via: "+m.Get("Via"))
		p.Reply(cancel, 200, "x", "")
		p.Reply(m, 487, "x", "")
		p.Expect("ACK")
		c := l.hungup(480, sip.Local)
		equal(t, "Q.850", c.Q850, sip.NoAnswer)
	})
}

// TestDigest: 407 of the proxy, then 401 of the server; the BYE carries
// credentials at once, and a stale nonce is replaced.
func TestDigest(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(func(o *ua.DialOptions) { o.Username, o.Password = "joe", "secret" })
		one := p.Expect("INVITE")
		p.Reply(one, 407, "x", "", `Proxy-Authenticate: Digest realm="proxy", nonce="p1", qop="auth", algorithm=MD5`)
		p.Expect("ACK")
		two := p.Expect("INVITE")
		if two.Get("CSeq") != "2 INVITE" || two.Tag("From") != one.Tag("From") || two.Tag("To") != "" {
			t.Error(two.Raw)
		}
		contains(t, "second INVITE", two.Get("Proxy-Authorization"), `realm="proxy"`, `nonce="p1"`, "nc=00000001", `uri="sip:200@192.0.2.2:5060"`)
		p.Reply(two, 401, "y", "", `WWW-Authenticate: Digest realm="server", nonce="s1", algorithm=SHA-256, qop="auth"`,
			`WWW-Authenticate: Digest realm="server", nonce="weak", algorithm=MD5`)
		p.Expect("ACK")
		three := p.Expect("INVITE")
		contains(t, "third INVITE", three.Get("Proxy-Authorization"), "nc=00000002")
		contains(t, "third INVITE", three.Get("Authorization"), `nonce="s1"`, "algorithm=SHA-256")
		p.Reply(three, 200, "z", offer(p, "8"))
		ack := p.Expect("ACK")
		equal(t, "ACK's credentials", ack.Get("Authorization"), three.Get("Authorization"))
		expect[sip.Answered](l)

		w.must(l.Reinvite(sip.MediaOptions{Hold: true}))
		re := p.Expect("INVITE")
		p.Reply(re, 401, "", "", `WWW-Authenticate: Digest realm="server", nonce="s2", stale=true, algorithm=SHA-256, qop="auth"`)
		p.Expect("ACK")
		re = p.Expect("INVITE")
		contains(t, "re-INVITE", re.Get("Authorization"), `nonce="s2"`, "nc=00000001")
		p.Reply(re, 200, "", offer(p, "8", "a=recvonly"))
		p.Expect("ACK")

		w.must(l.Hangup(sip.Cleared(sip.Local)))
		bye := p.Expect("BYE")
		contains(t, "BYE", bye.Get("Authorization"), `nonce="s2"`, "nc=00000002", "uri=\"sip:callee@192.0.2.2:5060\"")
		p.Reply(bye, 200, "", "")
		l.hungup(200, sip.Local)
		if strings.Contains(fmt.Sprint(p.Drain()), "secret") {
			t.Error("the password is on the wire")
		}
	})
}

// TestDigestRefused: wrong credentials are not given twice, and a leg without
// credentials answers no challenge, in mid-call neither (security.md 10).
func TestDigestRefused(t *testing.T) {
	challenge := `WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"`
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(func(o *ua.DialOptions) { o.Username, o.Password = "joe", "wrong" })
		p.Reply(p.Expect("INVITE"), 401, "x", "", challenge)
		p.Expect("ACK")
		p.Reply(p.Expect("INVITE"), 401, "x", "", strings.Replace(challenge, `"n"`, `"m"`, 1))
		p.Expect("ACK")
		l.hungup(401, sip.Remote)
		p.Silence(time.Minute)

		_, l = w.called(p, nil)
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		p.Reply(p.Expect("BYE"), 401, "", "", challenge)
		l.hungup(200, sip.Local)
		p.Silence(time.Minute)

		// A peer that asks for ever, for another realm each time.
		_, l = w.called(p, func(o *ua.DialOptions) { o.Username, o.Password = "joe", "x" })
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		for n := range 5 {
			p.Reply(p.Expect("BYE"), 401, "", "", strings.Replace(challenge, `"r"`, fmt.Sprintf(`"r%d"`, n), 1))
		}
		l.hungup(200, sip.Local)
		p.Silence(time.Minute)
	})
	// Credentials go to their peer, not to where a Contact points.
	run(t, func(w *world) {
		p, q := w.caller(), w.peer(other, 5060)
		l := w.dial(func(o *ua.DialOptions) { o.Username, o.Password = "joe", "secret" })
		p.Reply(p.Expect("INVITE"), 401, "x", "", challenge)
		p.Expect("ACK")
		m := p.Expect("INVITE")
		p.Send("SIP/2.0 200 OK\nVia: " + m.Get("Via") + "\nFrom: " + m.Get("From") + "\nTo: " + m.Get("To") + ";tag=c\nCall-ID: " + m.Get("Call-ID") +
			"\nCSeq: 2 INVITE\nContact: <sip:c@192.0.2.3>\nContent-Type: application/sdp\nContent-Length: 73\n\n" +
			"v=0\nc=IN IP4 192.0.2.3\nm=audio 4000 RTP/AVP 8\na=sendrecv\na=x:123456789\n")
		q.Expect("ACK")
		expect[sip.Answered](l)
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		bye := q.Expect("BYE")
		equal(t, "credentials", bye.Get("Authorization"), "")
		q.Reply(bye, 401, "", "", challenge)
		l.hungup(200, sip.Local)
		q.Silence(time.Minute)
	})
}

func TestOutgoingCancelled(t *testing.T) {
	t.Run("while ringing", func(t *testing.T) {
		run(t, func(w *world) {
			p := w.caller()
			l := w.dial(nil)
			m := p.Expect("INVITE")
			p.Reply(m, 180, "x", "")
			expect[sip.Ringing](l)
			w.must(l.Hangup(sip.StatusCause(487, sip.Local)))
			l.hungup(487, sip.Local)
			p.Reply(p.Expect("CANCEL"), 200, "x", "")
			p.Reply(m, 487, "x", "")
			p.Expect("ACK")
			p.Silence(time.Minute)
		})
	})
	t.Run("before any response", func(t *testing.T) {
		run(t, func(w *world) {
			p := w.caller()
			l := w.dial(nil)
			m := p.Expect("INVITE")
			w.must(l.Hangup(sip.StatusCause(487, sip.Local)))
			l.hungup(487, sip.Local)
			p.Wait(100 * time.Millisecond)
			equal(t, "CANCEL before a provisional response", p.Count("CANCEL"), 0)
			p.Reply(m, 100, "", "")
			p.Reply(p.Expect("CANCEL"), 200, "x", "")
			p.Reply(m, 487, "x", "")
			p.Expect("ACK")
		})
	})
	t.Run("crossing 200", func(t *testing.T) {
		run(t, func(w *world) {
			p := w.caller()
			l := w.dial(nil)
			m := p.Expect("INVITE")
			p.Reply(m, 180, "x", "")
			expect[sip.Ringing](l)
			w.must(l.Hangup(sip.StatusCause(487, sip.Local)))
			l.hungup(487, sip.Local)
			cancel := p.Expect("CANCEL")
			p.Reply(m, 200, "x", offer(p, "8"))
			p.Reply(cancel, 200, "x", "")
			p.Expect("ACK")
			p.Reply(p.Expect("BYE"), 200, "", "")
			p.Reply(m, 200, "x", offer(p, "8"))
			p.Expect("ACK")
			p.Silence(time.Minute)
		})
	})
	t.Run("nobody answers any more", func(t *testing.T) {
		run(t, func(w *world) {
			p := w.caller()
			l := w.dial(nil)
			p.Reply(p.Expect("INVITE"), 180, "x", "")
			expect[sip.Ringing](l)
			w.must(l.Hangup(sip.StatusCause(487, sip.Local)))
			l.hungup(487, sip.Local)
		})
	})
}

func TestDialErrors(t *testing.T) {
	run(t, func(w *world) {
		good := ua.DialOptions{
			To: sip.Uri{Scheme: "sip", User: "1", Host: "192.0.2.2"}, From: sip.FromTo{URI: sip.Uri{Scheme: "sip", User: "2", Host: "x"}},
			Remotes: []netip.AddrPort{netip.AddrPortFrom(them, 5060)},
		}
		for name, edit := range map[string]func(*ua.DialOptions){
			"no remote":      func(o *ua.DialOptions) { o.Remotes = nil },
			"network":        func(o *ua.DialOptions) { o.Network = "smoke" },
			"To with CRLF":   func(o *ua.DialOptions) { o.To.User = "1\r\nX-Evil: 1" },
			"To with blank":  func(o *ua.DialOptions) { o.To.User = "1 2" },
			"From with CRLF": func(o *ua.DialOptions) { o.From.URI.User = "1\r\nX-Evil: 1" },
			"display":        func(o *ua.DialOptions) { o.From.Display = "a\r\nX-Evil: 1" },
			"header":         func(o *ua.DialOptions) { o.Headers = []sip.Header{sip.NewHeader("X", "1\nY: 2")} },
			"header of ours": func(o *ua.DialOptions) { o.Headers = []sip.Header{sip.NewHeader("cOnTaCt", "<sip:x@y>")} },
			"Route":          func(o *ua.DialOptions) { o.Route = []sip.Uri{{Scheme: "sip", Host: "a\nb"}} },
		} {
			o := good
			edit(&o)
			if _, err := w.ua.Dial(o); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		equal(t, "legs", w.ua.Legs(), 0)
	})
	runWith(t, func(c *ua.Config) { c.MaxLegs = 1 }, func(w *world) {
		p := w.caller()
		c, l := w.answered(p)
		if _, err := w.ua.Dial(ua.DialOptions{
			To: sip.Uri{Scheme: "sip", Host: "x"}, From: sip.FromTo{URI: sip.Uri{Scheme: "sip", Host: "x"}},
			Remotes: []netip.AddrPort{p.Local()},
		}); !errors.Is(err, ua.ErrFull) {
			t.Error(err)
		}
		c.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestOutgoingPortsExhausted: no media, no call, and no trace.
func TestOutgoingPortsExhausted(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		var legs []*leg
		for range 10 {
			legs = append(legs, w.dial(nil))
		}
		synctest.Wait()
		w.dial(nil).hungup(503, sip.Local)
		for _, l := range legs {
			p.Reply(p.Expect("INVITE"), 486, "x", "")
			_ = l
		}
		for _, l := range legs {
			l.hungup(486, sip.Remote)
		}
	})
}

func TestCodecsOfLeg(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(func(o *ua.DialOptions) { o.Codecs = []*codec.Codec{codec.GSM} })
		m := p.Expect("INVITE")
		contains(t, "offer", m.Body(), "m=audio 200", " RTP/AVP 3 101\r\n")
		p.Reply(m, 486, "x", "")
		l.hungup(486, sip.Remote)
	})
}
