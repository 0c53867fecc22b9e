package codec

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const g722Dir = "../testdata/g722"

// TestG722Library runs vectors that spandsp made, in payloads of all lengths.
func TestG722Library(t *testing.T) {
	for _, name := range []string{"speech", "noise", "extremes", "random"} {
		t.Run(name, func(t *testing.T) {
			coded, err := os.ReadFile(filepath.Join(g722Dir, name+".g722"))
			if err != nil {
				t.Fatal(err)
			}
			for _, octets := range []int{len(coded), 160, 7} {
				if name != "random" {
					checkG722Encoder(t, readWords(t, filepath.Join(g722Dir, name+".in.raw")), coded, octets)
				}
				checkG722Decoder(t, coded, readWords(t, filepath.Join(g722Dir, name+".out.raw")), octets)
			}
		})
	}
}

func checkG722Encoder(t *testing.T, pcm []int16, want []byte, octets int) {
	t.Helper()
	if len(pcm) != 2*len(want) {
		t.Fatalf("%d samples for %d octets", len(pcm), len(want))
	}
	e := G722.NewEncoder(Params{})
	var got []byte
	for i := 0; i < len(want); i += octets {
		var err error
		if got, err = e.Encode(got, pcm[2*i:2*min(i+octets, len(want))]); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d octets, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("octet %d is 0x%02x, want 0x%02x", i, got[i], want[i])
		}
	}
}

func checkG722Decoder(t *testing.T, coded []byte, want []int16, octets int) {
	t.Helper()
	d := G722.NewDecoder(Params{})
	var got []int16
	for i := 0; i < len(coded); i += octets {
		var err error
		if got, err = d.Decode(got, coded[i:min(i+octets, len(coded))]); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d samples, want %d", len(got), len(want))
	}
	for i := range want {
		// Where the last sum leaves 16 bits it is limited; spandsp drops its
		// upper bits. Nothing else depends on it.
		limited := got[i] == 1<<15-1 || got[i] == -1<<15
		if got[i] != want[i] && !limited {
			t.Fatalf("sample %d is %d, want %d", i, got[i], want[i])
		}
	}
}

// Tones of both bands come back 22 samples later, those of the low band with
// little else.
func TestG722Tones(t *testing.T) {
	for _, tone := range []struct{ freq, snr float64 }{
		{100, 30}, {1000, 30}, {2500, 30}, {3500, 28}, {5000, 12}, {6500, 12},
	} {
		const amplitude = 9000
		in := toneAt(tone.freq, 16000, amplitude, 16000)
		out := play(t, G722, in, func(int) bool { return false })
		got, rest := fitTone(out[3200:], tone.freq, 16000)
		if gain := decibel(got / amplitude); math.Abs(gain) > 0.5 {
			t.Errorf("%.0f Hz: %.2f dB", tone.freq, gain)
		}
		if snr := decibel(got / math.Sqrt2 / rest); snr < tone.snr {
			t.Errorf("%.0f Hz: %.1f dB signal to noise", tone.freq, snr)
		}
		if snr := signalToNoise(out[3200+22:], in[3200:len(in)-22]); snr < tone.snr-3 {
			t.Errorf("%.0f Hz: 22 samples late it has %.1f dB signal to noise", tone.freq, snr)
		}
	}
}

func TestG722Wrong(t *testing.T) {
	if got, err := G722.NewEncoder(Params{}).Encode([]byte("x"), make([]int16, 321)); err == nil || string(got) != "x" {
		t.Errorf("321 samples: %q, %v", got, err)
	}
}

// Any octets decode to twice as many samples, the same however they are cut.
func FuzzG722Decode(f *testing.F) {
	f.Add([]byte{0, 0xff, 0x3f, 0xc0}, 1)
	f.Add(make([]byte, 400), 160)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		whole, err := G722.NewDecoder(Params{}).Decode(nil, append([]byte{}, b...))
		if err != nil || len(whole) != 2*len(b) {
			t.Fatalf("%d octets: %d samples, %v", len(b), len(whole), err)
		}
		d := G722.NewDecoder(Params{})
		cut = min(max(cut, 0), len(b))
		parts, _ := d.Decode(nil, append([]byte{}, b[:cut]...))
		if parts, _ = d.Decode(parts, append([]byte{}, b[cut:]...)); !slices.Equal(parts, whole) {
			t.Fatalf("%d octets cut at %d decode otherwise", len(b), cut)
		}
		if lost, err := d.Decode(nil, nil); err != nil || len(lost) != 320 {
			t.Fatalf("a lost frame is %d samples, %v", len(lost), err)
		}
	})
}

// What the processor's vectors give is what Go gives.
func TestG722Sums(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range 5 {
		x := make([]int16, g722Taps-2+2*n)
		for i := range x {
			x[i] = int16(rng.IntN(65536) - 32768)
			if rng.IntN(3) == 0 {
				x[i] = -1 << 15
			}
		}
		// Neighbours are not written.
		got, want := make([]g722Sum, n+1), make([]g722Sum, n+1)
		g722Sums(got[:n], x)
		g722SumsGo(want[:n], x)
		if !slices.Equal(got, want) {
			t.Errorf("%d sums are %v, want %v", n, got, want)
		}
	}
}

// The predictors too: from any differences that codes can stand for, the largest
// of one sign for long among them.
func TestG722Adapt(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var vector, plain g722Predictors
	for i := range 200000 {
		var d [2]int
		for band, most := range []int{10228, 3704} {
			switch i / 500 % 4 {
			case 0:
				d[band] = rng.IntN(2*most+1) - most
			case 1:
				d[band] = []int{-most, 0, most}[rng.IntN(3)]
			case 2:
				d[band] = []int{-most, most}[i/5000%2]
			case 3:
				d[band] = rng.IntN(5) - 2
			}
		}
		g722Adapt(&vector, d[0], d[1])
		g722AdaptGo(&plain, d[0], d[1])
		got, want := vector, plain
		for band := range d { // vectors use more lanes
			got.zeros[band], want.zeros[band] = [8]int16{got.zeros[band][0]}, [8]int16{want.zeros[band][0]}
			got.sample[band], want.sample[band] = [8]int16{got.sample[band][0]}, [8]int16{want.sample[band][0]}
		}
		if got != want {
			t.Fatalf("after %d differences, the last %v, the state is\n%v, want\n%v", i+1, d, got, want)
		}
	}
}
