//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// load is a number of two-party calls through a node.
type load struct {
	callers, callees []*talker
	end              func()
}

// answerTalking makes the wire answer every INVITE as a talker of codec c, and
// hands those talkers on in the order of their calls.
func answerTalking(b testing.TB, callee *wire, c *codec.Codec) <-chan *talker {
	answered := make(chan *talker, 1024)
	go func() {
		calls := map[string]*talker{}
		for m := range callee.got {
			switch {
			case m.status() != 0:
			case m.method() == "INVITE":
				id := m.get("call-id")
				k := calls[id]
				if k == nil {
					k = newTalker(b, c)
					k.setRemote(m.body)
					calls[id] = k
					answered <- k
				}
				callee.respond(m, 200, "OK", "t"+id[:4], "", k.sdp())
			case m.method() == "BYE":
				callee.respond(m, 200, "OK", "", "", "")
			}
		}
	}()
	return answered
}

// placeCalls connects talkers of codec c with those who answer at the node's
// number 200. Each call stays up until end.
func placeCalls(b testing.TB, n *node, answered <-chan *talker, count int, c *codec.Codec) *load {
	l := &load{}
	caller := newWire(b, "127.0.0.1")
	var attempts []*attempt
	for range count {
		k := newTalker(b, c)
		a := caller.attempt(n.sip, "200")
		a.request("INVITE", 1, "i", a.to, a.target, "Content-Type: application/sdp\n", k.sdp())
		m, ok := caller.next(5*time.Second, func(m message) bool { return a.mine(m) && m.method() == "INVITE" && m.status() >= 200 })
		if !ok || m.status() != 200 {
			b.Fatalf("call %d: %q", len(attempts), m.start)
		}
		a.answered(m)
		k.setRemote(m.body)
		k.peer = <-answered
		k.peer.peer = k
		attempts = append(attempts, a)
		l.callers, l.callees = append(l.callers, k), append(l.callees, k.peer)
	}
	l.end = func() {
		for _, a := range attempts {
			a.bye()
			if _, ok := caller.next(5*time.Second, func(m message) bool { return a.mine(m) && m.method() == "BYE" }); !ok {
				b.Error("BYE was not answered")
			}
		}
		for _, k := range l.talkers() {
			_ = unix.Close(k.fd)
		}
	}
	return l
}

// talkers are both ends of all calls, the two of a call half the length of the
// list apart.
func (l *load) talkers() []*talker { return slices.Concat(l.callers, l.callees) }

// benchCalls measures count calls of the given codecs for 10 seconds. It
// reports
//   - the processor time of the node alone as a share of one core;
//   - how long after its sending a sound was heard at the other end;
//   - of mixed calls, how far packets were from 20 ms after the one before;
//   - sequence numbers that did not come;
//   - what the node grew by, for each call.
func benchCalls(b *testing.B, count int, in, out *codec.Codec) {
	for range b.N {
		callee := newWire(b, "127.0.0.1")
		n := start(b, fmt.Sprintf(connectYAML, "callee@"+callee.host()))
		answered := answerTalking(b, callee, out)
		// The first call loads what all share: code, tables, connections.
		first := placeCalls(b, n, answered, 1, in)
		talk(first.talkers(), 2*time.Second)
		first.end()
		n.idle()
		idle := n.rss()
		l := placeCalls(b, n, answered, count, in)
		all := l.talkers()
		talk(all, 2*time.Second)
		for _, k := range all {
			k.forget()
		}
		profiled := n.profile(b.Name())
		c0, t0 := n.cpu(), time.Now()
		talk(all, 10*time.Second)
		share := float64(n.cpu()-c0) / float64(time.Since(t0))
		grown := n.rss() - idle
		profiled()
		var delays, pace []time.Duration
		lost := 0
		for _, k := range all {
			delays = append(delays, k.delays...)
			for _, d := range k.gaps {
				pace = append(pace, (d - 20*time.Millisecond).Abs())
			}
			lost += k.lost
		}
		b.ReportMetric(100*share, "%core")
		b.ReportMetric(percentile(delays, 0.5), "ms-median")
		b.ReportMetric(percentile(delays, 0.99), "ms-p99")
		if in != out {
			b.ReportMetric(percentile(pace, 0.999), "ms-pace-p99.9")
		}
		b.ReportMetric(float64(lost), "lost")
		b.ReportMetric(grown/float64(count)/1000, "kB/call")
		b.ReportMetric(0, "ns/op")
		l.end()
		n.idle()
		n.stop()
	}
}

// profile begins to take the node's CPU profile, where TANDEM_PROFILE names a
// directory for it and the heap profile that follows. It gives what waits for
// both.
func (n *node) profile(name string) (wait func()) {
	dir := os.Getenv("TANDEM_PROFILE")
	if dir == "" {
		return func() {}
	}
	save := func(path, file string) {
		req, _ := http.NewRequest("GET", "http://"+n.api+"/debug/pprof/"+path, nil)
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			n.t.Error(err)
			return
		}
		defer res.Body.Close()
		data, _ := io.ReadAll(res.Body)
		if err := os.WriteFile(filepath.Join(dir, name+file), data, 0o644); err != nil {
			n.t.Error(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		save("profile?seconds=8", ".cpu")
	}()
	return func() {
		<-done
		save("heap?gc=1", ".heap")
	}
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
