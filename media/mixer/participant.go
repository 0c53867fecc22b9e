package mixer

import (
	"slices"

	"tandem/media"
)

// A Participant is a port in a bridge.
type Participant struct {
	port media.Port
	q    *Queue

	// All below belongs to the worker of the bridge.
	bridge   *Bridge // nil before joining and after leaving
	left     bool
	playing  *play
	taps     []*tap
	muteIn   bool // nobody hears it
	muteOut  bool // it hears nothing
	echo     echo
	fresh    bool   // its voice has not been heard yet: the first of it is faded in
	spoke    ending // of what it said
	last     ending // of what it heard
	switched bool   // what it hears now does not go on from the tick before
}

type tap struct{ fn func(in, out *media.Frame) }

type echo uint8

const (
	echoOff echo = iota
	echoFrames
	echoPackets
)

func newParticipant(b *Bridge, port media.Port) *Participant {
	return &Participant{port: port, q: NewQueue(b.w)}
}

// enter brings p, whose queue is held, into b.
func (p *Participant) enter(b *Bridge) {
	in := func() {
		switch {
		case p.left:
		case b.closed:
			p.out()
		default:
			b.add(p)
		}
		p.q.Release(b.w)
	}
	if m, ok := p.port.(Movable); ok {
		m.Move(b.w, in)
		return
	}
	b.w.Do(in)
}

// out ends p's time in any bridge. On the worker.
func (p *Participant) out() {
	if p.left {
		return
	}
	p.left = true
	if p.bridge != nil {
		p.bridge.remove(p)
	}
	p.taps = nil
	p.stopPlay(ErrStopped)
}

// do runs fn on the bridge's worker once p has joined, and lets the bridge draw
// its conclusions.
func (p *Participant) do(fn func()) {
	p.q.Do(func() {
		fn()
		if p.bridge != nil {
			p.bridge.update()
		}
	})
}

// Port is the port that has joined.
func (p *Participant) Port() media.Port { return p.port }

// Play lets p hear src in place of the others until src ends; nil goes back to
// the others at once. done may be nil; it is called once on the worker: with
// nil at the end of src, with [ErrStopped] when another Play, leaving or the
// end of the bridge stopped it, or with the source's error. A source that is
// stopped and is a [media.Closer] is closed. Any goroutine.
func (p *Participant) Play(src media.Source, done func(error)) {
	p.do(func() {
		if p.playing != nil {
			p.switched = true
			p.stopPlay(ErrStopped)
		}
		if src == nil {
			if done != nil {
				done(nil)
			}
			return
		}
		pl := newPlay(src, done)
		if p.left {
			pl.end(ErrStopped)
			return
		}
		p.playing = pl
		p.switched = true
	})
}

// stopPlay ends what p hears alone.
func (p *Participant) stopPlay(err error) {
	if pl := p.playing; pl != nil {
		p.playing = nil
		pl.end(err)
	}
}

// Tap calls fn each tick with what p said and heard, until cancel is called or
// p leaves. It stays with p when p moves. What is muted is silent here too. The
// frames are fn's only during the call. Any goroutine; cancel too.
func (p *Participant) Tap(fn func(in, out *media.Frame)) (cancel func()) {
	t := &tap{fn: fn}
	p.do(func() {
		if !p.left {
			p.taps = append(p.taps, t)
		}
	})
	return func() {
		p.do(func() {
			if i := slices.Index(p.taps, t); i >= 0 {
				p.taps = slices.Delete(p.taps, i, i+1)
			}
		})
	}
}

// Mute says whether p is kept from being heard (in) and from hearing (out; a
// prompt of its own too). Any goroutine.
func (p *Participant) Mute(in, out bool) {
	p.do(func() {
		p.switched = p.switched || out != p.muteOut
		if in && !p.muteIn && p.bridge != nil {
			p.bridge.keepTail(p)
		}
		if !in && p.muteIn {
			p.fresh = true
		}
		p.muteIn, p.muteOut = in, out
	})
}

// Echo says whether p hears its own voice, beside that of the others. It goes
// through the mixer: decoded, with losses concealed. Any goroutine.
func (p *Participant) Echo(on bool) { p.setEcho(on, echoFrames) }

// EchoPackets is Echo, except that where p is alone and its port is a
// [media.Relay], its packets go back as they come, telephone events too. Any
// goroutine.
func (p *Participant) EchoPackets(on bool) { p.setEcho(on, echoPackets) }

func (p *Participant) setEcho(on bool, how echo) {
	p.do(func() {
		p.switched = true
		p.echo = echoOff
		if on {
			p.echo = how
		}
	})
}

// Move takes p to another bridge, with its prompt, taps and mutes. Nobody in
// either bridge notices but by hearing it come and go. Any goroutine.
func (p *Participant) Move(to *Bridge) {
	p.q.Do(func() {
		if p.left || p.bridge == to {
			return
		}
		if p.bridge != nil {
			p.bridge.remove(p)
		}
		p.switched = true
		p.q.Hold()
		p.enter(to)
	})
}

// Leave takes p out of its bridge, for ever; then may be nil and is called on
// the worker when nothing in the bridge touches the port any more, also when p
// had left already. The port may join another bridge from then on. Any
// goroutine.
func (p *Participant) Leave(then func()) {
	p.q.Do(func() {
		p.out()
		if then != nil {
			then()
		}
	})
}

// plain says that p wants nothing but to hear the other.
func (p *Participant) plain() bool {
	return p.playing == nil && len(p.taps) == 0 && !p.muteIn && !p.muteOut
}

// rateChanged forgets what was kept at another rate.
func (p *Participant) rateChanged() {
	p.last, p.spoke = p.last[:0], p.spoke[:0]
	p.fresh = true
}
