package dtmf

import (
	"io"
	"math"
	"time"

	"tandem/media"
)

// lowTones and highTones are the frequencies in Hz of the rows and columns of
// the keypad (ITU-T Q.23), keypad its keys.
var (
	lowTones  = [4]float64{697, 770, 852, 941}
	highTones = [4]float64{1209, 1336, 1477, 1633}
)

const keypad = "123A456B789C*0#D"

// Peak levels of the two tones: -9 dBm0 and -7 dBm0, since lines weaken the
// higher one more. 0 dBm0 is a peak of 22,800 (ITU-T G.711).
const (
	lowLevel  = 8090
	highLevel = 10180
)

// rampTime is how long a tone takes to begin and to end, so that it does not
// click.
const rampTime = 2 * time.Millisecond

// tonesOf gives the two frequencies of a key in Hz.
func tonesOf(char byte) (low, high float64, ok bool) {
	for i := range len(keypad) {
		if keypad[i] == char {
			return lowTones[i/4], highTones[i%4], true
		}
	}
	return 0, 0, false
}

// Tones is a [media.Source] without an end that sounds the key it was told to.
type Tones struct {
	low, high           float64 // in Hz
	lowPhase, highPhase float64 // in cycles
	level               float64 // 0 to 1
	on                  bool
}

// NewTones makes a source that is silent.
func NewTones() *Tones { return &Tones{} }

// Start sounds a key, from the next frame on. What is no key is silence.
func (t *Tones) Start(char byte) {
	low, high, ok := tonesOf(char)
	if ok && (low != t.low || high != t.high || !t.on) {
		t.low, t.high = low, high
		t.lowPhase, t.highPhase, t.level = 0, 0, 0
	}
	t.on = ok
}

// Stop ends the sound.
func (t *Tones) Stop() { t.on = false }

// ReadFrame implements [media.Source].
func (t *Tones) ReadFrame(f *media.Frame) error {
	f.SetRate(f.Rate)
	f.Silent = !t.on && t.level == 0
	if !f.Silent {
		t.fill(f.Samples, f.Rate)
	}
	return nil
}

func (t *Tones) fill(samples []int16, rate int) {
	step := 1 / (float64(rate) * rampTime.Seconds())
	for i := range samples {
		if t.on {
			t.level = min(1, t.level+step)
		} else {
			t.level = max(0, t.level-step)
		}
		v := lowLevel*math.Sin(2*math.Pi*t.lowPhase) + highLevel*math.Sin(2*math.Pi*t.highPhase)
		samples[i] = int16(math.Round(v * t.level))
		t.lowPhase = frac(t.lowPhase + t.low/float64(rate))
		t.highPhase = frac(t.highPhase + t.high/float64(rate))
	}
}

func frac(x float64) float64 { return x - math.Floor(x) }

// A Generator is a [media.Source] that plays a string of digits as tones.
type Generator struct {
	digits        string
	duration, gap time.Duration
	tones         Tones
	at            int
	left          int // samples of the present tone or pause
	toned         bool
}

// NewGenerator makes a source of digits, as [Check] takes them, each lasting
// duration and followed by gap, except the last; 0 is the default for both.
func NewGenerator(digits string, duration, gap time.Duration) (*Generator, error) {
	if err := Check(digits); err != nil {
		return nil, err
	}
	if duration <= 0 {
		duration = DefaultDuration
	}
	if gap <= 0 {
		gap = DefaultGap
	}
	return &Generator{digits: digits, duration: duration, gap: gap}, nil
}

// ReadFrame implements [media.Source]. The rate asked for must stay the same.
func (g *Generator) ReadFrame(f *media.Frame) error {
	f.SetRate(f.Rate)
	f.Silent = false
	for rest := f.Samples; len(rest) > 0; {
		if g.left == 0 && !g.next(f.Rate) {
			if len(rest) == len(f.Samples) && g.tones.level == 0 {
				return io.EOF
			}
			g.left = len(rest)
		}
		n := min(g.left, len(rest))
		g.tones.fill(rest[:n], f.Rate)
		rest = rest[n:]
		g.left -= n
	}
	return nil
}

// next takes up the next tone or pause. It says whether there is one.
func (g *Generator) next(rate int) bool {
	g.tones.Stop()
	if g.at == len(g.digits) {
		return false
	}
	if g.toned {
		g.toned = false
		g.left = samplesOf(g.gap, rate)
		return true
	}
	c := g.digits[g.at]
	g.at++
	if d := pauseOf(c); d > 0 {
		g.left = samplesOf(d, rate)
		return true
	}
	event, _ := EventOf(c)
	char, _ := CharOf(event)
	g.tones.Start(char)
	g.toned = true
	g.left = samplesOf(g.duration, rate)
	return true
}

func samplesOf(d time.Duration, rate int) int {
	return max(1, int(int64(rate)*int64(d)/int64(time.Second)))
}
