package codec

// Regular pulse excitation (4.2.13 to 4.2.18, 4.3.1): the residual of 40 samples
// becomes thirteen pulses, three samples apart, of three bits each.

// gsmWeightReach is how far the weighting filter looks to each side.
const gsmWeightReach = 5

// Mantissas: gsmMantissaInverse is NRFAC (table 4.5), gsmMantissa FAC (table
// 4.6). Read only.
var (
	gsmMantissaInverse = [8]int32{29128, 26215, 23832, 21846, 20165, 18725, 17476, 16384}
	gsmMantissa        = [8]int32{18431, 20479, 22527, 24575, 26623, 28671, 30719, 32767}
)

// gsmPulseValues is the value of a pulse by the coded maximum of its block and
// its own code. Read only.
var gsmPulseValues = gsmMakePulseValues()

func gsmMakePulseValues() (t [64][8]int16) {
	for m := range t {
		exp, mant := gsmExponent(int32(m))
		shift := 6 - exp
		half := int32(1) << shift >> 1
		for c := range t[m] {
			t[m][c] = int16((gsmMulR(gsmMantissa[mant], (int32(c)<<1-7)<<12) + half) >> shift)
		}
	}
	return t
}

// gsmExponent splits the coded maximum of a block (4.2.15).
func gsmExponent(coded int32) (exp, mant int32) {
	if coded > 15 {
		exp = coded>>3 - 1
	}
	mant = coded - exp<<3
	if mant == 0 {
		return -4, 7
	}
	for mant <= 7 {
		mant = mant<<1 | 1
		exp--
	}
	return exp, mant - 8
}

// gsmCodePulses sets grid, max and pulse of f for the residual in the middle of
// rest, and pulses to their decoded values.
func gsmCodePulses(f *gsmSubframe, pulses *[gsmPulses]int32, rest *[gsmSubSamples + 2*gsmWeightReach]int32) {
	// Weighting filter: a low pass. Its coefficients add up to less than 2^15,
	// so a sum of products with words is below 2^30.
	var x [gsmSubSamples]int32
	for k := range x {
		e := (*[2*gsmWeightReach + 1]int32)(rest[k : k+2*gsmWeightReach+1])
		x[k] = gsmSat((4096 - 134*(e[0]+e[10]) - 374*(e[1]+e[9]) +
			2054*(e[3]+e[7]) + 5741*(e[4]+e[6]) + 8192*e[5]) >> 13)
	}

	// The grid with most energy, the first among equals. Grids 0 and 3 share
	// all but one sample.
	var energy [4]int32 // of 13 squares below 2^26 each
	for i := 0; i < gsmSubSamples-1; i += 3 {
		a, b, c := x[i]>>2, x[i+1]>>2, x[i+2]>>2
		energy[0] += a * a
		energy[1] += b * b
		energy[2] += c * c
	}
	first, last := x[0]>>2, x[gsmSubSamples-1]>>2
	energy[3] = energy[0] - first*first + last*last
	grid := 0
	for m, e := range energy {
		if e > energy[grid] {
			grid = m
		}
	}
	f.grid = uint8(grid)

	var loudest int32
	on := (*[3*(gsmPulses-1) + 1]int32)(x[grid:])
	for i := range pulses {
		v := on[3*i]
		pulses[i] = v
		loudest = max(loudest, v, -v)
	}
	loudest = min(loudest, 1<<15-1)

	exp := int32(0)
	for v := loudest >> 9; v > 0 && exp < 6; v >>= 1 {
		exp++
	}
	f.max = uint8(loudest>>(exp+5) + exp<<3)
	exp, mant := gsmExponent(int32(f.max))
	shift, inverse := 6-exp, gsmMantissaInverse[mant]
	values := &gsmPulseValues[f.max&63]
	for i, v := range pulses {
		// v << shift stays a word since the exponent is that of the loudest.
		c := v<<shift*inverse>>27 + 4
		f.pulse[i] = uint8(c)
		pulses[i] = int32(values[c&7])
	}
}

// gsmDecodePulses sets pulses to the values that f codes.
func gsmDecodePulses(pulses *[gsmPulses]int32, f *gsmSubframe) {
	values := &gsmPulseValues[f.max&63]
	for i, c := range f.pulse {
		pulses[i] = int32(values[c&7])
	}
}
