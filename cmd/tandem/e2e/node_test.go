//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// key is the API access key of every node under test.
const key = "e2e-key-0123456789abcdef"

// A node is one running tandem.
type node struct {
	t     testing.TB
	dir   string // state_dir and configuration
	sip   int    // port of SIP over UDP and TCP on 127.0.0.1
	api   string // host:port
	cmd   *exec.Cmd
	log   *logBuffer
	ended chan error
}

// logBuffer collects a process's output and can be waited on.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// nextPort is where the search for free ports goes on: the tests of this process
// share one range, in which neither the kernel (32768 and up) nor a node's RTP
// (20000-29999) takes a port by itself.
var nextPort atomic.Uint32

const firstPort, lastPort = 10000, 19999

// freePorts finds n successive ports that are free for UDP and TCP on
// 127.0.0.1, the first of them even.
func freePorts(t testing.TB, n int) int {
	t.Helper()
	nextPort.CompareAndSwap(0, uint32(os.Getpid()*101)) // other processes test, too
	n += n % 2
	for range 2000 {
		at := nextPort.Add(uint32(n)) % (lastPort - firstPort - uint32(n))
		if port := firstPort + int(at/2*2); free(port, n) {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func free(port, n int) bool {
	for ; n > 0; n-- {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		l.Close()
		u, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		u.Close()
		port++
	}
	return true
}

func freePort(t testing.TB) int { return freePorts(t, 1) }

// tandem is the binary under test.
func tandem(t testing.TB) string {
	t.Helper()
	b := os.Getenv("TANDEM_BIN")
	if b == "" {
		t.Fatal("TANDEM_BIN names no binary: run `make e2e`")
	}
	return b
}

// start runs tandem with the configuration made of the given YAML (routes,
// flows, trunks ...) under the test's own ports, key and state directory, and
// waits until it is ready. The placeholder {port} stands for the SIP port.
// Unless the YAML says otherwise every source on this host is a trunk's, and
// espeak-ng speaks: no test pays for the unpacking of voices that it does not
// need.
func start(t testing.TB, yaml string) *node {
	t.Helper()
	return startWith(t, func(n *node) string {
		head := fmt.Sprintf(`node: e2e
state_dir: %s
sip: {listen: ["udp://127.0.0.1:%d", "tcp://127.0.0.1:%d"]}
media: {ports: 20000-29999}
api: {listen: "%s", access_keys: {e2e: %s}}
`, n.dir, n.sip, n.sip, n.api, key)
		if !strings.Contains(yaml, "trunks:") {
			head += "trunks: {local: {from: [127.0.0.0/8], to: \"sip:127.0.0.1:9\"}}\n"
		}
		if !strings.Contains(yaml, "speech:") {
			head += "speech: {tts: [espeak]}\n"
		}
		return head + strings.ReplaceAll(yaml, "{port}", strconv.Itoa(n.sip))
	})
}

// startWith runs tandem with the whole configuration that text makes of the
// node's directory and ports.
func startWith(t testing.TB, text func(n *node) string) *node {
	t.Helper()
	n := &node{t: t, dir: t.TempDir(), sip: freePort(t)}
	n.api = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	if err := os.WriteFile(n.config(), []byte(text(n)), 0o600); err != nil {
		t.Fatal(err)
	}
	n.run()
	t.Cleanup(n.stop)
	return n
}

func (n *node) config() string { return filepath.Join(n.dir, "tandem.yaml") }

// run starts the process and waits until /ready says 200.
func (n *node) run() {
	n.t.Helper()
	n.log = new(logBuffer)
	n.cmd = exec.Command(tandem(n.t), "serve", "-c", n.config())
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.ended = make(chan error, 1)
	go func() { n.ended <- n.cmd.Wait() }()
	n.eventually(15*time.Second, "ready", func() error {
		select {
		case err := <-n.ended:
			n.ended <- err
			n.t.Fatalf("tandem ended: %v\n%s", err, n.log)
		default:
		}
		res, err := http.Get("http://" + n.api + "/ready")
		if err != nil {
			return err
		}
		res.Body.Close()
		if res.StatusCode != 200 {
			return fmt.Errorf("GET /ready: %s", res.Status)
		}
		return nil
	})
}

// stop ends the process as an operator does and expects a clean end.
func (n *node) stop() {
	if n.cmd == nil {
		return
	}
	n.cmd.Process.Signal(syscall.SIGTERM)
	if n.t.Failed() { // calls may be up: end them
		time.Sleep(100 * time.Millisecond)
		n.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case err := <-n.ended:
		if err != nil {
			n.t.Errorf("tandem after SIGTERM: %v, want exit 0", err)
		}
	case <-time.After(15 * time.Second):
		n.cmd.Process.Signal(syscall.SIGQUIT)
		<-n.ended
		n.t.Errorf("tandem still runs 15 s after SIGTERM")
	}
	n.cmd = nil
	if text := n.log.String(); strings.Contains(text, "panic:") || strings.Contains(text, "DATA RACE") {
		n.t.Errorf("panic or data race in the log")
	}
	if n.t.Failed() {
		n.t.Logf("log of tandem:\n%s", tail(n.log.String(), 8000))
	}
}

// kill ends the process at once.
func (n *node) kill() {
	n.cmd.Process.Kill()
	<-n.ended
	n.cmd = nil
}

// uri is the SIP address of a number at the node.
func (n *node) uri(number string) string { return fmt.Sprintf("sip:%s@127.0.0.1:%d", number, n.sip) }

// eventually polls until f gives nil.
func (n *node) eventually(d time.Duration, what string, f func() error) {
	n.t.Helper()
	var err error
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	n.t.Fatalf("%s: not within %v: %v", what, d, err)
}

// get fetches a JSON document of the API.
func (n *node) get(path string, into any) error {
	req, err := http.NewRequest("GET", "http://"+n.api+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 200 {
		return fmt.Errorf("GET %s: %s: %s", path, res.Status, body)
	}
	return json.Unmarshal(body, into)
}

// A call as the API shows it.
type call struct {
	ID           string                  `json:"id"`
	MasterCallID string                  `json:"master_call_id"`
	Direction    string                  `json:"direction"`
	Status       string                  `json:"status"`
	HangupBy     string                  `json:"hangup_by"`
	HangupReason string                  `json:"hangup_reason"`
	RecordingIDs []string                `json:"recording_ids"`
	Source       struct{ Target string } `json:"source"`
	Destination  struct{ Target string } `json:"destination"`
	Media        map[string]any          `json:"media"`
	Progressing  string                  `json:"tm_progressing"`
	HungupAt     string                  `json:"tm_hangup"`
	Trunk        string                  `json:"trunk"`
}

func (n *node) calls() ([]call, error) {
	var list struct{ Result []call }
	err := n.get("/v1.0/calls?page_size=100", &list)
	return list.Result, err
}

// records waits until the store holds exactly want calls, all ended.
func (n *node) records(want int) []call {
	n.t.Helper()
	var list []call
	n.eventually(10*time.Second, fmt.Sprintf("%d ended calls in the store", want), func() error {
		var err error
		if list, err = n.calls(); err != nil {
			return err
		}
		if len(list) != want {
			return fmt.Errorf("%d calls", len(list))
		}
		for _, c := range list {
			if c.Status != "hangup" {
				return fmt.Errorf("call %s is %s", c.ID, c.Status)
			}
		}
		return nil
	})
	return list
}

// metric reads one sample of /metrics; labels are written as they are shown.
func (n *node) metric(name string) (float64, error) {
	res, err := http.Get("http://" + n.api + "/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	s := bufio.NewScanner(res.Body)
	for s.Scan() {
		if rest, ok := strings.CutPrefix(s.Text(), name+" "); ok {
			return strconv.ParseFloat(rest, 64)
		}
	}
	return 0, fmt.Errorf("no metric %s", name)
}

// idle waits until nothing of a call is left: no call, leg, port or
// transaction that is not waiting for its last timer.
func (n *node) idle() {
	n.t.Helper()
	n.eventually(10*time.Second, "idle", func() error {
		for _, m := range []string{"tandem_calls", "tandem_legs", "tandem_rtp_ports_in_use"} {
			v, err := n.metric(m)
			if err != nil {
				return err
			}
			if v != 0 {
				return fmt.Errorf("%s is %v", m, v)
			}
		}
		return nil
	})
}

func (n *node) goroutines() float64 {
	v, err := n.metric("go_goroutines")
	if err != nil {
		n.t.Fatal(err)
	}
	return v
}
