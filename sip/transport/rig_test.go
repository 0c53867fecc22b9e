package transport_test

import (
	"bytes"
	"context"
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
	ours     = netip.MustParseAddrPort("192.0.2.1:5060")
	theirs   = netip.MustParseAddrPort("192.0.2.2:5060")
	stranger = netip.MustParseAddrPort("203.0.113.9:5060")
)

// A rig is a Layer on a network in memory.
type rig struct {
	t     *testing.T
	net   *transporttest.Network
	tr    *transport.Layer
	start time.Time
	got   chan *transport.Received
}

// run runs a scenario on a virtual clock. All of 192.0.2.0/24 is known.
func run(t *testing.T, change func(*transport.Config), scenario func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, net: transporttest.New(), start: time.Now(), got: make(chan *transport.Received, 10000)}
		g := loop.NewGroup(2)
		cfg := transport.Config{
			Listen:  []transport.Endpoint{{Network: "udp", Addr: ours}, {Network: "tcp", Addr: ours}},
			Network: r.net.Host(ours.Addr()),
			Accept:  func(src netip.AddrPort) bool { return netip.MustParsePrefix("192.0.2.0/24").Contains(src.Addr()) },
		}
		if change != nil {
			change(&cfg)
		}
		var err error
		r.tr, err = transport.New(cfg, g, func(l *loop.Loop, rec *transport.Received) {
			if l != g.For(sip.CallID(rec.Msg)) {
				t.Error("on another loop than the Call-ID's")
			}
			r.got <- rec
		})
		if err != nil {
			t.Fatal(err)
		}
		scenario(r)
		r.tr.Close()
		g.Stop()
	})
}

// received is what came up since the last call.
func (r *rig) received() []*transport.Received {
	synctest.Wait()
	var all []*transport.Received
	for len(r.got) > 0 {
		all = append(all, <-r.got)
	}
	return all
}

func (r *rig) one() *transport.Received {
	r.t.Helper()
	all := r.received()
	if len(all) != 1 {
		r.t.Fatalf("%d messages came up, want 1", len(all))
	}
	return all[0]
}

// A dgram is a datagram socket that keeps what comes.
type dgram struct {
	*transporttest.PacketConn
	got chan string
}

func (r *rig) packet(addr netip.AddrPort) *dgram {
	r.t.Helper()
	c, err := r.net.Packet(addr)
	if err != nil {
		r.t.Fatal(err)
	}
	d := &dgram{c, make(chan string, 1000)}
	go func() {
		buf := make([]byte, 65536)
		for {
			n, _, err := c.ReadFromAddrPort(buf)
			if err != nil {
				return
			}
			d.got <- string(buf[:n])
		}
	}()
	return d
}

func (d *dgram) say(msg string) { d.WriteToAddrPort([]byte(msg), ours) }

// next is what came next; empty if nothing did.
func (d *dgram) next() string {
	synctest.Wait()
	select {
	case m := <-d.got:
		return m
	default:
		return ""
	}
}

// A conn is a stream of the peer that keeps what comes.
type conn struct {
	net.Conn
	r   *rig
	buf chan []byte
	all []byte
	end time.Duration // when it was closed by the other side; 0: not
}

func (r *rig) dial(from netip.Addr) *conn {
	r.t.Helper()
	c, err := r.net.Dial(context.Background(), from, ours)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.conn(c)
}

func (r *rig) conn(c net.Conn) *conn {
	pc := &conn{Conn: c, r: r, buf: make(chan []byte, 1000)}
	go func() {
		for {
			b := make([]byte, 65536)
			n, err := c.Read(b)
			if n > 0 {
				pc.buf <- b[:n]
			}
			if err != nil {
				pc.end = time.Since(r.start)
				close(pc.buf)
				return
			}
		}
	}()
	return pc
}

// text is all that came so far.
func (c *conn) text() string {
	synctest.Wait()
	for {
		select {
		case b, ok := <-c.buf:
			if !ok {
				return string(c.all)
			}
			c.all = append(c.all, b...)
		default:
			return string(c.all)
		}
	}
}

// closed says whether the other side closed the stream.
func (c *conn) closed() bool {
	c.text()
	select {
	case _, ok := <-c.buf:
		return !ok
	default:
		return false
	}
}

// options is a request; via goes behind "Via: SIP/2.0/", more in front of the
// empty line.
func options(via, callID, more, body string) string {
	return crlf("OPTIONS sip:100@192.0.2.1 SIP/2.0\n"+
		"Via: SIP/2.0/"+via+";branch=z9hG4bKabc\n"+
		"From: <sip:a@example.com>;tag=a\n"+
		"To: <sip:b@example.com>\n"+
		"Call-ID: "+callID+"\n"+
		"CSeq: 1 OPTIONS\n"+more+
		fmt.Sprintf("Content-Length: %d\n\n", len(body))) + body
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// answer is the 200 to what came.
func answer(t *testing.T, rec *transport.Received, body string) []byte {
	t.Helper()
	res := sip.NewResponse(rec.Msg.(*sip.Request), 200, "", "us")
	res.SetBody([]byte(body))
	data, err := sip.Append(nil, res)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(data)
}
