//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// command runs tandem with arguments and returns what it printed and its exit
// code.
func command(t testing.TB, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(tandem(t), args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestCallCommand: tandem's own test call says, types, hears and reports.
func TestCallCommand(t *testing.T) {
	t.Parallel()
	n := start(t, menuYAML)
	n.prompt("one.wav", mid, 2)
	n.prompt("two.wav", high, 2)
	heard := filepath.Join(t.TempDir(), "heard.wav")
	out, code := command(t, "call", "--say", "hello", "--digits", "w2", "--record", heard, "--duration", "15s", "-o", "json", n.uri("100"))
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	var report map[string]any
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, k := range []string{"codec", "setup_ms", "packets_sent", "packets_received", "loss", "jitter_ms", "mos", "hangup_by"} {
		if _, ok := report[k]; !ok {
			t.Errorf("report lacks %s: %s", k, out)
		}
	}
	if report["hangup_by"] != "remote" {
		t.Errorf("hung up by %v", report["hangup_by"])
	}
	chans := readWAV(t, heard)
	if got := chans[len(chans)-1].heardFor(high); got < 1.5 {
		t.Errorf("heard the tone of digit 2 for %.1f s, want 2 s", got)
	}
	n.records(1)
	n.idle()

	out, code = command(t, "call", "--duration", "1s", n.uri("999"))
	if code != 1 || !strings.Contains(out, "404") {
		t.Errorf("call to an unknown number: exit %d\n%s", code, out)
	}
}

// TestCheckCommand: faults are named with their place, and serve refuses them.
func TestCheckCommand(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bad.yaml")
	os.WriteFile(file, []byte("trunks:\n  acme:\n    codecs: [g729]\nflows:\n  f:\n    - {type: answr}\n    - {type: goto, option: {target_id: nowhere}}\n"), 0o600)
	out, code := command(t, "check", "-c", file)
	if code != 2 {
		t.Errorf("exit %d, want 2", code)
	}
	for _, want := range []string{file + ":3:14: trunks.acme.codecs", `unknown codec "g729"`, file + ":6:", "answr", file + ":7:", "nowhere"} {
		if !strings.Contains(out, want) {
			t.Errorf("check does not say %q:\n%s", want, out)
		}
	}
	if out, code := command(t, "serve", "-c", file); code != 2 || !strings.Contains(out, "g729") {
		t.Errorf("serve with a bad file: exit %d\n%s", code, out)
	}
	for _, f := range []string{"demo.yaml", "tandem.yaml"} {
		if out, code := command(t, "check", "-c", "../../../examples/"+f); code != 0 {
			t.Errorf("examples/%s: exit %d\n%s", f, code, out)
		}
	}
}

// TestSmallCommands: version and schema print what tools can read.
func TestSmallCommands(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version", "-o", "json"}, {"schema", "config"}, {"schema", "flow"}} {
		out, code := command(t, args...)
		var doc map[string]any
		if err := json.Unmarshal([]byte(out), &doc); err != nil || code != 0 {
			t.Errorf("tandem %v: exit %d, %v", args, code, err)
		}
	}
	out, code := command(t, "route", "-c", "../../../examples/demo.yaml", "--trunk", "local", "--from", "1", "--to", "600")
	if code != 0 || !strings.Contains(out, "echo") {
		t.Errorf("tandem route: exit %d\n%s", code, out)
	}
	if out, code := command(t, "route", "-c", "../../../examples/demo.yaml", "--trunk", "local", "--from", "1", "--to", "12345"); code != 1 {
		t.Errorf("tandem route to nowhere: exit %d\n%s", code, out)
	}
}
