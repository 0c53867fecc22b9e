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
	for i, s := range pcm {
		if i < len(out) { // always true; spares the bounds check in the loop
			out[i] = codes[uint16(s)>>pcmuShift]
		}
	}
	return dst, nil
}
