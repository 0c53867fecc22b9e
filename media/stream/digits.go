package stream

import (
	"time"

	"tandem/media"
	"tandem/media/dtmf"
	"tandem/media/rtp"
	"tandem/media/worker"
)

const (
	// keyTimeout is after how long without a packet of its event a key that is
	// passed on counts as released.
	keyTimeout = 150 * time.Millisecond
	// unwritten is after how long without a frame the stream sends what
	// digits need by itself: it is relayed, or in no bridge.
	unwritten = 3 * media.Tick
	// minPassedTone is how long a tone lasts at least that stands for a key
	// passed on; detectors need 40 ms of it.
	minPassedTone = 70 * time.Millisecond
)

// digits are the keys that come and go.
type digits struct {
	s        *Stream
	in       *dtmf.Receiver
	received uint64
	passTo   *Stream // who gets the keys that are pressed here

	// Keys to be pressed at the far end, as events or, where it knows none, as
	// tones.
	out     *dtmf.Sender
	clock   int
	event   uint8          // payload type; 0: tones
	ticking *worker.Worker // where Tick is called, while there is anything to send
	at      uint32         // the sender's time
	sending bool           // an event packet belongs into this tick
	pressed time.Time      // when the key that is held was last heard of
	buf     []byte
	tone    *dtmf.Tones
	silence media.Frame
}

func (d *digits) init(s *Stream) {
	d.s = s
	d.clock = 8000
	d.in = dtmf.NewReceiver(d.clock)
	d.out = dtmf.NewSender(d.clock, dtmf.DefaultVolume)
	d.tone = dtmf.NewTones()
}

func (d *digits) configure(p Params) {
	if d.clock != p.EventClock {
		d.clock = p.EventClock
		d.in.SetClock(d.clock)
		d.out.SetClock(d.clock)
	}
	d.event = p.EventSend
}

// receive handles a telephone-event packet.
func (d *digits) receive(p *rtp.Packet, now time.Time) {
	digit, ok := d.in.Receive(p.Payload, p.Timestamp, now)
	if ok {
		d.report(digit)
	}
	t := d.passTo
	if t == nil || d.s.relay != nil {
		return // a relay passes the packets themselves on
	}
	if ok {
		t.digits.press(digit.Char, now)
	}
	if e, valid := dtmf.ParseEvent(p.Payload); valid {
		t.digits.held(d.in.Held(), e, d.clock, now)
	}
}

func (d *digits) report(digit dtmf.Digit) {
	d.received++
	digit.Leg = d.s.opts.ID
	d.s.opts.Post(digit)
}

// PassDigits implements [mixer.DigitPasser]. Keys are passed to other streams,
// as events or tones, whatever those know.
func (s *Stream) PassDigits(to media.Port) {
	t, _ := to.(*Stream)
	if old := s.digits.passTo; old != nil && old != t {
		old.digits.release()
	}
	s.digits.passTo = t
}

// SendDigits presses keys at the far end: 0-9 * # A-D, w for half a second's
// pause and a comma for a whole one. Each is held for duration and followed by
// at least gap; 0 is 100 ms for both. They take the place of the audio. done
// may be nil; it is called once on the worker when the last is over, or the
// stream is closed. The error says what is wrong with digits; more than
// [dtmf.MaxDigits] waiting are dropped, and done is called. Any goroutine.
func (s *Stream) SendDigits(digits string, duration, gap time.Duration, done func()) error {
	if err := dtmf.Check(digits); err != nil {
		return err
	}
	s.queue.Do(func() {
		if s.closed || s.digits.out.Queue(digits, duration, gap, done) != nil {
			if done != nil {
				done()
			}
			return
		}
		s.digits.resume()
	})
	return nil
}

// press begins a key that the far end of another stream has pressed.
func (d *digits) press(char byte, now time.Time) {
	if d.s.closed {
		return
	}
	d.out.Press(char)
	d.pressed = now
	d.resume()
}

// held hears of the key that press has begun.
func (d *digits) held(down bool, e dtmf.Event, clock int, now time.Time) {
	if !d.out.Held() {
		return
	}
	d.pressed = now
	if !down {
		length := time.Duration(e.Duration) * time.Second / time.Duration(clock)
		if d.event == 0 {
			length = max(length, minPassedTone)
		}
		d.out.Release(length)
	}
}

func (d *digits) release() {
	if d.out.Held() {
		d.out.Release(0)
	}
}

// busy says whether there are digits to be sent.
func (d *digits) busy() bool { return d.ticking != nil }

// sendingEvent says whether event packets take the place of audio now.
func (d *digits) sendingEvent() bool { return d.sending && d.event != 0 }

// resume begins to send, where there is anything.
func (d *digits) resume() {
	if w := d.s.session.Worker(); d.ticking == nil && d.out.Busy() {
		d.ticking = w
		w.AddTick(d)
	}
}

// pause stops the clock, as before a move.
func (d *digits) pause() {
	if d.ticking != nil {
		d.ticking.RemoveTick(d)
		d.ticking = nil
	}
	d.sending = false
}

func (d *digits) close() {
	d.pause()
	d.out.Reset()
}

// Tick sends what digits need in this tick. It has a clock of its own, since a
// stream that is relayed gets no frames.
func (d *digits) Tick(now time.Time) {
	if d.out.Held() && now.Sub(d.pressed) > keyTimeout {
		d.out.Release(0)
	}
	step := uint32(d.clock / 50)
	p, ok := d.out.Step(d.at, step)
	d.at += step
	d.sending = ok
	switch {
	case ok && d.event != 0:
		d.buf = p.Event.Append(d.buf[:0])
		if d.s.params.Direction.Sends() {
			_ = d.s.session.SendEvent(d.event, p.Marker, d.buf) // counted there
		}
	case ok && !p.Repeat:
		char, _ := dtmf.CharOf(p.Event.Code)
		d.tone.Start(char)
	default:
		d.tone.Stop()
	}
	if now.Sub(d.s.out.framed) > unwritten {
		// Nobody writes frames: what lies between the digits, and tones, is
		// ours to send. In a relay the packets that come meanwhile are
		// dropped; the session hides the gap in their numbers, since it has
		// sent something else in between.
		_ = d.s.write(&d.silence, now) // counted by the session
	}
	if !d.out.Busy() {
		d.pause()
	}
}

// frame is what takes the place of the audio.
func (d *digits) frame(rate int) *media.Frame {
	f := &d.silence
	f.SetRate(rate)
	f.Silent = true
	if d.event == 0 {
		_ = d.tone.ReadFrame(f) // it has no end
	}
	return f
}
