package mixer

import (
	"tandem/media"
	"tandem/media/worker"
)

// A desk is what a worker's bridges mix at, one after the other: the samples of
// one tick, which nobody needs when the tick is over. That they all use the same
// memory keeps it in the processor's cache.
type desk struct {
	said   []media.Frame  // what each member says
	voices []*media.Frame // what is heard in this tick: members, prompts, endings
	summed bool           // sum holds all voices
	sum    []int32
	mixed  bool        // mix holds the sum
	mix    media.Frame // what everyone hears who says nothing
	heard  media.Frame // what one member hears
	ends   media.Frame // endings of voices that have left
	quiet  media.Frame // silence
}

type deskKey struct{}

func deskOf(w *worker.Worker) *desk {
	return w.Shared(deskKey{}, func() any { return &desk{quiet: media.Frame{Silent: true}} }).(*desk)
}

// clear makes the desk ready for a tick of so many members.
func (d *desk) clear(members, rate int) {
	for len(d.said) < members {
		d.said = append(d.said, media.Frame{})
	}
	d.voices = d.voices[:0]
	d.summed, d.mixed = false, false
	d.quiet.SetRate(rate)
}

// all is what is heard by whoever says nothing.
func (d *desk) all(rate int) *media.Frame {
	switch len(d.voices) {
	case 0:
		return &d.quiet
	case 1:
		return d.voices[0]
	}
	if !d.mixed {
		d.mixed = true
		d.add(rate)
		d.mix.SetRate(rate)
		d.mix.Silent = false
		for i, v := range d.sum {
			d.mix.Samples[i] = limit(v)
		}
	}
	return &d.mix
}

// others is what is heard by whoever says own, one of the voices.
func (d *desk) others(own *media.Frame, rate int) *media.Frame {
	switch {
	case len(d.voices) == 1:
		return &d.quiet
	case len(d.voices) == 2 && d.voices[0] == own:
		return d.voices[1]
	case len(d.voices) == 2:
		return d.voices[0]
	}
	d.add(rate)
	d.heard.SetRate(rate)
	d.heard.Silent = false
	out, said := d.heard.Samples[:len(d.sum)], own.Samples[:len(d.sum)]
	for i, v := range d.sum {
		out[i] = limit(v - int32(said[i]))
	}
	return &d.heard
}

// add adds up the voices.
func (d *desk) add(rate int) {
	if d.summed {
		return
	}
	d.summed = true
	n := media.SamplesPerTick(rate)
	if cap(d.sum) < n {
		d.sum = make([]int32, n)
	}
	d.sum = d.sum[:n]
	clear(d.sum)
	for _, f := range d.voices {
		sum := d.sum[:len(f.Samples)]
		for i, v := range f.Samples {
			sum[i] += int32(v)
		}
	}
}

// The limiter leaves all below knee as it is and bends the rest towards full
// scale, so that many who speak at once are loud and not broken.
const (
	full = 32767
	knee = 24576
)

// limit makes a sample of a sum.
func limit(v int32) int16 {
	switch {
	case v > knee:
		return bend(v)
	case v < -knee:
		return -bend(-v)
	}
	return int16(v)
}

// bend maps knee..∞ onto knee..full with a slope of 1 at the knee.
func bend(v int32) int16 {
	const room = full - knee
	over := int64(v) - knee
	return int16(knee + over*room/(over+room))
}
