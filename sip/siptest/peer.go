package siptest

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/sip"
)

// A Peer is one side of a test. Its methods are called on the test's goroutine
// and fail the test.
type Peer struct {
	t testing.TB
	// Remote is where messages go.
	Remote netip.AddrPort
	// Patience is how long Expect waits; 5 s at first.
	Patience time.Duration

	network string
	local   netip.AddrPort
	send    func([]byte) error
	in      chan *Message
	held    []*Message // taken from in while another was looked for
	close   func() error
	reader  sync.WaitGroup
}

// A Message is what came.
type Message struct {
	Raw  string
	Msg  sip.Message // nil when it could not be parsed
	From netip.AddrPort
}

// UDP makes a peer of a datagram socket, which it closes with the test.
func UDP(t testing.TB, conn net.PacketConn, remote netip.AddrPort) *Peer {
	p := newPeer(t, "UDP", addrPort(conn.LocalAddr()), remote)
	p.send = func(b []byte) error {
		_, err := conn.WriteTo(b, net.UDPAddrFromAddrPort(p.Remote))
		return err
	}
	p.close = conn.Close
	p.reader.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				close(p.in)
				return
			}
			p.put(buf[:n], addrPort(from))
		}
	})
	return p
}

// TCP makes a peer of a connection, which it closes with the test.
func TCP(t testing.TB, conn net.Conn) *Peer {
	p := newPeer(t, "TCP", addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr()))
	p.send = func(b []byte) error {
		_, err := conn.Write(b)
		return err
	}
	p.close = conn.Close
	p.reader.Go(func() {
		defer close(p.in)
		buf, got := make([]byte, 1<<17), 0
		for {
			n, err := conn.Read(buf[got:])
			if err != nil {
				return
			}
			got += n
			for {
				size := frame(buf[:got])
				if size == 0 {
					break
				}
				p.put(buf[:size], p.Remote)
				got = copy(buf, buf[size:got])
			}
		}
	})
	return p
}

func newPeer(t testing.TB, network string, local, remote netip.AddrPort) *Peer {
	p := &Peer{t: t, Remote: remote, Patience: 5 * time.Second, network: network, local: local, in: make(chan *Message, 4096)}
	t.Cleanup(p.Close)
	return p
}

// frame is the length of the first message in b, 0 if it is not complete.
func frame(b []byte) int {
	head, _, ok := strings.Cut(string(b), "\r\n\r\n")
	if !ok {
		return 0
	}
	n := len(head) + 4
	for line := range strings.SplitSeq(head, "\r\n") {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			size, _ := strconv.Atoi(strings.TrimSpace(value))
			n += size
		}
	}
	if n > len(b) {
		return 0
	}
	return n
}

// Close closes the socket.
func (p *Peer) Close() {
	_ = p.close()
	p.reader.Wait()
}

// Local is the peer's address.
func (p *Peer) Local() netip.AddrPort { return p.local }

func (p *Peer) put(b []byte, from netip.AddrPort) {
	m := &Message{Raw: string(b), From: from}
	if msg, err := sip.Parse(b); err == nil {
		m.Msg = msg
	}
	p.in <- m
}

// Send sends text as it is, with LF made CR LF.
func (p *Peer) Send(text string) {
	p.t.Helper()
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	p.SendRaw([]byte(text))
}

// SendRaw sends bytes.
func (p *Peer) SendRaw(b []byte) {
	p.t.Helper()
	if err := p.send(b); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// Expect waits for a message of a kind: a method ("BYE"), a status ("200"), or
// a status and the method in CSeq ("200 BYE"). Others that come meanwhile are
// kept for later, in order.
func (p *Peer) Expect(kind string) *Message {
	p.t.Helper()
	for i, m := range p.held {
		if m.is(kind) {
			p.held = append(p.held[:i], p.held[i+1:]...)
			return m
		}
	}
	timeout := time.NewTimer(p.Patience)
	defer timeout.Stop()
	for {
		select {
		case m, ok := <-p.in:
			if !ok {
				p.t.Fatalf("expected %s, but the connection was closed", kind)
			}
			if m.is(kind) {
				return m
			}
			p.held = append(p.held, m)
		case <-timeout.C:
			p.t.Fatalf("expected %s in %v, but got %v", kind, p.Patience, p.kinds())
		}
	}
}

// Poll is the next message, nil where none has come.
func (p *Peer) Poll() *Message {
	if len(p.held) > 0 {
		m := p.held[0]
		p.held = p.held[1:]
		return m
	}
	select {
	case m := <-p.in:
		return m
	default:
		return nil
	}
}

// Silence fails when anything is left or comes in d.
func (p *Peer) Silence(d time.Duration) {
	p.t.Helper()
	p.Wait(d)
	if len(p.held) > 0 {
		p.t.Fatalf("expected silence, but got %v", p.kinds())
	}
}

// Wait lets d pass and keeps what comes.
func (p *Peer) Wait(d time.Duration) {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	for {
		select {
		case m, ok := <-p.in:
			if !ok {
				return
			}
			p.held = append(p.held, m)
		case <-timeout.C:
			return
		}
	}
}

// Drain forgets what has come, and says what it was.
func (p *Peer) Drain() []string {
	for {
		select {
		case m, ok := <-p.in:
			if ok {
				p.held = append(p.held, m)
				continue
			}
		default:
		}
		kinds := p.kinds()
		p.held = nil
		return kinds
	}
}

// Count says how many messages of a kind are kept.
func (p *Peer) Count(kind string) (n int) {
	for _, m := range p.held {
		if m.is(kind) {
			n++
		}
	}
	return n
}

func (p *Peer) kinds() []string {
	var out []string
	for _, m := range p.held {
		out = append(out, m.String())
	}
	return out
}

// String is the first line.
func (m *Message) String() string {
	line, _, _ := strings.Cut(m.Raw, "\r\n")
	return line
}

func (m *Message) is(kind string) bool {
	want, method, both := strings.Cut(kind, " ")
	if m.Method() != "" {
		return m.Method() == want
	}
	return strconv.Itoa(m.Status()) == want && (!both || strings.HasSuffix(m.Get("CSeq"), " "+method))
}

// Method is a request's; empty for a response.
func (m *Message) Method() string {
	first, _, _ := strings.Cut(m.Raw, " ")
	if first == "SIP/2.0" {
		return ""
	}
	return first
}

// Status is a response's; 0 for a request.
func (m *Message) Status() int {
	f := strings.SplitN(m.String(), " ", 3)
	if len(f) < 2 || f[0] != "SIP/2.0" {
		return 0
	}
	n, _ := strconv.Atoi(f[1])
	return n
}

// Get is the value of the first header of a name, as it stands in the message.
func (m *Message) Get(name string) string {
	for _, v := range m.All(name) {
		return v
	}
	return ""
}

// All are the values of all headers of a name.
func (m *Message) All(name string) (values []string) {
	head, _, _ := strings.Cut(m.Raw, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

// Body is what follows the headers.
func (m *Message) Body() string {
	_, body, _ := strings.Cut(m.Raw, "\r\n\r\n")
	return body
}

// Tag is the tag of From or To.
func (m *Message) Tag(header string) string {
	_, tag, _ := strings.Cut(m.Get(header), ";tag=")
	tag, _, _ = strings.Cut(tag, ";")
	return tag
}

// Contact is the URI of the Contact header.
func (m *Message) Contact() string {
	c := m.Get("Contact")
	if _, after, ok := strings.Cut(c, "<"); ok {
		c, _, _ = strings.Cut(after, ">")
	}
	return c
}

// Reply answers a request: the headers that a response copies, tag for To
// unless it has one, more header lines, and a body, which is SDP.
func (p *Peer) Reply(req *Message, status int, tag, body string, headers ...string) {
	p.t.Helper()
	p.SendRaw([]byte(p.Text(req, status, tag, body, headers...)))
}

// Text is the response that Reply sends.
func (p *Peer) Text(req *Message, status int, tag, body string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", status, sip.ReasonPhrase(status))
	for _, name := range []string{"Via", "Record-Route"} {
		for _, v := range req.All(name) {
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	to := req.Get("To")
	if tag != "" && !strings.Contains(to, ";tag=") {
		to += ";tag=" + tag
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n", req.Get("From"), to, req.Get("Call-ID"), req.Get("CSeq"))
	fmt.Fprintf(&b, "Contact: <%s>\r\n", p.URI("callee"))
	end(&b, body, headers)
	return b.String()
}

// URI is a SIP URI at the peer's address.
func (p *Peer) URI(user string) string {
	u := "sip:" + user + "@" + p.local.String()
	if p.network == "TCP" {
		u += ";transport=tcp"
	}
	return u
}

// end writes the rest of a message. A header line that begins with "Content-"
// replaces the usual one.
func end(b *strings.Builder, body string, headers []string) {
	kind := "application/sdp"
	for _, h := range headers {
		if v, ok := strings.CutPrefix(h, "Content-Type: "); ok {
			kind = v
			continue
		}
		b.WriteString(h)
		b.WriteString("\r\n")
	}
	body = strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\n", "\r\n")
	if body != "" {
		fmt.Fprintf(b, "Content-Type: %s\r\n", kind)
	}
	fmt.Fprintf(b, "Content-Length: %d\r\n\r\n%s", len(body), body)
}

func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
