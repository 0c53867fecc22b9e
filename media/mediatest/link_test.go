package mediatest

import (
	"bytes"
	"errors"
	"math"
	"net"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"tandem/media"
)

const ms = time.Millisecond

// pass sends n packets, one each 20 ms, through a link.
func pass(l *Link, n int) (sent []time.Time, got [][]Delivery) {
	at := time.Unix(1_000_000, 0)
	for i := range n {
		sent = append(sent, at)
		got = append(got, l.Pass(at, []byte{byte(i >> 8), byte(i), 1, 2, 3, 4, 5, 6}))
		at = at.Add(20 * ms)
	}
	return sent, got
}

func TestLinkIsReplayable(t *testing.T) {
	c := Conditions{Delay: 40 * ms, Jitter: Exponential(10 * ms), Loss: Gilbert(0.1, 3), Reorder: 0.1, ReorderBy: 50 * ms,
		Duplicate: 0.1, Corrupt: 0.1, SkewPPM: 300}
	_, a := pass(NewLink(7, c), 2000)
	_, b := pass(NewLink(7, c), 2000)
	_, other := pass(NewLink(8, c), 2000)
	if !reflect.DeepEqual(a, b) {
		t.Error("the same seed gives different results")
	}
	if reflect.DeepEqual(a, other) {
		t.Error("another seed gives the same results")
	}
}

func TestLinkFractions(t *testing.T) {
	const n = 50_000
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.1*want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	l := NewLink(1, Conditions{Loss: Gilbert(0.05, 4), Reorder: 0.1, Duplicate: 0.02, Corrupt: 0.03})
	_, got := pass(l, n)
	lost, runs, corrupt := 0, 0, 0
	for i, ds := range got {
		if len(ds) == 0 {
			lost++
			if i == 0 || len(got[i-1]) > 0 {
				runs++
			}
			continue
		}
		if !bytes.Equal(ds[0].Data, []byte{byte(i >> 8), byte(i), 1, 2, 3, 4, 5, 6}) {
			corrupt++
		}
	}
	st := l.Stats()
	near("lost", float64(lost)/n, 0.05)
	near("length of a burst", float64(lost)/float64(runs), 4)
	near("corrupt", float64(corrupt)/float64(n-lost), 0.03)
	near("duplicated", float64(st.Duplicated)/float64(n-lost), 0.02)
	near("reordered", float64(st.Reordered)/float64(n-lost), 0.1)
	l = NewLink(1, Conditions{Loss: Bernoulli(0.2)})
	pass(l, n)
	near("lost", float64(l.Stats().Lost)/n, 0.2)
}

func TestLinkDelays(t *testing.T) {
	sent, got := pass(NewLink(1, Conditions{Delay: 50 * ms, Jitter: Uniform(100 * ms), InOrder: true}), 2000)
	last := time.Time{}
	for i := range got {
		at := got[i][0].At
		if d := at.Sub(sent[i]); d < 50*ms || d > 250*ms || at.Before(last) {
			t.Fatalf("packet %d after %v", i, d)
		}
		last = at
	}
	sent, got = pass(NewLink(1, Conditions{Jitter: Spikes(0.01, 300*ms)}), 2000)
	spikes := 0
	for i := range got {
		switch got[i][0].At.Sub(sent[i]) {
		case 0:
		case 300 * ms:
			spikes++
		default:
			t.Fatal("neither")
		}
	}
	if spikes < 5 || spikes > 40 {
		t.Errorf("%d spikes", spikes)
	}
	// 300 ppm are 18 ms a minute.
	sent, got = pass(NewLink(1, Conditions{Delay: 20 * ms, SkewPPM: -300}), 3001)
	if d := got[3000][0].At.Sub(sent[3000]); d != 2*ms {
		t.Errorf("after a minute of skew: %v", d)
	}
}

func TestLinkPausesAndPorts(t *testing.T) {
	sent, got := pass(NewLink(1, Conditions{
		Pauses:       []Pause{{After: 200 * ms, For: 100 * ms}, {After: 400 * ms, For: 100 * ms, Drop: true}},
		NewPortAfter: 600 * ms,
	}), 40)
	for i := range got {
		since := sent[i].Sub(sent[0])
		switch {
		case since >= 400*ms && since < 500*ms:
			if got[i] != nil {
				t.Errorf("at %v: not dropped", since)
			}
		case since >= 200*ms && since < 300*ms:
			if got[i][0].At != sent[0].Add(300*ms) {
				t.Errorf("at %v: arrives at %v", since, got[i][0].At.Sub(sent[0]))
			}
		case got[i][0].NewPort != (since >= 600*ms) || got[i][0].At != sent[i]:
			t.Errorf("at %v: %+v", since, got[i])
		}
	}
}

func TestNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork(media.SystemClock{})
		defer n.Close()
		a, b := netip.MustParseAddrPort("192.0.2.1:1000"), netip.MustParseAddrPort("192.0.2.2:2000")
		ca, err := n.Listen(a)
		if err != nil {
			t.Fatal(err)
		}
		cb, _ := n.Listen(b)
		if _, err := n.Listen(a); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("listened twice: %v", err)
		}
		if c, err := n.Listen(netip.AddrPortFrom(a.Addr(), 0)); err != nil || c.LocalAddr().Port() == 0 {
			t.Errorf("port 0: %v, error %v", c, err)
		}
		var mu sync.Mutex
		var got []byte
		var at []time.Duration
		start := time.Now()
		cb.OnReceive(func(pkt []byte, from netip.AddrPort) {
			if from != a {
				t.Errorf("from %v", from)
			}
			mu.Lock()
			defer mu.Unlock()
			got = append(got, pkt[0])
			at = append(at, time.Since(start))
		})
		_ = ca.Send([]byte{0}, b) // at once
		n.SetLink(a.Addr(), b.Addr(), NewLink(1, Conditions{Delay: 30 * ms}))
		for i := range 100 { // all due at the same time
			_ = ca.Send([]byte{byte(i)}, b)
		}
		mu.Lock()
		if len(got) != 1 {
			t.Errorf("%d before their time", len(got)-1)
		}
		mu.Unlock()
		time.Sleep(31 * ms)
		synctest.Wait()
		for i := range 100 {
			if got[i+1] != byte(i) || at[i+1] != 30*ms {
				t.Fatalf("packet %d is %d, after %v", i, got[i+1], at[i+1])
			}
		}
		_ = cb.Close()
		_ = ca.Send([]byte{0}, b)
		time.Sleep(time.Second)
		if err := cb.Send([]byte{0}, a); !errors.Is(err, net.ErrClosed) || n.Unreachable() != 1 {
			t.Errorf("after Close: %v, %d unreachable", err, n.Unreachable())
		}
		if _, err := n.Listen(b); err != nil {
			t.Errorf("not free after Close: %v", err)
		}
	})
}

func TestProxy(t *testing.T) {
	target, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = target.Close() }()
	p, err := NewProxy(netip.MustParseAddrPort("127.0.0.1:0"), target.LocalAddr().(*net.UDPAddr).AddrPort(), 1,
		Conditions{Delay: 5 * ms}, Conditions{Duplicate: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	client, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(p.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	begun := time.Now()
	if _, err := client.Write([]byte("there")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, from, err := target.ReadFromUDPAddrPort(buf)
	if err != nil || string(buf[:n]) != "there" || time.Since(begun) < 5*ms {
		t.Fatalf("got %q after %v, error %v", buf[:n], time.Since(begun), err)
	}
	if _, err := target.WriteToUDPAddrPort([]byte("back"), from); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n, err := client.Read(buf); err != nil || string(buf[:n]) != "back" {
			t.Fatalf("got %q, error %v", buf[:n], err)
		}
	}
	if out, in := p.Stats(); out.Packets != 1 || in.Duplicated != 1 {
		t.Errorf("stats %+v and %+v", out, in)
	}
}
