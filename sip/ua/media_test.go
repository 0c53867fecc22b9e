package ua_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/dtmf"
	"tandem/media/mediatest"
	"tandem/media/mixer"
	"tandem/media/stream"
	"tandem/sip"
	"tandem/sip/siptest"
	"tandem/sip/ua"
)

var audioLine = regexp.MustCompile(`(?m)^m=audio (\d+) `)

// audio is where a description of ours says that audio goes.
func audio(t *testing.T, m *siptest.Message) netip.AddrPort {
	t.Helper()
	port := audioLine.FindStringSubmatch(m.Body())
	_, addr, _ := strings.Cut(m.Body(), "c=IN IP4 ")
	addr, _, _ = strings.Cut(addr, "\r\n")
	if port == nil {
		t.Fatalf("no audio in\n%s", m.Raw)
	}
	return netip.MustParseAddrPort(addr + ":" + port[1])
}

// say sends 20 ms packets of one byte each for d.
func say(p *mediatest.Peer, pt uint8, b byte, size int, d time.Duration) {
	p.Header.PayloadType = pt
	for ; d > 0; d -= 20 * time.Millisecond {
		p.Send(bytes.Repeat([]byte{b}, size), 160)
		time.Sleep(20 * time.Millisecond)
	}
}

// heard says how many packets of a payload type came since the last len(skip).
func heard(p *mediatest.Peer, pt uint8, skip int) (n int) {
	for _, pkt := range p.Packets()[skip:] {
		if pkt.PayloadType == pt {
			n++
		}
	}
	return n
}

// TestLoopbackInSDP: a peer elsewhere that names the loopback address means its
// own, and not this host's.
func TestLoopbackInSDP(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		theirs := mediatest.NewPeer(w.media, netip.AddrPortFrom(them, 4000))
		c := p.NewCall("100")
		c.Invite(strings.ReplaceAll(offer(p, "8"), "192.0.2.2", "127.0.0.1"))
		l := w.leg()
		w.must(l.Answer(sip.AnswerOptions{}))
		c.Answered()
		expect[sip.Answered](l)
		b := mixer.NewBridge(l.Stream().Worker(), mixer.Options{})
		b.Join(l.Port())
		time.Sleep(time.Second)
		if n := heard(theirs, 8, 0); n < 40 {
			t.Errorf("%d packets came to where the SIP comes from", n)
		}
		c.Bye()
		l.hungup(200, sip.Remote)
	})
}

// TestTwoLegs: a caller and a callee with another codec hear each other; early
// media reaches the caller; a hold stops what is sent, resume starts it; the
// caller's digits arrive as messages and at the callee.
func TestTwoLegs(t *testing.T) {
	run(t, func(w *world) {
		p, q := w.caller(), w.peer(other, 5060)
		a := mediatest.NewPeer(w.media, netip.MustParseAddrPort("192.0.2.2:4000"))
		b := mediatest.NewPeer(w.media, netip.MustParseAddrPort("192.0.2.3:4000"))

		in := p.NewCall("100")
		in.Invite(offer(p, "8 101"))
		l := w.leg()
		out := w.dialTo(q)
		m := q.Expect("INVITE")
		b.SendTo(audio(t, m))
		q.Reply(m, 183, "x", offer(q, "3 101"))
		if !expect[sip.Ringing](out).Media {
			t.Error("no early media")
		}
		w.must(l.Ring(sip.Early{Media: true}))
		a.SendTo(audio(t, p.Expect("183")))

		bridge := mixer.NewBridge(l.Stream().Worker(), mixer.Options{RelayAllowed: true, PassDigits: true})
		one, two := bridge.Join(l.Port()), bridge.Join(out.Port())
		say(b, 3, 0xd0, 33, time.Second)
		if n := heard(a, 8, 0); n < 45 || n > 52 {
			t.Errorf("the caller heard %d packets of early media", n)
		}

		q.Reply(m, 200, "x", offer(q, "3 101"))
		q.Expect("ACK")
		expect[sip.Answered](out)
		w.must(l.Answer(sip.AnswerOptions{}))
		in.Answered()
		expect[sip.Answered](l)

		skip := len(b.Packets())
		say(a, 8, 0xd5, 160, time.Second)
		if n := heard(b, 3, skip); n < 45 || n > 52 {
			t.Errorf("the callee heard %d packets", n)
		}

		// A digit: repeated, and lost in part; one message, one event at b.
		skip = len(b.Packets())
		a.Header.PayloadType = 101
		at := a.Header.Timestamp
		for i := range 6 {
			a.Header.Timestamp = at
			end := byte(0)
			if i > 3 {
				end = 0x80
			}
			a.Send([]byte{7, end | 10, byte((i + 1) * 160 >> 8), byte((i + 1) * 160 & 255)}, 0)
			time.Sleep(20 * time.Millisecond)
		}
		d := expect[dtmf.Digit](l)
		if d.Char != '7' || d.Leg != l.ID() {
			t.Errorf("%+v", d)
		}
		say(a, 8, 0xd5, 160, 200*time.Millisecond)
		events := 0
		for _, pkt := range b.Packets()[skip:] {
			if pkt.PayloadType == 101 && pkt.Marker {
				events++
			}
		}
		equal(t, "events at the callee", events, 1)

		// Digits of ours.
		skip = len(a.Packets())
		w.must(l.SendDigits("12", 100*time.Millisecond, 50*time.Millisecond))
		say(b, 3, 0xd0, 33, time.Second)
		if n := heard(a, 101, skip); n < 10 {
			t.Errorf("%d event packets", n)
		}

		// Hold: nothing is sent to one who does not want it.
		in.Invite(offer(p, "8 101", "a=inactive"))
		in.Answered()
		expect[sip.Held](l)
		synctest.Wait()
		skip = len(a.Packets())
		say(b, 3, 0xd0, 33, time.Second)
		if n := heard(a, 8, skip); n > 1 {
			t.Errorf("%d packets to one who holds", n)
		}
		// Resume with another codec at another address.
		c := mediatest.NewPeer(w.media, netip.MustParseAddrPort("192.0.2.2:5000"))
		in.Invite(strings.Replace(offer(p, "0 101"), " 4000 ", " 5000 ", 1))
		c.SendTo(audio(t, in.Answered()))
		expect[sip.Held](l)
		say(b, 3, 0xd0, 33, time.Second)
		if n := heard(c, 0, 0); n < 45 {
			t.Errorf("%d packets at the new address", n)
		}

		one.Leave(nil)
		two.Leave(nil)
		in.Bye()
		l.hungup(200, sip.Remote)
		w.must(out.Hangup(sip.Cleared(sip.Local)))
		q.Reply(q.Expect("BYE"), 200, "", "")
		out.hungup(200, sip.Local)
		got := make(chan string, 1)
		l.Stats(func(s stream.Stats) { got <- fmt.Sprint(s.RTP.Sent > 90, s.Digits) })
		equal(t, "statistics after the end", <-got, "true 1")
	})
}

// TestSilentPeer: a peer that sends nothing is reported, and left to the program.
func TestSilentPeer(t *testing.T) {
	runWith(t, func(c *ua.Config) { c.MediaTimeout = 15 * time.Second }, func(w *world) {
		p := w.caller()
		call, l := w.answered(p)
		expect[stream.Timeout](l)
		call.Bye()
		l.hungup(200, sip.Remote)
	})
}
