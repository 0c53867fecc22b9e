package tone

import (
	"io"
	"math"

	"tandem/media"
)

const (
	// level is the amplitude of a single tone of -10 dBm0, the level that ITU-T
	// E.180 §3.5 recommends; a sine of full scale has 3.14 dBm0 (G.711 §4).
	level = 0.2203

	// ramp is how long an element takes to reach its level and to leave it,
	// in seconds: without it each would begin and end with a click.
	ramp = 0.004
)

// A Source plays a tone. It implements [media.Source] and allocates nothing. It
// is used by one goroutine at a time.
type Source struct {
	elements []element
	loop     int // the first element that is repeated; -1: none

	now    int  // the element that sounds
	at     int  // the samples of it that are played
	rate   int  // in which at counts
	length int  // of the element in samples; 0: it has no end
	done   bool // all was played
}

func newSource(elements []element, loop int) *Source {
	return &Source{elements: elements, loop: loop}
}

// ReadFrame implements [media.Source]. Silent parts are silent frames. The end
// of a tone is filled up with silence, then comes io.EOF.
func (s *Source) ReadFrame(f *media.Frame) error {
	if s.done {
		return io.EOF
	}
	f.SetRate(f.Rate)
	s.setRate(f.Rate)
	f.Silent = true
	for out := f.Samples; len(out) > 0; {
		n := len(out)
		if s.length > 0 {
			n = min(n, s.length-s.at)
		}
		if e := &s.elements[s.now]; !s.done && len(e.partials) > 0 {
			if f.Silent {
				clear(f.Samples) // what came before in this frame was silence
				f.Silent = false
			}
			s.play(e, out[:n])
		} else if !f.Silent {
			clear(out[:n])
		}
		out = out[n:]
		s.at += n
		if s.at == s.length {
			s.next()
		}
	}
	return nil
}

// next goes on to the next element, or to silence without end.
func (s *Source) next() {
	s.at = 0
	if s.now++; s.now == len(s.elements) {
		if s.now = s.loop; s.loop < 0 {
			s.now, s.length, s.done = 0, 0, true
			return
		}
	}
	s.measure()
}

// setRate takes up another rate at the same place.
func (s *Source) setRate(rate int) {
	if rate == s.rate {
		return
	}
	if s.rate > 0 {
		s.at = s.at * rate / s.rate
	}
	s.rate = rate
	s.measure()
}

// measure sets length. Its minimum keeps a loop of elements shorter than a
// sample from going round for ever, and the place inside the element.
func (s *Source) measure() {
	s.length = 0
	if ms := s.elements[s.now].ms; ms > 0 {
		s.length = max(ms*s.rate/1000, 1)
		s.at = min(s.at, s.length-1)
	}
}

// play sets out to the samples of e from s.at on.
func (s *Source) play(e *element, out []int16) {
	// A sine of constant frequency is y(n) = 2cos(w)·y(n-1) - y(n-2). It is set
	// right again each frame, so that errors do not grow.
	var y1, y2, k [maxPartials]float64
	n := len(e.partials)
	for i, p := range e.partials {
		w := 2 * math.Pi * p.freq / float64(s.rate)
		amplitude := p.amplitude * 32767
		if 2*p.freq >= float64(s.rate) {
			amplitude = 0 // it would fold
		}
		phase := w*float64(s.at) + 2*math.Pi*p.phase
		y1[i], y2[i] = amplitude*math.Sin(phase-w), amplitude*math.Sin(phase-2*w)
		k[i] = 2 * math.Cos(w)
	}
	for at := range out {
		var sum float64
		for i := range n {
			y := k[i]*y1[i] - y2[i]
			y1[i], y2[i] = y, y1[i]
			sum += y
		}
		out[at] = int16(min(max(math.Floor(sum*s.gain(s.at+at)+0.5), -32768), 32767))
	}
}

// gain is the envelope of an element at one of its samples.
func (s *Source) gain(at int) float64 {
	edge := at + 1
	if s.length > 0 {
		edge = min(edge, s.length-at)
	}
	if width := ramp * float64(s.rate); float64(edge) < width {
		return float64(edge) / width
	}
	return 1
}
