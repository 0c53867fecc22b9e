package codec

import (
	"fmt"
	"math"
	"slices"
	"sync"
)

// A Resampler turns samples at one rate into samples at another, as a stream:
// what it gives for a signal does not depend on how the signal is cut. It is a
// polyphase FIR filter with a Kaiser window: flat to 85 % of the lower rate's
// half, and from that half on at least 60 dB down, so that nothing folds back
// that can be heard. It delays the signal by [Resampler.Delay]. It is not safe
// for concurrent use.
type Resampler struct {
	from, to int
	bank     *filterBank
	// history holds the samples that the next output needs, then room for more.
	history []float32
	filled  int // samples in history
	phase   int // of the next output, in steps of 1/up input samples
}

// A filterBank is the prototype filter cut into its phases. It is shared by all
// resamplers of a ratio, and read only.
type filterBank struct {
	up, down int // the ratio in lowest terms
	taps     int // of a phase, a multiple of 32
	// phases[p*taps:][:taps] is phase p in the order of the samples it meets,
	// the oldest first.
	phases []float32
}

// Flatness and stop band of the filter.
const (
	resamplePass = 0.85 // of half the lower rate
	resampleStop = 70   // dB in the design; rounding takes some
	// resampleBlock is how many samples are filtered at a time: 20 ms at 48 kHz.
	resampleBlock = 960
)

// filterBanks holds every ratio that there is, each computed when first used.
var filterBanks = func() map[[2]int]func() *filterBank {
	banks := map[[2]int]func() *filterBank{}
	for _, from := range []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000} {
		for _, to := range []int{8000, 16000, 24000, 48000} {
			banks[[2]int{from, to}] = sync.OnceValue(func() *filterBank { return newFilterBank(from, to) })
		}
	}
	return banks
}()

// NewResampler makes a resampler from one rate in Hz to another. It takes 8000,
// 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200 and 96000, and
// gives 8000, 16000, 24000 and 48000. Anything else is an error. The first
// resampler of a ratio takes up to some milliseconds to compute its filter.
func NewResampler(from, to int) (*Resampler, error) {
	bank, ok := filterBanks[[2]int{from, to}]
	if !ok {
		return nil, fmt.Errorf("resample from %d to %d Hz: no such ratio", from, to)
	}
	r := &Resampler{from: from, to: to}
	if from != to {
		r.bank = bank()
		r.history = make([]float32, r.bank.taps-1+resampleBlock)
		r.Reset()
	}
	return r, nil
}

// Reset forgets the signal, as before a new one.
func (r *Resampler) Reset() {
	if r.bank == nil {
		return
	}
	clear(r.history)
	r.filled, r.phase = r.bank.taps-1, 0
}

// Delay says by how many output samples the signal is delayed.
func (r *Resampler) Delay() int {
	if r.bank == nil {
		return 0
	}
	return (r.bank.taps*r.bank.up/2 + r.bank.down/2) / r.bank.down
}

// Resample appends to dst what src, the next samples of the signal, gives. For n
// samples since the beginning it has given n·to/from in all, rounded up; so 20 ms
// of input give exactly 20 ms where both rates have a whole number of samples in
// that time. It allocates only when dst has no room.
func (r *Resampler) Resample(dst, src []int16) []int16 {
	if r.bank == nil {
		return append(dst, src...)
	}
	dst = slices.Grow(dst, len(src)*r.bank.up/r.bank.down+1)
	for len(src) > 0 {
		n := min(len(src), len(r.history)-r.filled)
		room := r.history[r.filled:][:n]
		for i, s := range src[:n] {
			room[i] = float32(s)
		}
		src = src[n:]
		r.filled += n
		dst = r.run(dst)
	}
	return dst
}

// Flush appends to dst the end of the signal that the delay still holds back,
// and resets r.
func (r *Resampler) Flush(dst []int16) []int16 {
	if r.bank != nil {
		var zeros [64]int16
		for left := r.bank.taps / 2; left > 0; left -= len(zeros) {
			dst = r.Resample(dst, zeros[:min(left, len(zeros))])
		}
		r.Reset()
	}
	return dst
}

// run appends all that the samples in history give, and drops those that
// nothing needs any more.
func (r *Resampler) run(dst []int16) []int16 {
	b := r.bank
	n := b.outputs(r.filled, r.phase)
	if n == 0 {
		return dst
	}
	end := len(dst)
	dst = slices.Grow(dst, n)[:end+n]
	b.filter(dst[end:], r.history[:r.filled], r.phase)
	next := r.phase + n*b.down
	// The next output begins in history, as one output's taps are more than
	// the samples from one to the next.
	r.filled = copy(r.history, r.history[next/b.up:r.filled])
	r.phase = next % b.up
	return dst
}

// outputs says how many outputs there are in a number of samples when the first
// one is at phase.
func (b *filterBank) outputs(samples, phase int) int {
	// Output k reads the taps samples from (phase + k·down)/up on.
	last := (samples-b.taps+1)*b.up - 1 - phase
	if last < 0 {
		return 0
	}
	return last/b.down + 1
}

// filterGo sets dst to the outputs that history gives from phase on. There are
// at most as many as [filterBank.outputs] says.
func (b *filterBank) filterGo(dst []int16, history []float32, phase int) {
	taps, up, down := b.taps, b.up, b.down
	at := 0
	for i := range dst {
		dst[i] = dotProduct(b.phases[phase*taps:][:taps], history[at:][:taps])
		phase += down
		at += phase / up
		phase %= up
	}
}

// dotProduct gives the rounded, saturated sum of products of two slices of the
// same length, a multiple of eight.
func dotProduct(c, s []float32) int16 {
	var a0, a1, a2, a3 float32
	for len(c) >= 8 && len(s) >= 8 {
		x, y := (*[8]float32)(c), (*[8]float32)(s)
		a0 += x[0]*y[0] + x[4]*y[4]
		a1 += x[1]*y[1] + x[5]*y[5]
		a2 += x[2]*y[2] + x[6]*y[6]
		a3 += x[3]*y[3] + x[7]*y[7]
		c, s = c[8:], s[8:]
	}
	v := (a0 + a2) + (a1 + a3)
	// Rounded down from a positive number, as conversion rounds towards zero.
	return int16(min(max(int32(v+32768.5), 0), 65535) - 32768)
}

// newFilterBank designs the filter of a ratio.
func newFilterBank(from, to int) *filterBank {
	divisor := gcd(from, to)
	b := &filterBank{up: to / divisor, down: from / divisor}
	lower := float64(min(from, to))
	width := (1 - resamplePass) * lower / 2 // Hz from pass band to stop band
	// Kaiser's estimate of a filter's length, in input samples.
	taps := (resampleStop - 7.95) / (2.285 * 2 * math.Pi * width / float64(from))
	b.taps = (int(math.Ceil(taps)) + 31) &^ 31
	beta := 0.1102 * (resampleStop - 8.7)

	n := b.taps * b.up
	rate := float64(from) * float64(b.up)
	cutoff := (lower/2 - width/2) / rate // cycles per step
	b.phases = make([]float32, n)
	for i := range n {
		x := float64(i) - float64(n-1)/2
		w := 2 * x / float64(n)
		h := 2 * cutoff * sinc(2*cutoff*x) * bessel0(beta*math.Sqrt(1-w*w)) / bessel0(beta)
		// Tap i meets input sample -i/up: phase i mod up, the newest first.
		p, k := i%b.up, i/b.up
		b.phases[p*b.taps+b.taps-1-k] = float32(h * float64(b.up))
	}
	return b
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel0 is the modified Bessel function of the first kind and order zero.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
