package codec

// The short-term filter (4.2.8 to 4.2.10, 4.3.3, 4.3.4): a lattice whose
// coefficients glide from those of the frame before to those of this one.

// gsmGlide is how a frame is cut: the first three parts use coefficients
// between the frame before and this one.
var gsmGlide = [4]struct{ from, to int }{{0, 13}, {13, 27}, {27, 40}, {40, gsmSamples}}

// gsmDecodeRatios sets ratios to the log area ratios that lar codes.
func gsmDecodeRatios(ratios *[gsmOrder]int32, lar *[gsmOrder]uint8) {
	for i, c := range lar {
		q := &gsmRatios[i]
		v := gsmMulR(q.inverse, gsmSat((int32(c)+q.min)<<10-q.b<<1))
		ratios[i] = gsmSat(2 * v)
	}
}

// gsmCoefficients sets c to the reflection coefficients of part n of a frame.
func gsmCoefficients(c *[gsmOrder]int32, before, now *[gsmOrder]int32, n int) {
	for i := range c {
		// A quarter of one and three of another, or two halves, stay a word.
		b, w := before[i], now[i]
		var v int32
		switch n {
		case 0:
			v = b>>2 + w>>2 + b>>1
		case 1:
			v = b>>1 + w>>1
		case 2:
			v = b>>2 + w>>2 + w>>1
		default:
			v = w
		}
		a := gsmAbs(v)
		switch {
		case a < 11059:
			a <<= 1
		case a < 20070:
			a += 11059
		default:
			a = min(a>>2+26112, 1<<15-1)
		}
		if v < 0 {
			a = -a
		}
		c[i] = a
	}
}

// gsmAnalysisFilter turns the speech s into its residual. It runs four of the
// lattice's stages over all samples of a part, then the other four: so many
// fit into a machine's registers.
func gsmAnalysisFilter(u, before, now *[gsmOrder]int32, s *[gsmSamples]int32) {
	var delayed [gsmSamples]int32
	for n, part := range gsmGlide {
		var c [gsmOrder]int32
		gsmCoefficients(&c, before, now, n)
		forward, backward := s[part.from:part.to], delayed[part.from:part.to]
		copy(backward, forward)
		gsmLattice((*[4]int32)(c[:4]), (*[4]int32)(u[:4]), forward, backward)
		gsmLattice((*[4]int32)(c[4:]), (*[4]int32)(u[4:]), forward, backward)
	}
}

// gsmLattice runs four stages with coefficients c and state u. The coefficients
// are never -32768, so the rounded products need no care; the sums do.
func gsmLattice(c, u *[4]int32, forward, backward []int32) {
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	u0, u1, u2, u3 := u[0], u[1], u[2], u[3]
	if len(backward) < len(forward) {
		return // never so; spares the bounds checks in the loop
	}
	for k, d := range forward {
		b := backward[k]
		b0 := gsmSat(u0 + gsmMulR(c0, d))
		d = gsmSat(d + gsmMulR(c0, u0))
		u0 = b
		b1 := gsmSat(u1 + gsmMulR(c1, d))
		d = gsmSat(d + gsmMulR(c1, u1))
		u1 = b0
		b2 := gsmSat(u2 + gsmMulR(c2, d))
		d = gsmSat(d + gsmMulR(c2, u2))
		u2 = b1
		b3 := gsmSat(u3 + gsmMulR(c3, d))
		d = gsmSat(d + gsmMulR(c3, u3))
		u3 = b2
		forward[k], backward[k] = d, b3
	}
	u[0], u[1], u[2], u[3] = u0, u1, u2, u3
}

// gsmSynthesisFilter turns the residual s into speech.
func gsmSynthesisFilter(v, before, now *[gsmOrder]int32, s *[gsmSamples]int32) {
	for n, part := range gsmGlide {
		var c [gsmOrder]int32
		gsmCoefficients(&c, before, now, n)
		p := s[part.from:part.to]
		for k, x := range p {
			x = gsmSat(x - gsmMulR(c[7], v[7]))
			for i := gsmOrder - 2; i >= 0; i-- {
				x = gsmSat(x - gsmMulR(c[i], v[i]))
				v[i+1] = gsmSat(v[i] + gsmMulR(c[i], x))
			}
			v[0] = x
			p[k] = x
		}
	}
}
