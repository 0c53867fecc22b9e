package mixer

import "tandem/media"

// Voices and prompts that begin or end in the middle of a sound are faded over
// 5 ms, so that they do not click.
const (
	fadesPerSecond = 200
	tailMax        = media.MaxRate / fadesPerSecond
)

// mixOnce runs one tick.
func (b *Bridge) mixOnce() {
	n := media.SamplesPerTick(b.rate)
	voices, ended := b.gather(n)
	mixed := false // b.mix has been made
	if len(b.taps) > 0 {
		b.makeMix(n, voices)
		mixed = true
		for _, t := range b.taps {
			t.fn(&b.mix)
		}
	}
	for _, p := range b.members {
		out := &p.heard
		switch {
		case p.playing != nil && p.hearPrompt(b.rate, &ended):
		case p.said.Silent || p.echo != echoOff:
			// Everyone who says nothing hears the same.
			if !mixed {
				b.makeMix(n, voices)
				mixed = true
			}
			out = &b.mix
		default:
			b.mixFor(p, n, voices-1)
		}
		if p.muteOut {
			out = &p.heard
			out.SetRate(b.rate)
			out.Silent = true
		}
		out = p.smooth(out, b.rate)
		for _, t := range p.taps {
			t.fn(&p.said, out)
		}
		// A port that cannot send is its owner's affair; the bridge goes on.
		_ = p.port.WriteFrame(out)
	}
	if ended {
		b.update()
	}
}

// gather reads every voice and prompt and adds them up. It says how many were
// heard, and whether a prompt has ended.
func (b *Bridge) gather(n int) (voices int, ended bool) {
	if cap(b.sum) < n {
		b.sum = make([]int32, n)
	}
	b.sum = b.sum[:n]
	clear(b.sum)
	for _, p := range b.members {
		f := &p.said
		f.SetRate(b.rate)
		f.Silent = false
		if err := p.port.ReadFrame(f); err != nil || f.Rate != b.rate || len(f.Samples) != n {
			f.SetRate(b.rate)
			f.Silent = true
		}
		if p.muteIn {
			f.Silent = true
		}
		if f.Silent {
			continue
		}
		if p.fresh {
			p.fresh = false
			fadeIn(f.Samples[:b.rate/fadesPerSecond])
		}
		b.addVoice(f.Samples)
		voices++
	}
	for i := 0; i < len(b.plays); {
		pl := b.plays[i]
		if !pl.read(&pl.frame, b.rate) {
			b.plays = append(b.plays[:i], b.plays[i+1:]...)
			ended = true
			continue
		}
		i++
		if !pl.frame.Silent {
			b.addVoice(pl.frame.Samples)
			voices++
		}
	}
	if b.ends {
		for i, v := range b.tail[:b.rate/fadesPerSecond] {
			b.sum[i] += v
		}
		clear(b.tail[:])
		b.ends = false
		voices++
	}
	return voices, ended
}

func (b *Bridge) addVoice(samples []int16) {
	sum := b.sum[:len(samples)]
	for i, v := range samples {
		sum[i] += int32(v)
	}
}

// makeMix makes what is heard by whoever says nothing.
func (b *Bridge) makeMix(n, voices int) {
	b.mix.SetRate(b.rate)
	b.mix.Silent = voices == 0
	if b.mix.Silent {
		return
	}
	out, sum := b.mix.Samples[:n], b.sum[:n]
	for i, v := range sum {
		out[i] = limit(v, voices)
	}
}

// mixFor makes what p hears, who is heard himself.
func (b *Bridge) mixFor(p *Participant, n, voices int) {
	p.heard.SetRate(b.rate)
	p.heard.Silent = voices == 0
	if p.heard.Silent {
		return
	}
	out, sum, own := p.heard.Samples[:n], b.sum[:n], p.said.Samples[:n]
	for i, v := range sum {
		out[i] = limit(v-int32(own[i]), voices)
	}
}

// hearPrompt sets p.heard from p's own prompt. It says false where there is
// none any more.
func (p *Participant) hearPrompt(rate int, ended *bool) bool {
	if p.playing.read(&p.heard, rate) {
		return true
	}
	p.playing = nil
	p.switched = true
	*ended = true
	return false
}

// The limiter leaves all below knee as it is and bends the rest towards full
// scale, so that many who speak at once are loud and not broken.
const (
	full = 32767
	knee = 24576
)

// limit makes a sample of the sum of so many voices. One voice alone always
// fits, and passes unchanged.
func limit(v int32, voices int) int16 {
	if v <= knee && v >= -knee {
		return int16(v)
	}
	if voices <= 1 {
		return int16(min(max(v, -full-1), full))
	}
	if v < 0 {
		return -bend(-v)
	}
	return bend(v)
}

// bend maps knee..∞ onto knee..full with a slope of 1 at the knee.
func bend(v int32) int16 {
	const room = full - knee
	over := int64(v) - knee
	return int16(knee + over*room/(over+room))
}

// smooth fades from what p heard in the tick before to out where the two do not
// belong together, and keeps the end of out for the next time.
func (p *Participant) smooth(out *media.Frame, rate int) *media.Frame {
	n := rate / fadesPerSecond
	if p.switched {
		p.switched = false
		out = p.blend(out, rate, n)
	}
	if out.Silent {
		p.lastLen = 0
		return out
	}
	p.lastLen = n
	end := out.Samples[len(out.Samples)-n:]
	for i, v := range end {
		p.last[n-1-i] = v
	}
	return out
}

func (p *Participant) blend(out *media.Frame, rate, n int) *media.Frame {
	if p.lastLen != n && out.Silent {
		return out
	}
	h := &p.heard
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
	if p.lastLen == n {
		// The sound that ended goes on as its own mirror image while it fades.
		for i, v := range p.last[:n] {
			h.Samples[i] = int16(min(max(int32(h.Samples[i])+fadedOut(v, i, n), -full-1), full))
		}
	}
	return h
}

// keepTail lets what p said last fade away in the next tick.
func (b *Bridge) keepTail(p *Participant) {
	if b.ticking && !p.muteIn && !p.fresh {
		b.fadeOut(&p.said)
	}
	p.said.Silent = true
	p.fresh = true
}

func (b *Bridge) fadeOut(f *media.Frame) {
	n := b.rate / fadesPerSecond
	if f.Silent || f.Rate != b.rate || len(f.Samples) < n {
		return
	}
	b.ends = true
	last := len(f.Samples) - 1
	for i := range n {
		b.tail[i] += fadedOut(f.Samples[last-i], i, n)
	}
}

func fadedOut(v int16, i, n int) int32 { return int32(v) * int32(n-i) / int32(n) }

func fadeIn(samples []int16) {
	n := int32(len(samples))
	for i, v := range samples {
		samples[i] = int16(int32(v) * int32(i) / n)
	}
}
