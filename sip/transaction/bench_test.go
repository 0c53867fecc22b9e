package transaction

import (
	"net/netip"
	"testing"

	"tandem/sip"
	"tandem/sip/loop"
	"tandem/sip/transport"
)

// answerer answers every request with 200.
type answerer struct{ rig }

func (*answerer) Request(tx *Server, req *sip.Request, _ *transport.Flow) {
	tx.Respond(sip.NewResponse(req, 200, "", "tag"))
}

// final tells of the final response.
type final chan int

func (f final) Response(res *sip.Response) { f <- res.StatusCode }
func (f final) End(error)                  { f <- 0 }

// BenchmarkRoundTrip sends OPTIONS over loopback, from one loop to another, and
// waits for the 200: both sides' transactions, transports and sockets.
func BenchmarkRoundTrip(b *testing.B) {
	type side struct {
		g     *loop.Group
		layer *Layer
		tr    *transport.Layer
	}
	open := func() (s side) {
		s.g = loop.NewGroup(1)
		s.layer = NewLayer(s.g.Loops()[0], &answerer{}, Timers{})
		var err error
		s.tr, err = transport.New(transport.Config{
			Listen: []transport.Endpoint{{Network: "udp", Addr: netip.MustParseAddrPort("127.0.0.1:0")}},
		}, s.g, func(_ *loop.Loop, r *transport.Received) { s.layer.Receive(r) })
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	a, z := open(), open()
	f, err := a.tr.Dial("udp", z.tr.Endpoints()[0].Addr)
	if err != nil {
		b.Fatal(err)
	}
	done := make(final)
	b.ReportAllocs()
	for b.Loop() {
		a.g.Loops()[0].Post(func() {
			req := ourRequest(sip.OPTIONS)
			id := sip.CallIDHeader(sip.NewCallID())
			req.ReplaceHeader(&id)
			a.layer.Request(req, f, done)
		})
		if status := <-done; status != 200 {
			b.Fatal(status)
		}
	}
	a.tr.Close()
	z.tr.Close()
	a.g.Stop()
	z.g.Stop()
}
