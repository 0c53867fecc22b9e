package mixer

import "tandem/media"

// Voices and prompts that begin or end in the middle of a sound are faded over
// 5 ms, so that they do not click.
const fadesPerSecond = 200

// An ending is the last 5 ms of what was heard in the tick before, in case that
// it does not go on; empty after silence.
type ending []int16

func (e *ending) keep(f *media.Frame) {
	*e = (*e)[:0]
	if !f.Silent {
		*e = append(*e, f.Samples[len(f.Samples)-f.Rate/fadesPerSecond:]...)
	}
}

// faded gives the i-th sample of the ending as it fades away: its own mirror
// image, so that there is no step.
func (e ending) faded(i int) int32 {
	n := len(e)
	return int32(e[n-1-i]) * int32(n-i) / int32(n)
}

// smooth fades from what p heard in the tick before to out where the two do not
// belong together, and keeps the end of out for the next time.
func (p *Participant) smooth(d *desk, out *media.Frame, rate int) *media.Frame {
	if p.switched {
		p.switched = false
		out = p.blend(d, out, rate)
	}
	p.last.keep(out)
	return out
}

func (p *Participant) blend(d *desk, out *media.Frame, rate int) *media.Frame {
	n := rate / fadesPerSecond
	if len(p.last) != n && out.Silent {
		return out
	}
	h := &d.heard
	if out != h {
		// What others hear too is left alone.
		h.SetRate(rate)
		h.Silent = out.Silent
		if !out.Silent {
			copy(h.Samples, out.Samples)
		}
	}
	if h.Silent {
		clear(h.Samples)
		h.Silent = false
	} else {
		fadeIn(h.Samples[:n])
	}
	if len(p.last) == n {
		for i := range n {
			h.Samples[i] = saturate(int32(h.Samples[i]) + p.last.faded(i))
		}
	}
	return h
}

// keepTail lets what p said last fade away in the next tick.
func (b *Bridge) keepTail(p *Participant) {
	if b.ticking && !p.muteIn && !p.fresh {
		b.fadeOut(p.spoke)
	}
	p.spoke = p.spoke[:0]
	p.fresh = true
}

// fadeOut lets an ending fade away in the next tick.
func (b *Bridge) fadeOut(e ending) {
	if len(e) != b.rate/fadesPerSecond {
		return
	}
	for len(b.tail) < len(e) {
		b.tail = append(b.tail, 0)
	}
	for i := range e {
		b.tail[i] += e.faded(i)
	}
}

func fadeIn(samples []int16) {
	n := int32(len(samples))
	for i, v := range samples {
		samples[i] = int16(int32(v) * int32(i) / n)
	}
}

func saturate(v int32) int16 { return int16(min(max(v, -full-1), full)) }
