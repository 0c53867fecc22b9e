//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A report of `tandem call`.
type report struct {
	Answered        bool
	Codec           string
	PacketsReceived int     `json:"packets_received"`
	PacketsLost     int     `json:"packets_lost"`
	MOS             float64 `json:"mos"`
	HangupBy        string  `json:"hangup_by"`
	heard           sound
	took            time.Duration
}

// testCall places a call with `tandem call`, which must be answered.
func testCall(t *testing.T, uri string, args ...string) report {
	t.Helper()
	file := filepath.Join(t.TempDir(), "heard.wav")
	began := time.Now()
	out, code := command(t, append([]string{"call", "-o", "json", "--record", file, uri}, args...)...)
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || !r.Answered {
		t.Fatalf("exit %d, %v\n%s", code, err, out)
	}
	r.took = time.Since(began)
	if r.MOS < 3 || r.PacketsReceived < 50 || r.PacketsLost > r.PacketsReceived/50 {
		t.Errorf("%d packets received, %d lost, MOS %.1f", r.PacketsReceived, r.PacketsLost, r.MOS)
	}
	channels := readWAV(t, file)
	r.heard = channels[len(channels)-1]
	return r
}

// TestDemo: what `make run` serves, called as README says: every number of its
// table, and the others that the file names.
func TestDemo(t *testing.T) {
	t.Parallel()
	demo := readFile(t, "../../../examples/demo.yaml")
	n := startWith(t, func(n *node) string {
		for _, edit := range [][2]string{
			{"state_dir: tmp/demo ", "state_dir: " + n.dir + " "},
			{"127.0.0.1:5060", fmt.Sprintf("127.0.0.1:%d", n.sip)},
			{"listen: 127.0.0.1:8080 ", fmt.Sprintf("access_keys: {e2e: %s}\n  listen: %s ", key, n.api)},
		} {
			if !strings.Contains(demo, edit[0]) {
				t.Fatalf("examples/demo.yaml has no %q", edit[0])
			}
			demo = strings.ReplaceAll(demo, edit[0], edit[1])
		}
		return demo
	})
	_, err := os.Stat(filepath.Join(filepath.Dir(tandem(t)), "tandem-voice"))
	voice := err == nil
	if voice {
		n.eventually(30*time.Second, "the voices are unpacked", func() error {
			if list := glob(t, filepath.Join(n.dir, "speech", "voices", "*")); len(list) == 0 {
				return fmt.Errorf("no voices in %s", n.dir)
			}
			return nil
		})
	}

	t.Run("100", func(t *testing.T) {
		t.Parallel()
		r := testCall(t, n.uri("100"), "--say", "hello", "--digits", "1", "--duration", "9s")
		if got := r.heard.activeFor(); got < 4 || r.HangupBy != "local" {
			t.Errorf("%.1f s of speech in %.1f s, hung up by %s", got, r.heard.seconds(), r.HangupBy)
		}
		r = testCall(t, n.uri("100"), "--digits", "w0", "--duration", "20s")
		if got := r.heard.activeFor(); got < 1 || r.HangupBy != "remote" || r.took > 12*time.Second {
			t.Errorf("0 ends the call: %.1f s of speech, hung up by %s after %v", got, r.HangupBy, r.took)
		}
	})
	t.Run("200", func(t *testing.T) {
		t.Parallel()
		r := testCall(t, n.uri("200"), "--play", source(t, low), "--duration", "18s")
		if got := r.heard.heardFor(low); got < 2 {
			t.Errorf("the second leg's echo is heard for %.1f s", got)
		}
		if got := r.heard.activeFor(); got < 6 {
			t.Errorf("%.1f s of sound", got)
		}
		if r.Codec == "gsm" {
			t.Error("the first leg speaks GSM already")
		}
	})
	t.Run("300", func(t *testing.T) {
		t.Parallel()
		r := testCall(t, n.uri("300"), "--duration", "4s")
		r.heard.hears(t, "caller", 3, 523, 659, 784)
	})
	t.Run("400", func(t *testing.T) {
		t.Parallel()
		// The same prompt, and then silence or what was entered.
		without := testCall(t, n.uri("400"), "--duration", "9s").heard.activeFor()
		with := testCall(t, n.uri("400"), "--digits", "wwwwwwwwww1234567#", "--duration", "15s").heard.activeFor()
		if without < 1 || with < without+1.5 {
			t.Errorf("%.1f s of speech without digits, %.1f s with seven", without, with)
		}
	})
	t.Run("500", func(t *testing.T) {
		t.Parallel()
		r := testCall(t, n.uri("500"), "--play", writeTone(t, filepath.Join(t.TempDir(), "mid.wav"), mid, 10), "--digits", "#", "--duration", "30s")
		if r.HangupBy != "remote" || r.heard.activeFor() < 4 {
			t.Errorf("%.1f s of speech, hung up by %s", r.heard.activeFor(), r.HangupBy)
		}
		files := glob(t, filepath.Join(n.dir, "recordings", "*.wav"))
		if len(files) != 1 {
			t.Fatalf("recordings: %v", files)
		}
		readWAV(t, files[0])[0].hears(t, "recording", 1, mid)
	})
	t.Run("600", func(t *testing.T) {
		t.Parallel()
		r := testCall(t, n.uri("600"), "--play", source(t, high), "--duration", "4s")
		if got := r.heard.heardFor(high); got < 3 {
			t.Errorf("the echo is heard for %.1f of 4 s", got)
		}
	})
	t.Run("700", func(t *testing.T) {
		t.Parallel()
		var wg sync.WaitGroup
		for _, c := range [][2]float64{{low, high}, {high, low}} {
			wg.Go(func() {
				r := testCall(t, n.uri("700"), "--play", source(t, c[0]), "--duration", "10s")
				s := r.heard.part(r.heard.seconds()-5, r.heard.seconds()-2)
				if s.heardFor(c[1]) < 2 {
					t.Errorf("who says %v Hz hears the other for %.1f of 3 s", c[0], s.heardFor(c[1]))
				}
				s.hearsNot(t, "member", c[0])
			})
		}
		wg.Wait()
	})
	t.Run("800", func(t *testing.T) {
		t.Parallel()
		if got := testCall(t, n.uri("800"), "--duration", "5s").heard.activeFor(); got < 1.5 {
			t.Errorf("%.1f s of speech", got)
		}
	})
	t.Run("900", func(t *testing.T) {
		t.Parallel()
		if got := testCall(t, n.uri("900"), "--duration", "3s").heard.heardFor(1004); got < 2 {
			t.Errorf("the tone is heard for %.1f of 3 s", got)
		}
	})
	t.Cleanup(func() {
		n.idle()
		gsm := 0
		list, err := n.calls()
		if err != nil {
			t.Error(err)
		}
		for _, c := range list {
			if c.Media["codec"] == "gsm" {
				gsm++
			}
		}
		if gsm != 2 { // one call, of which the node is both ends
			t.Errorf("%d legs spoke GSM, want 2", gsm)
		}
		if voice && !n.hasChild("speech") {
			t.Error("piper did not speak: the node has no process of it")
		}
	})
}

// hasChild says whether the node runs a program from a folder of its state
// directory.
func (n *node) hasChild(dir string) bool {
	for _, file := range glob(n.t, fmt.Sprintf("/proc/%d/task/*/children", n.cmd.Process.Pid)) {
		b, _ := os.ReadFile(file)
		for _, pid := range strings.Fields(string(b)) {
			if exe, err := os.Readlink("/proc/" + pid + "/exe"); err == nil && strings.HasPrefix(exe, filepath.Join(n.dir, dir)) {
				return true
			}
		}
	}
	return false
}
