//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Frequencies of tones, none of which is near a multiple of another: GSM makes
// some.
const (
	low, mid, high = 440, 800, 1150
)

// prompt puts a tone file where `play` finds it.
func (n *node) prompt(name string, hz, seconds float64) {
	n.t.Helper()
	dir := filepath.Join(n.dir, "prompts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		n.t.Fatal(err)
	}
	writeTone(n.t, filepath.Join(dir, name), hz, seconds)
}

// source is a long tone for a phone to say.
func source(t testing.TB, hz float64) string {
	return writeTone(t, filepath.Join(t.TempDir(), fmt.Sprintf("%.0f.wav", hz)), hz, 60)
}

// silence is a long silence for a phone to say.
func silence(t testing.TB) string {
	return writeWAV(t, filepath.Join(t.TempDir(), "silence.wav"), make([]int16, 8000*60))
}

const menuYAML = `
routes: [{to: "100", flow: menu}]
flows:
  menu:
    - {type: answer}
    - {type: recording_start, option: {format: wav}}
    - {type: talk, option: {text: "Welcome to tandem. Press one for a tone.", language: en-GB}}
    - {type: digits_receive, option: {duration: 8000, length: 1}}
    - {type: branch, option: {default_target_id: bye, target_ids: {"1": one, "2": two}}}
    - {id: one, type: play, option: {stream_urls: ["file:one.wav"]}, next_id: bye}
    - {id: two, type: play, option: {stream_urls: ["file:two.wav"]}}
    - {id: bye, type: hangup}
`

// TestMenu: the main job but for the second leg. A phone is answered, hears
// speech, presses a digit, hears what the digit stands for, is hung up; the
// recording holds both sides and a record is left.
func TestMenu(t *testing.T) {
	n := start(t, menuYAML)
	n.prompt("one.wav", mid, 2)
	n.prompt("two.wav", high, 2)
	p := newPhone(t, phoneOptions{Codecs: "pcmu", Say: source(t, low)})
	p.dial(n.uri("100"))
	n.eventually(20*time.Second, "speech is heard", func() error {
		if s := p.heard(); s.activeFor() < 1.5 {
			return fmt.Errorf("%.1f s of sound", s.activeFor())
		}
		return nil
	})
	p.press("1")
	p.waitLog("terminated", 15*time.Second)

	heard := p.heard()
	if got := heard.heardFor(mid); math.Abs(got-2) > 0.3 {
		t.Errorf("heard the tone of digit 1 for %.1f s, want 2 s", got)
	}
	if got := heard.heardFor(high); got > 0.3 { // speech has a little of everything
		t.Errorf("heard the tone of digit 2 for %.1f s", got)
	}

	c := n.records(1)[0]
	if c.HangupBy != "local" || c.HangupReason != "normal" || c.Direction != "incoming" {
		t.Errorf("record: hangup by %q, reason %q, direction %q", c.HangupBy, c.HangupReason, c.Direction)
	}
	if len(c.RecordingIDs) != 1 {
		t.Fatalf("recording_ids: %v", c.RecordingIDs)
	}
	rec := readWAV(t, filepath.Join(n.dir, "recordings", c.RecordingIDs[0]+".wav"))
	if len(rec) != 2 {
		t.Fatalf("recording has %d channels", len(rec))
	}
	rec[0].hears(t, "left channel (caller)", 3, low)
	if got := rec[1].heardFor(mid); math.Abs(got-2) > 0.3 {
		t.Errorf("right channel holds the prompt for %.1f s, want 2 s", got)
	}
	n.idle()
}

const connectYAML = `
trunks:
  local: {from: [127.0.0.0/8], to: "sip:127.0.0.1:9", codecs: [pcmu, pcma, gsm]}
routes: [{to: "200", flow: connect}]
flows:
  connect:
    - {type: connect, option: {destinations: [{type: sip, target: "%s"}]}}
    - {type: hangup}
`

// bridged connects a caller to a callee of the given codecs and checks that
// each hears the other, and only the other.
func bridged(t *testing.T, caller, callee string, callerEnds bool) {
	b := newPhone(t, phoneOptions{Codecs: callee, Say: source(t, high), Answer: true})
	n := start(t, fmt.Sprintf(connectYAML, strings.TrimPrefix(b.uri(), "sip:")))
	a := newPhone(t, phoneOptions{Codecs: caller, Say: source(t, low)})
	a.dial(n.uri("200"))
	b.waitLog("Call established", 5*time.Second)
	n.eventually(10*time.Second, "both hear", func() error {
		if x, y := a.heard().heardFor(high), b.heard().heardFor(low); x < 2 || y < 2 {
			return fmt.Errorf("caller heard the callee for %.1f s, callee the caller for %.1f s", x, y)
		}
		return nil
	})
	if callerEnds {
		a.hangup()
		b.waitLog("terminated", 5*time.Second)
	} else {
		b.hangup()
		a.waitLog("terminated", 5*time.Second)
	}
	a.heard().hearsNot(t, "caller", low)
	b.heard().hearsNot(t, "callee", high)

	list := n.records(2)
	in, out := list[0], list[1]
	if in.Direction == "outgoing" {
		in, out = out, in
	}
	if in.Direction != "incoming" || out.Direction != "outgoing" || out.MasterCallID != in.ID {
		t.Errorf("records: %s call %s, %s call %s with master %s", in.Direction, in.ID, out.Direction, out.ID, out.MasterCallID)
	}
	if ends := in; !callerEnds {
		ends = out
		if ends.HangupBy != "remote" {
			t.Errorf("callee hung up, its record says by %q", ends.HangupBy)
		}
	} else if ends.HangupBy != "remote" {
		t.Errorf("caller hung up, its record says by %q", ends.HangupBy)
	}
	for _, c := range list {
		if v, _ := c.Media["mos"].(float64); v < 2 { // GSM has 3.7, less where the machine is busy
			t.Errorf("%s call: media %v, want a MOS above 2", c.Direction, c.Media)
		}
	}
	n.idle()
}

func TestConnectSameCodec(t *testing.T)  { t.Parallel(); bridged(t, "pcmu", "pcmu", true) }
func TestConnectPCMUToGSM(t *testing.T)  { t.Parallel(); bridged(t, "pcmu", "gsm", true) }
func TestConnectGSMToPCMA(t *testing.T)  { t.Parallel(); bridged(t, "gsm", "pcma", false) }
func TestConnectPCMAToPCMU(t *testing.T) { t.Parallel(); bridged(t, "pcma", "pcmu", false) }

// TestConferenceOfThree: each hears the other two and never itself.
func TestConferenceOfThree(t *testing.T) {
	t.Parallel()
	n := start(t, `routes: [{to: "700", conference: standup}]`)
	tones := []float64{low, mid, high}
	codecs := []string{"pcmu", "gsm", "pcma"}
	var phones []*phone
	for i, hz := range tones {
		p := newPhone(t, phoneOptions{Codecs: codecs[i], Say: source(t, hz)})
		p.dial(n.uri("700"))
		phones = append(phones, p)
	}
	room := n.only("/v1.0/conferences")
	if err := n.command("POST", "/v1.0/conferences/"+room+"/recording_start", `{"format": "wav"}`); err != nil {
		t.Fatal(err)
	}
	time.Sleep(4 * time.Second) // what they hear is recorded meanwhile
	if err := n.command("POST", "/v1.0/conferences/"+room+"/recording_stop", ""); err != nil {
		t.Fatal(err)
	}
	for _, p := range phones {
		p.hangup()
	}
	for i, p := range phones {
		// The last seconds before the first hung up: all three were in.
		s := p.heard()
		s = s.part(s.seconds()-3, s.seconds()-0.5)
		for j, hz := range tones {
			if i == j {
				s.hearsNot(t, fmt.Sprintf("member %d", i), hz)
			} else if l := s.tone(hz); l < -30 {
				t.Errorf("member %d hears member %d at %.0f dBFS", i, j, l)
			}
		}
	}
	n.records(3)
	rec := readWAV(t, filepath.Join(n.dir, "recordings", n.only("/v1.0/recordings")+".wav"))
	if len(rec) != 1 || rec[0].seconds() < 3.5 {
		t.Fatalf("the recording of the mix has %d channels of %.1f s", len(rec), rec[0].seconds())
	}
	for j, hz := range tones {
		if l := rec[0].tone(hz); l < -30 {
			t.Errorf("the recording of the mix has member %d at %.0f dBFS", j, l)
		}
	}
	n.idle()
}

// only is the id of the one object of a list.
func (n *node) only(path string) string {
	n.t.Helper()
	var list struct{ Result []struct{ ID string } }
	n.eventually(5*time.Second, "one object at "+path, func() error {
		if err := n.get(path, &list); err != nil {
			return err
		}
		if len(list.Result) != 1 {
			return fmt.Errorf("%d objects", len(list.Result))
		}
		return nil
	})
	return list.Result[0].ID
}

// command sends a command to the API.
func (n *node) command(method, path, body string) error {
	req, err := http.NewRequest(method, "http://"+n.api+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, b)
	}
	return nil
}

// TestCancelAtRandomMoments: 200 callers give up while the callee rings or
// answers. Whoever wins each race, nothing is left of any of the calls.
func TestCancelAtRandomMoments(t *testing.T) {
	t.Parallel()
	callee := newWire(t, "127.0.0.1")
	callee.answerAll(func() time.Duration { return rand.N(120 * time.Millisecond) })
	n := start(t, fmt.Sprintf(connectYAML, "callee@"+callee.host()))
	runSIPp(t, sippOptions{Scenario: "uac.xml", Target: fmt.Sprintf("127.0.0.1:%d", n.sip), Service: "200"}) // warm
	n.idle()
	before := n.goroutines()

	ended, crossed := 0, 0
	for range 200 {
		w := newWire(t, "127.0.0.1")
		a := w.attempt(n.sip, "200")
		a.invite()
		if _, ok := w.next(2*time.Second, func(m message) bool { return m.status() == 100 }); !ok {
			t.Fatal("no 100")
		}
		time.Sleep(rand.N(140 * time.Millisecond))
		a.cancel()
		m, ok := w.next(5*time.Second, func(m message) bool { return m.method() == "INVITE" && m.status() >= 200 })
		if !ok {
			t.Fatal("no final response to a cancelled INVITE")
		}
		a.to = m.get("to")
		switch m.status() {
		case 487:
			a.request("ACK", 1, "i", a.to, a.target, "", "")
			ended++
		case 200:
			a.answered(m)
			a.bye()
			if _, ok := w.next(5*time.Second, func(m message) bool { return m.method() == "BYE" && m.status() == 200 }); !ok {
				t.Fatal("no answer to BYE")
			}
			crossed++
		default:
			t.Fatalf("cancelled INVITE drew %s", m.start)
		}
		w.conn.Close()
		w.rtp.Close()
	}
	t.Logf("%d cancelled, %d answered first", ended, crossed)
	if ended == 0 || crossed == 0 {
		t.Errorf("the races were one-sided: %d cancelled, %d answered first", ended, crossed)
	}
	n.idle()
	n.eventually(10*time.Second, "goroutines are given back", func() error {
		if now := n.goroutines(); now > before+3 {
			return fmt.Errorf("%v goroutines, %v before", now, before)
		}
		return nil
	})
	n.records(100) // a page
	callee.checkAnswered()
}
