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
	// other way round (4 dB); one dB is added for what the window costs.
	lowTwist  = 8.0
	highTwist = 3.2
	// alone is by how much the two tones exceed the others of their groups (8
	// dB), and share is how much of all power they hold: speech is broader.
	alone = 6.3
	share = 0.74
	// detune is how far a tone may be from its frequency; Q.24 accepts 1.5 %
	// and refuses 3.5 %.
	detune = 0.025
	// gone is to what part of its power a tone has to fall to be over. An
	// interruption of 10 ms, which Q.24 bridges, leaves more of any block.
	gone = 0.02
)

// A Detector hears digits in audio at 8000 Hz (ITU-T Q.24). A digit is
// reported once, when two blocks of 12.75 ms have held it. It allocates nothing
// and is used by one goroutine.
type Detector struct {
	n      int // samples of the block so far
	energy float64
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
	power               float64
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
		d.n, d.energy = 0, 0
		d.low, d.high = [4]resonator{}, [4]resonator{}
	}
	return char, ok
}

func (d *Detector) add(samples []int16) {
	for _, v := range samples {
		x := float64(v)
		d.energy += x * x
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
	h.power = l + g
	if l < minTone || g < minTone || l > g*lowTwist || g > l*highTwist {
		return h
	}
	for i := range 4 {
		if i != h.row && low[i]*alone > l || i != h.col && high[i]*alone > g {
			return h
		}
	}
	// A tone of peak a has the energy a²/2 a sample.
	if h.power*block/2 < share*d.energy {
		return h
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
	if h.char == 0 || h.char != last.char || !inTune(last, h) {
		return 0
	}
	d.digit, d.power = h.char, h.power
	return h.char
}

// inTune compares how far the phases have moved from one block to the next with
// how far those of the right frequencies would have.
func inTune(a, b hit) bool {
	return within(b.lowPhase-a.lowPhase, lowTones[b.row]) && within(b.highPhase-a.highPhase, highTones[b.col])
}

func within(moved, frequency float64) bool {
	const time = float64(block) / DetectorRate // seconds
	off := math.Remainder(moved-2*math.Pi*frequency*time, 2*math.Pi)
	return math.Abs(off)/(2*math.Pi*time) <= detune*frequency
}
