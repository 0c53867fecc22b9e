package worker

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tandem/media"
)

// MaxPacket is the longest datagram in bytes that a worker hands on. Longer
// ones are dropped and counted: no RTP packet of a telephone call comes near.
const MaxPacket = 2048

// A Worker is one goroutine of a [Pool]. Methods said to be "on the worker" may
// be called only from functions that the worker calls.
type Worker struct {
	id      int
	clock   media.Clock
	sleeper sleeper
	start   time.Time // zero of the tick grid and of the timers
	now     time.Time

	mu     sync.Mutex
	queue  []func()
	asleep bool // somebody who queues must wake us
	ended  bool

	running []func() // the part of the queue being run; kept for its room
	timers  timers
	ticks   clockwork
	sweeps  [sweeps]sweep

	out    [MaxPacket]byte // Buffer
	shared map[any]any     // Shared

	// weight is what Pool.Next compares: sockets and tickers.
	weight atomic.Int64
	stats  counters
}

// A sleeper is how a worker waits.
type sleeper interface {
	// wait returns after d, at wake, or once it has handed the packets that
	// came to the worker. d < 0 is for ever, 0 does not wait. It sets the
	// worker's time when it comes back.
	wait(w *Worker, d time.Duration)
	// wake ends a wait, present or next. Any goroutine.
	wake()
	// add and remove say which kernel sockets wait receives from.
	add(s *Socket) error
	remove(s *Socket)
	// take hands one packet that waits at a kernel socket to the worker, and
	// says when it came. before is when the socket was looked at last.
	take(w *Worker, s *Socket, before time.Time) (at time.Time, ok bool)
	close()
}

func newWorker(id int, clock media.Clock) *Worker {
	w := &Worker{id: id, clock: clock, shared: make(map[any]any)}
	w.ticks.where = make(map[Ticker]place)
	return w
}

// Do queues fn, which runs on the worker between packets and ticks, after all
// that was queued before it. It may be called from any goroutine, never blocks,
// and drops fn when the pool has stopped.
func (w *Worker) Do(fn func()) {
	w.mu.Lock()
	if w.ended {
		w.mu.Unlock()
		return
	}
	w.queue = append(w.queue, fn)
	wake := w.asleep
	w.asleep = false
	w.mu.Unlock()
	if wake {
		w.sleeper.wake()
	}
}

// Now is the time at which the current turn, packet or tick began. On the
// worker.
func (w *Worker) Now() time.Time { return w.now }

// ID numbers the workers of a pool from 0; it labels metrics.
func (w *Worker) ID() int { return w.id }

// end makes run return.
func (w *Worker) end() {
	w.mu.Lock()
	w.ended = true
	w.asleep = false
	w.mu.Unlock()
	w.sleeper.wake()
}

func (w *Worker) run() {
	defer w.sleeper.close()
	w.now = w.clock.Now()
	w.start = w.now
	for {
		more := w.runQueue()
		if !more {
			return
		}
		w.runTimers()
		w.runSweeps()
		w.runTicks()
		w.sleep()
	}
}

// runQueue runs what was queued when it began. What those functions queue runs
// in the next turn, so that packets and ticks get theirs in between. It says
// whether the worker is to go on.
func (w *Worker) runQueue() bool {
	w.mu.Lock()
	w.running, w.queue = w.queue, w.running[:0]
	ended := w.ended
	w.mu.Unlock()
	for i, fn := range w.running {
		w.running[i] = nil
		fn()
	}
	return !ended
}

// sleep waits for the next packet, timer, tick or queued function.
func (w *Worker) sleep() {
	begun := w.now
	now := w.clock.Now()
	w.stats.busy.Add(int64(now.Sub(begun)))

	d := time.Duration(-1)
	if at, ok := w.nextDeadline(); ok {
		d = max(0, at-now.Sub(w.start))
	}
	w.mu.Lock()
	if len(w.queue) > 0 || w.ended {
		d = 0
	} else {
		w.asleep = d != 0
	}
	w.mu.Unlock()
	w.sleeper.wait(w, d)
	w.stats.turns.Add(1)
}

// nextDeadline is the time, since w.start, of the next timer, sweep or tick.
func (w *Worker) nextDeadline() (at time.Duration, ok bool) {
	at, ok = w.timers.next()
	if sweep, has := w.nextSweep(); has && (!ok || sweep < at) {
		at, ok = sweep, true
	}
	if tick, has := w.ticks.next(); has && (!ok || tick < at) {
		at, ok = tick, true
	}
	return at, ok
}

// AddSocket makes recv get every packet that arrives at s, on the worker, as
// soon as it arrives or, once [Worker.Sweep] was called, within half a tick;
// now is when it arrived. pkt is valid only during the call. A socket belongs
// to one worker at a time. On the worker.
func (w *Worker) AddSocket(s *Socket, recv func(pkt []byte, from netip.AddrPort, now time.Time)) error {
	if s.worker != nil {
		return ErrSocketInUse
	}
	s.recv = recv
	if s.conn != nil {
		s.worker = w
		s.conn.OnReceive(func(pkt []byte, from netip.AddrPort) { s.deliver(w, pkt, from) })
	} else {
		if err := w.sleeper.add(s); err != nil {
			return err
		}
		s.worker, s.mode = w, watched
	}
	w.stats.sockets.Add(1)
	w.weight.Add(1)
	return nil
}

// RemoveSocket ends what AddSocket began; it leaves the socket open. Packets
// that arrive until it is added elsewhere wait in the kernel. On the worker.
func (w *Worker) RemoveSocket(s *Socket) {
	if s.worker != w {
		return
	}
	switch {
	case s.conn != nil:
		s.conn.OnReceive(nil)
	case s.mode == swept:
		w.unsweep(s)
	default:
		w.sleeper.remove(s)
	}
	s.worker, s.recv = nil, nil
	w.stats.sockets.Add(-1)
	w.weight.Add(-1)
}
