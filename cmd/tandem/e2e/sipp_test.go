//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sippOptions are one run of SIPp.
type sippOptions struct {
	Scenario string // XML, or the name of a file in testdata
	Target   string // host:port called; empty for a scenario that is called
	Service  string // number called
	Calls    int    // how many; 1 if 0
	Rate     int    // calls a second; 10 if 0
	Limit    int    // calls at once; SIPp's own if 0
	TCP      bool   // over one TCP connection per call
	Port     int    // local port; any if 0
	Timeout  time.Duration
	Keys     []string // further arguments
	Quiet    bool     // keep no copy of the messages: for loads
}

// A sipp is a run of SIPp.
type sipp struct {
	t    testing.TB
	cmd  *exec.Cmd
	log  *logBuffer
	dir  string
	done chan error
	Port int
}

// startSIPp starts a run.
func startSIPp(t testing.TB, o sippOptions) *sipp {
	t.Helper()
	s := &sipp{t: t, log: new(logBuffer), dir: t.TempDir(), done: make(chan error, 1), Port: o.Port}
	file := filepath.Join(s.dir, "scenario.xml")
	if !strings.HasPrefix(strings.TrimSpace(o.Scenario), "<") {
		b, err := os.ReadFile(filepath.Join("testdata", o.Scenario))
		if err != nil {
			t.Fatal(err)
		}
		o.Scenario = string(b)
	}
	if err := os.WriteFile(file, []byte(o.Scenario), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Port == 0 {
		s.Port = freePort(t)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	media := freePorts(t, 4)
	args := []string{"-sf", file, "-i", "127.0.0.1", "-p", fmt.Sprint(s.Port), "-mi", "127.0.0.1", "-mp", fmt.Sprint(media),
		"-m", fmt.Sprint(max(1, o.Calls)), "-r", fmt.Sprint(max(1, o.Rate)), "-nostdin", "-trace_err", "-error_file", filepath.Join(s.dir, "errors"),
		"-timeout", fmt.Sprintf("%ds", int(o.Timeout.Seconds())), "-timeout_error", "-recv_timeout", "20000"}
	if !o.Quiet {
		args = append(args, "-trace_msg", "-message_file", filepath.Join(s.dir, "messages"))
	}
	if o.Limit > 0 {
		args = append(args, "-l", fmt.Sprint(o.Limit))
	}
	if o.TCP {
		args = append(args, "-t", "t1")
	}
	if o.Service != "" {
		args = append(args, "-s", o.Service)
	}
	args = append(args, o.Keys...)
	if o.Target != "" {
		args = append(args, o.Target)
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.Timeout+10*time.Second)
	s.cmd = exec.CommandContext(ctx, "sipp", args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.Env = append(os.Environ(), "TERM=dumb")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait(); cancel() }()
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			s.cmd.Process.Kill()
		}
	})
	return s
}

// wait waits for the run's end and fails the test unless every call went as
// the scenario says.
func (s *sipp) wait() {
	s.t.Helper()
	if err := <-s.done; err != nil {
		s.t.Errorf("sipp: %v\n%s\nmessages:\n%s", err, s.errors(), tail(s.messages(), 6000))
	}
}

// messages is everything it sent and received.
func (s *sipp) messages() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "messages"))
	return string(b)
}

func (s *sipp) errors() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "errors"))
	return string(b) + tail(s.log.String(), 1500)
}

// runSIPp is startSIPp and wait.
func runSIPp(t testing.TB, o sippOptions) *sipp {
	t.Helper()
	s := startSIPp(t, o)
	s.wait()
	return s
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}
