package codec

// The quadrature mirror filters: 24 taps, the second half of
// which mirrors the first. Samples of even and of odd number meet taps of their
// own; the sum of the two is the low band, the difference the high one.

// g722Bands are the two bands of a block, at 8000 Hz.
type g722Bands struct{ low, high [g722Block]int16 }

// A g722Filter is the state of either filter.
type g722Filter struct {
	// past holds what the next output needs, then room for a block.
	past [g722Taps - 2 + 2*g722Block]int16
}

const g722Taps = 24

// analyse splits samples, a block of them at most, into bands: TRANSMIT QMF.
func (f *g722Filter) analyse(bands *g722Bands, pcm []int16) {
	n := copy(f.past[g722Taps-2:], pcm)
	var sums [g722Block]g722Sum
	g722Sums(sums[:n/2], f.past[:g722Taps-2+n])
	for i, s := range sums[:n/2] {
		bands.low[i], bands.high[i] = int16((s.odd+s.even)>>14), int16((s.odd-s.even)>>14)
	}
	copy(f.past[:g722Taps-2], f.past[n:])
}

// synthesise joins the beginning of bands to as many samples as pcm holds:
// RECEIVE QMF.
func (f *g722Filter) synthesise(pcm []int16, bands *g722Bands) {
	n := len(pcm) / 2
	room := f.past[g722Taps-2:]
	for i := range n {
		// Limited to 15 bits each, they cannot leave 16.
		room[2*i], room[2*i+1] = bands.low[i]+bands.high[i], bands.low[i]-bands.high[i]
	}
	var sums [g722Block]g722Sum
	g722Sums(sums[:n], f.past[:g722Taps-2+2*n])
	for i, s := range sums[:n] {
		pcm[2*i], pcm[2*i+1] = saturate16(s.odd>>11), saturate16(s.even>>11)
	}
	copy(f.past[:g722Taps-2], f.past[2*n:])
}

// A g722Sum holds the sums of products over 24 samples, those of even and those
// of odd number.
type g722Sum struct{ even, odd int32 }

// g722SumsGo makes sums of x, the oldest sample first, each two samples further
// than the one before.
func g722SumsGo(sums []g722Sum, x []int16) {
	for i := range sums {
		w := (*[g722Taps]int16)(x[2*i:])
		sums[i].even = 3*int32(w[0]) - 11*int32(w[2]) + 12*int32(w[4]) + 32*int32(w[6]) -
			210*int32(w[8]) + 951*int32(w[10]) + 3876*int32(w[12]) - 805*int32(w[14]) +
			362*int32(w[16]) - 156*int32(w[18]) + 53*int32(w[20]) - 11*int32(w[22])
		sums[i].odd = -11*int32(w[1]) + 53*int32(w[3]) - 156*int32(w[5]) + 362*int32(w[7]) -
			805*int32(w[9]) + 3876*int32(w[11]) + 951*int32(w[13]) - 210*int32(w[15]) +
			32*int32(w[17]) + 12*int32(w[19]) - 11*int32(w[21]) + 3*int32(w[23])
	}
}
