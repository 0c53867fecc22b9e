//go:build e2e

package e2e

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// A sound is one channel of a WAV file.
type sound struct {
	rate    int
	samples []float64 // -1 … 1
}

// readWAV reads 16-bit PCM. Lengths in the header are not trusted, so that a
// file whose writer was killed reads as far as it goes.
func readWAV(t testing.TB, path string) []sound {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 44 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		t.Fatalf("%s: no WAV file", path)
	}
	channels, rate := 0, 0
	for at := 12; at+8 <= len(b); {
		id, n := string(b[at:at+4]), int(binary.LittleEndian.Uint32(b[at+4:]))
		at += 8
		switch id {
		case "fmt ":
			channels, rate = int(binary.LittleEndian.Uint16(b[at+2:])), int(binary.LittleEndian.Uint32(b[at+4:]))
			if bits := binary.LittleEndian.Uint16(b[at+14:]); bits != 16 {
				t.Fatalf("%s: %d bits a sample", path, bits)
			}
		case "data":
			if n = min(n, len(b)-at); n == 0 { // baresip's header until it closes the file
				n = len(b) - at
			}
			out := make([]sound, channels)
			for i := 0; i+2*channels <= n; i += 2 * channels {
				for c := range out {
					out[c].samples = append(out[c].samples, float64(int16(binary.LittleEndian.Uint16(b[at+i+2*c:])))/32768)
				}
			}
			for c := range out {
				out[c].rate = rate
			}
			return out
		}
		at += n + n%2
	}
	t.Fatalf("%s: no data", path)
	return nil
}

// writeTone writes seconds of a sine at -9 dBFS as 8 kHz mono WAV. It fades out
// and in again once a second: a GSM decoder that has missed the beginning of a
// pure tone would never find its level, since nearly all of it is predicted
// from what was decoded before.
func writeTone(t testing.TB, path string, hz float64, seconds float64) string {
	t.Helper()
	n := int(8000 * seconds)
	pcm := make([]int16, n)
	for i := range pcm {
		fade := 1.0
		if at := i % 8000; at >= 7440 { // 5 ms, 60 ms of silence, 5 ms
			fade = max(0, math.Abs(float64(at-7720))/40-6)
		}
		pcm[i] = int16(11600 * fade * math.Sin(2*math.Pi*hz*float64(i)/8000))
	}
	return writeWAV(t, path, pcm)
}

func writeWAV(t testing.TB, path string, pcm []int16) string {
	t.Helper()
	var b []byte
	u32 := func(v int) { b = binary.LittleEndian.AppendUint32(b, uint32(v)) }
	u16 := func(v int) { b = binary.LittleEndian.AppendUint16(b, uint16(v)) }
	b = append(b, "RIFF"...)
	u32(36 + 2*len(pcm))
	b = append(b, "WAVEfmt "...)
	u32(16)
	u16(1)
	u16(1)
	u32(8000)
	u32(16000)
	u16(2)
	u16(16)
	b = append(b, "data"...)
	u32(2 * len(pcm))
	for _, s := range pcm {
		u16(int(uint16(s)))
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// seconds is how long the sound is.
func (s sound) seconds() float64 { return float64(len(s.samples)) / float64(s.rate) }

// part cuts out from … to, in seconds.
func (s sound) part(from, to float64) sound {
	a, b := int(from*float64(s.rate)), int(to*float64(s.rate))
	b = max(0, min(b, len(s.samples)))
	a = max(0, min(a, b))
	return sound{s.rate, s.samples[a:b]}
}

// level is the RMS level in dBFS (0 dB: a full-scale square).
func (s sound) level() float64 {
	if len(s.samples) == 0 {
		return -120
	}
	var sum float64
	for _, v := range s.samples {
		sum += v * v
	}
	return math.Max(-120, 10*math.Log10(sum/float64(len(s.samples))+1e-12))
}

// tone is the level in dBFS of the sine at hz (Goertzel over windows of
// 100 ms, averaged, so that a phase jump between windows does not matter).
func (s sound) tone(hz float64) float64 {
	win := s.rate / 10
	var sum float64
	n := 0
	for at := 0; at+win <= len(s.samples); at += win {
		sum += goertzel(s.samples[at:at+win], hz/float64(s.rate))
		n++
	}
	if n == 0 {
		return -120
	}
	return math.Max(-120, 10*math.Log10(sum/float64(n)+1e-12))
}

// goertzel is the mean square of the component at f cycles a sample.
func goertzel(x []float64, f float64) float64 {
	c := 2 * math.Cos(2*math.Pi*f)
	var s1, s2 float64
	for _, v := range x {
		s1, s2 = v+c*s1-s2, s1
	}
	p := s1*s1 + s2*s2 - c*s1*s2
	return 2 * p / float64(len(x)*len(x))
}

// heardFor is how many seconds of the sound have the tone within 12 dB of its
// whole level and above -40 dBFS.
func (s sound) heardFor(hz float64) float64 {
	win := s.rate / 10
	n := 0
	for at := 0; at+win <= len(s.samples); at += win {
		w := sound{s.rate, s.samples[at : at+win]}
		if l := w.tone(hz); l > -40 && l > w.level()-6 {
			n++
		}
	}
	return float64(n) / 10
}

// activeFor is how many seconds of the sound are louder than -45 dBFS.
func (s sound) activeFor() float64 {
	win := s.rate / 50
	n := 0
	for at := 0; at+win <= len(s.samples); at += win {
		if (sound{s.rate, s.samples[at : at+win]}).level() > -45 {
			n++
		}
	}
	return float64(n) / 50
}

// hears fails the test unless the sound holds at least seconds of each tone.
func (s sound) hears(t testing.TB, who string, seconds float64, hz ...float64) {
	t.Helper()
	for _, f := range hz {
		if l := s.tone(f); l < -45 {
			t.Errorf("%s: %v Hz is at %.0f dBFS in %.1f s of audio", who, f, l, s.seconds())
		}
	}
	if s.activeFor() < seconds {
		t.Errorf("%s heard %.1f s of sound, want at least %.1f", who, s.activeFor(), seconds)
	}
}

// hearsNot fails the test if the sound holds any of the tones.
func (s sound) hearsNot(t testing.TB, who string, hz ...float64) {
	t.Helper()
	for _, f := range hz {
		if l := s.tone(f); l > -55 {
			t.Errorf("%s: %v Hz is at %.0f dBFS and should not be heard", who, f, l)
		}
	}
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// dbfs is the mean square of a level.
func dbfs(db float64) float64 { return math.Pow(10, db/10) }
