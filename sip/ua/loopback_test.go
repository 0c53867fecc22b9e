package ua_test

import (
	"net"
	"testing"

	"tandem/media/rtp"
	"tandem/media/worker"
	"tandem/sip"
	"tandem/sip/loop"
	"tandem/sip/siptest"
	"tandem/sip/transport"
	"tandem/sip/ua"
)

// TestLoopback is a call over the kernel's sockets, by UDP and TCP, IPv4 and
// IPv6.
func TestLoopback(t *testing.T) {
	for _, c := range []struct{ network, host string }{
		{"udp", "127.0.0.1"}, {"tcp", "127.0.0.1"}, {"udp", "[::1]"}, {"tcp", "[::1]"},
	} {
		t.Run(c.network+" "+c.host, func(t *testing.T) {
			loops := loop.NewGroup(2)
			defer loops.Stop()
			workers, err := worker.New(1, worker.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer workers.Stop()
			ports, err := rtp.NewPorts(28000, 29999, rtp.PortsOptions{})
			if err != nil {
				t.Fatal(err)
			}
			legs := make(chan *leg, 1)
			addr, err := net.ResolveTCPAddr("tcp", c.host+":0")
			if err != nil {
				t.Fatal(err)
			}
			u, err := ua.New(ua.Config{
				Loops: loops, Ports: ports, Workers: workers,
				Transport: transport.Config{Listen: []transport.Endpoint{{Network: c.network, Addr: addr.AddrPort()}}},
				Incoming: func(sip.LegInfo) (func(*ua.Leg), sip.Cause) {
					return func(l *ua.Leg) {
						in := &leg{Leg: l, t: t, log: make(chan any, 64)}
						l.SetPost(func(m any) { in.log <- m })
						legs <- in
					}, sip.Cause{}
				},
			})
			if err != nil {
				t.Skipf("%s: %v", c.host, err)
			}
			defer u.Close()
			at := u.Endpoints()[0].Addr
			var p *siptest.Peer
			if c.network == "udp" {
				conn, err := net.ListenPacket("udp", c.host+":0")
				if err != nil {
					t.Fatal(err)
				}
				p = siptest.UDP(t, conn, at)
			} else {
				conn, err := net.Dial("tcp", at.String())
				if err != nil {
					t.Fatal(err)
				}
				p = siptest.TCP(t, conn)
			}
			call := p.NewCall("100")
			call.Invite(offer(p, "8 101"))
			l := <-legs
			if err := l.Answer(sip.AnswerOptions{}); err != nil {
				t.Fatal(err)
			}
			m := call.Answered()
			if got := l.Stream().LocalAddr().Addr(); got != at.Addr() {
				t.Errorf("media at %v, signalling at %v", got, at)
			}
			contains(t, "answer", m.Body(), at.Addr().String())
			expect[sip.Answered](l)
			call.Bye()
			if got := expect[sip.Hungup](l); got.Cause.By != sip.Remote {
				t.Errorf("%+v", got)
			}
		})
	}
}
