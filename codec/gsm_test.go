package codec

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

const (
	etsiDir = "../../shared/vectors/gsm-fr"
	ownDir  = "../testdata/gsm"
)

// TestGSMStandard runs the sequences of the standard, which are not part of the
// repository. testdata/gsm proves the same where they are absent.
func TestGSMStandard(t *testing.T) {
	if _, err := os.Stat(etsiDir); err != nil {
		t.Skipf("no ETSI sequences: %v", err)
	}
	for _, seq := range []string{"Seq01", "Seq02", "Seq03", "Seq04", "Seq05"} {
		t.Run(seq, func(t *testing.T) {
			coded := readWords(t, filepath.Join(etsiDir, seq+".cod"))
			speech := readWords(t, filepath.Join(etsiDir, seq+".out"))
			var want []gsmFrame
			for ; len(coded) > 0; coded = coded[76:] {
				want = append(want, gsmFrameOf(coded))
			}
			if seq != "Seq05" { // made for the decoder alone
				checkGSMEncoder(t, readWords(t, filepath.Join(etsiDir, seq+".inp")), want)
			}
			checkGSMDecoder(t, want, speech)
		})
	}
}

// TestGSMLibrary runs vectors that libgsm made.
func TestGSMLibrary(t *testing.T) {
	for _, name := range []string{"speech", "noise", "extremes", "random"} {
		t.Run(name, func(t *testing.T) {
			coded, err := os.ReadFile(filepath.Join(ownDir, name+".gsm"))
			if err != nil {
				t.Fatal(err)
			}
			frames := make([]gsmFrame, len(coded)/gsmFrameOctets)
			for i := range frames {
				b := (*[gsmFrameOctets]byte)(coded[i*gsmFrameOctets:])
				frames[i].unpack(b)
				var again [gsmFrameOctets]byte
				if frames[i].pack(&again); again != *b {
					t.Fatalf("frame %d: packed again it is\n%x, was\n%x", i, again, *b)
				}
			}
			if name != "random" {
				checkGSMEncoder(t, readWords(t, filepath.Join(ownDir, name+".in.raw")), frames)
			}
			checkGSMDecoder(t, frames, readWords(t, filepath.Join(ownDir, name+".out.raw")))
		})
	}
}

func checkGSMEncoder(t *testing.T, pcm []int16, want []gsmFrame) {
	t.Helper()
	if len(pcm) != len(want)*gsmSamples {
		t.Fatalf("%d samples for %d frames", len(pcm), len(want))
	}
	e := newGSMEncoder(Params{}).(*gsmEncoder)
	for i := range want {
		var got gsmFrame
		e.encode(&got, (*[gsmSamples]int16)(pcm[i*gsmSamples:]))
		if got != want[i] {
			t.Fatalf("frame %d coded as\n%v, want\n%v", i, got, want[i])
		}
	}
}

func checkGSMDecoder(t *testing.T, frames []gsmFrame, want []int16) {
	t.Helper()
	if len(want) != len(frames)*gsmSamples {
		t.Fatalf("%d samples for %d frames", len(want), len(frames))
	}
	d := newGSMDecoder(Params{})
	var pcm []int16
	for i := range frames {
		var b [gsmFrameOctets]byte
		frames[i].pack(&b)
		var err error
		if pcm, err = d.Decode(pcm[:0], b[:]); err != nil {
			t.Fatal(err)
		}
		for k, v := range want[i*gsmSamples : (i+1)*gsmSamples] {
			if pcm[k] != v {
				t.Fatalf("frame %d, sample %d decoded as %d, want %d", i, k, pcm[k], v)
			}
		}
	}
}

// gsmFrameOf gives the frame whose 76 parameters stand in the order of table
// 1.1 of the standard.
func gsmFrameOf(w []int16) gsmFrame {
	var f gsmFrame
	for i := range f.lar {
		f.lar[i] = uint8(w[i])
	}
	for n := range f.sub {
		p := w[8+17*n:][:17]
		s := &f.sub[n]
		s.lag, s.gain, s.grid, s.max = uint8(p[0]), uint8(p[1]), uint8(p[2]), uint8(p[3])
		for i := range s.pulse {
			s.pulse[i] = uint8(p[4+i])
		}
	}
	return f
}

func readWords(t testing.TB, name string) []int16 {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	words := make([]int16, len(b)/2)
	for i := range words {
		words[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return words
}
