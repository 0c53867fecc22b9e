package codec

import (
	"fmt"
	"slices"
	"time"
)

// G.722 at 64 kbit/s (ITU-T G.722 mode 1, "the standard" below):
//
//	2 samples ─ g722_qmf: one for the band below 4 kHz, one for that above ─
//	each less what g722_predict expects ─ g722_quantise: 6 and 2 bits ─ an octet
//
// with g722_band behind, which learns from the octet. The decoder goes the other
// way; g722_conceal stands in for what is lost. Names in capitals are the
// standard's own (§6).

const (
	g722FrameTime = 125 * time.Microsecond // of an octet
	g722Rate      = 16000
	// g722Block is how many octets are worked on at a time: 20 ms.
	g722Block = 160
)

// A g722Encoder codes one stream.
type g722Encoder struct {
	split g722Filter
	state g722State
	codes *g722LowCodes
}

func newG722Encoder(Params) Encoder {
	return &g722Encoder{state: newG722State(), codes: g722MakeLowCodes()}
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
	st := &e.state
	for i := range n {
		low := e.codes.low(int(bands.low[i])-int(st.expect.sample[g722Low][0]), st.low.step)
		high := g722HighCode(int(bands.high[i])-int(st.expect.sample[g722High][0]), st.high.step)
		code := high<<6 | low
		st.take(code)
		dst = append(dst, code)
	}
	return dst
}

// A g722Decoder decodes one stream.
type g722Decoder struct {
	state g722State
	join  g722Filter
	loss  g722Concealer
}

func newG722Decoder(Params) Decoder {
	return &g722Decoder{state: newG722State()}
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
	st := &d.state
	for i, code := range payload {
		low := st.low.step * int(g722Low6[code&0x3f]) >> 15
		high := st.high.step * int(g722High2[code>>6]) >> 15
		bands.low[i] = g722Limit(int(st.expect.sample[g722Low][0]) + low)
		bands.high[i] = g722Limit(int(st.expect.sample[g722High][0]) + high)
		st.take(code)
	}
	d.loss.good(&bands, len(payload))
	d.join.synthesise(pcm, &bands)
}

// g722Limit is LIMIT: 15 bits.
func g722Limit(v int) int16 { return int16(min(max(v, -1<<14), 1<<14-1)) }
