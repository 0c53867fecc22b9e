package codec

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/zaf/g711"
)

func TestTable(t *testing.T) {
	for _, c := range Table() {
		if ByName(c.Name) != c {
			t.Errorf("%s is not found by its name", c.Name)
		}
		if ByPayloadType(c.PayloadType) != c {
			t.Errorf("%s is not found by its payload type", c.Name)
		}
	}
	if ByName("GSM") != GSM || ByName("pcmA") != PCMA {
		t.Error("names are compared with case")
	}
	if ByName("g729") != nil || ByPayloadType(18) != nil || ByPayloadType(Dynamic) != nil {
		t.Error("a codec that is not there is found")
	}
	if got := GSM.Samples(40 * time.Millisecond); got != 320 {
		t.Errorf("40 ms are %d samples", got)
	}
}

// The tables equal zaf/g711 on every input.
func TestG711(t *testing.T) {
	pcm := make([]int16, 1<<16)
	for i := range pcm {
		pcm[i] = int16(uint16(i))
	}
	codes := make([]byte, 256)
	for i := range codes {
		codes[i] = byte(i)
	}
	for _, c := range []struct {
		*Codec
		encode func(int16) uint8
		decode func(uint8) int16
	}{
		{PCMU, g711.EncodeUlawFrame, g711.DecodeUlawFrame},
		{PCMA, g711.EncodeAlawFrame, g711.DecodeAlawFrame},
	} {
		coded, err := c.NewEncoder(Params{}).Encode(nil, pcm)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range coded {
			if want := c.encode(pcm[i]); b != want {
				t.Fatalf("%s: %d is coded 0x%02x, want 0x%02x", c.Name, pcm[i], b, want)
			}
		}
		linear, err := c.NewDecoder(Params{}).Decode(nil, codes)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range linear {
			if want := c.decode(codes[i]); v != want {
				t.Fatalf("%s: 0x%02x is %d, want %d", c.Name, i, v, want)
			}
		}
	}
}

// Both ends append, and take several frames at once.
func TestAppend(t *testing.T) {
	for _, c := range Table() {
		frame := c.Samples(20 * time.Millisecond)
		pcm := toneAt(440, float64(c.SampleRate), 8000, 3*frame)
		whole, err := c.NewEncoder(Params{}).Encode([]byte("head"), pcm)
		if err != nil {
			t.Fatal(err)
		}
		e := c.NewEncoder(Params{})
		var parts []byte
		for i := 0; i < len(pcm); i += frame {
			if parts, err = e.Encode(parts, pcm[i:i+frame]); err != nil {
				t.Fatal(err)
			}
		}
		if string(whole[:4]) != "head" || !slices.Equal(whole[4:], parts) {
			t.Errorf("%s: 60 ms at once are coded otherwise than 20 ms three times", c.Name)
		}
		head := []int16{1, 2, 3}
		got, err := c.NewDecoder(Params{}).Decode(head, parts)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got[:3], head) || len(got) != 3+len(pcm) {
			t.Errorf("%s: decoded to %d samples behind %v", c.Name, len(got), got[:3])
		}
		if got, err := c.NewDecoder(Params{}).Decode(head, []byte{}); err != nil || len(got) != 3 {
			t.Errorf("%s: an empty payload is decoded to %d samples, %v", c.Name, len(got)-3, err)
		}
	}
}

func TestGSMWrong(t *testing.T) {
	e, d := GSM.NewEncoder(Params{}), GSM.NewDecoder(Params{})
	if got, err := e.Encode([]byte("x"), make([]int16, 161)); err == nil || string(got) != "x" {
		t.Errorf("161 samples: %q, %v", got, err)
	}
	good, err := e.Encode(nil, make([]int16, 160))
	if err != nil {
		t.Fatal(err)
	}
	dst := []int16{7}
	for _, payload := range [][]byte{good[:32], append(slices.Clone(good), 0xd0), append(slices.Clone(good), make([]byte, 33)...)} {
		if got, err := d.Decode(dst, payload); err == nil || len(got) != 1 {
			t.Errorf("%d octets: %d samples, %v", len(payload), len(got)-1, err)
		}
	}
}

// Any octets behind the signature decode to something, lags out of range too.
func FuzzGSMDecode(f *testing.F) {
	f.Add(make([]byte, 33))
	f.Fuzz(func(t *testing.T, b []byte) {
		for i := 0; i < len(b); i += gsmFrameOctets {
			b[i] = b[i]&0x0f | gsmSignature<<4
		}
		d := GSM.NewDecoder(Params{})
		b = b[:len(b)/gsmFrameOctets*gsmFrameOctets]
		pcm, err := d.Decode(nil, b)
		if err != nil || len(pcm) != len(b)/gsmFrameOctets*gsmSamples {
			t.Fatalf("%d octets: %d samples, %v", len(b), len(pcm), err)
		}
		if _, err := d.Decode(nil, nil); err != nil {
			t.Fatal(err)
		}
	})
}

// Speech crosses from every codec to every other: a tone comes out with its
// level and little else.
func TestTranscode(t *testing.T) {
	quality := map[*Codec]float64{PCMU: 35, PCMA: 35, GSM: 18, G722: 35} // dB, at 425 Hz
	const amplitude = 9000
	for _, from := range Table() {
		for _, to := range Table() {
			e1, d1 := from.NewEncoder(Params{}), from.NewDecoder(Params{})
			e2, d2 := to.NewEncoder(Params{}), to.NewDecoder(Params{})
			between, err := NewResampler(from.SampleRate, to.SampleRate)
			if err != nil {
				t.Fatal(err)
			}
			in := toneAt(425, float64(from.SampleRate), amplitude, from.SampleRate)
			frame := from.Samples(20 * time.Millisecond)
			var out []int16
			for i := 0; i < len(in); i += frame {
				b, err := e1.Encode(nil, in[i:i+frame])
				if err != nil {
					t.Fatal(err)
				}
				pcm, err := d1.Decode(nil, b)
				if err != nil {
					t.Fatal(err)
				}
				if b, err = e2.Encode(nil, between.Resample(nil, pcm)); err != nil {
					t.Fatal(err)
				}
				if out, err = d2.Decode(out, b); err != nil {
					t.Fatal(err)
				}
			}
			if len(out) != to.SampleRate {
				t.Errorf("%s to %s: a second is %d samples", from.Name, to.Name, len(out))
			}
			got, rest := fitTone(out[to.SampleRate/5:], 425, float64(to.SampleRate))
			if gain := decibel(got / amplitude); math.Abs(gain) > 0.6 {
				t.Errorf("%s to %s: %.2f dB", from.Name, to.Name, gain)
			}
			// Noise of both adds up.
			want := min(quality[from], quality[to]) - 3
			if snr := decibel(got / math.Sqrt2 / rest); snr < want {
				t.Errorf("%s to %s: %.1f dB signal to noise, want %.1f", from.Name, to.Name, snr, want)
			}
		}
	}
}

func TestDoesNotAllocate(t *testing.T) {
	for _, c := range Table() {
		pcm := toneAt(425, float64(c.SampleRate), 9000, c.Samples(20*time.Millisecond))
		e, d := c.NewEncoder(Params{}), c.NewDecoder(Params{})
		payload := make([]byte, 0, len(pcm))
		out := make([]int16, 0, len(pcm))
		for name, f := range map[string]func(){
			"encode":  func() { payload, _ = e.Encode(payload[:0], pcm) },
			"decode":  func() { out, _ = d.Decode(out[:0], payload) },
			"conceal": func() { out, _ = d.Decode(out[:0], nil) },
		} {
			f()
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s: %s allocates %v times", c.Name, name, n)
			}
		}
	}
}

// benchmarkSpeech is what the benchmarks code: the generated speech that
// libgsm's and spandsp's figures are taken with.
func benchmarkSpeech(b *testing.B, c *Codec) (pcm []int16, frame int) {
	b.Helper()
	frame = c.Samples(20 * time.Millisecond)
	if c.SampleRate == 16000 {
		return readWords(b, g722Dir+"/speech.in.raw"), frame
	}
	return readWords(b, ownDir+"/speech.in.raw"), frame
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range Table() {
		b.Run(c.Name, func(b *testing.B) {
			pcm, frame := benchmarkSpeech(b, c)
			e := c.NewEncoder(Params{})
			payload := make([]byte, 0, frame)
			at := 0
			b.ReportAllocs()
			for b.Loop() {
				payload, _ = e.Encode(payload[:0], pcm[at:at+frame])
				if at += frame; at+frame > len(pcm) {
					at = 0
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range Table() {
		pcm, frame := benchmarkSpeech(b, c)
		b.Run(c.Name, func(b *testing.B) {
			coded, err := c.NewEncoder(Params{}).Encode(nil, pcm)
			if err != nil {
				b.Fatal(err)
			}
			d := c.NewDecoder(Params{})
			size := len(coded) * frame / len(pcm)
			out := make([]int16, 0, frame)
			at := 0
			b.ReportAllocs()
			for b.Loop() {
				out, _ = d.Decode(out[:0], coded[at:at+size])
				if at += size; at+size > len(coded) {
					at = 0
				}
			}
		})
		// A frame that comes and one that does not, by turns.
		b.Run(c.Name+"/lossy", func(b *testing.B) {
			coded, err := c.NewEncoder(Params{}).Encode(nil, pcm[len(pcm)/5:][:frame])
			if err != nil {
				b.Fatal(err)
			}
			d := c.NewDecoder(Params{})
			out := make([]int16, 0, 2*frame)
			b.ReportAllocs()
			for b.Loop() {
				out, _ = d.Decode(out[:0], coded)
				out, _ = d.Decode(out, nil)
			}
		})
	}
}

func ExampleCodec() {
	e, d := GSM.NewEncoder(Params{}), GSM.NewDecoder(Params{})
	payload, err := e.Encode(nil, make([]int16, 2*160)) // 40 ms
	if err != nil {
		fmt.Println(err)
	}
	pcm, err := d.Decode(nil, payload)
	fmt.Println(len(payload), len(pcm), err)
	// Output: 66 320 <nil>
}
