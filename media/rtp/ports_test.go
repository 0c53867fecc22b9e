package rtp

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"tandem/media"
	"tandem/media/mediatest"
	"tandem/media/worker"
)

var local = netip.MustParseAddr("192.0.2.1")

// virtualPorts are the ports of a network in memory.
func virtualPorts(t *testing.T, lo, hi int) (*Ports, *mediatest.Network) {
	t.Helper()
	n := mediatest.NewNetwork(media.SystemClock{})
	p, err := NewPorts(lo, hi, PortsOptions{Listen: n.Socket})
	if err != nil {
		t.Fatal(err)
	}
	return p, n
}

func open(t *testing.T, p *Ports) *Pair {
	t.Helper()
	pair, err := p.Open(local)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestPortRange(t *testing.T) {
	for _, test := range []struct{ lo, hi, pairs int }{
		{20000, 29999, 5000}, {20000, 20001, 1}, {20001, 20003, 1}, {20001, 20004, 1}, {20000, 20002, 1}, {65534, 65535, 1},
		{20001, 20002, 0}, {20000, 20000, 0}, {20001, 20000, 0}, {0, 10, 0}, {65530, 65536, 0}, {-5, 5, 0},
	} {
		p, err := NewPorts(test.lo, test.hi, PortsOptions{})
		if (err == nil) != (test.pairs > 0) || (err == nil && p.Total() != test.pairs) {
			t.Errorf("%d-%d: %+v, error %v", test.lo, test.hi, p, err)
		}
	}
}

func TestPairsUntilNoneIsLeft(t *testing.T) {
	p, _ := virtualPorts(t, 20001, 20022)
	var pairs []*Pair
	var seen []uint16
	for range 10 {
		pair := open(t, p)
		rtp, rtcp := pair.RTP.LocalAddr(), pair.RTCP.LocalAddr()
		if rtp.Port()%2 != 0 || rtcp.Port() != rtp.Port()+1 || rtp.Port() < 20002 || rtcp.Port() > 20022 || rtp.Addr() != local {
			t.Errorf("pair %v and %v", rtp, rtcp)
		}
		pairs, seen = append(pairs, pair), append(seen, rtp.Port())
	}
	if _, err := p.Open(local); !errors.Is(err, ErrNoPorts) || p.InUse() != 10 {
		t.Errorf("error %v with %d in use", err, p.InUse())
	}
	if slices.IsSorted(seen) {
		t.Errorf("the order can be foretold: %v", seen)
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != 10 {
		t.Errorf("ports given twice: %v", seen)
	}
	pairs[3].Close()
	pairs[3].Close()
	if p.InUse() != 9 {
		t.Errorf("%d in use", p.InUse())
	}
	if again := open(t, p); again.LocalAddr() != pairs[3].LocalAddr() {
		t.Errorf("got %v", again.LocalAddr())
	}
}

// A port that was given back is used again only after half of the others.
func TestQuarantine(t *testing.T) {
	p, _ := virtualPorts(t, 20000, 20199)
	for range 500 {
		pair := open(t, p)
		closed := pair.LocalAddr()
		pair.Close()
		for i := range 49 {
			next := open(t, p)
			if next.LocalAddr() == closed {
				t.Fatalf("used again by call %d after", i+1)
			}
			next.Close()
		}
	}
}

func TestTakenPortsArePassedOver(t *testing.T) {
	p, n := virtualPorts(t, 20000, 20007)
	for _, port := range []uint16{20000, 20003, 20006} { // RTP or RTCP of another program
		if _, err := n.Listen(netip.AddrPortFrom(local, port)); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		pair := open(t, p)
		if port := pair.LocalAddr().Port(); port != 20004 {
			t.Fatalf("port %d", port)
		}
		if _, err := p.Open(local); !errors.Is(err, ErrNoPorts) || p.InUse() != 1 {
			t.Fatalf("error %v with %d in use", err, p.InUse())
		}
		pair.Close()
	}
}

func TestOtherErrorsEndTheSearch(t *testing.T) {
	tries := 0
	p, err := NewPorts(20000, 29999, PortsOptions{Listen: func(netip.AddrPort) (*worker.Socket, error) {
		tries++
		return nil, unix.EMFILE
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Open(local); !errors.Is(err, unix.EMFILE) || tries != 1 || p.InUse() != 0 {
		t.Errorf("error %v after %d tries, %d in use", err, tries, p.InUse())
	}
	kernel, err := NewPorts(20000, 29999, PortsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kernel.Open(netip.MustParseAddr("192.0.2.1")); !errors.Is(err, unix.EADDRNOTAVAIL) || kernel.InUse() != 0 {
		t.Errorf("error %v, %d in use", err, kernel.InUse())
	}
}

func TestPortsFromManyGoroutines(t *testing.T) {
	p, _ := virtualPorts(t, 20000, 20019)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if pair, err := p.Open(local); err == nil {
					pair.Close()
				} else if !errors.Is(err, ErrNoPorts) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if p.InUse() != 0 {
		t.Errorf("%d in use", p.InUse())
	}
}

// Opening two pairs is part of a call's set-up.
func BenchmarkOpenPair(b *testing.B) {
	p, err := NewPorts(20000, 29999, PortsOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		pair, err := p.Open(netip.MustParseAddr("127.0.0.1"))
		if err != nil {
			b.Fatal(err)
		}
		pair.Close()
	}
}

func TestKernelDropsOfAPair(t *testing.T) {
	p, err := NewPorts(28000, 29999, PortsOptions{RecvBuffer: 4096})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := p.Open(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		_ = pair.RTCP.Send(make([]byte, 172), pair.LocalAddr())
	}
	n := pair.drops()
	if n == 0 || p.Drops() != n {
		t.Errorf("%d drops at the pair, %d in all", n, p.Drops())
	}
	pair.Close()
	if pair.drops() != n || p.Drops() != n {
		t.Errorf("%d drops at the closed pair, %d in all", pair.drops(), p.Drops())
	}
}
