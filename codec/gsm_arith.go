package codec

import "math/bits"

// The standard computes with 16-bit words and 32-bit long words that saturate
// (section 5.1). Here words are kept in int32, and saturate only where a
// result can leave the range of a word; where it cannot, a comment says why.

// gsmSat limits v to a word. That it does is rare, so it is laid out for the
// branch predictor: both parts are inlined.
func gsmSat(v int32) int32 {
	if v == int32(int16(v)) {
		return v
	}
	return gsmLimit(v)
}

func gsmLimit(v int32) int32 {
	if v < 0 {
		return -1 << 15
	}
	return 1<<15 - 1
}

// gsmMulR is the product of two words as fractions, rounded. The caller makes
// sure that not both are -32768, the one case that overflows.
func gsmMulR(a, b int32) int32 { return (a*b + 1<<14) >> 15 }

// gsmAbs is the magnitude of a word; that of -32768 is 32767.
func gsmAbs(v int32) int32 {
	if v < 0 {
		return min(-v, 1<<15-1)
	}
	return v
}

// gsmNorm says how far a positive long word can be shifted left without
// overflow.
func gsmNorm(v int32) int { return bits.LeadingZeros32(uint32(v)) - 1 }
