package dtmf

import "math"

// DetectorRate is the rate in Hz of the samples that a [Detector] takes.
const DetectorRate = 8000

// The detector's limits; ITU-T Q.24's figures are those of AT&T's column.
const (
	// block is how many samples are looked at at once: short enough that a
	// tone of 40 ms holds two whole blocks wherever it begins, and so does a
	// pause of 40 ms.
	block = 102
	// minTone is the least power of one tone, -29 dBm0 (Q.24: 0 to -25 dBm),
	// as the square of its peak.
	minTone = 810 * 810
	// A low tone may be so much stronger than the high one (8 dB) and the
	// other way round (4 dB); up to three dB are added for what the window costs.
	lowTwist  = 12.6
	highTwist = 3.2
	// alone is by how much the two tones exceed the others of their groups (7
	// dB). share is how much of all power they hold at least, purity how much
	// they hold once it is known by how much they are out of tune and what the
	// detector has missed for that: speech is broader.
	alone  = 5.0
	share  = 0.65
	purity = 0.86
	// detune is how far a tone may be from its frequency; Q.24 accepts 1.5 %
	// and refuses 3.5 %.
	detune = 0.025
	// gone is to what part of its power a tone has to fall to be over. An
	// interruption of 10 ms, which Q.24 bridges, leaves more of any block.
	gone = 0.02
	// even is the least part of a block's mean power that each quarter of it
	// has: a tone that begins or ends within the block leaves one empty. So a
	// tone of 23 ms, which fills no two blocks, is refused (Q.24).
	even = 0.3
	// steady is by how much the power may change from one block to the next.
	steady = 1.6
)

// A Detector hears digits in audio at 8000 Hz (ITU-T Q.24). A digit is
// reported once, when two blocks of 12.75 ms have held it. It allocates nothing
// and is used by one goroutine.
type Detector struct {
	n      int        // samples of the block so far
	energy [4]float64 // of its quarters
	low    [4]resonator
	high   [4]resonator
	last   hit  // of the block before
	digit  byte // being heard; 0: none
	power  float64
}

// A hit is what a block holds.
type hit struct {
	char                byte
	row, col            int
	lowPhase, highPhase float64 // at the block's end, in radians
	low, high, power    float64 // of the two tones, and of both
	energy              float64 // of all that is heard
	whole               bool    // the tones last from its beginning to its end
}

// A resonator is one bin of Goertzel's transform.
type resonator struct{ s1, s2 float64 }

// coefficients are 2·cos(2πf/rate) for the low and the high tones.
var coefficients = func() (c [2][4]float64) {
	for i := range 4 {
		c[0][i] = 2 * math.Cos(2*math.Pi*lowTones[i]/DetectorRate)
		c[1][i] = 2 * math.Cos(2*math.Pi*highTones[i]/DetectorRate)
	}
	return c
}()

// NewDetector makes a detector that has heard nothing.
func NewDetector() *Detector { return &Detector{} }

// Detect takes the next samples, a tick or so at a time, and says whether a
// digit has been heard in them. Only the first is given where there are two,
// which no tone of valid length allows within 40 ms.
func (d *Detector) Detect(samples []int16) (char byte, ok bool) {
	for len(samples) > 0 {
		n := min(block-d.n, len(samples))
		d.add(samples[:n])
		samples = samples[n:]
		if d.n < block {
			break
		}
		if c := d.step(d.hit()); c != 0 && !ok {
			char, ok = c, true
		}
		d.n, d.energy = 0, [4]float64{}
		d.low, d.high = [4]resonator{}, [4]resonator{}
	}
	return char, ok
}

func (d *Detector) add(samples []int16) {
	for i, v := range samples {
		x := float64(v)
		d.energy[(d.n+i)*4/block] += x * x
	}
	for i := range 4 {
		d.low[i].add(samples, coefficients[0][i])
		d.high[i].add(samples, coefficients[1][i])
	}
	d.n += len(samples)
}

func (r *resonator) add(samples []int16, c float64) {
	s1, s2 := r.s1, r.s2
	for _, v := range samples {
		s1, s2 = c*s1-s2+float64(v), s1
	}
	r.s1, r.s2 = s1, s2
}

// power is the square of the tone's peak.
func (r *resonator) power(c float64) float64 {
	const scale = 4.0 / (block * block)
	return scale * (r.s1*r.s1 + r.s2*r.s2 - c*r.s1*r.s2)
}

// phase is that of the tone at the end of the block, in radians.
func (r *resonator) phase(frequency float64) float64 {
	sin, cos := math.Sincos(2 * math.Pi * frequency / DetectorRate)
	return math.Atan2(r.s2*sin, r.s1-r.s2*cos)
}

// hit looks at a whole block.
func (d *Detector) hit() hit {
	var low, high [4]float64
	h := hit{}
	for i := range 4 {
		low[i] = d.low[i].power(coefficients[0][i])
		high[i] = d.high[i].power(coefficients[1][i])
		if low[i] > low[h.row] {
			h.row = i
		}
		if high[i] > high[h.col] {
			h.col = i
		}
	}
	l, g := low[h.row], high[h.col]
	h.low, h.high, h.power = l, g, l+g
	h.energy = d.energy[0] + d.energy[1] + d.energy[2] + d.energy[3]
	if l < minTone || g < minTone || l > g*lowTwist || g > l*highTwist {
		return h
	}
	for i := range 4 {
		if i != h.row && low[i]*alone > l || i != h.col && high[i]*alone > g {
			return h
		}
	}
	// A tone of peak a has the energy a²/2 a sample.
	if h.power*block/2 < share*h.energy {
		return h
	}
	h.whole = true
	for _, e := range d.energy {
		h.whole = h.whole && e*4 > even*h.energy
	}
	h.char = keypad[h.row*4+h.col]
	h.lowPhase = d.low[h.row].phase(lowTones[h.row])
	h.highPhase = d.high[h.col].phase(highTones[h.col])
	return h
}

// step draws the conclusions from one more block. It gives a digit that has
// just been recognised, or 0.
func (d *Detector) step(h hit) (char byte) {
	last := d.last
	d.last = h
	if d.digit != 0 {
		switch {
		case h.char == d.digit:
			d.power = h.power
			return 0
		case h.char == 0 && h.power > gone*d.power:
			return 0 // interrupted, or spoken over
		case h.char == 0:
			d.digit = 0
			return 0
		}
	}
	if h.char == 0 || h.char != last.char || !h.whole || !last.whole || !inTune(last, h) ||
		h.power > steady*last.power || last.power > steady*h.power {
		return 0
	}
	d.digit, d.power = h.char, h.power
	return h.char
}

// inTune measures the two frequencies by how far the phases have moved from one
// block to the next, and says whether they are those of the key, and whether
// two such tones are all that is heard.
func inTune(a, b hit) bool {
	low, ok := offset(b.lowPhase-a.lowPhase, lowTones[b.row])
	high, ok2 := offset(b.highPhase-a.highPhase, highTones[b.col])
	return ok && ok2 && pure(a, low, high) && pure(b, low, high)
}

const blockTime = float64(block) / DetectorRate // seconds

// offset gives by how many Hz a tone is off, and whether that is allowed.
func offset(moved, frequency float64) (float64, bool) {
	off := math.Remainder(moved-2*math.Pi*frequency*blockTime, 2*math.Pi) / (2 * math.Pi * blockTime)
	return off, math.Abs(off) <= detune*frequency
}

func pure(h hit, low, high float64) bool {
	return (h.low/response(low)+h.high/response(high))*block/2 > purity*h.energy
}

// response is what part of a tone's power a resonator off Hz beside it gives.
func response(off float64) float64 {
	x := math.Pi * off * blockTime
	if math.Abs(x) < 1e-3 {
		return 1
	}
	s := math.Sin(x) / x
	return s * s
}
