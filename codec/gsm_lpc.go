package codec

// Linear prediction (4.2.4 to 4.2.7): which eight log area ratios describe the
// spectrum of a frame.

// gsmRatio is how one log area ratio is coded (tables 4.1 and 4.2).
type gsmRatio struct {
	a, b     int32 // scale and offset
	inverse  int32 // of the scale
	min, max int32 // of the coded value before it is made positive
}

// gsmRatios is read only.
var gsmRatios = [gsmOrder]gsmRatio{
	{20480, 0, 13107, -32, 31},
	{20480, 0, 13107, -32, 31},
	{20480, 2048, 13107, -16, 15},
	{20480, -2560, 13107, -16, 15},
	{13964, 94, 19223, -8, 7},
	{15360, -1792, 17476, -8, 7},
	{8534, -341, 31454, -4, 3},
	{9036, -1144, 29708, -4, 3},
}

// gsmAnalyse sets lar to the coded log area ratios of s. Samples too loud for
// the correlation lose lower bits here, for good (4.2.4).
func gsmAnalyse(lar *[gsmOrder]uint8, s *[gsmSamples]int32) {
	var acf [gsmOrder + 1]int32
	gsmCorrelate(&acf, s)
	var r [gsmOrder]int32
	gsmReflections(&r, &acf)
	for i := range r {
		q := &gsmRatios[i]
		// The product is at most 20480, the offsets are small: no saturation.
		v := (q.a*gsmLogAreaRatio(r[i])>>15 + q.b + 256) >> 9
		lar[i] = uint8(min(max(v, q.min), q.max) - q.min)
	}
}

// gsmCorrelate sets acf to twice the autocorrelation of s.
func gsmCorrelate(acf *[gsmOrder + 1]int32, s *[gsmSamples]int32) {
	var loudest int32
	for _, v := range s {
		loudest = max(loudest, v, -v)
	}
	if loudest == 0 {
		return
	}
	shift := 4 - gsmNorm(min(loudest, 1<<15-1)<<16)
	if shift > 0 {
		half := int32(1) << (shift - 1)
		for i, v := range s {
			s[i] = (v + half) >> shift
		}
	}

	// Now |s| <= 2^11, so a sum of 160 products stays below 2^30. Two lags are
	// summed in one 64-bit word: with pair = s(i) + s(i-1)·2^32, the sum over
	// s(i+k)·pair is acf(k) + acf(k+1)·2^32, and both halves are exact.
	var pair [gsmSamples + gsmOrder]int64
	var last int64
	for i, v := range s {
		pair[i+gsmOrder] = int64(v) + last<<32
		last = int64(v)
	}
	var a0, a2, a4, a6, a8 int64
	for i, v := range s {
		w := int64(v)
		a0 += w * pair[i+8]
		a2 += w * pair[i+6]
		a4 += w * pair[i+4]
		a6 += w * pair[i+2]
		a8 += w * pair[i]
	}
	for k, a := range [...]int64{a0, a2, a4, a6} {
		acf[2*k] = int32(a) << 1
		acf[2*k+1] = int32((a-int64(int32(a)))>>32) << 1
	}
	acf[8] = int32(a8) << 1

	if shift > 0 {
		for i, v := range s {
			s[i] = int32(int16(v << shift)) // 32760 and more become -32768, as in the standard
		}
	}
}

// gsmReflections sets r to the reflection coefficients of acf, by Schur's
// recursion (4.2.5).
func gsmReflections(r *[gsmOrder]int32, acf *[gsmOrder + 1]int32) {
	if acf[0] == 0 {
		return
	}
	var p, k [gsmOrder + 1]int32
	norm := gsmNorm(acf[0])
	for i, v := range acf {
		p[i] = v << norm >> 16
	}
	copy(k[1:], p[1:gsmOrder])
	for n := range r {
		a := gsmAbs(p[1])
		if p[0] < a {
			return
		}
		c := gsmDiv(a, p[0])
		if p[1] > 0 {
			c = -c
		}
		r[n] = c
		if n == gsmOrder-1 {
			return
		}
		p[0] = gsmSat(p[0] + gsmMulR(p[1], c))
		for m := 1; m < gsmOrder-n; m++ {
			p[m], k[m] = gsmSat(p[m+1]+gsmMulR(k[m], c)), gsmSat(k[m]+gsmMulR(p[m+1], c))
		}
	}
}

// gsmDiv is the fraction a/b of two words, 0 <= a <= b.
func gsmDiv(a, b int32) int32 {
	if a == 0 {
		return 0
	}
	return min(a<<15/b, 1<<15-1)
}

// gsmLogAreaRatio approximates the logarithm of the area ratio of a reflection
// coefficient by three straight lines (4.2.6).
func gsmLogAreaRatio(r int32) int32 {
	a := gsmAbs(r)
	switch {
	case a < 22118:
		a >>= 1
	case a < 31130:
		a -= 11059
	default:
		a = (a - 26112) << 2
	}
	if r < 0 {
		return -a
	}
	return a
}
