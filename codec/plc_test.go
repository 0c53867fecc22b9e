package codec

import (
	"math"
	"slices"
	"testing"
	"time"
)

// voiceAt makes a second of a steady vowel: harmonics of a pitch in Hz.
func voiceAt(pitch float64, rate int) []int16 {
	pcm := make([]int16, rate)
	for i := range pcm {
		var sum float64
		for h := 1.0; h*pitch < 3400; h++ {
			off := (h*pitch - 600) / 400
			sum += math.Sin(2*math.Pi*h*pitch*float64(i)/float64(rate)+h*h) / (1 + off*off)
		}
		pcm[i] = int16(3000 * sum)
	}
	return pcm
}

// steepest is the greatest step between neighbours in pcm.
func steepest(pcm []int16) int {
	step := 0
	for i := 1; i < len(pcm); i++ {
		step = max(step, int(pcm[i])-int(pcm[i-1]), int(pcm[i-1])-int(pcm[i]))
	}
	return step
}

// play decodes in, coded frame by frame, with the frames lost that lost names.
func play(t *testing.T, c *Codec, in []int16, lost func(frame int) bool) []int16 {
	t.Helper()
	e, d := c.NewEncoder(Params{}), c.NewDecoder(Params{})
	frame := c.Samples(20 * time.Millisecond)
	var out []int16
	for i := 0; i+frame <= len(in); i += frame {
		b, err := e.Encode(nil, in[i:i+frame])
		if err != nil {
			t.Fatal(err)
		}
		if lost(i / frame) {
			b = nil
		}
		if out, err = d.Decode(out, b); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// signalToNoise compares two signals in dB.
func signalToNoise(got, want []int16) float64 {
	var noise, signal float64
	for i, v := range want {
		d := float64(got[i]) - float64(v)
		noise, signal = noise+d*d, signal+float64(v)*float64(v)
	}
	return 10 * math.Log10(signal/noise)
}

// A single lost frame of a vowel is hardly heard: it is replaced by nearly the
// same, it neither begins nor ends with a click, and keeps the level.
func TestConcealOne(t *testing.T) {
	for _, pitch := range []float64{70, 100, 133.3, 190, 240} {
		for _, c := range []*Codec{PCMU, PCMA, G722} {
			ms := c.SampleRate / 1000
			in := voiceAt(pitch, c.SampleRate)
			clean := play(t, c, in, func(int) bool { return false })
			for _, at := range []int{10, 17, 23, 30} {
				out := play(t, c, in, func(f int) bool { return f == at })
				gap, around := 20*ms*at, 20*ms*(at+1)
				if snr := signalToNoise(out[gap:around], clean[gap:around]); snr < 10 {
					t.Errorf("%s, %.0f Hz: frame %d is concealed with %.1f dB signal to noise", c.Name, pitch, at, snr)
				}
				if got, want := steepest(out[gap-20:around+100]), steepest(clean); got > want*5/4 {
					t.Errorf("%s, %.0f Hz: frame %d: step of %d, speech has %d", c.Name, pitch, at, got, want)
				}
				if !slices.Equal(out[:gap], clean[:gap]) {
					t.Errorf("%s, %.0f Hz: frame %d: others before it are changed", c.Name, pitch, at)
				}
				after := around + 10*ms
				if c == G722 { // which predicts from what it decoded before
					soon, late := after, after+80*ms
					if level := decibel(rms(out[soon:][:20*ms]) / rms(clean[soon:][:20*ms])); math.Abs(level) > 3 {
						t.Errorf("%s, %.0f Hz: frame %d is followed with %.1f dB", c.Name, pitch, at, level)
					}
					if snr := signalToNoise(out[late:][:20*ms], clean[late:][:20*ms]); snr < 7 {
						t.Errorf("%s, %.0f Hz: 90 ms after frame %d it has %.1f dB signal to noise", c.Name, pitch, at, snr)
					}
				} else if !slices.Equal(out[after:], clean[after:]) {
					t.Errorf("%s, %.0f Hz: frame %d: others after it are changed", c.Name, pitch, at)
				}
			}
		}
	}
}

// A long loss fades to silence within 60 ms, stays silent, and speech comes back
// without a click.
func TestConcealLong(t *testing.T) {
	for _, c := range Table() {
		in := voiceAt(120, c.SampleRate)
		clean := play(t, c, in, func(int) bool { return false })
		out := play(t, c, in, func(f int) bool { return f >= 10 && f < 25 })
		length := c.Samples(20 * time.Millisecond)
		frame := func(n int) []int16 { return out[length*n:][:length] }
		full := rms(clean[9*length : 10*length])
		first, second, third := rms(frame(10)), rms(frame(11)), rms(frame(12))
		if first < full*0.6 || first > full*1.3 || second > first || third > second/2 {
			t.Errorf("%s: level %.0f fades %.0f, %.0f, %.0f", c.Name, full, first, second, third)
		}
		for n := 13; n < 25; n++ {
			// G.722's filter rings for 22 samples.
			if level := rms(frame(n)[c.Samples(2*time.Millisecond):]); level != 0 {
				t.Errorf("%s: %d ms into the loss the level is %.0f", c.Name, 20*(n-10), level)
			}
		}
		if got, want := steepest(out), steepest(clean); got > want*5/4 {
			t.Errorf("%s: step of %d, speech has %d", c.Name, got, want)
		}
		// GSM predicts from what it decoded before, and needs two frames more.
		if got := rms(frame(28)); math.Abs(decibel(got/full)) > 1.5 {
			t.Errorf("%s: speech comes back with %.1f dB", c.Name, decibel(got/full))
		}
	}
}

// What was never heard is concealed by silence, and so is silence.
func TestConcealSilence(t *testing.T) {
	for _, c := range Table() {
		d := c.NewDecoder(Params{})
		out, err := d.Decode([]int16{5}, nil)
		if err != nil || len(out) != 1+c.Samples(20*time.Millisecond) || out[0] != 5 || rms(out[1:]) != 0 {
			t.Errorf("%s: %d samples of level %.0f, %v", c.Name, len(out)-1, rms(out[1:]), err)
		}
		quiet := play(t, c, make([]int16, c.SampleRate/5), func(f int) bool { return f == 5 || f == 7 })
		if level := rms(quiet); level > 20 {
			t.Errorf("%s: silence is concealed with level %.0f", c.Name, level)
		}
	}
}

// Payloads of any length follow a loss: the cross-fade goes on from one to the
// next.
func TestConcealShortPayloads(t *testing.T) {
	in := voiceAt(150, 8000)[:4000]
	coded, err := PCMU.NewEncoder(Params{}).Encode(nil, in)
	if err != nil {
		t.Fatal(err)
	}
	d := PCMU.NewDecoder(Params{})
	out, _ := d.Decode(nil, coded[:1600])
	out, _ = d.Decode(out, nil)
	for at := 1760; at < 4000; at += 7 {
		out, _ = d.Decode(out, coded[at:min(at+7, 4000)])
	}
	whole := PCMU.NewDecoder(Params{})
	want, _ := whole.Decode(nil, coded[:1600])
	want, _ = whole.Decode(want, nil)
	want, _ = whole.Decode(want, coded[1760:])
	if !slices.Equal(out, want) {
		t.Error("payloads of 7 octets sound otherwise than one payload")
	}
}
