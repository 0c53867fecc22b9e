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
	if r.MOS < 2 || r.PacketsReceived < 50 || r.PacketsLost > r.PacketsReceived/50 {
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
		// A neural voice for six calls at once would need more than a test
		// machine has.
		return demo + "\nspeech: {tts: [espeak]}\n"
	})
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
	})
}

// TestVoice: the neural voice that comes with the build is unpacked, speaks, and
// stays warm; what it has said once it says again at once.
func TestVoice(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(filepath.Join(filepath.Dir(tandem(t)), "tandem-voice")); err != nil {
		t.Skip("no tandem-voice beside the binary")
	}
	n := start(t, `
speech: {tts: [piper]}
routes: [{to: "240", flow: talk}]
flows: {talk: [{type: answer}, {type: talk, option: {text: "The rain in Spain stays mainly in the plain.", language: en-GB}}, {type: hangup}]}
`)
	n.eventually(60*time.Second, "the voices are unpacked", func() error {
		if strings.Contains(n.log.String(), "voices are not here") {
			t.Fatal("the voices cannot be unpacked")
		}
		if len(glob(t, filepath.Join(n.dir, "speech", "voices", "*"))) == 0 {
			return fmt.Errorf("no voices")
		}
		return nil
	})
	var first, second time.Duration
	n.eventually(60*time.Second, "piper speaks", func() error { // unpacking may not be over
		first = n.untilSpeech(t)
		if first == 0 {
			return fmt.Errorf("nothing was said")
		}
		return nil
	})
	if !n.hasChild("speech") {
		t.Error("the engine is not kept warm: the node has no process of it")
	}
	if second = n.untilSpeech(t); second == 0 || second > time.Second {
		t.Errorf("what was said before is said again after %v", second)
	}
	t.Logf("speech began after %v, the second time after %v", first, second)
	n.idle()
}

// untilSpeech calls 240 and says how long after the answer speech begins; 0 if
// it does not.
func (n *node) untilSpeech(t *testing.T) time.Duration {
	t.Helper()
	w, v := newWire(t, "127.0.0.1"), newVoice(t, "127.0.0.1")
	call := w.attempt(n.sip, "240")
	answered200(t, call.call(v.sdp("0")))
	began := time.Now()
	m, ok := w.next(30*time.Second, func(m message) bool { return m.method() == "BYE" })
	if !ok {
		t.Fatal("the call does not end")
	}
	w.respond(m, 200, "OK", "", "", "")
	list := v.packets()
	if decode(t, list).activeFor() < 1 {
		return 0
	}
	for i := range list {
		if decode(t, list[i:i+1]).level() > -45 {
			return list[i].at.Sub(began)
		}
	}
	return 0
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
