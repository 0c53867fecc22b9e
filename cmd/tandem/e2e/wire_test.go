//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A wire is a SIP peer that writes its messages by hand, for what SIPp's
// scenarios cannot say: races at random moments, one peer in many states.
type wire struct {
	t    testing.TB
	conn *net.UDPConn
	got  chan message
	rtp  *net.UDPConn
	seen map[string]bool // what expect has passed already

	mu       sync.Mutex
	all      []message
	answered map[string]bool // by answerAll, by Call-ID
}

// A message as it came.
type message struct {
	from   *net.UDPAddr
	start  string
	header map[string][]string // names in lower case
	body   string
	raw    string
	at     time.Time
}

// newWire opens a peer on the given loopback address.
func newWire(t testing.TB, ip string) *wire {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	r, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, conn: c, rtp: r, got: make(chan message, 4096)}
	go func() {
		defer close(w.got)
		buf := make([]byte, 65536)
		for {
			n, from, err := c.ReadFromUDP(buf)
			if err != nil {
				return
			}
			m := parse(string(buf[:n]))
			m.from, m.at = from, time.Now()
			w.mu.Lock()
			w.all = append(w.all, m)
			w.mu.Unlock()
			select {
			case w.got <- m:
			default: // nobody reads; messages has it
			}
		}
	}()
	t.Cleanup(func() { c.Close(); r.Close() })
	return w
}

func parse(text string) message {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := message{start: lines[0], header: map[string][]string{}, body: body, raw: text}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		m.header[name] = append(m.header[name], strings.TrimSpace(value))
	}
	return m
}

func (m message) get(name string) string {
	if v := m.header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// status is a response's code, 0 for a request.
func (m message) status() int {
	if rest, ok := strings.CutPrefix(m.start, "SIP/2.0 "); ok {
		n, _ := strconv.Atoi(rest[:3])
		return n
	}
	return 0
}

// method is a request's method, or the method that a response answers.
func (m message) method() string {
	if m.status() != 0 {
		_, method, _ := strings.Cut(m.get("cseq"), " ")
		return method
	}
	method, _, _ := strings.Cut(m.start, " ")
	return method
}

// target is the URI in Contact.
func (m message) target() string {
	c := m.get("contact")
	if i := strings.IndexByte(c, '<'); i >= 0 {
		c = c[i+1:]
		if j := strings.IndexByte(c, '>'); j >= 0 {
			c = c[:j]
		}
	}
	return c
}

// messages are all that have come so far.
func (w *wire) messages() []message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all[:len(w.all):len(w.all)]
}

func (w *wire) host() string { return w.conn.LocalAddr().String() }

// send writes text, whose lines end in \n, to the given port of 127.0.0.1.
func (w *wire) send(port int, text string) {
	text = strings.ReplaceAll(text, "\n", "\r\n")
	if _, err := w.conn.WriteToUDP([]byte(text), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}); err != nil {
		w.t.Error(err)
	}
}

// next waits for the next message that want accepts; others are dropped.
func (w *wire) next(d time.Duration, want func(message) bool) (message, bool) {
	timeout := time.After(d)
	for {
		select {
		case m, ok := <-w.got:
			if !ok {
				return message{}, false
			}
			if want == nil || want(m) {
				return m, true
			}
		case <-timeout:
			return message{}, false
		}
	}
}

// sdp is an offer or answer of PCMU and telephone-event at the wire's own
// RTP socket.
func (w *wire) sdp() string {
	a := w.rtp.LocalAddr().(*net.UDPAddr)
	return fmt.Sprintf("v=0\no=- 1 1 IN IP4 %s\ns=-\nc=IN IP4 %s\nt=0 0\nm=audio %d RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n", a.IP, a.IP, a.Port)
}

// An attempt is one call the wire places.
type attempt struct {
	w      *wire
	port   int // of the node
	number string
	id     string
	to     string // To with the tag, once known
	target string
	seq    int // CSeq of the last request
}

func (w *wire) attempt(port int, number string) *attempt {
	return &attempt{w: w, port: port, number: number, id: fmt.Sprintf("%016x", rand.Uint64()),
		to: fmt.Sprintf("<sip:%s@127.0.0.1:%d>", number, port), target: fmt.Sprintf("sip:%s@127.0.0.1:%d", number, port)}
}

// request sends a request of the attempt; branch distinguishes transactions.
func (a *attempt) request(method string, cseq int, branch, to, target, extra, body string) {
	a.w.send(a.port, fmt.Sprintf("%s %s SIP/2.0\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%s;rport\nMax-Forwards: 70\nFrom: <sip:+4670000001@%s>;tag=f%s\nTo: %s\nCall-ID: %s\nCSeq: %d %s\nContact: <sip:caller@%s>\n%sContent-Length: %d\n\n%s",
		method, target, a.w.host(), a.id, branch, a.w.host(), a.id, to, a.id, cseq, method, a.w.host(), extra,
		len(strings.ReplaceAll(body, "\n", "\r\n")), body))
}

func (a *attempt) invite() {
	a.request("INVITE", 1, "i", a.to, a.target, "Content-Type: application/sdp\n", a.w.sdp())
}

func (a *attempt) cancel() { a.request("CANCEL", 1, "i", a.to, a.target, "", "") }

// answered acknowledges a 2xx.
func (a *attempt) answered(m message) {
	a.to, a.target = m.get("to"), m.target()
	a.request("ACK", 1, "a", a.to, a.target, "", "")
}

func (a *attempt) bye() { a.request("BYE", 2, "b", a.to, a.target, "", "") }

// mine says whether m belongs to the attempt.
func (a *attempt) mine(m message) bool { return m.get("call-id") == a.id }

// respond answers a request that the wire received.
func (w *wire) respond(m message, status int, reason, tag, extra, body string) {
	to := m.get("to")
	if tag != "" && !strings.Contains(to, "tag=") {
		to += ";tag=" + tag
	}
	var via strings.Builder
	for _, v := range m.header["via"] {
		fmt.Fprintf(&via, "Via: %s\n", v)
	}
	if body != "" {
		extra += "Content-Type: application/sdp\n"
	}
	w.send(m.from.Port, fmt.Sprintf("SIP/2.0 %d %s\n%sFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %s\nContact: <sip:callee@%s>\n%sContent-Length: %d\n\n%s",
		status, reason, via.String(), m.get("from"), to, m.get("call-id"), m.get("cseq"), w.host(), extra,
		len(strings.ReplaceAll(body, "\n", "\r\n")), body))
}

// answerAll serves as a callee until the test ends: it rings, answers after
// the time that delay gives, and takes CANCEL and BYE.
func (w *wire) answerAll(delay func() time.Duration) {
	type state struct {
		invite message
		timer  *time.Timer
		done   bool
	}
	calls := map[string]*state{}
	answer := make(chan string, 4096)
	go func() {
		for {
			select {
			case m, ok := <-w.got:
				if !ok {
					return
				}
				id := m.get("call-id")
				s := calls[id]
				switch m.method() {
				case "INVITE":
					if m.status() != 0 || s != nil {
						continue
					}
					s = &state{invite: m}
					calls[id] = s
					w.respond(m, 180, "Ringing", "t"+id[:8], "", "")
					s.timer = time.AfterFunc(delay(), func() { answer <- id })
				case "CANCEL":
					w.respond(m, 200, "OK", "", "", "")
					if s != nil && !s.done {
						s.done = true
						s.timer.Stop()
						w.respond(s.invite, 487, "Request Terminated", "t"+id[:8], "", "")
					}
				case "BYE":
					if m.status() == 0 {
						w.respond(m, 200, "OK", "", "", "")
					}
				}
			case id := <-answer:
				if s := calls[id]; !s.done {
					s.done = true
					w.mu.Lock()
					if w.answered == nil {
						w.answered = map[string]bool{}
					}
					w.answered[id] = true
					w.mu.Unlock()
					w.respond(s.invite, 200, "OK", "t"+id[:8], "", w.sdp())
				}
			}
		}
	}()
}

// checkAnswered fails the test unless every call that answerAll has answered was
// acknowledged and then hung up, and none of the others was.
func (w *wire) checkAnswered() {
	w.t.Helper()
	calls := map[string]map[string]time.Time{} // when the first request of a method came, by Call-ID
	for _, m := range w.messages() {
		id := m.get("call-id")
		if m.status() != 0 {
			continue
		}
		if calls[id] == nil {
			calls[id] = map[string]time.Time{}
		}
		method := m.method()
		if calls[id][method].IsZero() {
			calls[id][method] = m.at
		}
	}
	answered := 0
	for id, got := range calls {
		w.mu.Lock()
		was := w.answered[id]
		w.mu.Unlock()
		ack, bye := got["ACK"], got["BYE"]
		switch {
		case was && (ack.IsZero() || bye.IsZero() || bye.Before(ack)):
			w.t.Errorf("a call that was answered got ACK at %v and BYE at %v", ack, bye)
		case !was && !bye.IsZero():
			w.t.Error("a call that was not answered got BYE")
		case was:
			answered++
		}
	}
	w.t.Logf("%d of %d calls were answered, acknowledged and hung up", answered, len(calls))
}
