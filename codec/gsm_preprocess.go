package codec

// A gsmHighPass takes the offset out of speech and lifts its treble (4.2.1 to
// 4.2.3). Its zero value is ready.
type gsmHighPass struct {
	last   int32 // z1: scaled sample before
	level  int64 // z2: output before, as a long word
	before int32 // mp: the same as a word
}

// filter sets s to pcm with 13 bits, without offset and pre-emphasised.
//
// |z2| stays below 2^30 + 2^15: with inputs within ±2^14 the offset filter
// y(n) = x(n) - x(n-1) + 0.999 y(n-1) gives at most 2·2^14, and its rounding adds
// less than a step. So the long additions never saturate, and neither does mp.
func (h *gsmHighPass) filter(s *[gsmSamples]int32, pcm *[gsmSamples]int16) {
	last, level, before := h.last, h.level, h.before
	for i, v := range pcm {
		x := int32(v) >> 3 << 2
		// The standard multiplies z2 by 32735/32768 in two halves of 15 bits
		// and rounds the lower; in 64 bits that is one multiplication.
		level = int64(x-last)<<15 + (level*32735+1<<14)>>15
		last = x
		out := int32((level + 1<<14) >> 15)
		s[i] = gsmSat(out + gsmMulR(before, -28180))
		before = out
	}
	h.last, h.level, h.before = last, level, before
}

// gsmDeemphasise turns the decoder's s into pcm with 13 bits (4.3.5, 4.3.6 and
// 4.3.7). It takes and gives the filter's state.
func gsmDeemphasise(pcm *[gsmSamples]int16, s *[gsmSamples]int32, state int32) int32 {
	for i, v := range s {
		state = gsmSat(v + gsmMulR(state, 28180))
		pcm[i] = int16(gsmSat(2*state) &^ 7)
	}
	return state
}
