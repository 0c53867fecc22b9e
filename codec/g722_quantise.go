package codec

import "sync"

// g722LowLevels are the decision levels of the low band's quantiser, in units of
// DET/4096 (Q6 of QUANTL).
var g722LowLevels = [29]int16{
	35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714,
	786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
}

const g722LowLevelMax = 2919

// g722LowCodes gives the six bits of a difference that is so many times DET/4096,
// those of positive ones first. Where the standard compares with one level after
// the other, here is a division and a look.
type g722LowCodes [2][g722LowLevelMax + 1]uint8

var g722MakeLowCodes = sync.OnceValue(func() *g722LowCodes {
	t := new(g722LowCodes)
	passed := 0
	for i := range t[0] {
		for passed < len(g722LowLevels) && int(g722LowLevels[passed]) <= i {
			passed++
		}
		// Codes 0 to 3 stand for nothing.
		t[0][i] = uint8(61 - passed)
		if passed < 2 {
			t[1][i] = uint8(63 - passed)
		} else {
			t[1][i] = uint8(33 - passed)
		}
	}
	return t
})

// low is QUANTL. A difference e is above a level when its magnitude is not below
// level·step/4096, rounded down, which is when
// (magnitude+1)·4096 is above level·step.
func (t *g722LowCodes) low(e, step int) uint8 {
	e = saturate(e)
	sign := e >> g722Sign
	ratio := (uint32(e^sign+1)<<12 - 1) / uint32(step)
	return t[sign&1][min(ratio, g722LowLevelMax)]
}

// g722HighCode is QUANTH: two bits, the sign and whether the magnitude is above
// its one level.
func g722HighCode(e, step int) uint8 {
	e = saturate(e)
	sign := e >> g722Sign
	code := uint8(3)
	if e^sign >= 564*step>>12 {
		code = 2
	}
	return code + uint8(2*sign)
}
