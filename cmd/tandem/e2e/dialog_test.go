//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what should come at once, on a machine
// that has other things to do.
const patience = 8 * time.Second

// expect waits for a message: a request's method, or a response's status and
// method, as in "200 INVITE". Repetitions, provisional responses and other
// requests are passed over; any other final response of the method fails the
// test.
func (w *wire) expect(what string) message {
	w.t.Helper()
	status, method, response := strings.Cut(what, " ")
	if !response {
		method = what
	}
	var wrong string
	m, ok := w.next(patience, func(m message) bool {
		if w.repeated(m) || m.method() != method || (m.status() != 0) != response {
			return false
		}
		if response && fmt.Sprint(m.status()) != status {
			if m.status() >= 200 {
				wrong = m.start
			}
			return wrong != ""
		}
		return true
	})
	switch {
	case !ok:
		w.t.Fatalf("no %s within %v", what, patience)
	case wrong != "":
		w.t.Fatalf("%s instead of %s", wrong, what)
	}
	return m
}

// repeated says whether the same message has been expected before.
func (w *wire) repeated(m message) bool {
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	again := w.seen[m.raw]
	w.seen[m.raw] = true
	return again
}

// count is how many different requests of the method have come so far.
func (w *wire) count(method string) int {
	different := map[string]bool{}
	for _, m := range w.messages() {
		if m.status() == 0 && m.method() == method {
			different[m.raw] = true
		}
	}
	return len(different)
}

// call places a call with an SDP, or without, and returns the final response,
// acknowledged.
func (a *attempt) call(sdp string) message {
	a.w.t.Helper()
	a.seq = 1
	a.request("INVITE", 1, "i", a.to, a.target, contentType(sdp), sdp)
	return a.final(sdp == "")
}

// final waits for the INVITE's final response. A 200 that carries an offer is
// left to be acknowledged.
func (a *attempt) final(offered bool) message {
	a.w.t.Helper()
	m, ok := a.w.next(patience, func(m message) bool {
		return a.mine(m) && m.method() == "INVITE" && m.status() >= 200 && !a.w.repeated(m) && strings.HasPrefix(m.get("cseq"), fmt.Sprint(a.seq)+" ")
	})
	if !ok {
		a.w.t.Fatalf("no final response to INVITE within %v", patience)
	}
	switch {
	case m.status() >= 300:
		branch := fmt.Sprint("i", a.seq)
		if a.seq == 1 {
			branch = "i"
		}
		a.request("ACK", a.seq, branch, m.get("to"), a.target, "", "")
	case !offered:
		a.ack(m, "")
	}
	return m
}

// ack acknowledges a 2xx.
func (a *attempt) ack(m message, answer string) {
	a.to, a.target = m.get("to"), m.target()
	a.request("ACK", a.seq, fmt.Sprint("a", a.seq), a.to, a.target, contentType(answer), answer)
}

// answered200 fails the test unless m is a 200.
func answered200(t testing.TB, m message) message {
	t.Helper()
	if m.status() != 200 {
		t.Fatalf("INVITE drew %q, want 200", m.start)
	}
	return m
}

// reinvite sends an INVITE within the dialog and returns the final response,
// acknowledged but for an offer in it.
func (a *attempt) reinvite(sdp string) message {
	a.w.t.Helper()
	a.seq++
	a.request("INVITE", a.seq, fmt.Sprint("i", a.seq), a.to, a.target, contentType(sdp), sdp)
	return a.final(sdp == "")
}

// hangup sends BYE and waits for the answer.
func (a *attempt) hangup() {
	a.w.t.Helper()
	a.seq++
	a.request("BYE", a.seq, fmt.Sprint("b", a.seq), a.to, a.target, "", "")
	a.w.expect("200 BYE")
}

func contentType(body string) string {
	if body == "" {
		return ""
	}
	return "Content-Type: application/sdp\n"
}

// A served is a call that came to a wire.
type served struct {
	w      *wire
	invite message
	tag    string
	seq    int
}

// served waits for a call.
func (w *wire) served() *served {
	w.t.Helper()
	m := w.expect("INVITE")
	return &served{w: w, invite: m, tag: "t" + m.get("call-id")[:8]}
}

// respond answers the INVITE.
func (s *served) respond(status int, reason, extra, sdp string) {
	s.w.respond(s.invite, status, reason, s.tag, extra, sdp)
}

// answer answers the INVITE with 200 and waits for the ACK.
func (s *served) answer(sdp string) message {
	s.w.t.Helper()
	s.respond(200, "OK", "", sdp)
	return s.w.expect("ACK")
}

// refuse answers the INVITE with an error and waits for the ACK.
func (s *served) refuse(status int, reason string, extra string) {
	s.w.t.Helper()
	s.respond(status, reason, extra, "")
	s.w.expect("ACK")
}

// ended waits for BYE and answers it.
func (s *served) ended() message {
	s.w.t.Helper()
	m := s.w.expect("BYE")
	s.w.respond(m, 200, "OK", "", "", "")
	return m
}

// request sends a request within the dialog.
func (s *served) request(method, sdp string) {
	s.seq++
	s.w.send(s.invite.from.Port, fmt.Sprintf("%s %s SIP/2.0\nVia: SIP/2.0/UDP %s;branch=z9hG4bKs%d%s;rport\nMax-Forwards: 70\nFrom: %s;tag=%s\nTo: %s\nCall-ID: %s\nCSeq: %d %s\nContact: <sip:callee@%s>\n%sContent-Length: %d\n\n%s",
		method, s.invite.target(), s.w.host(), s.seq, s.tag, s.invite.get("to"), s.tag, s.invite.get("from"), s.invite.get("call-id"), s.seq, method, s.w.host(),
		contentType(sdp), len(strings.ReplaceAll(sdp, "\n", "\r\n")), sdp))
}

// hangup sends BYE and waits for the answer.
func (s *served) hangup() {
	s.w.t.Helper()
	s.request("BYE", "")
	s.w.expect("200 BYE")
}
