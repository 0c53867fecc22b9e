//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/codec"
)

// A pair is a call between two voices, set up through a node.
type pair struct {
	t    *testing.T
	n    *node
	a, b *voice
	call *attempt // the caller's dialog
	leg  *served  // the called party's
}

// connected sets up a call: the caller offers aFormats, or nothing where they
// are empty, and the called party answers with bFormats. flow is what the node
// does before it connects. Two of the same codec are relayed where both know
// telephone-events (101): else the node listens for digits.
func connected(t *testing.T, flow, aFormats, bFormats string) *pair {
	t.Helper()
	callee := newWire(t, "127.0.0.1")
	p := &pair{t: t, a: newVoice(t, "127.0.0.1"), b: newVoice(t, "127.0.0.1")}
	p.n = start(t, fmt.Sprintf(`
routes: [{to: "200", flow: connect}]
flows:
  connect:
%s
    - {type: connect, option: {destinations: [{type: sip, target: "callee@%s"}]}}
    - {type: hangup}
`, flow, callee.host()))
	p.call = newWire(t, "127.0.0.1").attempt(p.n.sip, "200")
	p.call.seq = 1
	offer := ""
	if aFormats != "" {
		offer = p.a.sdp(aFormats)
	}
	p.call.request("INVITE", 1, "i", p.call.to, p.call.target, contentType(offer), offer)
	answered := func() {
		m := answered200(t, p.call.final(offer == ""))
		if offer == "" {
			p.call.ack(m, p.a.sdp("0 101"))
		}
		p.a.talkTo(m.body)
	}
	first := strings.Contains(flow, "answer")
	if first {
		answered()
	}
	p.leg = callee.served()
	p.leg.answer(p.b.sdp(bFormats))
	p.b.talkTo(p.leg.invite.body)
	if !first {
		answered()
	}
	return p
}

// hear fails the test unless both hear each other now: the caller says low,
// the called party high.
func (p *pair) hear(when string) {
	p.t.Helper()
	p.a.hears("caller "+when, high, 0.5)
	p.b.hears("called party "+when, low, 0.5)
}

// end hangs up and checks that nothing is left.
func (p *pair) end() {
	p.t.Helper()
	p.call.hangup()
	p.leg.ended()
	for _, c := range p.n.records(2) {
		if c.HangupReason != "normal" {
			p.t.Errorf("%s call ended with %q", c.Direction, c.HangupReason)
		}
	}
	p.n.idle()
}

// TestReinviteCodec: the caller goes over from PCMU to PCMA and back. The
// called party, who keeps PCMU, gets one unbroken stream.
func TestReinviteCodec(t *testing.T) {
	t.Parallel()
	p := connected(t, "", "0 101", "0 101")
	stop := p.a.say(codec.PCMU, low)
	p.b.say(codec.PCMU, high)
	p.hear("before")
	for _, c := range []*codec.Codec{codec.PCMA, codec.PCMU} {
		m := answered200(t, p.call.reinvite(p.a.sdp(fmt.Sprintf("%d 101", c.PayloadType))))
		if _, formats, _ := mediaOf(m.body); !strings.HasPrefix(formats, fmt.Sprint(c.PayloadType)) {
			t.Fatalf("answered with formats %q", formats)
		}
		stop()
		changed := time.Now()
		stop = p.a.say(c, low)
		p.hear("in " + c.Name)
		for _, k := range p.a.since(changed.Add(100 * time.Millisecond)) {
			if k.pt != c.PayloadType {
				t.Fatalf("the caller gets payload type %d after it has asked for %s", k.pt, c.Name)
			}
		}
	}
	for _, k := range p.b.packets() {
		if k.pt != 0 {
			t.Fatalf("the called party, who speaks PCMU, got payload type %d", k.pt)
		}
	}
	unbroken(t, "called party", p.b.packets(), 4)
	unbroken(t, "caller", p.a.packets(), 4)
	p.end()
}

// TestReinviteAddress: the caller's media go to the address of the latest SDP,
// and nothing goes to the old one any more.
func TestReinviteAddress(t *testing.T) {
	t.Parallel()
	for _, formats := range []string{"0 101", "8 101"} { // relayed, transcoded
		t.Run(formats[:1], func(t *testing.T) {
			t.Parallel()
			p := connected(t, "", formats, "0 101")
			c := codec.ByPayloadType(formats[0] - '0')
			stop := p.a.say(c, low)
			p.b.say(codec.PCMU, high)
			p.hear("before")
			stop()
			old := p.a
			p.a = newVoice(t, "127.0.0.1")
			m := answered200(t, p.call.reinvite(p.a.sdp(formats)))
			moved := time.Now()
			p.a.talkTo(m.body)
			p.a.say(c, low)
			p.hear("at the new address")
			if late := old.since(moved.Add(60 * time.Millisecond)); len(late) > 0 {
				t.Errorf("%d packets went to the old address, the last %v after the change", len(late), late[len(late)-1].at.Sub(moved))
			}
			if got := p.a.packets()[0]; got.ssrc != old.packets()[0].ssrc {
				t.Error("another SSRC at the new address")
			}
			p.end()
		})
	}
}

// TestNoOffer: an INVITE without SDP draws an offer in the 200, the answer
// comes in the ACK; so does one within the call.
func TestNoOffer(t *testing.T) {
	t.Parallel()
	p := connected(t, "", "", "0 101")
	p.a.say(codec.PCMU, low)
	p.b.say(codec.PCMU, high)
	p.hear("after the answer in the ACK")
	m := answered200(t, p.call.reinvite(""))
	addr, formats, direction := mediaOf(m.body)
	if addr.Port == 0 || direction != "sendrecv" || !strings.Contains(" "+formats+" ", " 0 ") || !strings.Contains(formats, "101") {
		t.Errorf("the offer in the 200:\n%s", m.body)
	}
	b := newVoice(t, "127.0.0.1") // the answer may name another address
	p.call.ack(m, b.sdp("0 101"))
	b.talkTo(m.body)
	p.a = b
	p.a.say(codec.PCMU, low)
	p.hear("after the second answer")
	p.end()
}

// TestHold: however the caller says that it holds, it gets nothing meanwhile,
// the call lasts, and after it both hear each other in the streams of before.
func TestHold(t *testing.T) {
	t.Parallel()
	for _, bFormats := range []string{"0 101", "8 101"} { // relayed, transcoded
		t.Run(bFormats[:1], func(t *testing.T) {
			t.Parallel()
			p := connected(t, "", "0 101", bFormats)
			p.a.say(codec.PCMU, low)
			p.b.say(codec.ByPayloadType(bFormats[0]-'0'), high)
			p.hear("before")
			for _, hold := range []struct {
				name, sdp, answer string
				music             bool // what the holder says is heard
			}{
				{"sendonly", p.a.sdp("0 101", "sendonly"), "recvonly", true},
				{"inactive", p.a.sdp("0 101", "inactive"), "inactive", false},
				{"0.0.0.0", describe("0.0.0.0", p.a.addr().Port, "0 101"), "", true}, // RFC 2543
			} {
				m := answered200(t, p.call.reinvite(hold.sdp))
				held := time.Now()
				if _, _, direction := mediaOf(m.body); hold.answer != "" && direction != hold.answer {
					t.Errorf("%s is answered by %s, want %s", hold.name, direction, hold.answer)
				}
				time.Sleep(600 * time.Millisecond)
				if late := p.a.since(held.Add(60 * time.Millisecond)); len(late) > 0 {
					t.Errorf("%s: %d packets came while the caller held", hold.name, len(late))
				}
				s := decode(t, p.b.since(held.Add(150*time.Millisecond)))
				if hold.music {
					s.hears(t, "called party on hold by "+hold.name, 0.2, low)
				} else if s.tone(low) > -45 {
					t.Errorf("%s: the called party hears the caller at %.0f dBFS", hold.name, s.tone(low))
				}
				answered200(t, p.call.reinvite(p.a.sdp("0 101")))
				p.hear("after " + hold.name)
			}
			unbroken(t, "caller", p.a.packets(), 8)
			unbroken(t, "called party", p.b.packets(), 8)
			p.end()
		})
	}
}
