package codec

// One band: an adaptive quantiser behind g722_predict. Encoder and decoder run
// the same, from the quantised difference alone.

// A g722Scale is the state of a band's quantiser.
type g722Scale struct {
	step int // DET
	log  int // NB: its logarithm
}

// A g722State is that of both bands in one direction.
type g722State struct {
	low, high g722Scale
	expect    g722Predictors
}

func newG722State() g722State {
	return g722State{low: g722Scale{step: 32}, high: g722Scale{step: 8}}
}

// The quantisers' levels, in units of DET/32768: of the low band as it is heard
// (INVQBL) and with its lowest two bits left out, which is what the predictor
// learns from (INVQAL), and of the high band (INVQAH).
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
	powers := [32]int16{ // ILB
		2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
		2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
	}
	for i := range logMax>>g722LogShift + 1 {
		steps[i] = 2 * powers[i%32] >> (logMax>>11 - i/32) << 2
	}
	return steps
}

// take learns from a code: of its low six bits from the upper four, and from its
// upper two.
func (s *g722State) take(code byte) {
	low, high := code>>2&15, code>>6
	g722Adapt(&s.expect, s.low.step*int(g722Low4[low])>>15, s.high.step*int(g722High2[high])>>15)
	s.low.log = min(max(s.low.log*127>>7+int(g722LowGrowth[low]), 0), g722LowLogMax)
	s.low.step = int(g722LowSteps[s.low.log>>g722LogShift])
	s.high.log = min(max(s.high.log*127>>7+int(g722HighGrowth[high]), 0), g722HighLogMax)
	s.high.step = int(g722HighSteps[s.high.log>>g722LogShift])
}
