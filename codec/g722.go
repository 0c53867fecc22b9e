package codec

import (
	"fmt"
	"slices"
	"time"
)

// G.722 at 64 kbit/s (ITU-T G.722 mode 1, "the standard" below):
//
//	2 samples ─ g722_qmf: one for the band below 4 kHz, one for that above ─
//	g722_band: each less what its predictor expects, quantised to 6 and 2 bits ─
//	an octet
//
// The decoder goes the other way; g722_conceal stands between the last two.
// Names in capitals are blocks of the standard
// (§6).

const (
	g722FrameTime = 125 * time.Microsecond // of an octet
	g722Rate      = 16000
	// g722Block is how many octets are worked on at a time: 20 ms.
	g722Block = 160
)

// A g722Encoder codes one stream.
type g722Encoder struct {
	split     g722Filter
	low, high g722Band
	codes     *g722LowCodes
}

func newG722Encoder(Params) Encoder {
	return &g722Encoder{low: newG722Low(), high: newG722High(), codes: g722MakeLowCodes()}
}

// Encode implements [Encoder]. Samples come in twos.
func (e *g722Encoder) Encode(dst []byte, pcm []int16) ([]byte, error) {
	if len(pcm)%2 != 0 {
		return dst, fmt.Errorf("g722: encode %d samples: not a multiple of 2", len(pcm))
	}
	dst = slices.Grow(dst, len(pcm)/2)
	for len(pcm) > 0 {
		n := min(len(pcm), 2*g722Block)
		dst = e.encode(dst, pcm[:n])
		pcm = pcm[n:]
	}
	return dst, nil
}

// encode codes a block at most.
func (e *g722Encoder) encode(dst []byte, pcm []int16) []byte {
	var bands g722Bands
	n := len(pcm) / 2
	e.split.analyse(&bands, pcm)
	for i := range n {
		low := e.codes.low(int(bands.low[i])-e.low.expected, e.low.step)
		e.low.takeLow(low)
		high := g722HighCode(int(bands.high[i])-e.high.expected, e.high.step)
		e.high.takeHigh(high)
		dst = append(dst, high<<6|low)
	}
	return dst
}

// A g722Decoder decodes one stream.
type g722Decoder struct {
	low, high g722Band
	join      g722Filter
	loss      g722Concealer
}

func newG722Decoder(Params) Decoder {
	return &g722Decoder{low: newG722Low(), high: newG722High()}
}

// Decode implements [Decoder]. A payload is any number of octets.
func (d *g722Decoder) Decode(dst []int16, payload []byte) ([]int16, error) {
	from := len(dst)
	if payload == nil {
		dst = slices.Grow(dst, 2*concealedSamples)[:from+2*concealedSamples]
		var bands g722Bands
		d.loss.conceal(&bands)
		d.join.synthesise(dst[from:], &bands)
		return dst, nil
	}
	dst = slices.Grow(dst, 2*len(payload))[:from+2*len(payload)]
	for pcm := dst[from:]; len(payload) > 0; {
		n := min(len(payload), g722Block)
		d.decode(pcm[:2*n], payload[:n])
		pcm, payload = pcm[2*n:], payload[n:]
	}
	return dst, nil
}

// decode decodes a block at most.
func (d *g722Decoder) decode(pcm []int16, payload []byte) {
	var bands g722Bands
	for i, b := range payload {
		low, high := b&0x3f, b>>6
		bands.low[i] = g722Limit(d.low.expected + d.low.step*int(g722Low6[low])>>15)
		bands.high[i] = g722Limit(d.high.expected + d.high.step*int(g722High2[high])>>15)
		d.low.takeLow(low)
		d.high.takeHigh(high)
	}
	d.loss.good(&bands, len(payload))
	d.join.synthesise(pcm, &bands)
}

// g722Limit is LIMIT: 15 bits.
func g722Limit(v int) int16 { return int16(min(max(v, -1<<14), 1<<14-1)) }
