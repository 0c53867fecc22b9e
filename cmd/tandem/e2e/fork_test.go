//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/codec"
)

// TestForkedAnswers: of two phones that answer the same INVITE the first gets
// the call; the second is acknowledged and hung up (RFC 3261 §13.2.2.4).
func TestForkedAnswers(t *testing.T) {
	t.Parallel()
	callee := newWire(t, "127.0.0.1")
	n := start(t, fmt.Sprintf(connectYAML, "callee@"+callee.host()))
	caller := newWire(t, "127.0.0.1")
	a, b, late := newVoice(t, "127.0.0.1"), newVoice(t, "127.0.0.1"), newVoice(t, "127.0.0.1")
	call := caller.attempt(n.sip, "200")
	call.seq = 1
	call.request("INVITE", 1, "i", call.to, call.target, "Content-Type: application/sdp\n", a.sdp("0"))

	first := callee.served()
	second := *first
	second.tag = "second"
	first.respond(180, "Ringing", "", "")
	second.respond(180, "Ringing", "", "")
	first.respond(200, "OK", "", b.sdp("0"))
	second.respond(200, "OK", "", late.sdp("0"))
	acked := map[bool]bool{}
	var bye message
	for len(acked) < 2 || bye.start == "" {
		m, ok := callee.next(patience, func(m message) bool { return m.status() == 0 && !callee.repeated(m) })
		if !ok {
			t.Fatalf("ACKs %v, BYE %q", acked, bye.start)
		}
		is2 := strings.Contains(m.get("to"), "tag=second")
		switch m.method() {
		case "ACK":
			acked[is2] = true
		case "BYE":
			if !is2 || !acked[true] {
				t.Fatalf("BYE to %s, second acknowledged: %v", m.get("to"), acked[true])
			}
			bye = m
			callee.respond(m, 200, "OK", "", "", "")
		}
	}
	m := answered200(t, call.final(false))
	a.talkTo(m.body)
	b.talkTo(first.invite.body)
	a.say(codec.PCMU, low)
	b.say(codec.PCMU, high)
	a.hears("caller", high, 0.5)
	b.hears("the first to answer", low, 0.5)
	if got := len(late.packets()); got > 0 {
		t.Errorf("%d packets went to the second", got)
	}
	call.hangup()
	if m := first.ended(); strings.Contains(m.get("to"), "second") {
		t.Error("BYE went to the second again")
	}
	if got := callee.count("BYE"); got != 2 {
		t.Errorf("%d BYEs, want one each", got)
	}
	n.records(2)
	n.idle()
}

// TestCancelCrossesAnswer: the called party answers while the caller's CANCEL is
// on its way to it. It is acknowledged and hung up; the caller has 487.
func TestCancelCrossesAnswer(t *testing.T) {
	t.Parallel()
	callee := newWire(t, "127.0.0.1")
	n := start(t, fmt.Sprintf(connectYAML, "callee@"+callee.host()))
	caller := newWire(t, "127.0.0.1")
	call := caller.attempt(n.sip, "200")
	call.invite()
	s := callee.served()
	s.respond(180, "Ringing", "", "")
	if _, ok := caller.next(patience, func(m message) bool { return m.status() == 180 }); !ok {
		t.Fatal("no 180")
	}
	call.cancel()
	cancel := callee.expect("CANCEL")
	s.respond(200, "OK", "", callee.sdp())
	callee.respond(cancel, 200, "OK", s.tag, "", "")
	ack := callee.expect("ACK")
	bye := s.ended()
	if ack.at.After(bye.at) {
		t.Error("BYE came before ACK")
	}
	call.seq = 1
	if m := call.final(false); m.status() != 487 {
		t.Errorf("the caller got %q, want 487", m.start)
	}
	for _, c := range n.records(2) {
		if c.HangupReason != "cancel" {
			t.Errorf("%s call ended with %q, want cancel", c.Direction, c.HangupReason)
		}
	}
	n.idle()
	time.Sleep(100 * time.Millisecond)
	if got := callee.count("BYE"); got != 1 {
		t.Errorf("%d BYEs, want 1", got)
	}
}
