package ua_test

import (
	"strings"
	"testing"
	"time"

	"tandem/sip"
	"tandem/sip/ua"
)

// TestHeld: hold in its three ways, and resume; the answer never says sendrecv
// to a hold.
func TestHeld(t *testing.T) {
	for name, c := range map[string]struct {
		lines  []string
		answer string
	}{
		"sendonly": {[]string{"a=sendonly"}, "a=recvonly"},
		"inactive": {[]string{"a=inactive"}, "a=inactive"},
		"0.0.0.0":  {[]string{"c=IN IP4 0.0.0.0"}, "a=recvonly"},
		"no end":   {[]string{"a=sendonly\x00"}, "a=recvonly"}, // the last line has no CR LF
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(w *world) {
				p := w.caller()
				call, l := w.answered(p)
				body := strings.TrimSuffix(offer(p, "8 101", c.lines...), "\x00\n")
				call.Invite(body)
				m := call.Answered()
				contains(t, "answer", m.Body(), c.answer+"\r\n", " RTP/AVP 8 101\r\n")
				equal(t, "held", expect[sip.Held](l), sip.Held{Leg: l.ID(), On: true})
				call.Invite(body) // again: nothing new
				equal(t, "answer", call.Answered().Body(), m.Body())
				call.Invite(offer(p, "8 101"))
				contains(t, "answer", call.Answered().Body(), "a=sendrecv\r\n")
				equal(t, "resumed", expect[sip.Held](l), sip.Held{Leg: l.ID(), On: false})
				call.Bye()
				l.hungup(200, sip.Remote)
			})
		})
	}
}

// TestHold: we hold the far end and take it back.
func TestHold(t *testing.T) {
	for name, outgoing := range map[string]bool{"incoming": false, "outgoing": true} {
		t.Run(name, func(t *testing.T) {
			run(t, func(w *world) {
				p := w.caller()
				var l *leg
				if outgoing {
					_, l = w.called(p, nil)
				} else {
					_, l = w.answered(p)
				}
				w.must(l.Reinvite(sip.MediaOptions{Hold: true}))
				m := p.Expect("INVITE")
				contains(t, "offer", m.Body(), " RTP/AVP 8 101\r\n", "a=sendonly\r\n")
				p.Reply(m, 200, "", offer(p, "8 101", "a=recvonly"))
				p.Expect("ACK")
				w.must(l.Reinvite(sip.MediaOptions{}))
				m = p.Expect("INVITE")
				contains(t, "offer", m.Body(), "a=sendrecv\r\n")
				p.Reply(m, 200, "", offer(p, "8 101"))
				p.Expect("ACK")
				l.quiet()
				w.must(l.Hangup(sip.Cleared(sip.Local)))
				p.Reply(p.Expect("BYE"), 200, "", "")
				l.hungup(200, sip.Local)
			})
		})
	}
}

// TestCodecChange: the far end, and then we, go over to another codec and
// address.
func TestCodecChange(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		call, l := w.answered(p)
		call.Invite(strings.ReplaceAll(offer(p, "3 101"), "192.0.2.2", "192.0.2.77"))
		contains(t, "answer", call.Answered().Body(), " RTP/AVP 3 101\r\n")
		w.must(l.Reinvite(sip.MediaOptions{Codecs: []string{"pcmu", "pcma"}}))
		m := p.Expect("INVITE")
		contains(t, "offer", m.Body(), " RTP/AVP 0 8 101\r\n")
		p.Reply(m, 200, "", offer(p, "0 101"))
		p.Expect("ACK")
		call.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestOfferlessReinvite asks for our offer and answers in the ACK.
func TestOfferlessReinvite(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		call, l := w.answered(p)
		call.Invite("")
		m := p.Expect("200 INVITE")
		contains(t, "offer", m.Body(), " RTP/AVP 8 0 3 101\r\n")
		// While its answer is out, no other offer may come.
		other := *call
		other.RemoteTag = m.Tag("To")
		other.Invite(offer(p, "8"))
		other.Ack(p.Expect("491"), "")
		call.Ack(m, offer(p, "0 101", "a=sendonly"))
		expect[sip.Held](l)
		call.Seq = other.Seq
		// An ACK without answer leaves all as it was.
		call.Invite("")
		call.Answered()
		call.Bye()
		l.hungup(200, sip.Remote)
	})
}

func TestRefusedReinvite(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		call, l := w.answered(p)
		for want, body := range map[string]string{"488": offer(p, "18"), "400": "v=1\n"} {
			call.Invite(body)
			call.Ack(p.Expect(want), "")
		}
		call.Send("INVITE", "x", "Content-Type: text/plain")
		call.Ack(p.Expect("415"), "")
		// The far end refuses ours: the call goes on.
		w.must(l.Reinvite(sip.MediaOptions{Hold: true}))
		p.Reply(p.Expect("INVITE"), 488, "", "")
		p.Expect("ACK")
		l.quiet()
		w.must(l.Reinvite(sip.MediaOptions{}))
		m := p.Expect("INVITE")
		contains(t, "offer", m.Body(), "a=sendrecv\r\n")
		p.Reply(m, 200, "", "") // no answer in it: as before
		p.Expect("ACK")
		call.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestGlare: both re-INVITE at once; both get 491, and who made the Call-ID
// waits 2.1 to 4 s, the other 0 to 2 s (RFC 3261 §14.1).
func TestGlare(t *testing.T) {
	for name, outgoing := range map[string]bool{"incoming": false, "outgoing": true} {
		t.Run(name, func(t *testing.T) {
			run(t, func(w *world) {
				p := w.caller()
				var call = p.NewCall("100")
				var l *leg
				lo, hi := time.Duration(0), 2*time.Second
				if outgoing {
					call, l = w.called(p, nil)
					lo, hi = 2100*time.Millisecond, 4*time.Second
				} else {
					call, l = w.answered(p)
				}
				w.must(l.Reinvite(sip.MediaOptions{Hold: true}))
				ours := p.Expect("INVITE")
				call.Invite(offer(p, "8 101", "a=sendonly"))
				call.Ack(p.Expect("491"), "")
				start := time.Now()
				p.Reply(ours, 491, "", "")
				p.Expect("ACK")
				again := p.Expect("INVITE")
				if d := time.Since(start); d < lo || d > hi {
					t.Errorf("again after %v", d)
				}
				p.Reply(again, 200, "", offer(p, "8 101", "a=recvonly"))
				p.Expect("ACK")
				w.must(l.Hangup(sip.Cleared(sip.Local)))
				p.Reply(p.Expect("BYE"), 200, "", "")
				l.hungup(200, sip.Local)
			})
		})
	}
}

// TestGlareOvertaken: after a 491 the far end's re-INVITE comes first; ours
// follows when that one is acknowledged.
func TestGlareOvertaken(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		call, l := w.called(p, nil)
		w.must(l.Reinvite(sip.MediaOptions{Hold: true}))
		p.Reply(p.Expect("INVITE"), 491, "", "")
		p.Expect("ACK")
		call.Invite(offer(p, "8 101"))
		m := p.Expect("200 INVITE")
		p.Wait(10 * time.Second)
		equal(t, "INVITEs while theirs is not acknowledged", p.Count("INVITE"), 0)
		call.Ack(m, "")
		p.Reply(p.Expect("INVITE"), 200, "", offer(p, "8 101", "a=recvonly"))
		p.Expect("ACK")
		call.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestOverlap: a re-INVITE before the first INVITE is answered gets 500 with
// Retry-After; one whose forerunner's ACK was lost is served.
func TestOverlap(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		call := p.NewCall("100")
		call.Invite(offer(p, "8"))
		l := w.leg()
		w.must(l.Ring(sip.Early{}))
		early := *call
		early.RemoteTag = p.Expect("180").Tag("To")
		early.Invite(offer(p, "8"))
		m := p.Expect("500")
		contains(t, "500", m.Raw, "Retry-After: ")
		early.Ack(m, "")
		w.must(l.Answer(sip.AnswerOptions{}))
		ok := p.Expect("200 INVITE")
		call.RemoteTag, call.Seq = ok.Tag("To"), early.Seq
		call.Invite(offer(p, "8"))
		expect[sip.Answered](l)
		call.Answered()
		call.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestReinviteEndsCall: 481 and silence say that the far end has forgotten us.
func TestReinviteEndsCall(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		_, l := w.answered(p)
		w.must(l.Reinvite(sip.MediaOptions{Hold: true}))
		p.Reply(p.Expect("INVITE"), 481, "", "")
		p.Expect("ACK")
		p.Reply(p.Expect("BYE"), 481, "", "")
		l.hungup(481, sip.Remote)

		_, l = w.answered(p)
		w.must(l.Reinvite(sip.MediaOptions{Hold: true}))
		l.hungup(408, sip.Remote)
		p.Wait(time.Minute)
		p.Drain()
	})
}

// TestByeDuringReinvite, ours and theirs.
func TestByeDuringReinvite(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		call, l := w.answered(p)
		w.must(l.Reinvite(sip.MediaOptions{Hold: true}))
		m := p.Expect("INVITE")
		call.Bye()
		l.hungup(200, sip.Remote)
		p.Reply(m, 200, "", offer(p, "8"))
		p.Expect("ACK") // late, but acknowledged

		call, l = w.answered(p)
		call.Invite(offer(p, "8", "a=sendonly"))
		p.Expect("200 INVITE")
		expect[sip.Held](l)
		call.Bye()
		l.hungup(200, sip.Remote)
		p.Drain()
		p.Silence(time.Minute)
	})
}

// TestReinviteWithoutEnd: a re-INVITE that is answered with 100 alone is given
// up, in a call that goes on and in one that ends.
func TestReinviteWithoutEnd(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		call, l := w.answered(p)
		w.must(l.Reinvite(sip.MediaOptions{Hold: true}))
		m := p.Expect("INVITE")
		p.Reply(m, 100, "", "")
		cancel := p.Expect("CANCEL")
		p.Reply(cancel, 200, "", "")
		p.Reply(m, 487, "", "")
		p.Expect("ACK")
		w.must(l.Reinvite(sip.MediaOptions{Hold: true})) // the next may do better
		p.Reply(p.Expect("INVITE"), 200, "", offer(p, "8", "a=recvonly"))
		p.Expect("ACK")
		call.Bye()
		l.hungup(200, sip.Remote)

		for _, remote := range []bool{true, false} {
			call, l = w.answered(p)
			w.must(l.Reinvite(sip.MediaOptions{Hold: true}))
			p.Reply(p.Expect("INVITE"), 100, "", "")
			time.Sleep(time.Second)
			if remote {
				call.Bye()
				l.hungup(200, sip.Remote)
			} else {
				w.must(l.Hangup(sip.Cleared(sip.Local)))
				p.Reply(p.Expect("BYE"), 200, "", "")
				l.hungup(200, sip.Local)
			}
			p.Reply(p.Expect("CANCEL"), 481, "", "") // it has forgotten the INVITE too
		}

		// Challenged after it was given up: it is not sent again.
		_, l = w.called(p, func(o *ua.DialOptions) { o.Username, o.Password = "joe", "x" })
		w.must(l.Reinvite(sip.MediaOptions{Hold: true}))
		m = p.Expect("INVITE")
		p.Reply(m, 100, "", "")
		time.Sleep(time.Second)
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		p.Reply(p.Expect("CANCEL"), 200, "", "")
		p.Reply(m, 401, "", "", `WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"`)
		p.Expect("ACK")
		p.Reply(p.Expect("BYE"), 200, "", "")
		l.hungup(200, sip.Local)
		p.Silence(time.Minute)
	})
}

// TestTargetRefresh: requests go where the last INVITE's Contact says.
func TestTargetRefresh(t *testing.T) {
	run(t, func(w *world) {
		p, q := w.caller(), w.peer(other, 5090)
		call, l := w.answered(p)
		text := call.Text("INVITE", offer(p, "8 101"))
		p.SendRaw([]byte(strings.Replace(text, "Contact: <"+p.URI("caller")+">", "Contact: <sip:new@192.0.2.3:5090>", 1)))
		call.Answered()
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		bye := q.Expect("BYE")
		contains(t, "BYE", bye.Raw, "BYE sip:new@192.0.2.3:5090 SIP/2.0\r\n")
		q.Reply(bye, 200, "", "")
		l.hungup(200, sip.Local)
	})
}
