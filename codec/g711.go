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
	pcm := dst[n:]
	linear := d.linear
	for i, b := range payload {
		if i < len(pcm) { // always true; spares the bounds check in the loop
			pcm[i] = linear[b]
		}
	}
	d.loss.good(pcm)
	return dst, nil
}
