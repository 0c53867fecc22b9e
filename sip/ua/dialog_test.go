package ua_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/media/dtmf"
	"tandem/sip"
	"tandem/sip/ua"
)

func TestRequestsInDialog(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		call, l := w.answered(p)
		for _, c := range []struct{ method, want, has string }{
			{"OPTIONS", "200", "Allow: INVITE"},
			{"MESSAGE", "405", "Allow: INVITE"},
			{"UPDATE", "405", "Allow: INVITE"},
			{"REFER", "405", "Allow: INVITE"},
			{"SUBSCRIBE", "405", ""},
			{"PRACK", "481", ""},
			{"NOTIFY", "481", ""},
			{"DANCE", "501", "Allow: INVITE"},
		} {
			call.Send(c.method, "")
			m := p.Expect(c.want + " " + c.method)
			contains(t, c.method, m.Raw, c.has)
		}
		call.Send("INFO", "x", "Content-Type: application/foo", "Require: bar")
		contains(t, "INFO", p.Expect("420").Raw, "Unsupported: bar")
		// A lower CSeq is out of order (RFC 3261 §12.2.2).
		seq := call.Seq
		call.Seq = 0
		call.Send("OPTIONS", "")
		p.Expect("500 OPTIONS")
		call.Seq = seq
		// Unknown dialogs: each part of the name counts.
		for _, edit := range []func() func(){
			func() func() { old := call.RemoteTag; call.RemoteTag = "x"; return func() { call.RemoteTag = old } },
			func() func() { old := call.LocalTag; call.LocalTag = "x"; return func() { call.LocalTag = old } },
			func() func() { old := call.CallID; call.CallID = "x"; return func() { call.CallID = old } },
		} {
			undo := edit()
			call.Send("BYE", "")
			p.Expect("481 BYE")
			undo()
		}
		call.Bye()
		l.hungup(200, sip.Remote)
		for _, method := range []string{"INVITE", "BYE", "INFO", "OPTIONS", "PRACK"} { // security.md 27
			call.Send(method, "")
			m := p.Expect("481 " + method)
			if method == "INVITE" {
				call.Ack(m, "")
			}
		}
	})
}

func TestInfoDigits(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		call, l := w.answered(p)
		call.Send("INFO", "Signal=5\nDuration=160\n", "Content-Type: application/dtmf-relay")
		p.Expect("200 INFO")
		d := expect[dtmf.Digit](l)
		if d.Leg != l.ID() || d.Char != '5' || d.Source != "info" {
			t.Errorf("%+v", d)
		}
		call.Send("INFO", "#", "Content-Type: application/dtmf")
		p.Expect("200 INFO")
		equal(t, "digit", expect[dtmf.Digit](l).Char, byte('#'))
		call.Send("INFO", "Signal=what\n", "Content-Type: application/dtmf-relay")
		p.Expect("400 INFO")
		call.Send("INFO", "<x/>", "Content-Type: application/media_control+xml")
		p.Expect("200 INFO")
		info := expect[sip.Info](l)
		equal(t, "type", info.ContentType, "application/media_control+xml")
		equal(t, "body", string(info.Body), "<x/>")
		// In order, however fast they come (sipgo lost that).
		for i := range 300 {
			call.Send("INFO", string(rune('0'+i%10)), "Content-Type: application/dtmf")
		}
		for i := range 300 {
			if got := expect[dtmf.Digit](l).Char; got != byte('0'+i%10) {
				t.Fatalf("digit %d is %c", i, got)
			}
		}
		p.Drain()
		call.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestOurRequests: what a program sends in a dialog.
func TestOurRequests(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		_, l := w.answered(p)
		req := sip.NewRequest(sip.INFO, sip.Uri{})
		req.AppendHeader(sip.NewHeader("Content-Type", "text/x"))
		req.SetBody([]byte("hi"))
		w.must(l.Request(req))
		m := p.Expect("INFO")
		contains(t, "INFO", m.Raw, "Content-Type: text/x\r\n", "Content-Length: 2\r\n\r\nhi", "CSeq: 1 INFO")
		p.Reply(m, 415, "", "")
		l.quiet()
		w.must(l.Request(sip.NewRequest(sip.INFO, sip.Uri{})))
		p.Reply(p.Expect("INFO"), 481, "", "") // it does not know us any more
		p.Reply(p.Expect("BYE"), 481, "", "")
		l.hungup(481, sip.Remote)
	})
}

// TestRoutes: the route set is fixed by the INVITE; loose and strict routers
// get what they want (RFC 3261 §12.2.1.1).
func TestRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		record []string
		line   string
		routes []string
	}{
		"loose": {
			[]string{"<sip:192.0.2.3:5070;lr>", "<sip:far.example;lr>"},
			"BYE sip:callee@192.0.2.2:5060 SIP/2.0", []string{"<sip:far.example;lr>", "<sip:192.0.2.3:5070;lr>"},
		},
		"strict": {
			[]string{"<sip:far.example;lr>", "<sip:192.0.2.3:5070>"},
			"BYE sip:192.0.2.3:5070 SIP/2.0", []string{"<sip:far.example;lr>", "<sip:callee@192.0.2.2:5060>"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(w *world) {
				p, router := w.caller(), w.peer(other, 5070)
				l := w.dial(nil)
				m := p.Expect("INVITE")
				var headers []string
				for _, r := range c.record {
					headers = append(headers, "Record-Route: "+r)
				}
				p.Reply(m, 180, "x", "", "Record-Route: <sip:wrong.example;lr>")
				expect[sip.Ringing](l)
				p.Reply(m, 200, "x", offer(p, "8"), headers...)
				expect[sip.Answered](l)
				first := router
				if name == "loose" {
					first = p // far.example is no address: back the way it came
				}
				first.Expect("ACK")
				w.must(l.Hangup(sip.Cleared(sip.Local)))
				bye := first.Expect("BYE")
				equal(t, "request line", bye.String(), c.line)
				equal(t, "routes", bye.All("Route"), c.routes)
				first.Reply(bye, 200, "", "")
				l.hungup(200, sip.Local)
			})
		})
	}
	t.Run("incoming", func(t *testing.T) {
		run(t, func(w *world) {
			p := w.caller()
			call := p.NewCall("100")
			call.Invite(offer(p, "8"), "Record-Route: <sip:192.0.2.2:5060;lr>", "Record-Route: <sip:second.example;lr>")
			l := w.leg()
			w.must(l.Answer(sip.AnswerOptions{}))
			m := call.Answered()
			equal(t, "Record-Route", m.All("Record-Route"), []string{"<sip:192.0.2.2:5060;lr>", "<sip:second.example;lr>"})
			expect[sip.Answered](l)
			call.Invite(offer(p, "8"), "Record-Route: <sip:third.example;lr>") // changes nothing
			call.Answered()
			w.must(l.Hangup(sip.Cleared(sip.Local)))
			bye := p.Expect("BYE")
			equal(t, "routes", bye.All("Route"), []string{"<sip:192.0.2.2:5060;lr>", "<sip:second.example;lr>"})
			p.Reply(bye, 200, "", "")
			l.hungup(200, sip.Local)
		})
	})
}

// TestHiddenHeaders: headers in a Contact are never applied (security.md 17),
// and a Contact that cannot be reached from here is not used (row 60).
func TestContacts(t *testing.T) {
	for name, contact := range map[string]string{
		"hidden headers": "<sip:c@192.0.2.2:5060?Route=%3Csip:evil.example%3E&X-Evil=1>",
		"private":        "<sip:c@192.168.1.5:5060>",
		"loopback":       "<sip:c@127.0.0.1>",
		"host name":      "<sip:c@pbx.local>",
		"unspecified":    "<sip:c@0.0.0.0>",
		"multicast":      "<sip:c@224.0.0.1>",
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(w *world) {
				p := w.caller()
				call := p.NewCall("100")
				text := call.Text("INVITE", offer(p, "8"))
				p.SendRaw([]byte(strings.Replace(text, "Contact: <"+p.URI("caller")+">", "Contact: "+contact, 1)))
				l := w.leg()
				w.must(l.Answer(sip.AnswerOptions{}))
				call.Answered()
				expect[sip.Answered](l)
				w.must(l.Hangup(sip.Cleared(sip.Local)))
				bye := p.Expect("BYE")
				if strings.Contains(bye.Raw, "vil") {
					t.Error(bye.Raw)
				}
				p.Reply(bye, 200, "", "")
				l.hungup(200, sip.Local)
			})
		})
	}
}

// TestTopology: what one leg says never shows in another, and nothing of ours
// names more than the address it comes from.
func TestTopology(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		call := p.NewCall("100")
		call.Invite(offer(p, "8"), "X-Secret: 1", "User-Agent: Evil/1", "P-Asserted-Identity: <sip:x@y>")
		in := w.leg()
		q := w.peer(other, 5060)
		out := w.dial(func(o *ua.DialOptions) { o.Remotes = []netip.AddrPort{q.Local()} })
		m := q.Expect("INVITE")
		for _, s := range []string{"X-Secret", "Evil", "P-Asserted", call.CallID, "192.0.2.2:4000"} {
			if strings.Contains(m.Raw, s) {
				t.Errorf("%q is in\n%s", s, m.Raw)
			}
		}
		q.Reply(m, 486, "x", "")
		q.Expect("ACK")
		out.hungup(486, sip.Remote)
		call.Cancel()
		p.Expect("200 CANCEL")
		call.Ack(p.Expect("487"), "")
		in.hungup(487, sip.Remote)
	})
}

// TestCancelRaces cancels at 200 random moments of a call that rings and is
// answered at random moments: one end, everything given back.
func TestCancelRaces(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	t.Run("incoming", func(t *testing.T) {
		run(t, func(w *world) {
			p := w.caller()
			w.net.Delay = time.Millisecond
			for range 200 {
				call := p.NewCall("100")
				call.Invite(offer(p, "8"))
				ring, answer, cancel := r.IntN(8), r.IntN(12), 1+r.IntN(15)
				var l *leg
				for ms := range 20 {
					if ms == cancel {
						call.Cancel()
					}
					if l == nil && len(w.legs) > 0 {
						l = w.leg()
					}
					if l != nil && ms == ring+2 {
						_ = l.Ring(sip.Early{Media: ring%2 == 0})
					}
					if l != nil && ms == answer+2 {
						_ = l.Answer(sip.AnswerOptions{})
					}
					time.Sleep(time.Millisecond)
				}
				if l == nil {
					l = w.leg()
				}
				p.Expect("200 CANCEL")
				p.Wait(5 * time.Millisecond)
				if p.Count("487") > 0 {
					call.Ack(p.Expect("487"), "")
				} else { // our 200 was faster
					call.Answered()
					call.Bye()
				}
				for !isHungup(<-l.log) {
				}
				l.quiet()
				p.Drain()
			}
		})
	})
	t.Run("outgoing", func(t *testing.T) {
		run(t, func(w *world) {
			p := w.caller()
			w.net.Delay = time.Millisecond
			for range 200 {
				ring, answer, cancel := r.IntN(8), r.IntN(12), 1+r.IntN(15)
				l := w.dial(nil)
				m := p.Expect("INVITE")
				for ms := range 20 {
					if ms == cancel {
						_ = l.Hangup(sip.StatusCause(487, sip.Local))
					}
					if ms == ring {
						p.Reply(m, 180, "x", "")
					}
					if ms == answer {
						p.Reply(m, 200, "x", offer(p, "8"))
					}
					time.Sleep(time.Millisecond)
				}
				p.Expect("ACK") // every 200 is acknowledged
				p.Wait(5 * time.Millisecond)
				if p.Count("CANCEL") > 0 {
					p.Reply(p.Expect("CANCEL"), 200, "x", "")
				}
				p.Reply(p.Expect("BYE"), 200, "", "") // and ended
				ends := 0
				for len(l.log) > 0 {
					if isHungup(<-l.log) {
						ends++
					}
				}
				equal(t, "ends", ends, 1)
				p.Drain()
			}
		})
	})
}

func isHungup(m any) bool {
	_, ok := m.(sip.Hungup)
	return ok
}

// TestClose ends what is up: BYE, CANCEL, error response.
func TestClose(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		_, up := w.answered(p)
		call := p.NewCall("100")
		call.Invite(offer(p, "8"))
		in := w.leg()
		out := w.dial(nil)
		m := p.Expect("INVITE")
		p.Reply(m, 180, "x", "")
		expect[sip.Ringing](out)
		go w.ua.Close()
		p.Reply(p.Expect("BYE"), 200, "", "")
		p.Expect("CANCEL")
		call.Ack(p.Expect("503"), "")
		up.hungup(503, sip.Local)
		in.hungup(503, sip.Local)
		out.hungup(503, sip.Local)
	})
}
