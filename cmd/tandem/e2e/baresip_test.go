//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A phone is a running baresip: it plays a file into its calls and records
// what it hears.
type phone struct {
	t    testing.TB
	dir  string
	sip  int
	ctl  int
	keys int
	cmd  *exec.Cmd
	log  *logBuffer
	done chan struct{}
}

// phoneOptions are what differs between phones.
type phoneOptions struct {
	Codecs  string // "pcmu", "pcma", "gsm" or a list
	Say     string // WAV file it plays in a loop
	Answer  bool   // answers incoming calls by itself
	Account string // further account parameters, such as ";ptime=30"
}

// newPhone starts a baresip.
func newPhone(t testing.TB, o phoneOptions) *phone {
	t.Helper()
	p := &phone{t: t, dir: t.TempDir(), sip: freePorts(t, 2), ctl: freePort(t), keys: freePort(t), log: new(logBuffer)}
	rtp := freePorts(t, 40)
	config := fmt.Sprintf(`net_interface 127.0.0.1
sip_listen 127.0.0.1:%d
audio_source aufile,%s
audio_player aubridge,x
audio_alert aubridge,y
rtp_ports %d-%d
call_max_calls 10
module_path /usr/lib/baresip/modules
module g711.so
module gsm.so
module aufile.so
module aubridge.so
module sndfile.so
module cons.so
cons_listen 127.0.0.1:%d
snd_path %s
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:%d
`, p.sip, o.Say, rtp, rtp+39, p.keys, p.dir, p.ctl)
	account := fmt.Sprintf("<sip:phone@127.0.0.1:%d>;regint=0;audio_codecs=%s", p.sip, o.Codecs)
	if o.Answer {
		account += ";answermode=auto"
	}
	for name, text := range map[string]string{"config": config, "accounts": account + o.Account + "\n", "contacts": ""} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.cmd = exec.Command("baresip", "-f", p.dir, "-v")
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.done = make(chan struct{})
	go func() { p.cmd.Wait(); close(p.done) }()
	t.Cleanup(p.close)
	p.waitLog("baresip is ready", 10*time.Second)
	return p
}

// uri is the phone's own address.
func (p *phone) uri() string { return fmt.Sprintf("sip:phone@127.0.0.1:%d", p.sip) }

// waitLog waits for a text in baresip's output.
func (p *phone) waitLog(text string, d time.Duration) {
	p.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(p.log.String(), text) {
			return
		}
	}
	p.t.Fatalf("baresip did not say %q within %v:\n%s", text, d, p.transcript())
}

// transcript is baresip's output without its progress line.
func (p *phone) transcript() string {
	var b strings.Builder
	for _, l := range strings.Split(p.log.String(), "\n") {
		if i := strings.LastIndexByte(l, '\r'); i >= 0 {
			l = l[i+1:]
		}
		b.WriteString(l + "\n")
	}
	return b.String()
}

// command sends a command such as dial, hangup, hold or resume over ctrl_tcp.
func (p *phone) command(name, params string) {
	p.t.Helper()
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", p.ctl), 5*time.Second)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	body, _ := json.Marshal(map[string]string{"command": name, "params": params, "token": "t"})
	fmt.Fprintf(c, "%d:%s,", len(body), body)
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 4096)
	c.Read(buf) // its answer, or an event: the command has been taken
}

// dial calls uri and waits until it is answered.
func (p *phone) dial(uri string) {
	p.t.Helper()
	p.command("dial", uri)
	p.waitLog("Call established", 15*time.Second)
}

// press types digits, each as baresip's own DTMF.
func (p *phone) press(digits string) {
	p.t.Helper()
	c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", p.keys))
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	for _, d := range digits {
		fmt.Fprintf(c, "%c", d)
		time.Sleep(150 * time.Millisecond)
		c.Write([]byte{4}) // end of key
		time.Sleep(150 * time.Millisecond)
	}
}

// hangup ends its call and waits until baresip says so.
func (p *phone) hangup() {
	p.t.Helper()
	p.command("hangup", "")
	p.waitLog("terminated", 5*time.Second)
}

// heard is what the phone heard in its last call.
func (p *phone) heard() sound {
	p.t.Helper()
	files := glob(p.t, filepath.Join(p.dir, "dump-*-dec.wav"))
	if len(files) == 0 {
		p.t.Fatalf("baresip recorded nothing:\n%s", p.transcript())
	}
	return readWAV(p.t, files[len(files)-1])[0]
}

func (p *phone) close() {
	if p.cmd == nil {
		return
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
	p.cmd = nil
	if p.t.Failed() {
		p.t.Logf("baresip:\n%s", p.transcript())
	}
}
