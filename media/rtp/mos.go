package rtp

import (
	"math"
	"time"
)

// An impairment is what ITU-T G.113 says of a codec: its equipment impairment
// factor and its robustness against loss.
type impairment struct{ ie, bpl float64 }

// impairmentOf is from G.113 Appendix I for the narrow-band codecs, with loss
// concealment. The wide-band ones are taken as free of impairment on the
// narrow-band scale, with a robustness near that of G.711 with concealment.
func impairmentOf(codec string) impairment {
	switch codec {
	case "gsm":
		return impairment{ie: 20, bpl: 43}
	case "g729":
		return impairment{ie: 11, bpl: 19}
	case "opus":
		return impairment{ie: 0, bpl: 20}
	default: // pcmu, pcma, g722
		return impairment{ie: 0, bpl: 25.1}
	}
}

// MOS estimates how a listener would rate a call, 1 to 4.5, by the E-model of
// ITU-T G.107 with its default values for all that is not named here. codec is
// a codec's name, loss the fraction of packets that could not be played (0 to
// 1), delay the one-way delay from mouth to ear, burst the burst ratio (1 for
// independent losses, more where they come together; less counts as 1).
func MOS(codec string, loss float64, delay time.Duration, burst float64) float64 {
	return mosOf(rating(impairmentOf(codec), loss, delay, burst))
}

// rating is the transmission rating factor R (G.107 §7.1).
func rating(c impairment, loss float64, delay time.Duration, burst float64) float64 {
	ppl := 100 * min(1, max(0, loss))
	ieEff := c.ie + (95-c.ie)*ppl/(ppl/max(1, burst)+c.bpl) // §7.5
	ms := float64(max(0, delay)) / float64(time.Millisecond)
	return ro - is - delayImpairment(ms) - ieEff
}

// delayImpairment is Id (§7.4), with Ta = T = Tr/2 and the default TELR of 65 dB
// and WEPL of 110 dB.
func delayImpairment(t float64) float64 {
	const telr, wepl, rlr = 65.0, 110.0, 2.0

	// Talker echo, Idte.
	terv := telr - 40*math.Log10((1+t/10)/(1+t/150)) + 6*math.Exp(-0.3*t*t)
	re := 80 + 2.5*(terv-14)
	roe := -1.5 * (noiseFloor - rlr)
	x := (roe - re) / 2
	idte := (x + math.Sqrt(x*x+100) - 1) * (1 - math.Exp(-t))

	// Listener echo, Idle.
	rle := 10.5 * (wepl + 7) * math.Pow(2*t+1, -0.25)
	x = (ro - rle) / 2
	idle := x + math.Sqrt(x*x+169)

	// Too long a delay by itself, Idd.
	idd := 0.0
	if t > 100 {
		x := math.Log2(t / 100)
		idd = 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
	}
	return idte + idle + idd
}

// With default values: the signal-to-noise ratio Ro (§7.2), what comes with the
// voice signal Is (§7.3), and the sum of the noises No in dBm0p (§7.2.3).
const (
	ro         = 94.7688
	is         = 1.4136
	noiseFloor = -61.18
)

// mosOf is Annex B's conversion.
func mosOf(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}
