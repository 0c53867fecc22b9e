package worker

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"tandem/media"
)

// Options say how the workers of a [Pool] run.
type Options struct {
	// Clock, where set, replaces the machine's clock. The workers then sleep
	// on channels, and take only sockets made by [NewSocket].
	Clock media.Clock
	// Gather is the shortest time between two looks at the sockets. To wake
	// costs more than to relay a packet: at 100 relayed calls the default
	// halves the CPU and adds a quarter of a millisecond in the median. A
	// worker that is less busy wakes for each packet at once. 0 is 500 µs,
	// negative is none.
	Gather time.Duration
}

// A Pool is a fixed set of workers. Its methods may be called from any
// goroutine.
type Pool struct {
	workers []*Worker
	next    atomic.Uint32
	stop    sync.Once
	running sync.WaitGroup
}

// New starts n workers; n < 1 starts one less than GOMAXPROCS, and at least one.
// GOMAXPROCS should be greater than n: a worker that waits in the kernel keeps
// its place in Go's scheduler only while another is idle, and to get it back
// costs as much as several packets. For a worker on each core set GOMAXPROCS
// to the number of cores and one more. (At 100 relayed calls on two cores, two
// workers then use 9 % of a core, and 10 to 20 % with GOMAXPROCS at two.) New
// fails where the kernel refuses an epoll instance (no descriptors left).
func New(n int, opts Options) (*Pool, error) {
	if n < 1 {
		n = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if opts.Gather == 0 {
		opts.Gather = 500 * time.Microsecond
	}
	p := &Pool{workers: make([]*Worker, 0, n)}
	for i := range n {
		w := newWorker(i, media.SystemClock{})
		var err error
		if opts.Clock != nil {
			w.clock = opts.Clock
			w.sleeper = newChanSleeper(opts.Clock)
		} else {
			w.sleeper, err = newEpollSleeper(opts.Gather)
		}
		if err != nil {
			p.Stop()
			return nil, err
		}
		p.workers = append(p.workers, w)
		p.running.Go(w.run)
	}
	return p, nil
}

// fill is how many sockets and tickers a worker gets before the next one gets
// any: some 150 calls, a quarter of a core.
const fill = 600

// Next gives the first worker that has little to do yet; once all have enough,
// the one that has the fewest sockets and tickers, equals in turn. Calls that
// are gathered on few workers share their wake-ups: two workers wake twice as
// often as one for the same packets, and at 100 relayed calls that is a tenth
// of all the CPU.
func (p *Pool) Next() *Worker {
	for _, w := range p.workers {
		if w.weight.Load() < fill {
			return w
		}
	}
	start := int(p.next.Add(1) - 1)
	var best *Worker
	for i := range p.workers {
		w := p.workers[(start+i)%len(p.workers)]
		if best == nil || w.weight.Load() < best.weight.Load() {
			best = w
		}
	}
	return best
}

// Workers gives all workers, in a fixed order.
func (p *Pool) Workers() []*Worker { return p.workers }

// Stop runs what is queued, ends the workers' goroutines and waits for them.
// Functions queued afterwards never run. It must not be called on a worker.
func (p *Pool) Stop() {
	p.stop.Do(func() {
		for _, w := range p.workers {
			w.end()
		}
	})
	p.running.Wait()
}

// Stats is what a worker has done since it started.
type Stats struct {
	// Turns is how often the worker woke.
	Turns uint64
	// Packets is how many datagrams it received.
	Packets uint64
	// Oversize is how many datagrams were dropped because they were longer
	// than [MaxPacket].
	Oversize uint64
	// Ticks is how many phases of the clock ran, LateTicks how many of them
	// began more than 5 ms after their time, SkippedTicks how many were left
	// out because the worker was more than 100 ms behind.
	Ticks, LateTicks, SkippedTicks uint64
	// MaxLate is the largest lateness of a tick.
	MaxLate time.Duration
	// Busy is the time spent awake. Its growth over that of the clock is the
	// worker's load, 0 to 1.
	Busy time.Duration
	// Sockets and Tickers are how many the worker has now.
	Sockets, Tickers int
}

// Stats may be called from any goroutine.
func (w *Worker) Stats() Stats {
	return Stats{
		Turns: w.stats.turns.Load(), Packets: w.stats.packets.Load(), Oversize: w.stats.oversize.Load(),
		Ticks: w.stats.ticks.Load(), LateTicks: w.stats.late.Load(), SkippedTicks: w.stats.skipped.Load(),
		MaxLate: time.Duration(w.stats.maxLate.Load()), Busy: time.Duration(w.stats.busy.Load()),
		Sockets: int(w.stats.sockets.Load()), Tickers: int(w.stats.tickers.Load()),
	}
}

// counters are written by the worker and read by anyone.
type counters struct {
	turns, packets, oversize, ticks, late, skipped atomic.Uint64
	maxLate, busy, sockets, tickers                atomic.Int64
}
