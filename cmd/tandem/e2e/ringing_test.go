//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/codec"
)

// ringYAML connects with options of connect, after some actions.
func ringYAML(before, options, target string) string {
	return fmt.Sprintf(`
routes: [{to: "200", flow: connect}]
flows:
  connect:
    %s
    - {type: connect, option: {destinations: [{type: sip, target: "callee@%s"}]%s}}
    - {type: hangup}
`, before, target, options)
}

// TestEarlyMediaOfCallee: with early_media the caller hears what the called
// party sends before it answers, in a 183; the answer changes nothing of that.
func TestEarlyMediaOfCallee(t *testing.T) {
	t.Parallel()
	for _, formats := range []string{"0", "8"} {
		t.Run(formats, func(t *testing.T) {
			t.Parallel()
			callee := newWire(t, "127.0.0.1")
			n := start(t, ringYAML("", ", early_media: true", callee.host()))
			caller := newWire(t, "127.0.0.1")
			a, b := newVoice(t, "127.0.0.1"), newVoice(t, "127.0.0.1")
			call := caller.attempt(n.sip, "200")
			call.seq = 1
			call.request("INVITE", 1, "i", call.to, call.target, "Content-Type: application/sdp\n", a.sdp("0"))
			s := callee.served()
			s.respond(183, "Session Progress", "", b.sdp(formats))
			b.talkTo(s.invite.body)
			b.say(codec.ByPayloadType(formats[0]-'0'), high)
			m, ok := caller.next(patience, func(m message) bool { return m.status() > 100 })
			if !ok || m.status() != 183 || mediaPort(m.body) == 0 {
				t.Fatalf("the caller got %q with %q", m.start, m.body)
			}
			a.talkTo(m.body)
			a.say(codec.PCMU, low)
			a.hears("caller before the answer", high, 1)
			for _, m := range caller.messages() {
				if m.status() == 200 {
					t.Fatal("answered before the called party was")
				}
			}
			early := m.body
			s.answer(b.sdp(formats))
			m = answered200(t, call.final(false))
			if m.body != "" && mediaPort(m.body) != mediaPort(early) {
				t.Error("the answer names another port than the 183")
			}
			a.hears("caller after the answer", high, 0.5)
			b.hears("called party", low, 0.5)
			unbroken(t, "caller", a.packets(), 4)
			call.hangup()
			s.ended()
			n.records(2)
			n.idle()
		})
	}
}

// TestRinging: without early_media the caller is told that it rings and hears
// nothing of the called party before the answer; one who is answered already
// hears ringback.
func TestRinging(t *testing.T) {
	t.Parallel()
	t.Run("180", func(t *testing.T) {
		t.Parallel()
		callee := newWire(t, "127.0.0.1")
		n := start(t, ringYAML("", "", callee.host()))
		caller := newWire(t, "127.0.0.1")
		a, b := newVoice(t, "127.0.0.1"), newVoice(t, "127.0.0.1")
		call := caller.attempt(n.sip, "200")
		call.seq = 1
		call.request("INVITE", 1, "i", call.to, call.target, "Content-Type: application/sdp\n", a.sdp("0"))
		s := callee.served()
		s.respond(183, "Session Progress", "", b.sdp("0"))
		b.talkTo(s.invite.body)
		b.say(codec.PCMU, high)
		m, ok := caller.next(patience, func(m message) bool { return m.status() > 100 })
		if !ok || m.status() != 180 || strings.TrimSpace(m.body) != "" {
			t.Fatalf("the caller got %q with %q, want 180 alone", m.start, m.body)
		}
		time.Sleep(300 * time.Millisecond)
		if got := len(a.packets()); got > 0 {
			t.Errorf("the caller got %d packets before the answer", got)
		}
		s.answer(b.sdp("0"))
		a.talkTo(answered200(t, call.final(false)).body)
		a.say(codec.PCMU, low)
		a.hears("caller", high, 0.5)
		call.hangup()
		s.ended()
		n.records(2)
		n.idle()
	})
	t.Run("ringback", func(t *testing.T) {
		t.Parallel()
		callee := newWire(t, "127.0.0.1")
		n := start(t, ringYAML("- {type: answer}", "", callee.host()))
		caller := newWire(t, "127.0.0.1")
		a, b := newVoice(t, "127.0.0.1"), newVoice(t, "127.0.0.1")
		call := caller.attempt(n.sip, "200")
		a.talkTo(answered200(t, call.call(a.sdp("0"))).body)
		a.hush()
		s := callee.served()
		s.respond(180, "Ringing", "", "")
		n.eventually(patience, "ringback is heard", func() error {
			if got := decode(t, a.packets()).activeFor(); got < 0.6 {
				return fmt.Errorf("%.1f s of sound", got)
			}
			return nil
		})
		decode(t, a.packets()).hears(t, "caller", 0.6, 425)
		s.answer(b.sdp("0"))
		b.talkTo(s.invite.body)
		b.say(codec.PCMU, high)
		answered := time.Now()
		a.hears("caller", high, 0.5)
		decode(t, a.since(answered.Add(200*time.Millisecond))).hearsNot(t, "caller after the answer", 425)
		call.hangup()
		s.ended()
		n.records(2)
		n.idle()
	})
}
