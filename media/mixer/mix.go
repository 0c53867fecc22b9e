package mixer

import "tandem/media"

// mixOnce runs one tick.
func (b *Bridge) mixOnce() {
	d := b.desk
	d.clear(len(b.members), b.rate)
	ended := b.gather(d)
	for _, t := range b.taps {
		t.fn(d.all(b.rate))
	}
	for i, p := range b.members {
		said := &d.said[i]
		out := b.heardBy(d, p, said, &ended)
		out = p.smooth(d, out, b.rate)
		for _, t := range p.taps {
			t.fn(said, out)
		}
		// A port that cannot send is its owner's affair; the bridge goes on.
		_ = p.port.WriteFrame(out)
	}
	if ended {
		b.update()
	}
}

// gather reads every voice and prompt. It says whether a prompt has ended.
func (b *Bridge) gather(d *desk) (ended bool) {
	n := media.SamplesPerTick(b.rate)
	for i, p := range b.members {
		f := &d.said[i]
		f.SetRate(b.rate)
		f.Silent = false
		if err := p.port.ReadFrame(f); err != nil || f.Rate != b.rate || len(f.Samples) != n {
			f.SetRate(b.rate)
			f.Silent = true
		}
		if p.muteIn {
			f.Silent = true
		}
		if !f.Silent {
			if p.fresh {
				p.fresh = false
				fadeIn(f.Samples[:b.rate/fadesPerSecond])
			}
			d.voices = append(d.voices, f)
		}
		p.spoke.keep(f)
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
			d.voices = append(d.voices, &pl.frame)
		}
	}
	if len(b.tail) > 0 {
		d.ends.SetRate(b.rate)
		d.ends.Silent = false
		clear(d.ends.Samples)
		for i, v := range b.tail[:min(len(b.tail), n)] {
			d.ends.Samples[i] = saturate(v)
		}
		b.tail = b.tail[:0]
		d.voices = append(d.voices, &d.ends)
	}
	return ended
}

// heardBy gives what p, who says said, is to hear. It may be what others say or
// hear, too.
func (b *Bridge) heardBy(d *desk, p *Participant, said *media.Frame, ended *bool) *media.Frame {
	prompted := p.playing != nil && p.hearPrompt(&d.heard, b.rate, ended)
	switch {
	case p.muteOut:
		return &d.quiet
	case prompted:
		return &d.heard
	case said.Silent || p.echo != echoOff:
		return d.all(b.rate)
	}
	return d.others(said, b.rate)
}

// hearPrompt reads p's own prompt. It says false where there is none any more.
func (p *Participant) hearPrompt(f *media.Frame, rate int, ended *bool) bool {
	if p.playing.read(f, rate) {
		return true
	}
	p.playing = nil
	p.switched = true
	*ended = true
	return false
}
