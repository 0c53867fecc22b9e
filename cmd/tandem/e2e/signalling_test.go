//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEarlyMedia: what is played before the answer is heard before the answer.
func TestEarlyMedia(t *testing.T) {
	t.Parallel()
	n := start(t, `
routes: [{to: "110", flow: early}]
flows:
  early:
    - {type: play, option: {stream_urls: ["file:early.wav"]}}
    - {type: answer}
    - {type: play, option: {stream_urls: ["file:late.wav"]}}
    - {type: hangup}
`)
	n.prompt("early.wav", mid, 2)
	n.prompt("late.wav", high, 1)
	p := newPhone(t, phoneOptions{Codecs: "pcma", Say: silence(t)})
	p.command("dial", n.uri("110"))
	p.waitLog("183", 5*time.Second)
	if strings.Contains(p.log.String(), "Call established") {
		t.Error("answered before the early prompt")
	}
	p.waitLog("Call established", 10*time.Second)
	p.waitLog("terminated", 10*time.Second)
	s := p.heard()
	if got := s.heardFor(mid); got < 1.5 {
		t.Errorf("early prompt heard for %.1f s, want 2 s", got)
	}
	if got := s.heardFor(high); got < 0.7 {
		t.Errorf("prompt after the answer heard for %.1f s, want 1 s", got)
	}
	n.idle()
}

// TestHoldAndResume: on hold neither side hears the other; after resume both do.
func TestHoldAndResume(t *testing.T) {
	t.Parallel()
	b := newPhone(t, phoneOptions{Codecs: "gsm", Say: source(t, high), Answer: true})
	n := start(t, fmt.Sprintf(connectYAML, strings.TrimPrefix(b.uri(), "sip:")))
	a := newPhone(t, phoneOptions{Codecs: "pcmu", Say: source(t, low)})
	a.dial(n.uri("200"))
	time.Sleep(2 * time.Second)
	a.command("hold", "")
	time.Sleep(time.Second) // baresip writes its file by the block
	held := b.heard().seconds()
	time.Sleep(2 * time.Second)
	a.command("resume", "")
	resumed := b.heard().seconds()
	time.Sleep(2500 * time.Millisecond)
	a.hangup()
	b.waitLog("terminated", 5*time.Second)
	s := b.heard()
	if l := s.part(0.5, held-0.5).tone(low); l < -30 {
		t.Errorf("before hold the callee hears the caller at %.0f dBFS", l)
	}
	s.part(held, resumed-0.2).hearsNot(t, "callee while the caller holds", low)
	if l := s.part(s.seconds()-1.2, s.seconds()-0.3).tone(low); l < -30 {
		t.Errorf("after resume the callee hears the caller at %.0f dBFS", l)
	}
	n.records(2)
	n.idle()
}

// TestStrangersHearNothing: no byte goes back to a source that is no trunk's,
// whatever it sends; a trunk's OPTIONS is answered.
func TestStrangersHearNothing(t *testing.T) {
	t.Parallel()
	n := start(t, `
trunks: {known: {from: [127.0.0.1/32], to: "sip:127.0.0.1:9"}}
routes: [{to: "600", service: echo}]
`)
	stranger := newWire(t, "127.0.0.2")
	s := stranger.attempt(n.sip, "600")
	s.invite()
	s.request("OPTIONS", 7, "o", s.to, s.target, "", "")
	s.request("REGISTER", 8, "r", s.to, s.target, "", "")
	s.request("BYE", 9, "b", s.to+";tag=x", s.target, "", "")
	stranger.send(n.sip, "garbage\n\n")
	stranger.send(n.sip, strings.Repeat("INVITE sip:x SIP/2.0\n", 3)+"\n")
	known := newWire(t, "127.0.0.1")
	k := known.attempt(n.sip, "600")
	k.request("OPTIONS", 1, "o", k.to, k.target, "", "")
	if m, ok := known.next(3*time.Second, k.mine); !ok || m.status() != 200 {
		t.Errorf("OPTIONS from a trunk: %q", m.start)
	} else if m.get("allow") == "" || m.get("accept") == "" {
		t.Errorf("OPTIONS answered without Allow or Accept: %v", m.header)
	}
	if m, ok := stranger.next(time.Second, nil); ok {
		t.Errorf("a stranger was answered: %s", m.start)
	}
	out, err := exec.Command("sipsak", "-s", fmt.Sprintf("sip:ping@127.0.0.1:%d", n.sip), "-v").CombinedOutput()
	if err != nil {
		t.Errorf("sipsak: %v\n%s", err, out)
	}
}

// TestLargeMessageOverTCP: an INVITE of 40 kB over TCP is answered.
func TestLargeMessageOverTCP(t *testing.T) {
	t.Parallel()
	n := start(t, `routes: [{to: "600", service: echo}]`)
	b := readFile(t, "testdata/uac.xml")
	var pad strings.Builder
	for i := range 400 {
		fmt.Fprintf(&pad, "X-Padding-%d: %s\n", i, strings.Repeat("p", 90))
	}
	big := strings.Replace(b, "Max-Forwards: 70\nContent-Type", pad.String()+"Max-Forwards: 70\nContent-Type", 1)
	s := runSIPp(t, sippOptions{Scenario: big, Target: fmt.Sprintf("127.0.0.1:%d", n.sip), Service: "600", TCP: true})
	if len(s.messages()) < 36000 {
		t.Errorf("only %d bytes were exchanged", len(s.messages()))
	}
	n.records(1)
	n.idle()
}

// TestDrain: SIGTERM while a call is up: the call goes on, a new INVITE draws
// 503 with Retry-After, and after the call's end the process ends with 0.
func TestDrain(t *testing.T) {
	t.Parallel()
	n := start(t, `routes: [{to: "600", service: echo}]`)
	p := newPhone(t, phoneOptions{Codecs: "pcmu", Say: source(t, low)})
	p.dial(n.uri("600"))
	n.cmd.Process.Signal(syscall.SIGTERM)
	n.eventually(3*time.Second, "draining", func() error {
		if v, err := n.metric("tandem_draining"); err != nil || v != 1 {
			return fmt.Errorf("tandem_draining is %v, %v", v, err)
		}
		return nil
	})
	w := newWire(t, "127.0.0.1")
	n.eventually(3*time.Second, "new calls are refused", func() error {
		a := w.attempt(n.sip, "600")
		a.invite()
		m, ok := w.next(2*time.Second, func(m message) bool { return a.mine(m) && m.status() >= 180 })
		if !ok || m.status() != 503 || m.get("retry-after") == "" {
			return fmt.Errorf("INVITE while draining: %q, Retry-After %q", m.start, m.get("retry-after"))
		}
		return nil
	})
	before := p.heard().seconds()
	time.Sleep(1500 * time.Millisecond)
	s := p.heard()
	if l := s.part(before, s.seconds()).tone(low); l < -30 {
		t.Errorf("while draining the call's echo is at %.0f dBFS", l)
	}
	p.hangup()
	select {
	case err := <-n.ended:
		if err != nil {
			t.Errorf("exit after drain: %v", err)
		}
		n.cmd = nil
	case <-time.After(5 * time.Second):
		t.Error("still running 5 s after the last call")
	}
}

// TestKilled: a process killed in a recorded call leaves a playable file, and
// the next start marks the call.
func TestKilled(t *testing.T) {
	t.Parallel()
	n := start(t, `
routes: [{to: "120", flow: rec}]
flows:
  rec: [{type: answer}, {type: recording_start, option: {format: wav}}, {type: echo, option: {duration: 60000}}]
`)
	p := newPhone(t, phoneOptions{Codecs: "pcmu", Say: source(t, low)})
	p.dial(n.uri("120"))
	time.Sleep(3 * time.Second)
	n.kill()
	files := glob(t, filepath.Join(n.dir, "recordings", "*.wav"))
	if len(files) != 1 {
		t.Fatalf("recordings: %v", files)
	}
	if s := readWAV(t, files[0])[0]; s.heardFor(low) < 2 {
		t.Errorf("the file of the killed process holds %.1f s of the caller, want 3 s but for the last 0.5 s", s.heardFor(low))
	}
	if out, err := exec.Command("sox", files[0], "-n", "stat").CombinedOutput(); err != nil {
		t.Errorf("sox does not play it: %v\n%s", err, out)
	}
	n.run()
	c := n.records(1)[0]
	if c.HangupReason != "failed" {
		t.Errorf("the killed call's reason is %q, want failed", c.HangupReason)
	}
	if c.HungupAt == "" || strings.HasPrefix(c.HungupAt, "9999") {
		t.Errorf("the killed call ended at %q", c.HungupAt)
	}
}

// TestInfoDigits: digits by INFO work a menu like those in RTP.
func TestInfoDigits(t *testing.T) {
	t.Parallel()
	n := start(t, `
routes: [{to: "130", flow: digits}]
flows:
  digits:
    - {type: answer}
    - {type: digits_receive, option: {duration: 5000, length: 2}}
    - {type: branch, option: {default_target_id: no, target_ids: {"42": yes}}}
    - {id: no, type: hangup, option: {reason: busy}}
    - {id: yes, type: webhook_send, option: {sync: true, uri: "http://127.0.0.1:1/", method: POST, data_type: text/plain, data: x}}
    - {type: sleep, option: {duration: 60000}}
`)
	w := newWire(t, "127.0.0.1")
	a := w.attempt(n.sip, "130")
	a.invite()
	m, ok := w.next(3*time.Second, func(m message) bool { return m.status() == 200 })
	if !ok {
		t.Fatal("not answered")
	}
	a.answered(m)
	for i, d := range "42" {
		a.request("INFO", 2+i, fmt.Sprintf("d%d", i), a.to, a.target, "Content-Type: application/dtmf-relay\n", fmt.Sprintf("Signal=%c\nDuration=160\n", d))
		if m, ok := w.next(2*time.Second, func(m message) bool { return m.method() == "INFO" }); !ok || m.status() != 200 {
			t.Fatalf("INFO drew %q", m.start)
		}
	}
	if m, ok := w.next(time.Second, func(m message) bool { return m.method() == "BYE" && m.status() == 0 }); ok {
		t.Errorf("the wrong branch was taken: %s", m.start)
	}
	a.request("NOTIFY", 8, "n", a.to, a.target, "Event: x\n", "")
	if m, ok := w.next(2*time.Second, func(m message) bool { return m.method() == "NOTIFY" }); !ok || m.status() < 400 || m.status() > 501 {
		t.Errorf("NOTIFY in the dialog drew %q", m.start)
	}
	a.request("BYE", 9, "b", a.to, a.target, "", "")
	if m, ok := w.next(2*time.Second, func(m message) bool { return m.method() == "BYE" }); !ok || m.status() != 200 {
		t.Errorf("BYE drew %q", m.start)
	}
	a.request("INFO", 10, "late", a.to, a.target, "", "")
	if m, ok := w.next(2*time.Second, func(m message) bool { return m.method() == "INFO" }); !ok || m.status() != 481 {
		t.Errorf("INFO after BYE drew %q, want 481", m.start)
	}
	n.idle()
}
