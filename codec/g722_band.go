package codec

import "math/bits"

// One band: an adaptive quantiser behind a predictor of two poles and six
// zeros. Encoder and decoder run the same, from the quantised difference alone,
// and so expect the same.

// A g722Band is the state of one band in one direction.
type g722Band struct {
	step     int // DET: the quantiser's scale
	log      int // NB: its logarithm
	expected int // S: the next sample, as predicted
	zeros    int // SZ: the part of it that the zeros give

	// What the zeros see: six differences, the latest first, doubled.
	d0, d1, d2, d3, d4, d5 int
	b0, b1, b2, b3, b4, b5 int // their coefficients
	r                      int // the last sample as it was rebuilt, doubled
	a1, a2                 int // coefficients of the poles
	p1, p2                 int // of the last two samples, what the zeros alone would give
}

func newG722Low() g722Band  { return g722Band{step: 32} }
func newG722High() g722Band { return g722Band{step: 8} }

// The quantisers' levels, in units of DET/32768 (tables 14, 17 and 21 of §6):
// of the low band as it is heard and with its lowest two bits left out, which is
// what the predictor learns from, and of the high band.
var (
	g722Low6 = [64]int16{
		-136, -136, -136, -136, -24808, -21904, -19008, -16704,
		-14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
		-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576,
		-3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192,
		10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
		4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032,
		1688, 1360, 1040, 728, 432, 136, -432, -136,
	}
	g722Low4 = [16]int16{
		0, -20456, -12896, -8968, -6288, -4240, -2584, -1200,
		20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
	}
	g722High2 = [4]int16{-7408, -1616, 7408, 1616}
)

// By how much a code changes the logarithm of the scale (W of LOGSCL, LOGSCH).
var (
	g722LowGrowth = [16]int16{
		-60, 3042, 1198, 538, 334, 172, 58, -30,
		3042, 1198, 538, 334, 172, 58, -30, -60,
	}
	g722HighGrowth = [4]int16{798, -214, 798, -214}
)

// The largest logarithms, and the scale for the upper bits of each.
const (
	g722LowLogMax  = 9 << 11
	g722HighLogMax = 11 << 11
	g722LogShift   = 6
)

var (
	g722LowSteps  = g722Steps(g722LowLogMax)
	g722HighSteps = g722Steps(g722HighLogMax)
)

// g722Steps makes the table that SCALEL and SCALEH come to: powers of two, 32
// to the octave, up to 2^14 for the largest logarithm.
func g722Steps(logMax int) (steps [g722HighLogMax>>g722LogShift + 1]int16) {
	powers := [32]int16{ // table 15 of §6
		2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
		2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
	}
	for i := range logMax>>g722LogShift + 1 {
		steps[i] = 2 * powers[i%32] >> (logMax>>11 - i/32) << 2
	}
	return steps
}

// takeLow learns from the six bits of the low band, the upper four of them.
func (s *g722Band) takeLow(code uint8) {
	code = code >> 2 & 15
	s.adapt(s.step * int(g722Low4[code]) >> 15)
	s.log = min(max(s.log*127>>7+int(g722LowGrowth[code]), 0), g722LowLogMax)
	s.step = int(g722LowSteps[s.log>>g722LogShift])
}

// takeHigh learns from the two bits of the high band.
func (s *g722Band) takeHigh(code uint8) {
	code &= 3
	s.adapt(s.step * int(g722High2[code]) >> 15)
	s.log = min(max(s.log*127>>7+int(g722HighGrowth[code]), 0), g722HighLogMax)
	s.step = int(g722HighSteps[s.log>>g722LogShift])
}

// adapt takes the quantised difference d: it rebuilds the sample, moves the
// coefficients a step to where the prediction would have been better, and
// predicts the next. Where the standard saturates and the code does not, the
// result cannot leave a word.
func (s *g722Band) adapt(d int) {
	r := saturate(s.expected + d) // RECONS
	p := saturate(s.zeros + d)    // PARREC

	// UPPOL2, UPPOL1. The masks are -1 where signs differ, otherwise 0.
	x1, x2 := (p^s.p1)>>g722Sign, (p^s.p2)>>g722Sign
	s.p1, s.p2 = p, s.p1
	w := saturate(4 * s.a1)
	w = min(negateIf(w, ^x1), 1<<15-1)
	a2 := min(max(w>>7+negateIf(128, x2)+s.a2*127>>7, -12288), 12288)
	limit := 15360 - a2
	a1 := min(max(negateIf(192, x1)+s.a1*255>>8, -limit), limit)
	s.a1, s.a2 = a1, a2

	// UPZERO, FILTEZ
	move := 128
	if d == 0 {
		move = 0
	}
	d *= 2
	s.b0 = s.b0*255>>8 + negateIf(move, (d^s.d0)>>g722Sign)
	s.b1 = s.b1*255>>8 + negateIf(move, (d^s.d1)>>g722Sign)
	s.b2 = s.b2*255>>8 + negateIf(move, (d^s.d2)>>g722Sign)
	s.b3 = s.b3*255>>8 + negateIf(move, (d^s.d3)>>g722Sign)
	s.b4 = s.b4*255>>8 + negateIf(move, (d^s.d4)>>g722Sign)
	s.b5 = s.b5*255>>8 + negateIf(move, (d^s.d5)>>g722Sign)
	s.d0, s.d1, s.d2, s.d3, s.d4, s.d5 = d, s.d0, s.d1, s.d2, s.d3, s.d4
	s.zeros = saturate(s.b0*s.d0>>15 + s.b1*s.d1>>15 + s.b2*s.d2>>15 +
		s.b3*s.d3>>15 + s.b4*s.d4>>15 + s.b5*s.d5>>15)

	// FILTEP, PREDIC
	r = saturate(2 * r)
	poles := saturate(a1*r>>15 + a2*s.r>>15)
	s.r = r
	s.expected = saturate(poles + s.zeros)
}

// g722Sign shifts a number so far that its sign alone is left: -1 or 0.
const g722Sign = bits.UintSize - 1

// negateIf gives -v where mask is -1, and v where it is 0.
func negateIf(v, mask int) int { return (v ^ mask) - mask }

// saturate limits v to 16 bits. That it does is rare.
func saturate(v int) int {
	if v == int(int16(v)) {
		return v
	}
	return min(max(v, -1<<15), 1<<15-1)
}
