package rtp

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"tandem/media/worker"
)

// ErrNoRemote says that it is not known, or not wanted, where to send.
var ErrNoRemote = errors.New("no remote RTP address")

// ErrClosed says that a session was closed.
var ErrClosed = errors.New("RTP session is closed")

// ErrTooLong says that a payload does not fit a packet.
var ErrTooLong = errors.New("RTP payload too long")

// Options are what a [Session] is made with.
type Options struct {
	// SSRC is our synchronisation source; 0 chooses one at random.
	SSRC uint32
	// CNAME is our canonical name in RTCP (RFC 3550 §6.5.1), at most 255
	// bytes; it should name neither user nor host. Empty chooses one at
	// random (RFC 7022).
	CNAME string
	// ClockRate of RTP timestamps in Hz; 0 is 8000.
	ClockRate int
	// MaxRate is how many packets a second are accepted; more are dropped and
	// counted. 0 is 250: 5 ms packets and a telephone event beside them.
	MaxRate int
	// OnPacket gets, on the worker, each packet that was parsed, came from the
	// latched source, is no duplicate and within the cap. It is not called
	// after Close has taken effect.
	OnPacket func(p *Packet, now time.Time)
	// OnTimeout is called on the worker when nothing was received for as long
	// as SetTimeout says; again only after packets have come in between.
	OnTimeout func()
	// OnBye is called on the worker when the peer's RTCP says that its stream
	// has ended.
	OnBye func()
	// Log gets what is worth noting of a stream: latching, changes of source.
	// nil discards it.
	Log *slog.Logger
}

// A Session is one RTP stream with one peer, in both directions.
//
// What each packet touches comes first and lies together: with hundreds of
// sessions none of it is in the processor's cache when a packet comes.
type Session struct {
	worker   atomic.Pointer[worker.Worker]
	socket   *worker.Socket // of RTP
	onPacket func(p *Packet, now time.Time)
	closed   bool // on the worker
	moving   bool
	rate     int       // clock rate in Hz
	start    time.Time // zero of in's and limit's time
	pkt      Packet    // the one being handled
	limit    bucket
	in       receiver
	quiet    silence
	out      sender
	count    counts
	latch    latch

	opts  Options
	log   *slog.Logger
	pair  *Pair
	rtcp  reporter
	timer *worker.Timer
	heard netip.AddrPort // the source before a change of it
}

// NewSession makes a session that receives at pair, which it owns from now on,
// on w. Until [Session.SetRemote] every packet is dropped. Any goroutine.
func NewSession(w *worker.Worker, pair *Pair, opts Options) *Session {
	if opts.ClockRate <= 0 {
		opts.ClockRate = 8000
	}
	if opts.MaxRate <= 0 {
		opts.MaxRate = 250
	}
	if opts.OnPacket == nil {
		opts.OnPacket = func(*Packet, time.Time) {}
	}
	var random [24]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	for opts.SSRC == 0 {
		opts.SSRC = binary.BigEndian.Uint32(random[:])
		random[3]++
	}
	if opts.CNAME == "" {
		opts.CNAME = randomCNAME(random[12:24])
	}
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Session{opts: opts, log: log, pair: pair, socket: pair.RTP, onPacket: opts.OnPacket, rate: opts.ClockRate}
	s.limit = newBucket(opts.MaxRate)
	s.out.ssrc = opts.SSRC
	s.out.seq = binary.BigEndian.Uint16(random[4:])
	s.out.timestamp = binary.BigEndian.Uint32(random[6:])
	s.rtcp.init(opts.CNAME)
	s.worker.Store(w)
	w.Do(func() { s.attach(w) })
	return s
}

// Do runs fn on the worker that has the session, wherever it has moved to by
// then. Any goroutine.
func (s *Session) Do(fn func()) {
	w := s.worker.Load()
	w.Do(func() {
		if s.worker.Load() == w {
			fn()
			return
		}
		s.Do(fn)
	})
}

// Worker is the worker that has the session. Any goroutine; it may have moved
// by the time that the answer is used, unless that is on the worker.
func (s *Session) Worker() *worker.Worker { return s.worker.Load() }

// LocalAddr is the address of the RTP socket; RTCP is at the next port. Any
// goroutine.
func (s *Session) LocalAddr() netip.AddrPort { return s.pair.LocalAddr() }

// SSRC is our synchronisation source. Any goroutine.
func (s *Session) SSRC() uint32 { return s.opts.SSRC }

// attach begins receiving on w.
func (s *Session) attach(w *worker.Worker) {
	s.moving = false
	if s.closed {
		s.pair.Close()
		return
	}
	if s.start.IsZero() {
		s.start = w.Now()
	}
	if err := w.AddSocket(s.pair.RTP, s.receiveRTP); err != nil {
		s.log.Error("RTP socket not received from", "local", s.LocalAddr(), "err", err)
	}
	if err := w.AddSocket(s.pair.RTCP, s.receiveRTCP); err != nil {
		s.log.Error("RTCP socket not received from", "local", s.LocalAddr(), "err", err)
	}
	s.timer = w.AfterFunc(s.untilNext(w.Now()), func(now time.Time) { s.onTimer(w, now) })
}

// detach ends it; the sockets stay open.
func (s *Session) detach() {
	w := s.worker.Load()
	w.RemoveSocket(s.pair.RTP)
	w.RemoveSocket(s.pair.RTCP)
	if s.timer != nil {
		s.timer.Stop()
	}
}

// Move hands the session to another worker, where then is called as soon as it
// receives there. From this call on it belongs to that worker; packets that
// arrive in between wait in the kernel. On the worker.
func (s *Session) Move(to *worker.Worker, then func()) {
	if to == s.worker.Load() {
		then()
		return
	}
	if !s.closed {
		s.detach()
		s.moving = true
	}
	s.worker.Store(to)
	to.Do(func() {
		if s.moving {
			s.attach(to)
		}
		then()
	})
}

// Sweep lets received packets wait for up to half a tick (worker.Worker.Sweep),
// for an owner who looks at them only once a tick; he calls it in each. Watch,
// as it is at first, hands them on as they come. On the worker.
func (s *Session) Sweep() { s.worker.Load().Sweep(s.socket) }

// Watch ends what Sweep began. On the worker.
func (s *Session) Watch() { s.worker.Load().Watch(s.socket) }

// Close says goodbye to the peer (RTCP BYE) and gives sockets and ports back.
// Any goroutine; closing again does nothing.
func (s *Session) Close() {
	s.Do(func() {
		if s.closed {
			return
		}
		s.closed = true
		if s.moving {
			return // attach closes the pair
		}
		s.sendReport(s.worker.Load().Now(), true)
		s.detach()
		s.pair.Close()
	})
}

// SetClockRate says at which rate in Hz the timestamps of the audio run in
// both directions from now on; at first it is Options.ClockRate. On the worker.
func (s *Session) SetClockRate(hz int) {
	if hz <= 0 || hz == s.rate {
		return
	}
	s.rate = hz
	s.in.resetJitter()
	s.out.source, s.out.step = sourceNone, 0
}

// onTimer does what is due: reports and time-outs.
func (s *Session) onTimer(w *worker.Worker, now time.Time) {
	if s.rtcp.due(now) {
		s.sendReport(now, false)
	}
	if s.quiet.expired(now) && s.opts.OnTimeout != nil {
		s.opts.OnTimeout()
	}
	if s.worker.Load() == w && !s.closed { // OnTimeout may have moved or closed it
		s.timer.Reset(s.untilNext(now))
	}
}

// untilNext is the time until onTimer has something to do.
func (s *Session) untilNext(now time.Time) time.Duration {
	if s.rtcp.next.IsZero() {
		s.rtcp.schedule(now)
	}
	d := s.rtcp.next.Sub(now)
	if at, ok := s.quiet.deadline(); ok {
		d = min(d, at.Sub(now))
	}
	return max(d, time.Millisecond)
}
