package ua_test

import (
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"tandem/codec"
	"tandem/media/rtp"
	"tandem/media/worker"
	"tandem/sip"
	"tandem/sip/loop"
	"tandem/sip/transaction"
	"tandem/sip/transport"
	"tandem/sip/ua"
)

// loopback is a UA on a socket of the kernel's.
func loopback(b testing.TB, loops *loop.Group, ports *rtp.Ports, workers *worker.Pool, incoming func(sip.LegInfo) (func(*ua.Leg), sip.Cause)) (*ua.UA, netip.AddrPort) {
	b.Helper()
	u, err := ua.New(ua.Config{
		Loops: loops, Ports: ports, Workers: workers, Incoming: incoming, Agent: "tandem",
		Codecs:    []*codec.Codec{codec.PCMA, codec.PCMU, codec.GSM},
		Transport: transport.Config{Listen: []transport.Endpoint{{Network: "udp", Addr: netip.MustParseAddrPort("127.0.0.1:0")}}},
		// Short memories: the benchmark is about calls, not about what waits for timers.
		Timers: transaction.Timers{T1: 20 * time.Millisecond, T2: 80 * time.Millisecond, T4: 100 * time.Millisecond},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = u.Close() })
	return u, u.Endpoints()[0].Addr
}

// BenchmarkCall sets a call up and takes it down over UDP on loopback, with RTP
// ports and streams: one outgoing and one incoming leg, which is what a call
// through this program costs in SIP. cpu-µs/op is the process's CPU time.
func BenchmarkCall(b *testing.B) {
	loops := loop.NewGroup(2)
	defer loops.Stop()
	workers, err := worker.New(2, worker.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer workers.Stop()
	ports, err := rtp.NewPorts(30000, 39999, rtp.PortsOptions{})
	if err != nil {
		b.Fatal(err)
	}
	_, to := loopback(b, loops, ports, workers, func(sip.LegInfo) (func(*ua.Leg), sip.Cause) {
		return func(l *ua.Leg) {
			l.SetPost(func(any) {})
			_ = l.Ring(sip.Early{})
			_ = l.Answer(sip.AnswerOptions{})
		}, sip.Cause{}
	})
	caller, _ := loopback(b, loops, ports, workers, nil)
	slots := make(chan struct{}, 32) // calls at once
	var calls sync.WaitGroup
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		slots <- struct{}{}
		calls.Add(1)
		var l *ua.Leg
		ready := make(chan struct{})
		l, err := caller.Dial(ua.DialOptions{
			To: sip.Uri{Scheme: "sip", User: "100", Host: "127.0.0.1"}, From: sip.FromTo{URI: sip.Uri{Scheme: "sip", User: "200", Host: "127.0.0.1"}},
			Remotes: []netip.AddrPort{to},
			Post: func(m any) {
				switch m := m.(type) {
				case sip.Answered:
					<-ready
					_ = l.Hangup(sip.Cleared(sip.Local))
				case sip.Hungup:
					if m.Cause.Status != 200 {
						b.Errorf("%v", m.Cause)
					}
					<-slots
					calls.Done()
				}
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		close(ready)
	}
	calls.Wait()
	b.ReportMetric(float64(cpu()-start)/float64(b.N)/1000, "cpu-µs/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLegMemory says how many bytes of heap a leg that is up takes, its
// stream included.
func BenchmarkLegMemory(b *testing.B) {
	loops := loop.NewGroup(1)
	defer loops.Stop()
	workers, err := worker.New(1, worker.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer workers.Stop()
	ports, err := rtp.NewPorts(40000, 43999, rtp.PortsOptions{})
	if err != nil {
		b.Fatal(err)
	}
	_, to := loopback(b, loops, ports, workers, func(sip.LegInfo) (func(*ua.Leg), sip.Cause) {
		return func(l *ua.Leg) {
			l.SetPost(func(any) {})
			_ = l.Answer(sip.AnswerOptions{})
		}, sip.Cause{}
	})
	caller, _ := loopback(b, loops, ports, workers, nil)
	const calls = 400
	for b.Loop() {
		before := heap()
		var legs []*ua.Leg
		up, down := make(chan bool, calls), make(chan bool, calls)
		for range calls {
			l, err := caller.Dial(ua.DialOptions{
				To: sip.Uri{Scheme: "sip", User: "100", Host: "127.0.0.1"}, From: sip.FromTo{URI: sip.Uri{Scheme: "sip", User: "200", Host: "127.0.0.1"}},
				Remotes: []netip.AddrPort{to},
				Post: func(m any) {
					switch m.(type) {
					case sip.Answered:
						up <- true
					case sip.Hungup:
						down <- true
					}
				},
			})
			if err != nil {
				b.Fatal(err)
			}
			legs = append(legs, l)
			<-up
		}
		time.Sleep(2 * time.Second) // 64*T1: what only waits is gone
		b.ReportMetric(float64(heap()-before)/(2*calls), "B/leg")
		for _, l := range legs {
			_ = l.Hangup(sip.Cleared(sip.Local))
			<-down
		}
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
