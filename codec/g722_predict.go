package codec

import "math/bits"

// The predictors: two poles and six zeros a band, which move a step with every
// sample to where the prediction would have been better (blocks 4L and 4H).
//
// Both bands stand beside each other as 16-bit words in lanes of eight, as the
// processor's vectors have them: lanes 0 to 5 are the zeros', the latest first,
// 6 and 7 the poles'.

type g722Lanes [2][8]int16

const (
	g722Low  = 0
	g722High = 1
)

// g722Predictors is the state of both bands' predictors.
type g722Predictors struct {
	weights g722Lanes // B, A: what is multiplied with what was seen
	seen    g722Lanes // twice the differences D, twice the rebuilt samples R
	signs   g722Lanes // whose signs count: the differences, and P
	zeros   g722Lanes // SZ, the zeros' part of the prediction: lane 0 of each band
	sample  g722Lanes // S, the prediction: likewise; vectors fill the other lanes too
}

// g722AdaptGo takes the quantised differences: it rebuilds the samples, moves the
// weights, and predicts the next samples.
func g722AdaptGo(p *g722Predictors, low, high int) {
	p.adapt(g722Low, low)
	p.adapt(g722High, high)
}

// adapt does it for a band. Where the standard saturates and the code does not,
// the result cannot leave a word.
func (p *g722Predictors) adapt(band, d int) {
	w, seen, signs := &p.weights[band], &p.seen[band], &p.signs[band]
	rebuilt := saturate(int(p.sample[band][0]) + d) // RECONS
	partly := saturate(int(p.zeros[band][0]) + d)   // PARREC

	// UPPOL2, UPPOL1. The masks are -1 where signs differ, otherwise 0.
	x1, x2 := (partly^int(signs[6]))>>g722Sign, (partly^int(signs[7]))>>g722Sign
	a := min(negateIf(saturate(4*int(w[6])), ^x1), 1<<15-1)
	a2 := min(max(a>>7+negateIf(128, x2)+int(w[7])*127>>7, -12288), 12288)
	limit := 15360 - a2
	a1 := min(max(negateIf(192, x1)+int(w[6])*255>>8, -limit), limit)

	// UPZERO
	move := 128
	if d == 0 {
		move = 0
	}
	b0 := int(w[0])*255>>8 + negateIf(move, (d^int(signs[0]))>>g722Sign)
	b1 := int(w[1])*255>>8 + negateIf(move, (d^int(signs[1]))>>g722Sign)
	b2 := int(w[2])*255>>8 + negateIf(move, (d^int(signs[2]))>>g722Sign)
	b3 := int(w[3])*255>>8 + negateIf(move, (d^int(signs[3]))>>g722Sign)
	b4 := int(w[4])*255>>8 + negateIf(move, (d^int(signs[4]))>>g722Sign)
	b5 := int(w[5])*255>>8 + negateIf(move, (d^int(signs[5]))>>g722Sign)
	w[0], w[1], w[2], w[3] = int16(b0), int16(b1), int16(b2), int16(b3)
	w[4], w[5], w[6], w[7] = int16(b4), int16(b5), int16(a1), int16(a2)

	// DELAYA
	r := saturate(2 * rebuilt)
	seen[0], seen[1], seen[2], seen[3], seen[4], seen[5] = int16(2*d), seen[0], seen[1], seen[2], seen[3], seen[4]
	seen[6], seen[7] = int16(r), seen[6]
	signs[0], signs[1], signs[2], signs[3], signs[4], signs[5] = int16(d), signs[0], signs[1], signs[2], signs[3], signs[4]
	signs[6], signs[7] = int16(partly), signs[6]

	// FILTEZ, FILTEP, PREDIC
	zeros := saturate(b0*2*d>>15 + b1*int(seen[1])>>15 + b2*int(seen[2])>>15 +
		b3*int(seen[3])>>15 + b4*int(seen[4])>>15 + b5*int(seen[5])>>15)
	poles := saturate(a1*r>>15 + a2*int(seen[7])>>15)
	p.zeros[band][0], p.sample[band][0] = int16(zeros), int16(saturate(poles+zeros))
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
