package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/sip"
)

// zone is a name server in memory.
type zone struct {
	srv  map[string][]*net.SRV
	a    map[string][]string
	slow bool
}

func (z *zone) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if z.slow {
		<-ctx.Done()
		return "", nil, ctx.Err()
	}
	r, ok := z.srv["_"+service+"._"+proto+"."+name]
	if !ok {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return name, r, nil
}

func (z *zone) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if z.slow {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	r, ok := z.a[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var out []netip.Addr
	for _, s := range r {
		if a := netip.MustParseAddr(s); network == "ip" || a.Is4() {
			out = append(out, a)
		}
	}
	return out, nil
}

func uri(t *testing.T, s string) *sip.Uri {
	t.Helper()
	u, err := sip.ParseURI(s)
	if err != nil {
		t.Fatal(err)
	}
	return &u
}

// resolve waits for the targets and prints them.
func resolve(t *testing.T, r *Resolver, s string) string {
	t.Helper()
	got := make(chan string, 1)
	show := func(ts []Target, err error) {
		if err != nil {
			got <- err.Error()
			return
		}
		var b []string
		for _, t := range ts {
			b = append(b, fmt.Sprintf("%s %v", t.Network, t.Addr))
		}
		got <- strings.Join(b, ", ")
	}
	if ts, ready, err := r.Resolve(uri(t, s), show); ready {
		show(ts, err)
	}
	return <-got
}

func TestResolve(t *testing.T) {
	z := &zone{
		srv: map[string][]*net.SRV{
			"_sip._udp.carrier.example.com": {
				{Target: "b.example.com.", Port: 5070, Priority: 20, Weight: 1},
				{Target: "a.example.com.", Port: 5080, Priority: 10, Weight: 1},
			},
			"_sip._tcp.carrier.example.com":  {{Target: "a.example.com.", Port: 5090}},
			"_sip._tcp.stream.example.com":   {{Target: "b.example.com.", Port: 5061}},
			"_sip._udp.none.example.com":     {{Target: "."}},
			"_sip._udp.dangling.example.com": {{Target: "gone.example.com.", Port: 5060}},
		},
		a: map[string][]string{
			"a.example.com":    {"192.0.2.1", "2001:db8::1", "192.0.2.2"},
			"b.example.com":    {"192.0.2.3"},
			"none.example.com": {"192.0.2.4"},
			"six.example.com":  {"2001:db8::6"},
			"many.example.com": {"192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14", "192.0.2.15"},
		},
	}
	for _, c := range []struct {
		uri, want string
		six       bool
	}{
		{uri: "sip:192.0.2.9", want: "udp 192.0.2.9:5060"},
		{uri: "sip:x@192.0.2.9:5070;transport=tcp", want: "tcp 192.0.2.9:5070"},
		{uri: "sip:[2001:db8::9]:5070", want: "udp [2001:db8::9]:5070"},
		{uri: "sip:[::ffff:192.0.2.9]", want: "udp 192.0.2.9:5060"},
		{uri: "sip:anything.example.com;maddr=192.0.2.9", want: "udp 192.0.2.9:5060"},
		{uri: "sip:carrier.example.com", want: "udp 192.0.2.1:5080, udp 192.0.2.2:5080, udp 192.0.2.3:5070"},
		{uri: "sip:carrier.example.com", six: true, want: "udp 192.0.2.1:5080, udp [2001:db8::1]:5080, udp 192.0.2.2:5080, udp 192.0.2.3:5070"},
		{uri: "sip:carrier.example.com;transport=TCP", want: "tcp 192.0.2.1:5090, tcp 192.0.2.2:5090"},
		{uri: "sip:stream.example.com", want: "tcp 192.0.2.3:5061"},
		{uri: "sip:a.example.com", want: "udp 192.0.2.1:5060, udp 192.0.2.2:5060"},
		{uri: "sip:b.example.com:5099;transport=tcp", want: "tcp 192.0.2.3:5099"},
		{uri: "sip:none.example.com", want: "udp 192.0.2.4:5060"},
		{uri: "sip:many.example.com", want: "udp 192.0.2.11:5060, udp 192.0.2.12:5060, udp 192.0.2.13:5060, udp 192.0.2.14:5060"},
		{uri: "sip:six.example.com", want: "resolve six.example.com: no address"},
		{uri: "sip:gone.example.com", want: "resolve gone.example.com: lookup gone.example.com: no such host"},
		{uri: "sip:dangling.example.com", want: "resolve dangling.example.com: lookup gone.example.com: no such host"},
		{uri: "sip:a.example.com;transport=sctp", want: `resolve a.example.com: transport "sctp": unknown transport`},
		{uri: "sips:a.example.com", want: "resolve a.example.com: sips: unknown transport"},
	} {
		t.Run(c.uri, func(t *testing.T) {
			r := New(Config{DNS: z, IPv6: c.six})
			defer r.Close()
			if got := resolve(t, r, c.uri); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestWeights spreads over records of one priority as their weights say.
func TestWeights(t *testing.T) {
	z := &zone{
		srv: map[string][]*net.SRV{"_sip._udp.w.example.com": {
			{Target: "a.example.com.", Port: 1, Weight: 10},
			{Target: "b.example.com.", Port: 2, Weight: 30},
			{Target: "c.example.com.", Port: 3, Weight: 60},
		}},
		a: map[string][]string{"a.example.com": {"192.0.2.1"}, "b.example.com": {"192.0.2.2"}, "c.example.com": {"192.0.2.3"}},
	}
	seed := uint64(1)
	r := New(Config{DNS: z, Random: func(n uint64) int {
		seed = seed*6364136223846793005 + 1442695040888963407
		return int((seed >> 33) % n)
	}})
	defer r.Close()
	first := map[string]int{}
	const n = 4000
	for range n {
		got := resolve(t, r, "sip:w.example.com")
		first[strings.SplitN(got, ",", 2)[0]]++
		if strings.Count(got, ",") != 2 {
			t.Fatalf("%s: not every record once", got)
		}
	}
	for addr, want := range map[string]float64{"udp 192.0.2.1:1": .1, "udp 192.0.2.2:2": .3, "udp 192.0.2.3:3": .6} {
		if got := float64(first[addr]) / n; got < want-.05 || got > want+.05 {
			t.Errorf("%s is first in %.2f, want %.2f", addr, got, want)
		}
	}
}

// TestSlow holds up nobody: a name server that does not answer costs the time
// limit, a full house is told at once, and Close ends what is under way.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{DNS: &zone{slow: true}, Parallel: 2})
		start := time.Now()
		var mu sync.Mutex
		var got []error
		done := func(_ []Target, err error) {
			mu.Lock()
			got = append(got, err)
			mu.Unlock()
		}
		for range 2 {
			if _, ready, _ := r.Resolve(uri(t, "sip:slow.example.com"), done); ready {
				t.Fatal("a name was answered at once")
			}
		}
		if _, ready, err := r.Resolve(uri(t, "sip:slow.example.com"), done); !ready || !errors.Is(err, ErrBusy) {
			t.Errorf("third look-up: %v", err)
		}
		if _, ready, err := r.Resolve(uri(t, "sip:192.0.2.1"), done); !ready || err != nil {
			t.Errorf("a number waits for names: %v", err)
		}
		r.done.Wait()
		if d := time.Since(start); d != 3*time.Second || len(got) != 2 || !errors.Is(got[0], context.DeadlineExceeded) {
			t.Errorf("after %v: %v", d, got)
		}
		r.Resolve(uri(t, "sip:slow.example.com"), done)
		r.Close()
		if len(got) != 3 || !errors.Is(got[2], context.Canceled) {
			t.Errorf("after Close: %v", got)
		}
	})
}
