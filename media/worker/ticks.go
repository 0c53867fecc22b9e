package worker

import (
	"time"

	"tandem/media"
)

// A Ticker is called every [media.Tick] until it is removed.
type Ticker interface {
	// Tick never blocks. now is the time at which its phase began.
	Tick(now time.Time)
}

const (
	// phases is how many parts a tick's work is spread over, so that the load
	// is even and packets get their turn in between.
	phases     = 4
	phaseWidth = media.Tick / phases
	// lateLimit is how late a phase may begin without being counted.
	lateLimit = phaseWidth
	// skipLimit is how far behind phases are left out rather than caught up
	// with: a burst of more packets would only fill the peers' jitter buffers.
	skipLimit = 5 * media.Tick
	// pollInterval is how long a phase may run before packets that came in the
	// meantime are relayed.
	pollInterval = 500 * time.Microsecond
)

// clockwork keeps the tickers of one worker. Deadlines are absolute, on a grid
// that begins with the worker, so that they do not drift.
type clockwork struct {
	phase [phases]phase
	where map[Ticker]place
}

type phase struct {
	// due is the time of the next tick since the worker's start; it has a
	// meaning only while there are tickers.
	due     time.Duration
	tickers []Ticker // nil where one was removed while the phase ran
	running bool
	holes   bool
}

type place struct{ phase, index int }

// AddTick makes t.Tick be called every [media.Tick]. A ticker that is already
// there is left as it is. On the worker.
func (w *Worker) AddTick(t Ticker) {
	c := &w.ticks
	if _, ok := c.where[t]; ok {
		return
	}
	best := 0
	for i := range c.phase {
		if len(c.phase[i].tickers) < len(c.phase[best].tickers) {
			best = i
		}
	}
	p := &c.phase[best]
	if len(p.tickers) == 0 {
		p.due = gridAfter(best, w.now.Sub(w.start))
	}
	c.where[t] = place{best, len(p.tickers)}
	p.tickers = append(p.tickers, t)
	w.stats.tickers.Add(1)
	w.weight.Add(1)
}

// RemoveTick ends the calls to t.Tick, at once. On the worker.
func (w *Worker) RemoveTick(t Ticker) {
	c := &w.ticks
	at, ok := c.where[t]
	if !ok {
		return
	}
	delete(c.where, t)
	w.stats.tickers.Add(-1)
	w.weight.Add(-1)
	p := &c.phase[at.phase]
	if p.running {
		p.tickers[at.index] = nil
		p.holes = true
		return
	}
	last := len(p.tickers) - 1
	if at.index != last {
		p.tickers[at.index] = p.tickers[last]
		c.where[p.tickers[at.index]] = at
	}
	p.tickers[last] = nil
	p.tickers = p.tickers[:last]
}

// gridAfter is the first time after now at which phase i ticks.
func gridAfter(i int, now time.Duration) time.Duration {
	offset := time.Duration(i) * phaseWidth
	n := (now - offset) / media.Tick
	for offset+n*media.Tick <= now {
		n++
	}
	return offset + n*media.Tick
}

// next is the time of the next phase that has tickers.
func (c *clockwork) next() (at time.Duration, ok bool) {
	for i := range c.phase {
		if p := &c.phase[i]; len(p.tickers) > 0 && (!ok || p.due < at) {
			at, ok = p.due, true
		}
	}
	return at, ok
}

// runTicks runs each phase that is due, once.
func (w *Worker) runTicks() {
	for i := range w.ticks.phase {
		p := &w.ticks.phase[i]
		if len(p.tickers) == 0 {
			continue
		}
		late := w.now.Sub(w.start) - p.due
		if late < 0 {
			continue
		}
		w.countTick(late)
		if late >= skipLimit {
			due := gridAfter(i, w.now.Sub(w.start)) - media.Tick
			w.stats.skipped.Add(uint64((due - p.due) / media.Tick))
			p.due = due
		}
		p.due += media.Tick
		w.runPhase(i)
	}
}

func (w *Worker) countTick(late time.Duration) {
	w.stats.ticks.Add(1)
	if late > lateLimit {
		w.stats.late.Add(1)
	}
	if int64(late) > w.stats.maxLate.Load() {
		w.stats.maxLate.Store(int64(late))
	}
}

func (w *Worker) runPhase(i int) {
	p := &w.ticks.phase[i]
	p.running = true
	now := w.now
	polled := now
	n := len(p.tickers) // those added meanwhile begin with the next tick
	for k := 0; k < n; k++ {
		if t := p.tickers[k]; t != nil {
			t.Tick(now)
		}
		if k&7 == 7 {
			if at := w.clock.Now(); at.Sub(polled) >= pollInterval {
				w.sleeper.wait(w, 0)
				polled = w.now
			}
		}
	}
	// The busy time of this turn counts from the last time wait set.
	if polled != now {
		w.stats.busy.Add(int64(polled.Sub(now)))
	}
	p.running = false
	if p.holes {
		p.compact(w.ticks.where, i)
	}
}

// compact closes the holes that removals have left.
func (p *phase) compact(where map[Ticker]place, i int) {
	kept := p.tickers[:0]
	for _, t := range p.tickers {
		if t != nil {
			where[t] = place{i, len(kept)}
			kept = append(kept, t)
		}
	}
	clear(p.tickers[len(kept):])
	p.tickers, p.holes = kept, false
}
