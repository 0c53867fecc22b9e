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

// gsmAnalysisFilter turns the speech s into its residual. The coefficients are
// never -32768, so the rounded products need no care; the sums do.
func gsmAnalysisFilter(u, before, now *[gsmOrder]int32, s *[gsmSamples]int32) {
	for n, part := range gsmGlide {
		var c [gsmOrder]int32
		gsmCoefficients(&c, before, now, n)
		p := s[part.from:part.to]
		for k, d := range p {
			save := d
			for i := range c {
				ui, ci := u[i], c[i]
				u[i] = save
				save = gsmSat(ui + gsmMulR(ci, d))
				d = gsmSat(d + gsmMulR(ci, ui))
			}
			p[k] = d
		}
	}
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
