package worker

import "time"

// Packets that are mixed wait for the next tick in any case: to wake for each
// of them, which costs more than to receive it, gains nothing. Their sockets
// are taken out of the poller and looked at twice a tick, in the phase in which
// their packets are read and half a tick later (so that a digit acts within
// 20 ms even if its packet comes just after the phase). The kernel notes when a
// packet came, so that jitter is measured as if it had been handled at once.

const (
	// sweeps is how many groups of sockets there are; each is looked at in one
	// of so many phases.
	sweeps     = phases / 2
	sweepWidth = sweeps * phaseWidth
	// restAfter is after how many looks at which nothing was there a socket
	// goes back to the poller, until something comes: a peer on hold costs
	// nothing.
	restAfter = 25
)

// A sweep is the sockets that are looked at in the same phases.
type sweep struct {
	due     time.Duration // since the worker's start; it has a meaning only while there are sockets
	sockets []*Socket
}

// mode is how a socket is received from.
type mode uint8

const (
	watched mode = iota // as packets come
	swept               // in its phases
	resting             // as watched, until the next packet
)

// Sweep makes s be received from every half tick, in the present phase and the
// one opposite, instead of at once. It may be called again, as in each tick.
// Sockets of an in-memory network go on as they are. On the worker.
func (w *Worker) Sweep(s *Socket) {
	if s.worker != w || s.conn != nil {
		return
	}
	n := w.sweepOf(w.now)
	switch {
	case s.mode == resting, s.mode == swept && s.sweep == n:
		return
	case s.mode == swept:
		w.unsweep(s)
	default:
		s.stamp()
		w.sleeper.remove(s)
	}
	w.enterSweep(s, n)
}

// Watch ends what Sweep began. On the worker.
func (w *Worker) Watch(s *Socket) {
	if s.worker != w || s.conn != nil {
		return
	}
	if s.mode != swept {
		s.mode = watched
		return
	}
	w.unsweep(s)
	w.watch(s, watched)
}

// sweepOf is the sweep that looks at its sockets in the phase of now.
func (w *Worker) sweepOf(now time.Time) int {
	return int(now.Sub(w.start)/phaseWidth) % len(w.sweeps)
}

func (w *Worker) enterSweep(s *Socket, n int) {
	sw := &w.sweeps[n]
	if len(sw.sockets) == 0 {
		grid := w.now.Sub(w.start) / phaseWidth
		sw.due = (grid + 1) * phaseWidth
		if int(grid+1)%len(w.sweeps) != n {
			sw.due += phaseWidth
		}
	}
	s.mode, s.sweep, s.place, s.idle = swept, n, len(sw.sockets), 0
	s.looked = w.now
	sw.sockets = append(sw.sockets, s)
}

func (w *Worker) unsweep(s *Socket) {
	sw := &w.sweeps[s.sweep]
	last := len(sw.sockets) - 1
	sw.sockets[s.place] = sw.sockets[last]
	sw.sockets[s.place].place = s.place
	sw.sockets[last] = nil
	sw.sockets = sw.sockets[:last]
}

// watch gives a socket back to the poller. Where the kernel refuses that, it
// goes on being swept.
func (w *Worker) watch(s *Socket, as mode) {
	if w.sleeper.add(s) != nil {
		w.enterSweep(s, s.sweep)
		return
	}
	s.mode = as
}

// rouse takes a resting socket, for which something has come, back into its
// sweep.
func (w *Worker) rouse(s *Socket) {
	w.sleeper.remove(s)
	w.enterSweep(s, s.sweep)
}

// runSweeps looks at the sockets that are due.
func (w *Worker) runSweeps() {
	for i := range w.sweeps {
		sw := &w.sweeps[i]
		now := w.now.Sub(w.start)
		if len(sw.sockets) == 0 || now < sw.due {
			continue
		}
		sw.due += max(1, (now-sw.due)/sweepWidth) * sweepWidth
		// Backwards: a socket that leaves meanwhile leaves its place to one
		// that has been looked at.
		for k := len(sw.sockets) - 1; k >= 0; k-- {
			if k < len(sw.sockets) {
				w.look(sw.sockets[k])
			}
		}
	}
}

// look takes what waits at s. As a rule that is one packet or none; to learn
// that there is no second costs a third of a packet and is left to the next
// time, unless the first has been waiting since before the last time.
func (w *Worker) look(s *Socket) {
	before := s.looked
	s.looked = w.now
	for {
		at, ok := w.sleeper.take(w, s, before)
		if !ok {
			break
		}
		s.idle = 0
		if s.worker != w || s.mode != swept || !at.Before(before) {
			return
		}
	}
	if s.idle++; s.idle > restAfter {
		w.unsweep(s)
		w.watch(s, resting)
	}
}

// nextSweep is the time of the next sweep that has sockets.
func (w *Worker) nextSweep() (at time.Duration, ok bool) {
	for i := range w.sweeps {
		if sw := &w.sweeps[i]; len(sw.sockets) > 0 && (!ok || sw.due < at) {
			at, ok = sw.due, true
		}
	}
	return at, ok
}
