package transport_test

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tandem/sip"
	"tandem/sip/loop"
	"tandem/sip/transport"
)

// layerOn opens a Layer whose messages come to a channel.
func layerOn(t *testing.T, cfg transport.Config) (*transport.Layer, chan *transport.Received) {
	t.Helper()
	g := loop.NewGroup(2)
	got := make(chan *transport.Received, 1000)
	tr, err := transport.New(cfg, g, func(_ *loop.Loop, r *transport.Received) { got <- r })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tr.Close()
		g.Stop()
	})
	return tr, got
}

// TestOrderKept sends INFO after INFO, and BYE right behind ACK, of many calls
// at full speed over real sockets: each call sees its messages in order. (With
// a goroutine a message one INFO in five came out of order.)
func TestOrderKept(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			const calls, each = 8, 500
			var came atomic.Int64
			g := loop.NewGroup(4)
			next := [calls]uint32{}
			tr, err := transport.New(transport.Config{
				Listen: []transport.Endpoint{{Network: network, Addr: netip.MustParseAddrPort("127.0.0.1:0")}},
			}, g, func(_ *loop.Loop, r *transport.Received) {
				defer came.Add(1)
				var call int
				fmt.Sscanf(sip.CallID(r.Msg), "call-%d", &call)
				if seq := r.Msg.CSeq().SeqNo; seq != next[call]+1 {
					t.Errorf("call %d: %d after %d", call, seq, next[call])
				} else {
					next[call] = seq
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			peer, err := net.Dial(network, tr.Endpoints()[0].Addr.String())
			if err != nil {
				t.Fatal(err)
			}
			for seq := 1; seq <= each; seq++ {
				for call := range calls {
					method := [...]string{"ACK", "INFO", "BYE"}[seq%3]
					msg := options(strings.ToUpper(network)+" 127.0.0.1", fmt.Sprint("call-", call), "", "")
					msg = strings.ReplaceAll(strings.Replace(msg, "CSeq: 1 ", fmt.Sprintf("CSeq: %d ", seq), 1), "OPTIONS", method)
					if _, err := peer.Write([]byte(msg)); err != nil {
						t.Fatal(err)
					}
				}
				for int64(seq*calls)-came.Load() > 500 {
					runtime.Gosched() // the kernel's buffer is small here
				}
			}
			for deadline := time.Now().Add(5 * time.Second); came.Load() < calls*each && time.Now().Before(deadline); {
				runtime.Gosched()
			}
			peer.Close()
			tr.Close()
			g.Stop()
			if n := came.Load(); n != calls*each {
				t.Errorf("%d of %d came; %+v", n, calls*each, tr.Stats())
			}
		})
	}
}

// TestNothingPerPeer: datagrams of thousands of peers, junk and not, leave
// nothing behind. (sipgo kept an entry for each.)
func TestNothingPerPeer(t *testing.T) {
	run(t, nil, func(r *rig) {
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		flood := func(n int) {
			for i := range n {
				known := i%2 == 0
				a := netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)})
				if known {
					a = netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
				}
				if a == ours.Addr() {
					continue
				}
				p, err := r.net.Packet(netip.AddrPortFrom(a, uint16(1024+i)))
				if err != nil {
					t.Fatal(err)
				}
				p.WriteToAddrPort([]byte("junk"), ours)
				p.WriteToAddrPort([]byte(options("UDP 192.0.2.9", "x", "", "")), ours)
				p.Close()
				r.received()
			}
		}
		flood(100)
		before, goroutines := heap(), runtime.NumGoroutine()
		flood(3000)
		after := heap()
		if after > before+200_000 {
			t.Errorf("3,000 peers left %d octets", after-before)
		}
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("they left %d goroutines", n-goroutines)
		}
	})
}

// TestOverload: a loop that is behind drops what is new, and says so.
func TestOverload(t *testing.T) {
	gate := make(chan struct{})
	g := loop.NewGroup(1)
	var n atomic.Int64
	tr, err := transport.New(transport.Config{
		Listen: []transport.Endpoint{{Network: "udp", Addr: netip.MustParseAddrPort("127.0.0.1:0")}},
		Limits: transport.Limits{Queue: 10},
	}, g, func(*loop.Loop, *transport.Received) { n.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	g.Loops()[0].Post(func() { <-gate })
	peer, err := net.Dial("udp", tr.Endpoints()[0].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		peer.Write([]byte(options("UDP 127.0.0.1", "x", "", "")))
	}
	for s := tr.Stats(); s.Received+s.Overload < 50; s = tr.Stats() {
		runtime.Gosched()
	}
	s := tr.Stats()
	close(gate)
	peer.Close()
	tr.Close()
	g.Stop()
	if s.Overload < 25 || s.Overload+uint64(n.Load()) != 50 {
		t.Errorf("%d dropped, %d handled", s.Overload, n.Load())
	}
}

// TestKernelDrops: what the kernel had no room for is counted.
func TestKernelDrops(t *testing.T) {
	gate := make(chan struct{})
	tr, got := layerOn(t, transport.Config{
		Listen: []transport.Endpoint{{Network: "udp", Addr: netip.MustParseAddrPort("127.0.0.1:0")}},
		Tap:    func(transport.Tapped) { <-gate }, // holds the reader up
	})
	peer, err := net.Dial("udp", tr.Endpoints()[0].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	big := []byte(options("UDP 127.0.0.1", "x", "", strings.Repeat("x", 60000)))
	for range 400 { // 24 MB
		peer.Write(big)
	}
	close(gate)
	for tr.Stats().KernelDrops == 0 { // told with the next datagram that fits
		peer.Write([]byte(options("UDP 127.0.0.1", "y", "", "")))
		<-got
	}
}

func BenchmarkDatagram(b *testing.B) {
	g := loop.NewGroup(1)
	done := make(chan struct{}, 1)
	tr, err := transport.New(transport.Config{
		Listen: []transport.Endpoint{{Network: "udp", Addr: netip.MustParseAddrPort("127.0.0.1:0")}},
	}, g, func(_ *loop.Loop, r *transport.Received) { done <- struct{}{} })
	if err != nil {
		b.Fatal(err)
	}
	peer, err := net.Dial("udp", tr.Endpoints()[0].Addr.String())
	if err != nil {
		b.Fatal(err)
	}
	msg := []byte(options("UDP 127.0.0.1;rport", "x", "", ""))
	b.ReportAllocs()
	for b.Loop() {
		peer.Write(msg)
		<-done
	}
	peer.Close()
	tr.Close()
	g.Stop()
}
