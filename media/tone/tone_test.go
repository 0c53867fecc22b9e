package tone

import (
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"tandem/media"
)

// record plays d seconds of s.
func record(t *testing.T, s *Source, rate int, seconds float64) []int16 {
	t.Helper()
	f := media.NewFrame(rate)
	var pcm []int16
	for len(pcm) < int(seconds*float64(rate)) {
		for i := range f.Samples {
			f.Samples[i] = 12345 // what the frame held before must not matter
		}
		err := s.ReadFrame(&f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Silent {
			pcm = append(pcm, make([]int16, len(f.Samples))...)
		} else {
			pcm = append(pcm, f.Samples...)
		}
	}
	return pcm
}

// amplitudeOf is the amplitude of freq in pcm, as a share of full scale.
func amplitudeOf(pcm []int16, freq float64, rate int) float64 {
	var re, im float64
	for i, v := range pcm {
		s, c := math.Sincos(2 * math.Pi * freq * float64(i) / float64(rate))
		re, im = re+float64(v)*c, im+float64(v)*s
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm)) / 32767
}

func dbm0(pcm []int16) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return 10*math.Log10(2*sum/float64(len(pcm))/32767/32767) + 3.14
}

// Each country's ringback holds its frequencies and cadence, at -10 dBm0.
func TestRingback(t *testing.T) {
	for _, c := range []struct {
		country string
		freqs   []float64
		on, off float64 // seconds
	}{
		{"se", []float64{425}, 1, 5},
		{"us", []float64{440, 480}, 2, 4},
		{"US", []float64{440, 480}, 2, 4},
		{"gb", []float64{400, 450}, 0.4, 0.2},
		{"de", []float64{425}, 1, 4},
		{"fr", []float64{440}, 1.5, 3.5},
		{"jp", []float64{384, 400, 416}, 1, 2},
		{"", []float64{425}, 1, 4},
		{"zz", []float64{425}, 1, 4},
	} {
		for _, rate := range []int{8000, 16000, 24000, 48000} {
			s, err := New(Ringback, c.country)
			if err != nil {
				t.Fatal(err)
			}
			pcm := record(t, s, rate, c.on+c.off+c.on)
			at := func(seconds float64) int { return int(seconds * float64(rate)) }
			first := pcm[at(0.01):at(c.on-0.01)]
			if got := dbm0(first); math.Abs(got+10) > 0.2 {
				t.Errorf("%s at %d Hz: %.2f dBm0", c.country, rate, got)
			}
			for _, f := range c.freqs {
				if got := amplitudeOf(first, f, rate); got < 0.05 {
					t.Errorf("%s at %d Hz: %v Hz with amplitude %.3f", c.country, rate, f, got)
				}
			}
			if pause := pcm[at(c.on):at(c.on+c.off)]; slices.Max(pause) != 0 || slices.Min(pause) != 0 {
				t.Errorf("%s at %d Hz: the pause sounds", c.country, rate)
			}
			second := pcm[at(c.on+c.off)+at(0.01) : at(c.on+c.off+c.on-0.01)]
			if got := dbm0(second); math.Abs(got+10) > 0.2 {
				t.Errorf("%s at %d Hz: the second ring has %.2f dBm0", c.country, rate, got)
			}
		}
	}
}

// Every tone of every country can be parsed and sounds, without clicks.
func TestEveryTone(t *testing.T) {
	for _, country := range append(Countries(), "") {
		for _, name := range Names() {
			s, err := New(name, country)
			if err != nil {
				t.Fatalf("%s/%s: %v", name, country, err)
			}
			pcm := record(t, s, 8000, 6)
			steepest := 0
			for i := 1; i < len(pcm); i++ {
				steepest = max(steepest, int(pcm[i])-int(pcm[i-1]), int(pcm[i-1])-int(pcm[i]))
			}
			// A sine of amplitude a has steps of at most a·w.
			if limit := 0.2203 * 32767 * 2 * math.Pi * 1000 / 8000; steepest < 500 || float64(steepest) > limit {
				t.Errorf("%s/%s: steps of %d", name, country, steepest)
			}
		}
	}
	for _, country := range strings.Fields("se gb us de fr nl no dk fi jp kr au it es") {
		if !slices.Contains(Countries(), country) {
			t.Errorf("no tones of %s", country)
		}
	}
	if _, err := New("waltz", "at"); err == nil || !strings.Contains(err.Error(), `unknown tone "waltz"; have beep, busy`) {
		t.Errorf("unknown tone: %v", err)
	}
}

func TestSequence(t *testing.T) {
	for seq, want := range map[string]struct {
		sounds string // a letter for each 20 ms: . silence, else the loudest of a=300, b=600, c=900 Hz
		ends   bool
	}{
		"!300/40":                    {"aa", true},
		"!300/40,!0/20,!600/20":      {"aa.b", true},
		"!300/20,600/20,900/20":      {"abcbcbcb", false},
		"!0/60,300":                  {"...aaaaa", false},
		"300/40,0/40":                {"aa..aa..", false},
		"0":                          {"........", false},
		" !300/20 , !900/20, 0":      {"ac......", false},
		"!300/30":                    {"aa", true}, // half of the last frame is silence
		"!300+0.001e3/20,!0/1,!0/39": {"a..", true},
	} {
		s, err := Parse(seq)
		if err != nil {
			t.Errorf("%s: %v", seq, err)
			continue
		}
		pcm := record(t, s, 8000, 0.16)
		var got strings.Builder
		for ; len(pcm) >= 160; pcm = pcm[160:] {
			sound, loudest := byte('.'), 0.02
			for i, f := range []float64{300, 600, 900} {
				if a := amplitudeOf(pcm[:160], f, 8000); a > loudest {
					sound, loudest = "abc"[i], a
				}
			}
			got.WriteByte(sound)
		}
		if got.String() != want.sounds || s.done != want.ends {
			t.Errorf("%s sounds %s and ends %v, want %s and %v", seq, got.String(), s.done, want.sounds, want.ends)
		}
	}
}

func TestParseWrong(t *testing.T) {
	for seq, want := range map[string]string{
		"":                           `tone: element 1 "": bad frequency "", want 1 to 20000 Hz`,
		"425/":                       `tone: element 1 "425/": bad duration "", want 1 to 3600000 ms`,
		"425/0":                      `tone: element 1 "425/0": bad duration "0", want 1 to 3600000 ms`,
		"425/250,x/250":              `tone: element 2 "x/250": bad frequency "x", want 1 to 20000 Hz`,
		"NaN":                        `tone: element 1 "NaN": bad frequency "NaN", want 1 to 20000 Hz`,
		"400*500":                    `tone: element 1 "400*500": 500 Hz modulates 400 Hz, want a lower frequency`,
		"400+":                       `tone: element 1 "400+": bad frequency "", want 1 to 20000 Hz`,
		"425/9,!425/9":               `tone: element 2 "!425/9": played once, but follows one that is repeated`,
		"1+2+3+4+5+6+7":              `tone: element 1 "1+2+3+4+5+6+7": more than 6 frequencies`,
		strings.Repeat("425/1,", 99): "tone: more than 64 elements",
	} {
		if _, err := Parse(seq); err == nil || err.Error() != want {
			t.Errorf("%q: error %v\nwant %s", seq, err, want)
		}
	}
}

// The rate may change between frames; the tone goes on at its place.
func TestRateChange(t *testing.T) {
	s, err := Parse("!425/1000")
	if err != nil {
		t.Fatal(err)
	}
	frames := 0
	f := media.NewFrame(48000)
	for rates := []int{8000, 48000, 16000, 24000}; ; frames++ {
		f.Rate = rates[frames%len(rates)]
		if err := s.ReadFrame(&f); err != nil {
			break
		}
		if f.Silent || len(f.Samples) != f.Rate/50 {
			t.Fatalf("frame %d: silent %v, %d samples at %d Hz", frames, f.Silent, len(f.Samples), f.Rate)
		}
	}
	if frames != 50 {
		t.Errorf("%d frames, want 50", frames)
	}
}

func TestDoesNotAllocate(t *testing.T) {
	s, err := New(Ringback, "gb")
	if err != nil {
		t.Fatal(err)
	}
	f := media.NewFrame(8000)
	if n := testing.AllocsPerRun(300, func() { _ = s.ReadFrame(&f) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("440+480/2000,0/4000")
	f.Add("!1000/250")
	f.Add("400*16/1000,0")
	f.Fuzz(func(t *testing.T, seq string) {
		s, err := Parse(seq)
		if err != nil {
			return
		}
		frame := media.NewFrame(8000)
		for range 20 {
			if err := s.ReadFrame(&frame); err != nil {
				return
			}
		}
	})
}

func BenchmarkReadFrame(b *testing.B) {
	s, err := New(Dial, "us")
	if err != nil {
		b.Fatal(err)
	}
	f := media.NewFrame(8000)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.ReadFrame(&f)
	}
}
