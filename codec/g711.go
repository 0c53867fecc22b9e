package codec

import (
	"slices"
	"time"
)

// g711FrameTime is the time of one sample: G.711 has no frames.
const g711FrameTime = 125 * time.Microsecond

// A g711Decoder decodes A-law or µ-law with a table of a law's 256 values.
type g711Decoder struct {
	linear *[256]int16
	loss   concealer
}

// Decode implements [Decoder].
func (d *g711Decoder) Decode(dst []int16, payload []byte) ([]int16, error) {
	n := len(dst)
	if payload == nil {
		dst = slices.Grow(dst, concealedSamples)[:n+concealedSamples]
		d.loss.conceal(dst[n:])
		return dst, nil
	}
	dst = slices.Grow(dst, len(payload))[:n+len(payload)]
	out, linear := dst[n:], d.linear
	for len(payload) >= 8 && len(out) >= 8 {
		p, o := (*[8]uint8)(payload), (*[8]int16)(out)
		o[0] = linear[p[0]]
		o[1] = linear[p[1]]
		o[2] = linear[p[2]]
		o[3] = linear[p[3]]
		o[4] = linear[p[4]]
		o[5] = linear[p[5]]
		o[6] = linear[p[6]]
		o[7] = linear[p[7]]
		payload, out = payload[8:], out[8:]
	}
	for i, b := range payload {
		out[i] = linear[b]
	}
	d.loss.good(dst[n:])
	return dst, nil
}
