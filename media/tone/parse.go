package tone

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// What a sequence may be.
const (
	maxElements = 64
	maxPartials = 6
	minFreq     = 1     // Hz; below what is heard, for modulation
	maxFreq     = 20000 // Hz
	maxDuration = 3600_000

	// depth is how far one frequency modulates another.
	depth = 0.9
)

// An element is one sound, or silence.
type element struct {
	partials []partial // none: silence
	ms       int       // how long; 0: for ever
	once     bool
}

// A partial is a sine.
type partial struct {
	freq      float64 // Hz
	amplitude float64 // of full scale
	phase     float64 // at the beginning, in cycles
}

// Parse gives the tone that a sequence describes, from its beginning.
func Parse(sequence string) (*Source, error) {
	if strings.Count(sequence, ",") >= maxElements {
		return nil, fmt.Errorf("tone: more than %d elements", maxElements)
	}
	var elements []element
	loop := -1
	for i, text := range strings.Split(sequence, ",") {
		e, err := parseElement(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("tone: element %d %q: %w", i+1, text, err)
		}
		switch {
		case !e.once && loop < 0:
			loop = i
		case e.once && loop >= 0:
			return nil, fmt.Errorf("tone: element %d %q: played once, but follows one that is repeated", i+1, text)
		}
		elements = append(elements, e)
	}
	return newSource(elements, loop), nil
}

func parseElement(text string) (e element, err error) {
	text, e.once = strings.CutPrefix(text, "!")
	sound, length, timed := strings.Cut(text, "/")
	if timed {
		e.ms, err = strconv.Atoi(length)
		if err != nil || e.ms < 1 || e.ms > maxDuration {
			return e, fmt.Errorf("bad duration %q, want 1 to %d ms", length, maxDuration)
		}
	}
	if sound == "0" {
		return e, nil
	}
	for _, f := range strings.Split(sound, "+") {
		carrier, modulation, modulated := strings.Cut(f, "*")
		freq, err := parseFreq(carrier)
		if err != nil {
			return e, err
		}
		e.partials = append(e.partials, partial{freq: freq, amplitude: 1})
		if modulated {
			// sin(c)·(1 + d·sin(m)) is the carrier and a sine to either side.
			m, err := parseFreq(modulation)
			if err != nil {
				return e, err
			}
			if m >= freq {
				return e, fmt.Errorf("%v Hz modulates %v Hz, want a lower frequency", m, freq)
			}
			e.partials = append(e.partials,
				partial{freq: freq - m, amplitude: depth / 2, phase: 0.25},
				partial{freq: freq + m, amplitude: depth / 2, phase: 0.75})
		}
	}
	if len(e.partials) > maxPartials {
		return e, fmt.Errorf("more than %d frequencies", maxPartials)
	}
	// All together are as loud as one tone alone.
	var power float64
	for _, p := range e.partials {
		power += p.amplitude * p.amplitude
	}
	for i := range e.partials {
		e.partials[i].amplitude *= level / math.Sqrt(power)
	}
	return e, nil
}

func parseFreq(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= minFreq && f <= maxFreq) {
		return 0, fmt.Errorf("bad frequency %q, want %d to %d Hz", text, minFreq, maxFreq)
	}
	return f, nil
}
