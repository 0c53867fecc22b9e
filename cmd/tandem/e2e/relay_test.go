//go:build e2e

package e2e

import (
	"bytes"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"tandem/codec"
)

// TestRelay: two parties of the same codec get each other's payloads byte for
// byte, at once, in streams of the node's own that a hold does not break.
func TestRelay(t *testing.T) {
	t.Parallel()
	p := connected(t, "", "0 101", "0 101")
	random := func(v *voice) (stop func(), sent func() [][]byte) {
		var list [][]byte
		stop = v.every(func(i int) {
			payload := make([]byte, 160)
			for j := range payload {
				payload[j] = byte(rand.Uint32())
			}
			list = append(list, payload)
			v.send(v.make(0, false, 160, payload))
		})
		return stop, func() [][]byte { stop(); return list }
	}
	_, fromA := random(p.a)
	_, fromB := random(p.b)
	p.a.waitFor(40, patience)
	p.b.waitFor(40, patience)
	answered200(t, p.call.reinvite(p.a.sdp("0 101", "inactive")))
	time.Sleep(300 * time.Millisecond)
	answered200(t, p.call.reinvite(p.a.sdp("0 101")))
	p.a.waitFor(40, patience)
	p.b.waitFor(40, patience)
	for who, c := range map[string]struct {
		sent [][]byte
		got  []packet
		from *voice
	}{
		"called party": {fromA(), p.b.packets(), p.a},
		"caller":       {fromB(), p.a.packets(), p.b},
	} {
		next, same := 0, 0
		for _, k := range c.got {
			for i := next; i < len(c.sent); i++ {
				if bytes.Equal(k.payload, c.sent[i]) {
					next = i + 1
					same++
					break
				}
			}
		}
		// The first packets of the call, and those around the hold, may have
		// been mixed.
		if same < 80 || same < len(c.got)-40 {
			t.Errorf("%s: %d of %d packets have a payload as it was sent", who, same, len(c.got))
		}
		if tail := c.got[len(c.got)-20:]; !bytes.Equal(tail[19].payload, c.sent[next-1]) {
			t.Errorf("%s: the last packet is none that was sent", who)
		}
		if c.got[0].ssrc == c.from.header.ssrc {
			t.Errorf("%s sees the other's SSRC", who)
		}
		unbroken(t, who, c.got, 4)
	}
	p.end()
}

// TestRelayDelay: what is relayed goes on at once.
func TestRelayDelay(t *testing.T) {
	t.Parallel()
	p := connected(t, "", "0 101", "0 101")
	stop := p.a.say(codec.PCMU, low)
	p.b.waitFor(10, patience)
	stop()
	var delays []time.Duration
	for i := range 100 {
		have := len(p.b.packets())
		sent := time.Now()
		p.a.send(p.a.make(0, false, 160, bytes.Repeat([]byte{byte(i)}, 160)))
		time.Sleep(20*time.Millisecond - time.Since(sent))
		if got := p.b.packets(); len(got) > have {
			delays = append(delays, got[have].at.Sub(sent))
		}
	}
	if len(delays) < 95 {
		t.Fatalf("%d of 100 packets came within 20 ms", len(delays))
	}
	var sum time.Duration
	shortest := time.Hour
	for _, d := range delays {
		sum += d
		shortest = min(shortest, d)
	}
	t.Logf("shortest %v, mean %v", shortest, sum/time.Duration(len(delays)))
	if shortest > time.Millisecond {
		t.Errorf("the fastest of %d packets took %v, want under 1 ms", len(delays), shortest)
	}
	p.end()
}

// TestRecordedCall: a call that is recorded is heard as any other, and its
// recording has both sides, which were loud at the same time, at the same place.
func TestRecordedCall(t *testing.T) {
	t.Parallel()
	p := connected(t, "    - {type: answer}\n    - {type: recording_start, option: {format: wav}}", "0 101", "0 101")
	// Bursts of 100 ms each half second, by the clock.
	burst := func(hz float64) func(int) float64 {
		return func(n int) float64 {
			if n%4000 >= 800 {
				return 0
			}
			return math.Sin(2 * math.Pi * hz * float64(n) / 8000)
		}
	}
	p.a.saying(codec.PCMU, burst(low))
	p.b.saying(codec.PCMU, burst(high))
	time.Sleep(4 * time.Second)
	for who, c := range map[string]struct {
		v       *voice
		hz, own float64
	}{"caller": {p.a, high, low}, "called party": {p.b, low, high}} {
		s := decode(t, c.v.packets())
		if got := s.heardFor(c.hz); got < 0.4 {
			t.Errorf("%s hears the other for %.1f s", who, got)
		}
		if l := s.tone(c.own); l > -42 {
			t.Errorf("%s hears itself at %.0f dBFS", who, l)
		}
	}
	p.end()
	var files []string
	for _, c := range p.n.records(2) {
		if c.Direction == "incoming" {
			files = c.RecordingIDs
		} else if len(c.RecordingIDs) > 0 {
			t.Error("the called party's call has a recording")
		}
	}
	if len(files) != 1 {
		t.Fatalf("recordings: %v", files)
	}
	rec := readWAV(t, filepath.Join(p.n.dir, "recordings", files[0]+".wav"))
	if len(rec) != 2 || len(rec[0].samples) != len(rec[1].samples) {
		t.Fatalf("%d channels of %d and %d samples", len(rec), len(rec[0].samples), len(rec[1].samples))
	}
	rec[0].hears(t, "left channel", 0.3, low)
	rec[1].hears(t, "right channel", 0.3, high)
	// Bursts have a little of everything.
	if l, r := rec[0].tone(high), rec[1].tone(low); l > -42 || r > -42 {
		t.Errorf("the other side is at %.0f dBFS in the left and %.0f in the right channel", l, r)
	}
	left, right := bursts(rec[0]), bursts(rec[1])
	if len(left) < 6 || len(right) < 6 {
		t.Fatalf("%d and %d bursts", len(left), len(right))
	}
	// Both sides began to speak when the call was up, at the same time.
	for i := range 5 {
		l, r := left[len(left)-2-i], right[len(right)-2-i]
		if d := math.Abs(l - r); d > 0.06 {
			t.Errorf("bursts of the same moment lie at %.3f and %.3f s", l, r)
		}
	}
}

// bursts are the times at which the sound becomes loud.
func bursts(s sound) (at []float64) {
	loud := false
	for i := 0; i+40 <= len(s.samples); i += 40 {
		now := (sound{s.rate, s.samples[i : i+40]}).level() > -30
		if now && !loud && (len(at) == 0 || float64(i)/float64(s.rate)-at[len(at)-1] > 0.3) {
			at = append(at, float64(i)/float64(s.rate))
		}
		loud = now
	}
	return at
}
