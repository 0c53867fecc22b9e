package codec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// toneAt makes n samples of a sine of the given amplitude.
func toneAt(freq, rate float64, amplitude float64, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*freq*float64(i)/rate)))
	}
	return pcm
}

// fitTone gives the amplitude of freq in pcm and the RMS of what is left when
// that tone is taken out.
func fitTone(pcm []int16, freq, rate float64) (amplitude, rest float64) {
	// Least squares for a cosine and a sine.
	var cc, ss, cs, pc, ps float64
	for i, v := range pcm {
		s, c := math.Sincos(2 * math.Pi * freq * float64(i) / rate)
		cc, ss, cs = cc+c*c, ss+s*s, cs+c*s
		pc, ps = pc+float64(v)*c, ps+float64(v)*s
	}
	det := cc*ss - cs*cs
	a, b := (pc*ss-ps*cs)/det, (ps*cc-pc*cs)/det
	var sum float64
	for i, v := range pcm {
		s, c := math.Sincos(2 * math.Pi * freq * float64(i) / rate)
		d := float64(v) - a*c - b*s
		sum += d * d
	}
	return math.Hypot(a, b), math.Sqrt(sum / float64(len(pcm)))
}

func decibel(ratio float64) float64 { return 20 * math.Log10(ratio) }

func rms(pcm []int16) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(max(len(pcm), 1)))
}

// Every ratio passes what lies below 85 % of the lower rate's half unchanged,
// keeps images 60 dB down, and 60 dB down what would fold back.
func TestResampleTones(t *testing.T) {
	const amplitude = 16000
	for ratio := range filterBanks {
		from, to := ratio[0], ratio[1]
		t.Run(fmt.Sprintf("%d-%d", from, to), func(t *testing.T) {
			half := float64(min(from, to)) / 2
			for _, share := range []float64{0.1, 0.25, 0.5, 0.75, 0.85} {
				freq := share * half
				r, err := NewResampler(from, to)
				if err != nil {
					t.Fatal(err)
				}
				out := r.Resample(nil, toneAt(freq, float64(from), amplitude, from/8))
				out = out[2*r.Delay():]
				got, rest := fitTone(out, freq, float64(to))
				if level := decibel(got / amplitude); math.Abs(level) > 0.1 {
					t.Errorf("%.0f Hz passes with %.2f dB", freq, level)
				}
				if noise := decibel(rest * math.Sqrt2 / amplitude); noise > -60 {
					t.Errorf("%.0f Hz comes with others at %.1f dB", freq, noise)
				}
			}
			if from <= to {
				return
			}
			for _, share := range []float64{0, 0.02, 0.1, 0.3, 0.6, 0.9, 0.99} {
				freq := half + share*(float64(from)/2-half)
				r, _ := NewResampler(from, to)
				out := r.Resample(nil, toneAt(freq, float64(from), amplitude, from/8))
				out = out[2*r.Delay():]
				if level := decibel(rms(out) * math.Sqrt2 / amplitude); level > -60 {
					t.Errorf("%.0f Hz folds back with %.1f dB", freq, level)
				}
			}
		})
	}
}

// What comes out does not depend on how the signal is cut, and is as long as
// promised.
func TestResampleStreams(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for ratio := range filterBanks {
		from, to := ratio[0], ratio[1]
		in := make([]int16, from/5)
		for i := range in {
			in[i] = int16(rng.IntN(65536) - 32768)
		}
		whole, _ := NewResampler(from, to)
		want := whole.Resample(nil, in)
		cut, _ := NewResampler(from, to)
		var got []int16
		taken := 0
		for taken < len(in) {
			n := min(rng.IntN(3*from/50), len(in)-taken)
			got = cut.Resample(got, in[taken:taken+n])
			taken += n
			if due := (taken*to + from - 1) / from; len(got) != due {
				t.Fatalf("%d-%d: %d samples for %d, want %d", from, to, len(got), taken, due)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d-%d: cut differs from whole", from, to)
		}
	}
}

func TestResampleFlush(t *testing.T) {
	r, err := NewResampler(16000, 8000)
	if err != nil {
		t.Fatal(err)
	}
	in := make([]int16, 1600)
	in[1599] = 20000
	out := r.Flush(r.Resample(nil, in))
	at, peak := 0, int16(0)
	for i, v := range out {
		if v > peak {
			at, peak = i, v
		}
	}
	if want := 800 + r.Delay() - 1; peak < 5000 || at < want-1 || at > want+1 {
		t.Errorf("peak of %d at %d, want it at %d", peak, at, want)
	}
}

func TestResampleUnknown(t *testing.T) {
	for _, ratio := range [][2]int{{0, 8000}, {8000, 0}, {8000, 11025}, {-8000, 8000}, {8001, 8000}} {
		if _, err := NewResampler(ratio[0], ratio[1]); err == nil {
			t.Errorf("%d to %d is possible", ratio[0], ratio[1])
		}
	}
}

func TestResampleDoesNotAllocate(t *testing.T) {
	for _, ratio := range [][2]int{{8000, 16000}, {48000, 8000}, {11025, 8000}} {
		r, _ := NewResampler(ratio[0], ratio[1])
		in := make([]int16, ratio[0]/50)
		out := make([]int16, 0, ratio[1]/50+1)
		if n := testing.AllocsPerRun(100, func() { r.Resample(out, in) }); n != 0 {
			t.Errorf("%v: %v allocations", ratio, n)
		}
	}
}

func BenchmarkResample(b *testing.B) {
	for _, ratio := range [][2]int{{8000, 16000}, {16000, 8000}, {8000, 48000}, {48000, 8000}, {44100, 8000}} {
		b.Run(fmt.Sprintf("%d-%d", ratio[0], ratio[1]), func(b *testing.B) {
			r, err := NewResampler(ratio[0], ratio[1])
			if err != nil {
				b.Fatal(err)
			}
			in := toneAt(440, float64(ratio[0]), 10000, ratio[0]/50)
			out := make([]int16, 0, ratio[1]/50+1)
			b.ReportAllocs()
			for b.Loop() {
				r.Resample(out, in)
			}
		})
	}
}

// What the processor's vectors give is what Go gives, but for rounding.
func TestResampleVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for ratio, bank := range filterBanks {
		if ratio[0] == ratio[1] {
			continue
		}
		b := bank()
		history := make([]float32, b.taps+500)
		for i := range history {
			history[i] = float32(rng.IntN(65536) - 32768)
		}
		for _, samples := range []int{b.taps - 1, b.taps, b.taps + 1, len(history)} {
			phase := rng.IntN(b.up)
			n := b.outputs(samples, phase)
			// Neighbours are not written.
			got, want := make([]int16, n+2), make([]int16, n)
			got[0], got[n+1] = 77, 78
			b.filter(got[1:n+1], history[:samples], phase)
			b.filterGo(want, history[:samples], phase)
			if got[0] != 77 || got[n+1] != 78 {
				t.Fatalf("%v: wrote beside %d outputs", ratio, n)
			}
			for i := range want {
				if d := int(got[i+1]) - int(want[i]); d < -1 || d > 1 {
					t.Fatalf("%v: output %d of %d is %d, want %d", ratio, i, n, got[i+1], want[i])
				}
			}
		}
	}
}
