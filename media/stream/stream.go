package stream

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"tandem/media"
	"tandem/media/jitter"
	"tandem/media/mixer"
	"tandem/media/rtp"
	"tandem/media/worker"
)

// A Stream is one leg's audio.
type Stream struct {
	opts    Options
	log     *slog.Logger
	queue   *mixer.Queue
	session *rtp.Session
	rate    atomic.Int32 // of the samples that are decoded and encoded, in Hz

	// All below belongs to the worker.
	params  Params
	closed  bool
	in      receiver
	out     sender
	digits  digits
	relay   *Stream // who gets what is received here; nil while not relaying
	changed func()  // OnRelayChange
	relayed uint64
}

var (
	_ media.Relay         = (*Stream)(nil)
	_ mixer.Movable       = (*Stream)(nil)
	_ mixer.RelayNotifier = (*Stream)(nil)
	_ mixer.DigitPasser   = (*Stream)(nil)
)

// New makes a stream that receives at pair, which it owns from now on, on w.
// Until [Stream.Configure] it drops what comes and sends nothing. Any
// goroutine.
func New(w *worker.Worker, pair *rtp.Pair, opts Options) *Stream {
	s := &Stream{opts: opts, log: opts.Log, queue: mixer.NewQueue(w)}
	s.rate.Store(8000)
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if opts.Post == nil {
		s.opts.Post = func(any) {}
	}
	s.in.init(s)
	s.out.init()
	s.digits.init(s)
	s.session = rtp.NewSession(w, pair, rtp.Options{
		SSRC:      opts.SSRC,
		CNAME:     opts.CNAME,
		OnPacket:  s.receive,
		OnTimeout: func() { s.opts.Post(Timeout{Leg: s.opts.ID}) },
		OnBye:     func() { s.opts.Post(Bye{Leg: s.opts.ID}) },
		Log:       s.log,
	})
	return s
}

// ID is the leg's.
func (s *Stream) ID() string { return s.opts.ID }

// LocalAddr is the address at which RTP is received; RTCP is at the next port.
// Any goroutine.
func (s *Stream) LocalAddr() netip.AddrPort { return s.session.LocalAddr() }

// Worker is the worker that the stream belongs to; it may be moving. Any
// goroutine.
func (s *Stream) Worker() *worker.Worker { return s.queue.Worker() }

// Rate implements [media.Port]. Any goroutine.
func (s *Stream) Rate() int { return int(s.rate.Load()) }

// Configure applies what offer and answer have agreed on, at once and without a
// break: what stays as it was goes on as it was, and sequence numbers,
// timestamps and SSRC go on whatever changes. Any goroutine, any number of
// times.
func (s *Stream) Configure(p Params) { s.queue.Do(func() { s.configure(p) }) }

func (s *Stream) configure(p Params) {
	if s.closed {
		return
	}
	if p.Send.Codec == nil {
		p.Direction = Inactive
	}
	if len(p.Receive) == 0 && p.Send.Codec != nil {
		p.Receive = []Format{p.Send}
	}
	clock, rate := 8000, 8000
	if c := p.Send.Codec; c != nil {
		clock, rate = c.ClockRate, c.SampleRate
	}
	s.rate.Store(int32(rate))
	if p.EventClock <= 0 {
		p.EventClock = clock
	}
	before := s.params.Direction
	s.params = p
	s.session.SetClockRate(clock)
	s.in.configure(p, clock, rate)
	s.out.configure(p, clock, rate)
	s.digits.configure(p)
	s.session.SetRemote(p.Remote, p.RemoteRTCP, p.Latch)
	if d := s.opts.Timeout; !p.Direction.Receives() {
		s.session.SetTimeout(0, 0)
	} else if !s.in.timed || before != p.Direction {
		s.session.SetTimeout(d, d)
	}
	s.in.timed = p.Direction.Receives()
	s.notify()
}

// notify lets the bridge ask again whether we relay.
func (s *Stream) notify() {
	if s.changed != nil {
		s.changed()
		return
	}
	s.relay = nil
}

// now is the time of the worker's turn.
func (s *Stream) now() time.Time { return s.session.Worker().Now() }

// Move implements [mixer.Movable]. Packets that arrive meanwhile wait in the
// kernel.
func (s *Stream) Move(to *worker.Worker, then func()) {
	s.queue.Do(func() {
		if s.queue.Worker() == to {
			then()
			return
		}
		s.relay = nil
		s.digits.pause()
		s.queue.Hold()
		s.session.Move(to, func() {
			s.digits.resume()
			then()
			s.queue.Release(to)
		})
	})
}

// Stats hands the counters so far to fn, on the worker; after Close they stay
// as they were. Any goroutine.
func (s *Stream) Stats(fn func(Stats)) { s.queue.Do(func() { fn(s.stats()) }) }

func (s *Stream) stats() Stats {
	st := Stats{
		RTP:           s.session.Stats(),
		Jitter:        s.in.jitter.Stats(),
		Relayed:       s.relayed,
		BadPayloads:   s.in.bad,
		Digits:        s.digits.received,
		DigitsDropped: s.digits.in.Dropped,
	}
	if c := s.params.Send.Codec; c != nil && st.RTP.Sent > 0 {
		st.Sent = c.Name
	}
	if f := s.in.format(); f != nil && st.RTP.Received > 0 {
		st.Received = f.Codec.Name
		st.MOS = st.RTP.MOS(f.Codec.Name, st.Jitter.Late+st.Jitter.Overflow, media.Tick+st.Jitter.MeanDelay)
	}
	return st
}

// Close ends the stream and gives its ports back. It must have left its bridge,
// or leave it soon: until then it gives silence and takes what it is given.
// Digits that wait to be sent are dropped, and what waits for them is called.
// Any goroutine; closing again does nothing.
func (s *Stream) Close() {
	s.queue.Do(func() {
		if s.closed {
			return
		}
		s.closed = true
		s.relay = nil
		s.digits.close()
		s.session.Close()
		if s.changed != nil {
			s.changed()
		}
	})
}

// OnRelayChange implements [mixer.RelayNotifier].
func (s *Stream) OnRelayChange(fn func()) { s.changed = fn }

// RelayTo implements [media.Relay]. It takes another stream on the same worker,
// or s itself, which then sends back what it receives. Both must be active in
// both directions, with the codec that is received here sent there, the same
// packet time, no digits to be heard in the audio, and telephone-events there
// if there are any here.
func (s *Stream) RelayTo(to media.Port) bool {
	t, ok := to.(*Stream)
	if !ok || !s.relays(t) {
		return false
	}
	if s.relay != t {
		t.session.NewSource() // while t was held, nothing was sent there
		s.relay = t
		s.session.Watch() // what was read at the ticks is handed on as it comes
	}
	return true
}

func (s *Stream) relays(t *Stream) bool {
	f := s.in.format()
	switch {
	case s.closed || t.closed || f == nil || t.params.Send.Codec == nil:
	case s.session.Worker() != t.session.Worker():
	case s.params.Direction != SendRecv || t.params.Direction != SendRecv:
	case f.Codec != t.params.Send.Codec || f.Fmtp != t.params.Send.Fmtp:
	case s.out.ptime != t.out.ptime:
	case s.in.listening() || t.in.listening():
	case s.params.EventReceive != 0 && (t.params.EventSend == 0 || t.params.EventClock != s.params.EventClock):
	default:
		return true
	}
	return false
}

// StopRelay implements [media.Relay].
func (s *Stream) StopRelay() {
	if s.relay == nil {
		return
	}
	s.relay = nil
	// What was received meanwhile went past the jitter buffer.
	s.in.restart()
}

// forward hands on a packet as it came.
func (s *Stream) forward(p *rtp.Packet, pt uint8) {
	t := s.relay
	if t.digits.busy() {
		return // t's own digits take the place of the audio
	}
	t.relayed++
	// What cannot be sent is counted by the session.
	_ = t.session.Forward(p, pt)
}

// formatOf is the one of the received formats that has a payload type.
func (s *Stream) formatOf(pt uint8) (int, bool) {
	i := s.in.byType[pt&0x7f]
	return int(i) - 1, i > 0
}

// receive gets every packet of the session's.
func (s *Stream) receive(p *rtp.Packet, now time.Time) {
	if !s.params.Direction.Receives() {
		return
	}
	if p.PayloadType == s.params.EventReceive && p.PayloadType != 0 {
		s.digits.receive(p, now)
		if s.relay != nil {
			s.forward(p, s.relay.params.EventSend)
			return
		}
		// Its sequence number must not be taken for a lost packet's.
		s.in.jitter.Push(jitter.Packet{SSRC: p.SSRC, Seq: p.Seq, Timestamp: p.Timestamp}, now)
		return
	}
	i, ok := s.formatOf(p.PayloadType)
	if !ok || len(p.Payload) == 0 {
		s.in.bad++
		if s.relay == nil {
			s.in.jitter.Push(jitter.Packet{SSRC: p.SSRC, Seq: p.Seq, Timestamp: p.Timestamp}, now)
		}
		return
	}
	if i != s.in.current {
		s.in.current = i
		s.notify() // what could be relayed may no longer be, and the other way round
	}
	if s.relay != nil {
		s.forward(p, s.relay.params.Send.PayloadType)
		return
	}
	s.in.jitter.Push(jitter.Packet{SSRC: p.SSRC, Seq: p.Seq, Timestamp: p.Timestamp, Format: uint8(i), Payload: p.Payload}, now)
}
