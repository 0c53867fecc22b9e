package mixer

import (
	"errors"
	"slices"
	"time"

	"tandem/media"
	"tandem/media/worker"
)

// ErrStopped says that a prompt was stopped, replaced by another, or lost its
// listener before its end.
var ErrStopped = errors.New("prompt stopped")

// defaultRate is the rate of a bridge without members.
const defaultRate = 8000

// Options say what a bridge may do.
type Options struct {
	// RelayAllowed lets the bridge hand packets from one of two members to the
	// other without decoding, while nothing else is wanted of it.
	RelayAllowed bool
	// PassDigits makes the keys that one of two members presses be pressed at
	// the other: a call wants that, a conference does not.
	PassDigits bool
}

// A Bridge joins the audio of its participants. It ticks while it has any.
type Bridge struct {
	w    *worker.Worker
	opts Options

	// All below belongs to the worker.
	members []*Participant
	plays   []*play
	taps    []*bridgeTap
	rate    int
	ticking bool
	closed  bool
	relay   [2]*Participant // the two whose packets are handed on; the same one twice for an echo
	passing [2]*Participant // the two who are sent each other's digits

	desk *desk   // of the worker
	tail []int32 // the fading end of voices that have left
}

type bridgeTap struct{ fn func(mix *media.Frame) }

// NewBridge makes a bridge that lives on w until it is closed. It needs nothing
// while it has no participants. Any goroutine.
func NewBridge(w *worker.Worker, opts Options) *Bridge {
	return &Bridge{w: w, opts: opts, rate: defaultRate}
}

// Worker is the worker on which the bridge lives, for ever.
func (b *Bridge) Worker() *worker.Worker { return b.w }

// Do runs fn on the bridge's worker between two ticks. Any goroutine.
func (b *Bridge) Do(fn func()) { b.w.Do(fn) }

// Len hands the number of participants to fn, on the worker. Any goroutine.
func (b *Bridge) Len(fn func(n int)) { b.w.Do(func() { fn(len(b.members)) }) }

// Join makes port a participant. A port that is [Movable] is moved to the
// bridge's worker first. It must be in no other bridge: [Participant.Move]
// takes it from one to the next. A bridge that has been closed takes nobody;
// the participant is then as one that has left. Any goroutine.
func (b *Bridge) Join(port media.Port) *Participant {
	p := newParticipant(b, port)
	p.q.Hold()
	p.enter(b)
	return p
}

// Play lets everybody hear src, mixed with what they hear else, until it ends
// or stop is called. Sources played at the same time are mixed. done may be
// nil; it is called once on the worker: with nil at the end of src,
// [ErrStopped] when stopped or when the bridge is closed, or with the source's
// error. While a bridge has no participants, time stands still for src. Any
// goroutine; stop too.
func (b *Bridge) Play(src media.Source, done func(error)) (stop func()) {
	pl := newPlay(src, done)
	b.w.Do(func() {
		if b.closed {
			pl.end(ErrStopped)
			return
		}
		b.plays = append(b.plays, pl)
		b.update()
	})
	return func() { b.w.Do(func() { b.stopPlay(pl, ErrStopped) }) }
}

// Tap calls fn each tick with what is said in the bridge altogether, prompts of
// the bridge included, until cancel is called. Any goroutine; cancel too.
func (b *Bridge) Tap(fn func(mix *media.Frame)) (cancel func()) {
	t := &bridgeTap{fn: fn}
	b.w.Do(func() {
		if b.closed {
			return
		}
		b.taps = append(b.taps, t)
		b.update()
	})
	return func() {
		b.w.Do(func() {
			if i := slices.Index(b.taps, t); i >= 0 {
				b.taps = slices.Delete(b.taps, i, i+1)
				b.update()
			}
		})
	}
}

// Close makes everybody leave, ends all prompts and lets nobody in any more.
// Ports are not closed. Any goroutine; closing again does nothing.
func (b *Bridge) Close() {
	b.w.Do(func() {
		b.closed = true
		for len(b.members) > 0 {
			b.members[len(b.members)-1].out()
		}
		for len(b.plays) > 0 {
			b.stopPlay(b.plays[0], ErrStopped)
		}
		b.taps = nil
		b.update()
	})
}

// add and remove run on the worker.
func (b *Bridge) add(p *Participant) {
	b.members = append(b.members, p)
	b.desk = deskOf(b.w)
	p.bridge = b
	p.fresh = true
	if n, ok := p.port.(RelayNotifier); ok {
		n.OnRelayChange(b.retry)
	}
	b.update()
}

func (b *Bridge) remove(p *Participant) {
	i := slices.Index(b.members, p)
	if i < 0 {
		return
	}
	b.leaveRelay()
	b.unlink()
	if n, ok := p.port.(RelayNotifier); ok {
		n.OnRelayChange(nil)
	}
	b.members = slices.Delete(b.members, i, i+1)
	p.bridge = nil
	b.keepTail(p)
	b.update()
}

func (b *Bridge) stopPlay(pl *play, err error) {
	i := slices.Index(b.plays, pl)
	if i < 0 {
		return
	}
	b.plays = slices.Delete(b.plays, i, i+1)
	var e ending
	e.keep(&pl.frame)
	b.fadeOut(e)
	pl.end(err)
	b.update()
}

// update draws the conclusions from whatever has changed: the rate, whether to
// relay or to tick, who gets whose digits.
func (b *Bridge) update() {
	rate := defaultRate
	for _, p := range b.members {
		rate = max(rate, p.port.Rate())
	}
	if rate != b.rate {
		b.rate = min(rate, media.MaxRate)
		b.tail = b.tail[:0]
		for _, p := range b.members {
			p.rateChanged()
		}
	}
	b.link()
	if want, ok := b.relayPair(); !ok || b.relay != [2]*Participant{} && b.relay != want {
		b.leaveRelay()
	}
	b.enterRelay()
	tick := len(b.members) > 0 && b.relay[0] == nil
	switch {
	case tick && !b.ticking:
		b.w.AddTick(b)
	case !tick && b.ticking:
		b.w.RemoveTick(b)
	}
	b.ticking = tick
}

// Tick runs the bridge for one tick; its worker calls it.
func (b *Bridge) Tick(time.Time) { b.mixOnce() }
