package codec

import (
	"slices"
	"sync"

	"github.com/zaf/g711"
)

// µ-law codes 14 bits: the two lowest bits of a sample do not count, so the
// table is indexed by the other fourteen.
const pcmuShift = 2

var (
	pcmuCodes = sync.OnceValue(func() *[1 << (16 - pcmuShift)]uint8 {
		t := new([1 << (16 - pcmuShift)]uint8)
		for i := range t {
			t[i] = g711.EncodeUlawFrame(int16(uint16(i << pcmuShift)))
		}
		return t
	})
	pcmuLinear = sync.OnceValue(func() *[256]int16 {
		t := new([256]int16)
		for i := range t {
			t[i] = g711.DecodeUlawFrame(uint8(i))
		}
		return t
	})
)

type pcmuEncoder struct{ codes *[1 << (16 - pcmuShift)]uint8 }

func newPCMUEncoder(Params) Encoder { return pcmuEncoder{pcmuCodes()} }

func newPCMUDecoder(Params) Decoder { return &g711Decoder{linear: pcmuLinear()} }

// Encode implements [Encoder].
func (e pcmuEncoder) Encode(dst []byte, pcm []int16) ([]byte, error) {
	n := len(dst)
	dst = slices.Grow(dst, len(pcm))[:n+len(pcm)]
	out := dst[n:]
	codes := e.codes
	for len(pcm) >= 8 && len(out) >= 8 {
		p, o := (*[8]int16)(pcm), (*[8]uint8)(out)
		o[0] = codes[uint16(p[0])>>pcmuShift]
		o[1] = codes[uint16(p[1])>>pcmuShift]
		o[2] = codes[uint16(p[2])>>pcmuShift]
		o[3] = codes[uint16(p[3])>>pcmuShift]
		o[4] = codes[uint16(p[4])>>pcmuShift]
		o[5] = codes[uint16(p[5])>>pcmuShift]
		o[6] = codes[uint16(p[6])>>pcmuShift]
		o[7] = codes[uint16(p[7])>>pcmuShift]
		pcm, out = pcm[8:], out[8:]
	}
	for i, s := range pcm {
		out[i] = codes[uint16(s)>>pcmuShift]
	}
	return dst, nil
}
