package transaction

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tandem/sip"
	"tandem/sip/loop"
	"tandem/sip/transport"
	"tandem/sip/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ours   = netip.MustParseAddrPort("192.0.2.1:5060")
	theirs = netip.MustParseAddrPort("192.0.2.2:5060")
)

// A rig is a Layer on a network in memory with a scripted peer.
type rig struct {
	t     *testing.T
	net   *transporttest.Network
	tr    *transport.Layer
	loop  *loop.Loop
	layer *Layer
	peer  *transporttest.PacketConn
	start time.Time
	got   []string // what came to the peer: "0.5s SIP/2.0 100 Trying"
	raw   []string
	known bool

	onRequest func(tx *Server, req *sip.Request)
	acks      int
	strays    int
}

// run runs a scenario on a virtual clock; at its end no transaction may live.
func run(t *testing.T, scenario func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, net: transporttest.New(), start: time.Now(), known: true}
		g := loop.NewGroup(1)
		r.loop = g.Loops()[0]
		r.layer = NewLayer(r.loop, r, Timers{})
		var err error
		r.tr, err = transport.New(transport.Config{
			Listen:  []transport.Endpoint{{Network: "udp", Addr: ours}, {Network: "tcp", Addr: ours}},
			Network: r.net.Host(ours.Addr()),
			Accept:  func(netip.AddrPort) bool { return r.known },
		}, g, func(_ *loop.Loop, rec *transport.Received) { r.layer.Receive(rec) })
		if err != nil {
			t.Fatal(err)
		}
		if r.peer, err = r.net.Packet(theirs); err != nil {
			t.Fatal(err)
		}
		go r.listen(r.peer)
		scenario(r)
		r.at(time.Since(r.start) + 2*time.Minute)
		r.do(func() {
			if s, c := r.layer.Len(); s != 0 || c != 0 || len(r.layer.merged) != 0 {
				t.Errorf("left: %d server, %d client transactions, %d merge keys", s, c, len(r.layer.merged))
			}
		})
		r.peer.Close()
		r.tr.Close()
		g.Stop()
	})
}

func (r *rig) listen(c net.PacketConn) {
	buf := make([]byte, 65536)
	for {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		line, _, _ := strings.Cut(string(buf[:n]), "\r\n")
		r.got = append(r.got, fmt.Sprintf("%v %s", time.Since(r.start), line))
		r.raw = append(r.raw, string(buf[:n]))
	}
}

// do runs fn on the loop and waits for all that comes of it.
func (r *rig) do(fn func()) {
	r.loop.Post(fn)
	synctest.Wait()
}

// at moves the clock to d after the start. What the test has looked at until
// then is the loop's again, which the race detector has to be told.
func (r *rig) at(d time.Duration) {
	r.loop.Post(func() {})
	time.Sleep(time.Until(r.start.Add(d)))
	synctest.Wait()
}

// say sends a message to us: lines, with the rest of what a message needs.
func (r *rig) say(msg string) {
	r.peer.WriteToAddrPort([]byte(strings.ReplaceAll(msg, "\n", "\r\n")), ours)
	synctest.Wait()
}

// want holds what the peer got since the last want against lines such as
// "0s SIP/2.0 100 Trying".
func (r *rig) want(lines ...string) {
	r.t.Helper()
	synctest.Wait()
	if got, want := strings.Join(r.got, "\n"), strings.Join(lines, "\n"); got != want {
		r.t.Errorf("the peer got\n%s\nwant\n%s", got, want)
	}
	r.got = nil
}

// last is the last message that the peer got.
func (r *rig) last() sip.Message {
	r.t.Helper()
	synctest.Wait()
	m, err := sip.Parse([]byte(r.raw[len(r.raw)-1]))
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// reply answers the last request that the peer got.
func (r *rig) reply(status int, tag string) { r.replyTo(r.last().(*sip.Request), status, tag) }

func (r *rig) replyTo(req *sip.Request, status int, tag string) {
	r.t.Helper()
	data, err := sip.Append(nil, sip.NewResponse(req, status, "", tag))
	if err != nil {
		r.t.Fatal(err)
	}
	r.peer.WriteToAddrPort(data, ours)
	synctest.Wait()
}

func (r *rig) Request(tx *Server, req *sip.Request, _ *transport.Flow) {
	if r.onRequest != nil {
		r.onRequest(tx, req)
	}
}
func (r *rig) Ack(*sip.Request, *transport.Flow)    { r.acks++ }
func (r *rig) Stray(*sip.Response, *transport.Flow) { r.strays++ }

// respond answers what came as tx.
func (r *rig) respond(tx *Server, req *sip.Request, status int) {
	r.do(func() {
		if err := tx.Respond(sip.NewResponse(req, status, "", "ourtag")); err != nil {
			r.t.Errorf("respond %d: %v", status, err)
		}
	})
}

// request is a request of the peer.
func request(method, branch, more string) string {
	cseq := method
	return method + " sip:100@192.0.2.1 SIP/2.0\n" +
		"Via: SIP/2.0/UDP 192.0.2.2:5060;branch=" + branch + "\n" +
		"From: <sip:peer@192.0.2.2>;tag=theirtag\n" +
		"To: <sip:100@192.0.2.1>" + more + "\n" +
		"Call-ID: call@192.0.2.2\n" +
		"CSeq: 1 " + cseq + "\n" +
		"Content-Length: 0\n\n"
}

// handler records what comes of a request.
type handler struct {
	statuses []int
	tags     []string
	ended    []error
}

func (h *handler) Response(res *sip.Response) {
	h.statuses = append(h.statuses, res.StatusCode)
	h.tags = append(h.tags, sip.ToTag(res))
}
func (h *handler) End(err error) { h.ended = append(h.ended, err) }

// invite makes a request of ours.
func ourRequest(method sip.RequestMethod) *sip.Request {
	u, _ := sip.ParseURI("sip:bob@192.0.2.2")
	req := sip.NewRequest(method, u)
	req.AppendHeader(&sip.FromHeader{Address: u, Params: sip.Params{{K: "tag", V: "us"}}})
	req.AppendHeader(&sip.ToHeader{Address: u})
	id := sip.CallIDHeader("ours@192.0.2.1")
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 7, MethodName: method})
	return req
}

// start sends a request of ours by the given network.
func (r *rig) send(network string, req *sip.Request, h ClientHandler) *Client {
	r.t.Helper()
	f, err := r.tr.Dial(network, theirs)
	if err != nil {
		r.t.Fatal(err)
	}
	var tx *Client
	r.do(func() { tx = r.layer.Request(req, f, h) })
	return tx
}
