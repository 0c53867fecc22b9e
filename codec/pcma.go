package codec

import (
	"slices"
	"sync"

	"github.com/zaf/g711"
)

// A-law as zaf/g711 codes it looks at the twelve highest bits of a sample
// alone, so the table is indexed by those.
const pcmaShift = 4

var (
	pcmaCodes = sync.OnceValue(func() *[1 << (16 - pcmaShift)]uint8 {
		t := new([1 << (16 - pcmaShift)]uint8)
		for i := range t {
			t[i] = g711.EncodeAlawFrame(int16(uint16(i << pcmaShift)))
		}
		return t
	})
	pcmaLinear = sync.OnceValue(func() *[256]int16 {
		t := new([256]int16)
		for i := range t {
			t[i] = g711.DecodeAlawFrame(uint8(i))
		}
		return t
	})
)

type pcmaEncoder struct{ codes *[1 << (16 - pcmaShift)]uint8 }

func newPCMAEncoder(Params) Encoder { return pcmaEncoder{pcmaCodes()} }

func newPCMADecoder(Params) Decoder { return &g711Decoder{linear: pcmaLinear()} }

// Encode implements [Encoder].
func (e pcmaEncoder) Encode(dst []byte, pcm []int16) ([]byte, error) {
	n := len(dst)
	dst = slices.Grow(dst, len(pcm))[:n+len(pcm)]
	out := dst[n:]
	codes := e.codes
	for len(pcm) >= 8 && len(out) >= 8 {
		p, o := (*[8]int16)(pcm), (*[8]uint8)(out)
		o[0] = codes[uint16(p[0])>>pcmaShift]
		o[1] = codes[uint16(p[1])>>pcmaShift]
		o[2] = codes[uint16(p[2])>>pcmaShift]
		o[3] = codes[uint16(p[3])>>pcmaShift]
		o[4] = codes[uint16(p[4])>>pcmaShift]
		o[5] = codes[uint16(p[5])>>pcmaShift]
		o[6] = codes[uint16(p[6])>>pcmaShift]
		o[7] = codes[uint16(p[7])>>pcmaShift]
		pcm, out = pcm[8:], out[8:]
	}
	for i, s := range pcm {
		out[i] = codes[uint16(s)>>pcmaShift]
	}
	return dst, nil
}
