package dtmf

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tandem/media"
)

// dbm0 is the peak of a tone of the given power.
func dbm0(db float64) float64 { return 22800 * math.Pow(10, db/20) }

// pair makes ms milliseconds of two tones with peaks a and b.
func pair(low, high, a, b float64, ms float64) []int16 {
	out := make([]int16, int(ms*8))
	for i := range out {
		v := a*math.Sin(2*math.Pi*low*float64(i)/8000) + b*math.Sin(2*math.Pi*high*float64(i)/8000)
		out[i] = int16(min(max(v, -32768), 32767))
	}
	return out
}

func quiet(ms float64) []int16 { return make([]int16, int(ms*8)) }

// hear gives all digits of some audio, cut into ticks.
func hear(audio ...[]int16) string {
	d := NewDetector()
	var all []int16
	for _, a := range audio {
		all = append(all, a...)
	}
	var out strings.Builder
	for len(all) > 0 {
		n := min(160, len(all))
		if c, ok := d.Detect(all[:n]); ok {
			out.WriteByte(c)
		}
		all = all[n:]
	}
	return out.String()
}

// The requirements of ITU-T Q.24, AT&T's column.
func TestDetectorQ24(t *testing.T) {
	for _, char := range []byte(keypad) {
		low, high, _ := tonesOf(char)
		level := dbm0(-10)
		check := func(name, want string, audio ...[]int16) {
			t.Helper()
			// The place of the tone in the detector's blocks is chance.
			for shift := 0.0; shift < 13; shift += 2.1 {
				if got := hear(append([][]int16{quiet(40 + shift)}, append(audio, quiet(60))...)...); got != want {
					t.Errorf("%c: %s (shift %v ms): heard %q, want %q", char, name, shift, got, want)
					return
				}
			}
		}
		one, none, two := string(char), "", string(char)+string(char)
		for _, off := range []float64{-1.5, 1.5} {
			check(fmt.Sprintf("both %v %%", off), one, pair(low*(1+off/100), high*(1+off/100), level, level, 50))
			check(fmt.Sprintf("low %v %%, high %v %%", off, -off), one, pair(low*(1+off/100), high*(1-off/100), level, level, 50))
		}
		for _, off := range []float64{-3.5, 3.5} {
			check(fmt.Sprintf("low %v %%", off), none, pair(low*(1+off/100), high, level, level, 100))
			check(fmt.Sprintf("high %v %%", off), none, pair(low, high*(1+off/100), level, level, 100))
		}
		check("-25 dBm", one, pair(low, high, dbm0(-25), dbm0(-25), 50))
		check("-3 dBm", one, pair(low, high, dbm0(-3), dbm0(-3), 50))
		check("0 dBm, clipped", one, pair(low, high, dbm0(0), dbm0(0), 50))
		check("-55 dBm", none, pair(low, high, dbm0(-55), dbm0(-55), 100))
		check("high tone 4 dB up", one, pair(low, high, dbm0(-12), dbm0(-8), 50))
		check("low tone 8 dB up", one, pair(low, high, dbm0(-8), dbm0(-16), 50))
		check("high tone 10 dB up", none, pair(low, high, dbm0(-20), dbm0(-10), 100))
		check("low tone 14 dB up", none, pair(low, high, dbm0(-6), dbm0(-20), 100))
		check("40 ms", one, pair(low, high, level, level, 40))
		check("20 ms", none, pair(low, high, level, level, 20))
		check("twice with a pause of 40 ms", two, pair(low, high, level, level, 50), quiet(40), pair(low, high, level, level, 50))
		check("interrupted for 10 ms", one, pair(low, high, level, level, 50), quiet(10), pair(low, high, level, level, 50))
		check("one second", one, pair(low, high, level, level, 1000))
		check("low tone alone", none, pair(low, high, level, 0, 100))
		check("high tone alone", none, pair(low, high, 0, level, 100))
	}
}

// 93 ms a digit, the fastest that Q.24 asks for, in noise 15 dB below.
func TestDetectorFastDiallingInNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	for _, level := range []float64{-5, -20} {
		for range 5 {
			audio := quiet(r.Float64() * 30)
			for _, c := range []byte(keypad) {
				low, high, _ := tonesOf(c)
				audio = append(audio, pair(low, high, dbm0(level), dbm0(level), 50)...)
				audio = append(audio, quiet(43)...)
			}
			for i := range audio {
				audio[i] = int16(min(max(float64(audio[i])+r.NormFloat64()*dbm0(level-15)/math.Sqrt2, -32768), 32767))
			}
			if got := hear(audio); got != keypad {
				t.Fatalf("%v dBm: heard %q", level, got)
			}
		}
	}
}

// Talk-off: sounds of the shape of a voice, with a pitch, formants and noise,
// are hardly ever digits. These sing one vowel after the other, which is harder
// than speech: five minutes of it hold five false digits, 30 s here none or one.
func TestDetectorTalkOff(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	got := ""
	for range 30 { // of 1 s
		pitch := 80 + r.Float64()*200
		formant := [3]float64{300 + r.Float64()*600, 900 + r.Float64()*1300, 2200 + r.Float64()*1000}
		var gains []float64 // of the harmonics
		for h := 1.0; h*pitch < 3600; h++ {
			gain := 0.02
			for k, f := range formant {
				off := (h*pitch - f) / 120
				gain += math.Exp(-off*off) / float64(k+1)
			}
			gains = append(gains, gain)
		}
		audio := make([]int16, 8000)
		for i := range audio {
			x := float64(i) / 8000
			v := 0.0
			bend := 1 + 0.05*math.Sin(2*math.Pi*4*x)
			for h, gain := range gains {
				v += gain * math.Sin(2*math.Pi*float64(h+1)*pitch*bend*x)
			}
			audio[i] = int16(min(max(6000*v+300*r.NormFloat64(), -32768), 32767))
		}
		got += hear(audio)
	}
	if len(got) > 1 {
		t.Errorf("heard %q in 30 s", got)
	}
}

func TestGeneratorIsHeard(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		g, err := NewGenerator("159*0#ADw11", 50*time.Millisecond, 50*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		f := media.NewFrame(rate)
		var audio []int16
		for {
			err := g.ReadFrame(&f)
			if errors.Is(err, io.EOF) {
				break
			}
			for i := 0; i < len(f.Samples); i += rate / 8000 {
				audio = append(audio, f.Samples[i])
			}
		}
		if got := hear(audio); got != "159*0#AD11" {
			t.Errorf("%d Hz: heard %q", rate, got)
		}
	}
	if _, err := NewGenerator("1-2", 0, 0); err == nil {
		t.Error("bad digits were taken")
	}
}

func TestDetectorAllocatesNothing(t *testing.T) {
	d := NewDetector()
	audio := pair(697, 1209, 8000, 8000, 20)
	if n := testing.AllocsPerRun(100, func() { d.Detect(audio) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDetector(b *testing.B) {
	d := NewDetector()
	audio := pair(697, 1209, 8000, 8000, 20)
	for b.Loop() {
		d.Detect(audio)
	}
}
