package rtp_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/media/rtp"
	"tandem/media/worker"
)

const (
	benchCalls = 100
	benchTime  = 3 * time.Second
	loadEnv    = "TANDEM_RTP_LOAD" // makes TestLoad the peers of a benchmark
)

var loopback = netip.MustParseAddr("127.0.0.1")

// loadResult is what the peers have seen.
type loadResult struct {
	Sent, Received      int
	P50, P99, P999, Max time.Duration
}

// BenchmarkRelay100Calls relays 100 calls, 10,000 packets a second, between
// real sockets, with latch, RTCP and statistics. The peers run in another
// process (this test binary again), so that the CPU counted is the relay's
// alone. It reports the share of one core, and the whole way of a packet from
// peer to peer, of which the relay is a part.
func BenchmarkRelay100Calls(b *testing.B) {
	// As the server does: see package worker on why one more.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1))
	pool, err := worker.New(runtime.NumCPU(), worker.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Stop()
	ports, err := rtp.NewPorts(21000, 27999, rtp.PortsOptions{})
	if err != nil {
		b.Fatal(err)
	}
	sessions := make([]*rtp.Session, 2*benchCalls)
	addrs := make([]netip.AddrPort, len(sessions))
	for i := range sessions {
		pair, err := ports.Open(loopback)
		if err != nil {
			b.Fatal(err)
		}
		w := pool.Workers()[i/2%len(pool.Workers())]
		sessions[i] = rtp.NewSession(w, pair, rtp.Options{OnPacket: func(p *rtp.Packet, _ time.Time) {
			_ = sessions[i^1].Forward(p, p.PayloadType) // errors are counted
		}})
		addrs[i] = sessions[i].LocalAddr()
	}

	cmd := exec.Command(os.Args[0], "-test.run=^TestLoad$", "-test.v")
	cmd.Env = append(os.Environ(), loadEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	lines := bufio.NewScanner(out)
	if err := json.NewEncoder(in).Encode(addrs); err != nil {
		b.Fatal(err)
	}
	var peers []netip.AddrPort
	readJSON(b, lines, &peers)
	for i, s := range sessions {
		s.Do(func() { s.SetRemote(peers[i], netip.AddrPort{}, rtp.RemoteOptions{}) })
	}
	// The first half second is for the latch and the caches.
	if _, err := io.WriteString(in, "\n"); err != nil {
		b.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	cpu, begun := processCPU(), time.Now()
	b.ResetTimer()
	var res loadResult
	readJSON(b, lines, &res)
	wall := time.Since(begun)
	used := processCPU() - cpu
	b.StopTimer()

	var turns uint64
	for _, w := range pool.Workers() {
		turns += w.Stats().Turns
	}
	b.ReportMetric(100*float64(used)/float64(wall), "%core")
	b.ReportMetric(float64(res.P50.Microseconds()), "µs-p50")
	b.ReportMetric(float64(res.P99.Microseconds()), "µs-p99")
	b.ReportMetric(float64(res.P999.Microseconds()), "µs-p99.9")
	b.ReportMetric(float64(res.Sent-res.Received), "lost")
	b.ReportMetric(float64(used.Nanoseconds())/(float64(res.Received)*float64(wall)/float64(benchTime)), "ns/packet")
	b.ReportMetric(float64(turns)/float64(res.Received), "turns/packet")
	for _, s := range sessions {
		s.Close()
	}
}

func readJSON(b *testing.B, lines *bufio.Scanner, v any) {
	b.Helper()
	for lines.Scan() {
		if line := lines.Bytes(); len(line) > 0 && (line[0] == '{' || line[0] == '[') {
			if err := json.Unmarshal(line, v); err != nil {
				b.Fatal(err)
			}
			return
		}
	}
	b.Fatal("the peers have gone")
}

func processCPU() time.Duration {
	var ru unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// TestLoad is the peers' process of the benchmark: each of its sockets sends
// 50 packets a second to one session, evenly spread over time, and receives
// what the other leg of the call is sent.
func TestLoad(t *testing.T) {
	if os.Getenv(loadEnv) == "" {
		t.Skip("runs in the benchmark's second process")
	}
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var relay []netip.AddrPort
	if err := json.Unmarshal(line, &relay); err != nil {
		t.Fatal(err)
	}
	// One socket in ten is received from at once, to measure the delay; the
	// others seldom, so that the relay does not pay for waking their owner, as
	// it would not if that were on another machine.
	atOnce, err := worker.New(1, worker.Options{Gather: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer atOnce.Stop()
	seldom, err := worker.New(1, worker.Options{Gather: 4 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer seldom.Stop()
	begun := time.Now()
	received := 0
	var delays []time.Duration
	sockets := make([]*worker.Socket, len(relay))
	local := make([]netip.AddrPort, len(relay))
	for i := range sockets {
		if sockets[i], err = worker.Listen(netip.AddrPortFrom(loopback, 0), worker.SocketOptions{}); err != nil {
			t.Fatal(err)
		}
		local[i] = sockets[i].LocalAddr()
		if i%10 != 0 {
			w := seldom.Next()
			w.Do(func() {
				_ = w.AddSocket(sockets[i], func(pkt []byte, _ netip.AddrPort, _ time.Time) {
					if len(pkt) == 12+160 {
						received++
					}
				})
			})
			continue
		}
		w := atOnce.Next()
		w.Do(func() {
			_ = w.AddSocket(sockets[i], func(pkt []byte, _ netip.AddrPort, _ time.Time) {
				if len(pkt) != 12+160 {
					return // RTCP: the port after may be another peer's
				}
				sent := time.Duration(binary.BigEndian.Uint64(pkt[12:]))
				delays = append(delays, time.Since(begun)-sent)
			})
		})
	}
	data, _ := json.Marshal(local)
	fmt.Printf("%s\n", data)
	if _, err := in.ReadByte(); err != nil {
		t.Fatal(err)
	}

	// One packet at a time, each at its own moment, as from many callers.
	runtime.LockOSThread()
	interval := 20 * time.Millisecond / time.Duration(len(sockets))
	pkt := make([]byte, 12+160)
	start := time.Now()
	sent := 0
	for end := start.Add(500*time.Millisecond + benchTime); time.Now().Before(end); {
		due := start.Add(time.Duration(sent) * interval)
		if d := time.Until(due); d > 0 {
			ts := unix.NsecToTimespec(int64(d))
			_ = unix.Nanosleep(&ts, nil)
		}
		i, n := sent%len(sockets), sent/len(sockets)
		pkt[0], pkt[1] = 0x80, 0
		binary.BigEndian.PutUint16(pkt[2:], uint16(n))
		binary.BigEndian.PutUint32(pkt[4:], uint32(160*n))
		binary.BigEndian.PutUint32(pkt[8:], uint32(1000+i))
		binary.BigEndian.PutUint64(pkt[12:], uint64(time.Since(begun)))
		if err := sockets[i].Send(pkt, relay[i]); err == nil {
			sent++
		}
	}
	time.Sleep(50 * time.Millisecond)
	atOnce.Stop()
	seldom.Stop()
	slices.Sort(delays)
	at := func(f float64) time.Duration { return delays[int(f*float64(len(delays)-1))] }
	data, _ = json.Marshal(loadResult{sent, received + len(delays), at(0.5), at(0.99), at(0.999), at(1)})
	fmt.Printf("%s\n", data)
}
