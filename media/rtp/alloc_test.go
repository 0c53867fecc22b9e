package rtp

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"tandem/media/worker"
)

// kernelPair is a pair on loopback.
func kernelPair(t testing.TB) *Pair {
	t.Helper()
	p, err := NewPorts(28000, 29999, PortsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := p.Open(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// The path of a packet from the worker to OnPacket, and on to the wire by Send,
// SendEvent and Forward, allocates nothing.
func TestPacketPathDoesNotAllocate(t *testing.T) {
	pool, err := worker.New(1, worker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Stop()
	sink := kernelPair(t)
	defer sink.Close()
	var in, out *Session
	received := 0
	out = NewSession(pool.Next(), kernelPair(t), Options{})
	in = NewSession(pool.Next(), kernelPair(t), Options{MaxRate: 1e6, OnPacket: func(p *Packet, _ time.Time) {
		received++
		_ = out.Forward(p, 8)
		_ = out.SendEvent(101, received == 1, p.Payload[:4])
		_ = out.Send(0, false, p.Timestamp, p.Payload)
	}})
	defer in.Close()
	defer out.Close()
	peer := netip.MustParseAddrPort("127.0.0.1:7000")
	done := make(chan float64)
	in.Do(func() {
		in.SetRemote(peer, netip.AddrPort{}, RemoteOptions{})
		out.SetRemote(sink.LocalAddr(), netip.AddrPort{}, RemoteOptions{})
		pkt := make([]byte, 172)
		pkt[0] = 0x80
		seq := uint16(0)
		now := time.Now()
		done <- testing.AllocsPerRun(500, func() {
			seq++
			now = now.Add(20 * time.Millisecond)
			binary.BigEndian.PutUint16(pkt[2:], seq)
			binary.BigEndian.PutUint32(pkt[4:], uint32(seq)*160)
			in.receiveRTP(pkt, peer, now)
			in.receiveRTP(pkt, netip.MustParseAddrPort("127.0.0.9:9"), now) // a stranger
			in.receiveRTP(pkt[:5], peer, now)                               // malformed
		})
	})
	if n := <-done; n != 0 || received != 501 {
		t.Errorf("%v allocations a packet, %d received", n, received)
	}
}

// BenchmarkReceive is what parsing, latch, sequence, jitter and counters cost.
func BenchmarkReceive(b *testing.B) {
	pool, err := worker.New(1, worker.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Stop()
	in := NewSession(pool.Next(), kernelPair(b), Options{MaxRate: 1e6})
	defer in.Close()
	peer := netip.MustParseAddrPort("127.0.0.1:7000")
	pkt := make([]byte, 172)
	pkt[0] = 0x80
	done := make(chan struct{})
	in.Do(func() {
		defer close(done)
		in.SetRemote(peer, netip.AddrPort{}, RemoteOptions{})
		now := time.Now()
		seq := uint16(0)
		b.ReportAllocs()
		for b.Loop() {
			seq++
			now = now.Add(20 * time.Millisecond)
			binary.BigEndian.PutUint16(pkt[2:], seq)
			in.receiveRTP(pkt, peer, now)
		}
	})
	<-done
}
