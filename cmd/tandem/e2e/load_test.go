//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/codec"
)

// cpu is the processor time the node has used.
func (n *node) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}

// rss is the node's resident memory in bytes.
func (n *node) rss() float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	pages, _ := strconv.Atoi(strings.Fields(string(b))[1])
	return float64(pages * os.Getpagesize())
}

// A talker is one end of a call under load: a socket that sends a packet every
// 20 ms and notes when it hears what the other end said.
type talker struct {
	conn   *net.UDPConn
	remote *net.UDPAddr
	pt     byte
	enc    codec.Encoder
	dec    codec.Decoder
	loud   []byte // payload of a burst
	quiet  []byte // payload of silence
	burst  chan time.Time
	peer   *talker // whose bursts it hears
	delays []time.Duration
	got    int
	sent   int
}

func newTalker(t testing.TB, c *codec.Codec) *talker {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	k := &talker{conn: conn, pt: c.PayloadType, enc: c.NewEncoder(codec.Params{}), dec: c.NewDecoder(codec.Params{}), burst: make(chan time.Time, 8)}
	pcm := make([]int16, 160)
	k.quiet, _ = k.enc.Encode(nil, pcm)
	for i := range pcm {
		pcm[i] = int16(12000 * math.Sin(2*math.Pi*600*float64(i)/8000))
	}
	k.loud, _ = k.enc.Encode(nil, pcm)
	return k
}

func (k *talker) port() int { return k.conn.LocalAddr().(*net.UDPAddr).Port }

func (k *talker) sdp() string {
	name := map[byte]string{0: "PCMU", 3: "GSM", 8: "PCMA"}[k.pt]
	return fmt.Sprintf("v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio %d RTP/AVP %d\na=rtpmap:%d %s/8000\n", k.port(), k.pt, k.pt, name)
}

// setRemote takes the address from an answer or offer.
func (k *talker) setRemote(sdp string) {
	for _, l := range strings.Split(sdp, "\n") {
		if rest, ok := strings.CutPrefix(l, "m=audio "); ok {
			port, _ := strconv.Atoi(strings.Fields(rest)[0])
			k.remote = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
		}
	}
}

// hear reads until the socket closes. A packet that is loud after quiet ones
// is the other end's burst.
func (k *talker) hear() {
	buf := make([]byte, 2048)
	pcm := make([]int16, 0, 320)
	was := false
	for {
		n, err := k.conn.Read(buf)
		if err != nil {
			return
		}
		now := time.Now()
		if n <= 12 {
			continue
		}
		k.got++
		pcm, err = k.dec.Decode(pcm[:0], buf[12:n])
		if err != nil {
			continue
		}
		peak := 0
		for _, s := range pcm {
			peak = max(peak, int(s), -int(s))
		}
		is := peak > 4000
		if is && !was {
			select {
			case at := <-k.peer.burst:
				k.delays = append(k.delays, now.Sub(at))
			default:
			}
		}
		was = is
	}
}

// load is a number of two-party calls through a node.
type load struct {
	callers, callees []*talker
	end              func()
}

// placeCalls connects pairs of talkers through the node's number 200, whose
// callee is the wire callee. Each call stays up until end.
func placeCalls(b testing.TB, n *node, callee *wire, count int, in, out *codec.Codec) *load {
	l := &load{}
	var mu sync.Mutex
	pending := map[string]*talker{} // by the callee's dialog
	go func() {
		for m := range callee.got {
			switch {
			case m.status() != 0:
			case m.method() == "INVITE":
				id := m.get("call-id")
				mu.Lock()
				k, known := pending[id]
				if !known {
					k = newTalker(b, out)
					k.setRemote(m.body)
					pending[id] = k
				}
				mu.Unlock()
				callee.respond(m, 200, "OK", "t"+id[:4], "", k.sdp())
			case m.method() == "BYE":
				callee.respond(m, 200, "OK", "", "", "")
			}
		}
	}()
	caller := newWire(b, "127.0.0.1")
	var attempts []*attempt
	for range count {
		k := newTalker(b, in)
		a := caller.attempt(n.sip, "200")
		a.request("INVITE", 1, "i", a.to, a.target, "Content-Type: application/sdp\n", k.sdp())
		m, ok := caller.next(5*time.Second, func(m message) bool { return a.mine(m) && m.method() == "INVITE" && m.status() >= 200 })
		if !ok || m.status() != 200 {
			b.Fatalf("call %d: %q", len(attempts), m.start)
		}
		a.answered(m)
		k.setRemote(m.body)
		attempts = append(attempts, a)
		l.callers = append(l.callers, k)
		// The callee's talker of this call is the one not yet paired.
		mu.Lock()
		for id, c := range pending {
			if c.peer == nil {
				c.peer, k.peer = k, c
				l.callees = append(l.callees, c)
				_ = id
			}
		}
		mu.Unlock()
	}
	for _, k := range slices.Concat(l.callers, l.callees) {
		go k.hear()
	}
	l.end = func() {
		for _, a := range attempts {
			a.bye()
			if _, ok := caller.next(5*time.Second, func(m message) bool { return a.mine(m) && m.method() == "BYE" }); !ok {
				b.Error("BYE was not answered")
			}
		}
		for _, k := range slices.Concat(l.callers, l.callees) {
			k.conn.Close()
		}
	}
	return l
}

// talk makes every talker send a packet every 20 ms for d, with a burst twice
// a second. Packets of a tick are spread over its 20 ms.
func (l *load) talk(d time.Duration) {
	all := slices.Concat(l.callers, l.callees)
	var wg sync.WaitGroup
	const senders = 4
	for s := range senders {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var mine []*talker
			for i := s; i < len(all); i += senders {
				mine = append(mine, all[i])
			}
			pkt := make([]byte, 12, 200)
			start := time.Now()
			for tick := 0; time.Since(start) < d; tick++ {
				for i, k := range mine {
					at := start.Add(time.Duration(tick)*20*time.Millisecond + time.Duration(i)*20*time.Millisecond/time.Duration(len(mine)))
					time.Sleep(time.Until(at))
					pkt[0], pkt[1] = 0x80, k.pt
					binary.BigEndian.PutUint16(pkt[2:], uint16(k.sent))
					binary.BigEndian.PutUint32(pkt[4:], uint32(k.sent*160))
					binary.BigEndian.PutUint32(pkt[8:], uint32(k.port()))
					payload := k.quiet
					if tick > 50 && (tick+i)%25 == 0 {
						payload = k.loud
						select {
						case k.burst <- time.Now():
						default:
						}
					}
					k.conn.WriteToUDP(append(pkt[:12], payload...), k.remote)
					k.sent++
				}
			}
		}()
	}
	wg.Wait()
	time.Sleep(100 * time.Millisecond)
}

// percentile of the delays heard by all.
func (l *load) delays() []time.Duration {
	var all []time.Duration
	for _, k := range slices.Concat(l.callers, l.callees) {
		all = append(all, k.delays...)
	}
	slices.Sort(all)
	return all
}

func at(d []time.Duration, p float64) float64 {
	if len(d) == 0 {
		return math.NaN()
	}
	return float64(d[min(len(d)-1, int(p*float64(len(d))))]) / float64(time.Millisecond)
}

// benchCalls measures count calls of the given codecs for 10 seconds.
func benchCalls(b *testing.B, count int, in, out *codec.Codec) {
	for range b.N {
		callee := newWire(b, "127.0.0.1")
		n := start(b, fmt.Sprintf(connectYAML, "callee@"+callee.host()))
		time.Sleep(2 * time.Second) // start-up work is over
		idle := n.rss()
		l := placeCalls(b, n, callee, count, in, out)
		l.talk(2 * time.Second)
		sent, got := l.counts()
		c0, t0 := n.cpu(), time.Now()
		l.talk(10 * time.Second)
		share := float64(n.cpu()-c0) / float64(time.Since(t0))
		s1, g1 := l.counts()
		d := l.delays()
		b.ReportMetric(100*share, "%core")
		b.ReportMetric(at(d, 0.5), "ms-median")
		b.ReportMetric(at(d, 0.99), "ms-p99")
		b.ReportMetric(float64(s1-sent-(g1-got)), "packets-lost")
		b.ReportMetric((n.rss()-idle)/float64(count)/1000, "kB/call")
		b.ReportMetric(0, "ns/op")
		l.end()
		n.idle()
		n.stop()
	}
}

func (l *load) counts() (sent, got int) {
	for _, k := range slices.Concat(l.callers, l.callees) {
		sent += k.sent
		got += k.got
	}
	return sent, got
}

func BenchmarkRelayed100(b *testing.B)    { benchCalls(b, 100, codec.PCMU, codec.PCMU) }
func BenchmarkPCMUToPCMA100(b *testing.B) { benchCalls(b, 100, codec.PCMU, codec.PCMA) }
func BenchmarkPCMUToGSM100(b *testing.B)  { benchCalls(b, 100, codec.PCMU, codec.GSM) }

// BenchmarkSetup300 measures the processor time of a call set up and torn down
// through both legs, at 300 calls a second without media.
func BenchmarkSetup300(b *testing.B) {
	for range b.N {
		const seconds = 10
		callee := startSIPp(b, sippOptions{Scenario: "uas.xml", Calls: 1 << 20, Timeout: 120 * time.Second, Quiet: true})
		n := start(b, fmt.Sprintf(connectYAML, fmt.Sprintf("callee@127.0.0.1:%d", callee.Port)))
		target := fmt.Sprintf("127.0.0.1:%d", n.sip)
		runSIPp(b, sippOptions{Scenario: "uac.xml", Target: target, Service: "200", Calls: 300, Rate: 100, Quiet: true})
		c0 := n.cpu()
		runSIPp(b, sippOptions{Scenario: "uac.xml", Target: target, Service: "200", Calls: 300 * seconds, Rate: 300, Quiet: true, Timeout: 60 * time.Second})
		b.ReportMetric(float64((n.cpu()-c0).Microseconds())/1000/(300*seconds), "cpu-ms/call")
		b.ReportMetric(0, "ns/op")
		n.idle()
		n.stop()
	}
}
