package ua_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/codec"
	"tandem/media"
	"tandem/media/mediatest"
	"tandem/media/rtp"
	"tandem/media/worker"
	"tandem/sip"
	"tandem/sip/loop"
	"tandem/sip/siptest"
	"tandem/sip/transport"
	"tandem/sip/transport/transporttest"
	"tandem/sip/ua"
)

var (
	us    = netip.MustParseAddrPort("192.0.2.1:5060")
	them  = netip.MustParseAddr("192.0.2.2")
	other = netip.MustParseAddr("192.0.2.3")
	alien = netip.MustParseAddr("203.0.113.9")
)

// world is a UA on a network in memory, in a synctest bubble.
type world struct {
	t     *testing.T
	net   *transporttest.Network
	media *mediatest.Network
	ports *rtp.Ports
	ua    *ua.UA
	loops *loop.Group
	legs  chan *leg // incoming ones
	// refuse, where its Status is set, is the answer to incoming calls.
	refuse sip.Cause
	// refused are what the UA has refused by itself; turned is how many calls
	// it had no room for after they were accepted.
	refused []string
	turned  int
}

// leg is a leg and what it has posted.
type leg struct {
	*ua.Leg
	t   *testing.T
	log chan any
}

// run runs fn in a bubble with a UA, and checks that all is given back at the
// end.
func run(t *testing.T, fn func(w *world)) { runWith(t, nil, fn) }

func runWith(t *testing.T, edit func(*ua.Config), fn func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, edit)
		fn(w)
		w.close()
	})
}

func newWorld(t *testing.T, edit func(*ua.Config)) *world {
	w := &world{t: t, net: transporttest.New(), legs: make(chan *leg, 64)}
	clock := media.SystemClock{}
	w.media = mediatest.NewNetwork(clock)
	workers, err := worker.New(1, worker.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	w.ports, err = rtp.NewPorts(20000, 20019, rtp.PortsOptions{Listen: w.media.Socket})
	if err != nil {
		t.Fatal(err)
	}
	w.loops = loop.NewGroup(2)
	cfg := ua.Config{
		Loops: w.loops,
		Transport: transport.Config{
			Listen:  []transport.Endpoint{{Network: "udp", Addr: us}, {Network: "tcp", Addr: us}},
			Network: w.net.Host(us.Addr()),
			Accept:  func(a netip.AddrPort) bool { return a.Addr() != alien },
		},
		Ports: w.ports, Workers: workers,
		Codecs: []*codec.Codec{codec.PCMA, codec.PCMU, codec.GSM},
		Identify: func(src netip.AddrPort, _ *sip.Request) (ua.Peer, bool) {
			return ua.Peer{Name: "acme"}, src.Addr() != alien
		},
		Incoming: w.incoming,
		Refused:  w.turnedAway,
		Agent:    "tandem",
	}
	if os.Getenv("UA_LOG") != "" {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	if edit != nil {
		edit(&cfg)
	}
	if w.ua, err = ua.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.ua.Close()
		workers.Stop()
		w.loops.Stop()
		w.media.Close()
	})
	return w
}

// close waits until every transaction must have ended, and looks at what is
// left.
func (w *world) close() {
	w.t.Helper()
	time.Sleep(70 * time.Second)
	synctest.Wait()
	if n := w.ua.Legs(); n != 0 {
		w.t.Errorf("%d legs are left", n)
	}
	if n := w.ports.InUse(); n != 0 {
		w.t.Errorf("%d ports are left", n)
	}
	if d, s, c := w.ua.Census(); d+s+c != 0 {
		w.t.Errorf("%d dialogs, %d server and %d client transactions are left", d, s, c)
	}
}

func (w *world) incoming(sip.LegInfo) (func(*ua.Leg), sip.Cause) {
	if w.refuse.Status != 0 {
		return nil, w.refuse
	}
	return func(l *ua.Leg) {
		if l == nil {
			w.turned++
			return
		}
		in := &leg{Leg: l, t: w.t, log: make(chan any, 4096)}
		l.SetPost(func(m any) { in.log <- m })
		w.legs <- in
	}, sip.Cause{}
}

func (w *world) turnedAway(info sip.LegInfo, e *sip.ReplyError) {
	w.refused = append(w.refused, fmt.Sprintf("%s %s %d", info.Trunk, info.RequestURI.User, e.Status))
}

// peer is a scripted peer at host:port.
func (w *world) peer(host netip.Addr, port uint16) *siptest.Peer {
	w.t.Helper()
	c, err := w.net.Packet(netip.AddrPortFrom(host, port))
	if err != nil {
		w.t.Fatal(err)
	}
	p := siptest.UDP(w.t, c, us)
	p.Patience = 65 * time.Second // of a clock that costs nothing
	return p
}

// caller is a scripted caller at the usual place.
func (w *world) caller() *siptest.Peer { return w.peer(them, 5060) }

// tcp is a scripted peer with a connection to us.
func (w *world) tcp(host netip.Addr) *siptest.Peer {
	w.t.Helper()
	c, err := w.net.DialFrom(w.t.Context(), host, us)
	if err != nil {
		w.t.Fatal(err)
	}
	p := siptest.TCP(w.t, c)
	p.Patience = 65 * time.Second
	return p
}

// accept is the next connection to ln, which is closed if none comes.
func (w *world) accept(ln net.Listener) *siptest.Peer {
	w.t.Helper()
	give := time.AfterFunc(65*time.Second, func() { _ = ln.Close() })
	defer give.Stop()
	conn, err := ln.Accept()
	w.must(err)
	p := siptest.TCP(w.t, conn)
	p.Patience = 65 * time.Second
	return p
}

// leg is the next incoming leg.
func (w *world) leg() *leg {
	w.t.Helper()
	select {
	case l := <-w.legs:
		return l
	case <-time.After(65 * time.Second):
		w.t.Fatal("no call has come in")
		return nil
	}
}

// dial places a call to them:port.
func (w *world) dial(edit func(*ua.DialOptions), ports ...uint16) *leg {
	w.t.Helper()
	if len(ports) == 0 {
		ports = []uint16{5060}
	}
	l := &leg{t: w.t, log: make(chan any, 4096)}
	o := ua.DialOptions{
		To:   sip.Uri{Scheme: "sip", User: "200", Host: them.String(), Port: int(ports[0])},
		From: sip.FromTo{URI: sip.Uri{Scheme: "sip", User: "100", Host: "example.net"}},
		Post: func(m any) { l.log <- m },
	}
	for _, p := range ports {
		o.Remotes = append(o.Remotes, netip.AddrPortFrom(them, p))
	}
	if edit != nil {
		edit(&o)
	}
	var err error
	if l.Leg, err = w.ua.Dial(o); err != nil {
		w.t.Fatal(err)
	}
	return l
}

// expect waits for a message of type T; others before it fail the test.
func expect[T any](l *leg) T {
	l.t.Helper()
	var want T
	select {
	case m := <-l.log:
		got, ok := m.(T)
		if !ok {
			l.t.Fatalf("expected %T, but the leg posted %T %+v", want, m, m)
		}
		return got
	case <-time.After(65 * time.Second):
		l.t.Fatalf("expected %T, but the leg is silent", want)
	}
	return want
}

// hungup waits for the end, and checks that nothing follows.
func (l *leg) hungup(status int, by sip.By) sip.Cause {
	l.t.Helper()
	m := expect[sip.Hungup](l)
	if m.Cause.Status != status || m.Cause.By != by {
		l.t.Errorf("ended with %v by %v, want %d by %v", m.Cause, m.Cause.By, status, by)
	}
	if m.Leg != l.ID() {
		l.t.Errorf("message of leg %q, want %q", m.Leg, l.ID())
	}
	l.quiet()
	return m.Cause
}

// quiet checks that the leg has nothing to say.
func (l *leg) quiet() {
	l.t.Helper()
	synctest.Wait()
	select {
	case m := <-l.log:
		l.t.Errorf("unexpected %T %+v", m, m)
	default:
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// dialTo places a call to p.
func (w *world) dialTo(p *siptest.Peer) *leg {
	return w.dial(func(o *ua.DialOptions) {
		o.To.Host, o.To.Port = p.Local().Addr().String(), int(p.Local().Port())
		o.Remotes = []netip.AddrPort{p.Local()}
	})
}

// answered makes a call come in, answers it and waits until it is up.
func (w *world) answered(p *siptest.Peer) (*siptest.Call, *leg) {
	w.t.Helper()
	c := p.NewCall("100")
	c.Invite(offer(p, "8 101"))
	l := w.leg()
	w.must(l.Answer(sip.AnswerOptions{}))
	c.Answered()
	expect[sip.Answered](l)
	p.Drain()
	return c, l
}

// called makes a call go out and the peer answer it.
func (w *world) called(p *siptest.Peer, edit func(*ua.DialOptions)) (*siptest.Call, *leg) {
	w.t.Helper()
	l := w.dial(edit, p.Local().Port())
	invite := p.Expect("INVITE")
	c := p.Answering(invite, "callee")
	p.Reply(invite, 200, "callee", offer(p, "8 101"))
	p.Expect("ACK")
	expect[sip.Answered](l)
	return c, l
}

// offer is a description of the peer's with the given formats and more lines.
func offer(p *siptest.Peer, formats string, more ...string) string {
	a := p.Local().Addr()
	family := "IP4"
	if a.Is6() {
		family = "IP6"
	}
	lines := []string{
		"v=0", fmt.Sprintf("o=- 1 1 IN %s %v", family, a), "s=-", fmt.Sprintf("c=IN %s %v", family, a), "t=0 0",
		"m=audio 4000 RTP/AVP " + formats,
	}
	if strings.Contains(formats, "101") {
		lines = append(lines, "a=rtpmap:101 telephone-event/8000")
	}
	return strings.Join(append(lines, more...), "\n") + "\n"
}

func contains(t *testing.T, what, s string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(s, p) {
			t.Errorf("%s has no %q:\n%s", what, p, s)
		}
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
