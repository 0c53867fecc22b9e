package codec

// The long-term predictor (4.2.11, 4.2.12, 4.3.2): which stretch of the
// residual 40 to 120 samples ago is most like the next 40 samples, and how much
// of it to take.

// gsmGain is the decoded gain (QLB, table 4.3b), gsmGainLimit the decision
// levels between gains (DLB, table 4.3a). Read only.
var (
	gsmGain      = [4]int32{3277, 11469, 21299, 32767}
	gsmGainLimit = [3]int32{6554, 16384, 26214}
)

// gsmPast is the reconstructed residual of the frame before and of this frame
// as far as it is coded, twice: by sample, and by pairs of samples for the
// search: pair[i] = sample[i] + sample[i+1]·2^32.
type gsmPast struct {
	sample [gsmMaxLag + gsmSamples]int32
	pair   [gsmMaxLag + gsmSamples]int64
}

// extend tells p that n samples more are set, up to before end.
func (p *gsmPast) extend(end, n int) {
	for i := max(end-n-1, 0); i < end-1; i++ {
		p.pair[i] = int64(p.sample[i]) + int64(p.sample[i+1])<<32
	}
	p.pair[end-1] = int64(p.sample[end-1])
}

// gsmCodeResidual codes the residual d of a frame. past is that of the frame
// before as the decoder has it, and becomes that of this frame.
func gsmCodeResidual(sub *[gsmSubframes]gsmSubframe, past *[gsmMaxLag]int32, d *[gsmSamples]int32) {
	var p gsmPast
	copy(p.sample[:], past[:])
	p.extend(gsmMaxLag, gsmMaxLag)
	for n := range sub {
		f := &sub[n]
		start := n * gsmSubSamples
		target := (*[gsmSubSamples]int32)(d[start:])
		window := (*[gsmMaxLag]int32)(p.sample[start:])
		gsmPredict(f, target, window, (*[gsmMaxLag]int64)(p.pair[start:]))

		// What is left after prediction, with room for the weighting filter.
		var rest [gsmSubSamples + 2*gsmWeightReach]int32
		var predicted [gsmSubSamples]int32
		source := (*[gsmSubSamples]int32)(window[gsmMaxLag-int(f.lag):])
		gain := gsmGain[f.gain]
		for k, v := range source {
			predicted[k] = gsmMulR(gain, v)
			rest[k+gsmWeightReach] = gsmSat(target[k] - predicted[k])
		}
		var pulses [gsmPulses]int32
		gsmCodePulses(f, &pulses, &rest)

		coded := (*[gsmSubSamples]int32)(p.sample[gsmMaxLag+start:])
		*coded = predicted
		for i, v := range pulses {
			k := int(f.grid) + 3*i
			coded[k] = gsmSat(predicted[k] + v)
		}
		p.extend(gsmMaxLag+start+gsmSubSamples, gsmSubSamples)
	}
	copy(past[:], p.sample[gsmSamples:])
}

// gsmPredict sets lag and gain of f for the target, from the 120 samples before.
func gsmPredict(f *gsmSubframe, target *[gsmSubSamples]int32, past *[gsmMaxLag]int32, pair *[gsmMaxLag]int64) {
	var loudest int32
	for _, v := range target {
		loudest = max(loudest, v, -v)
	}
	shift := 0
	if loudest != 0 {
		shift = max(6-gsmNorm(min(loudest, 1<<15-1)<<16), 0)
	}
	// Now |scaled| <= 2^9, so that 40 products with words stay below 2^30.
	var scaled [gsmSubSamples]int64
	for k, v := range target {
		scaled[k] = int64(v >> shift)
	}
	lag, best := gsmBestLag(&scaled, pair)
	f.lag = uint8(lag)
	f.gain = 0
	if best <= 0 {
		return
	}
	best = best << 1 >> (6 - shift)

	var power int32 // at most 40·2^24
	for _, v := range past[gsmMaxLag-lag:][:gsmSubSamples] {
		power += (v >> 3) * (v >> 3)
	}
	power <<= 1
	switch {
	case best <= 0:
		return
	case best >= power:
		f.gain = 3
		return
	}
	norm := gsmNorm(power)
	r, s := best<<norm>>16, power<<norm>>16
	for f.gain < 3 && r > s*gsmGainLimit[f.gain]>>15 {
		f.gain++
	}
}

// gsmBestLag gives the lag with the greatest correlation, the shortest among
// equals, and that correlation; 40 and 0 if none is positive. Each 64-bit sum
// holds two lags: that of sample k is in the lower half, and the one shorter by
// one in the upper. Both are below 2^30 and so exact.
func gsmBestLag(scaled *[gsmSubSamples]int64, pair *[gsmMaxLag]int64) (lag int, best int32) {
	lag = gsmMinLag
	longest := (*[gsmSubSamples]int64)(pair[gsmMaxLag-gsmMinLag:])
	var a int64
	for k, w := range scaled {
		a += w * longest[k]
	}
	best = max(int32(a), 0)

	// at is the place of the first sample for the longest of eight lags.
	for at := gsmMaxLag - gsmMinLag - 8; at >= 0; at -= 8 {
		a0, a2, a4, a6 := gsmEightLags(scaled, (*[gsmSubSamples + 6]int64)(pair[at:]))
		for i, a := range [...]int64{a6, a4, a2, a0} {
			longer := int32(a)
			if shorter := int32((a - int64(longer)) >> 32); shorter > best {
				lag, best = gsmMaxLag-at-7+2*i, shorter
			}
			if longer > best {
				lag, best = gsmMaxLag-at-6+2*i, longer
			}
		}
	}
	return lag, best
}

// gsmEightLags gives the correlation of scaled with eight places in window, two
// in each result. It is the innermost loop of the encoder, and on its own so that
// all it uses stays in registers.
//
//go:noinline
func gsmEightLags(scaled *[gsmSubSamples]int64, window *[gsmSubSamples + 6]int64) (a0, a2, a4, a6 int64) {
	for k := 0; k < gsmSubSamples-1; k += 2 {
		w, x := scaled[k], scaled[k+1]
		a0 += w*window[k] + x*window[k+1]
		a2 += w*window[k+2] + x*window[k+3]
		a4 += w*window[k+4] + x*window[k+5]
		a6 += w*window[k+6] + x*window[k+7]
	}
	return a0, a2, a4, a6
}

// decodeResidual sets d to the residual that sub codes (4.3.1, 4.3.2).
func (d *gsmDecoder) decodeResidual(s *[gsmSamples]int32, sub *[gsmSubframes]gsmSubframe) {
	var all [gsmMaxLag + gsmSamples]int32
	copy(all[:], d.history[:])
	for n := range sub {
		f := &sub[n]
		if lag := int(f.lag); lag >= gsmMinLag && lag <= gsmMaxLag {
			d.lag = lag
		}
		start := gsmMaxLag + n*gsmSubSamples
		out := (*[gsmSubSamples]int32)(all[start:])
		past := (*[gsmSubSamples]int32)(all[start-max(d.lag, gsmMinLag):])
		gain := gsmGain[f.gain&3]
		for k, v := range past {
			out[k] = gsmMulR(gain, v)
		}
		var pulses [gsmPulses]int32
		gsmDecodePulses(&pulses, f)
		for i, v := range pulses {
			k := int(f.grid&3) + 3*i
			out[k] = gsmSat(out[k] + v)
		}
	}
	copy(s[:], all[gsmMaxLag:])
	copy(d.history[:], all[gsmSamples:])
}
