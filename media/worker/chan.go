package worker

import (
	"errors"
	"time"

	"tandem/media"
)

// ErrKernelSocket says that a worker on a virtual clock was given a socket of
// the kernel, whose packets come in real time.
var ErrKernelSocket = errors.New("kernel socket on a worker with a virtual clock")

// A chanSleeper waits on a channel and a clock.
type chanSleeper struct {
	clock media.Clock
	woken chan struct{} // room for one: wakes are not counted
	timer media.Timer
}

func newChanSleeper(clock media.Clock) *chanSleeper {
	return &chanSleeper{clock: clock, woken: make(chan struct{}, 1)}
}

func (c *chanSleeper) wait(w *Worker, d time.Duration) {
	if d != 0 {
		if d > 0 {
			if c.timer == nil {
				c.timer = c.clock.AfterFunc(d, c.wake)
			} else {
				c.timer.Reset(d)
			}
		}
		<-c.woken
		if d > 0 {
			c.timer.Stop()
		}
	}
	w.now = c.clock.Now()
}

func (c *chanSleeper) wake() {
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

func (c *chanSleeper) add(*Socket) error { return ErrKernelSocket }
func (c *chanSleeper) remove(*Socket)    {}

// take is not called: only sockets of the kernel are swept.
func (c *chanSleeper) take(*Worker, *Socket, time.Time) (at time.Time, ok bool) { return at, false }

func (c *chanSleeper) close() {
	if c.timer != nil {
		c.timer.Stop()
	}
}
