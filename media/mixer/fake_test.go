package mixer

import (
	"fmt"
	"io"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media"
	"tandem/media/worker"
)

// A port that speaks one tone and keeps what it hears.
type fakePort struct {
	rate   int
	hz     float64
	peak   float64
	silent bool
	keep   bool

	mu    sync.Mutex
	n     int
	heard []int16 // silence as zeros
	quiet int     // ticks marked silent
	ticks int
}

func speaker(hz float64) *fakePort { return &fakePort{rate: 8000, hz: hz, peak: 1000, keep: true} }

func (p *fakePort) Rate() int { return p.rate }

func (p *fakePort) ReadFrame(f *media.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.Silent = p.silent
	if !p.silent {
		tone(f.Samples, f.Rate, p.hz, p.peak, p.n)
	}
	p.n += len(f.Samples)
	return nil
}

func (p *fakePort) WriteFrame(f *media.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ticks++
	if !p.keep {
		return nil
	}
	if f.Silent {
		p.quiet++
		p.heard = append(p.heard, make([]int16, media.SamplesPerTick(f.Rate))...)
		return nil
	}
	p.heard = append(p.heard, f.Samples...)
	return nil
}

// take gives what was heard since the last take.
func (p *fakePort) take() []int16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.heard
	p.heard, p.quiet, p.ticks = nil, 0, 0
	return h
}

func tone(dst []int16, rate int, hz, peak float64, from int) {
	for i := range dst {
		dst[i] = int16(math.Round(peak * math.Sin(2*math.Pi*hz*float64(from+i)/float64(rate))))
	}
}

// level is the peak of a tone within samples (Goertzel).
func level(samples []int16, rate int, hz float64) float64 {
	c := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	var s1, s2 float64
	for _, v := range samples {
		s1, s2 = c*s1-s2+float64(v), s1
	}
	return 2 / float64(max(1, len(samples))) * math.Sqrt(s1*s1+s2*s2-c*s1*s2)
}

// A port that a bridge may relay.
type fakeRelay struct {
	*fakePort
	willing  bool
	to       *fakeRelay
	stops    int
	digitsTo media.Port
	notify   func()
}

func relayer(hz float64) *fakeRelay { return &fakeRelay{fakePort: speaker(hz), willing: true} }

func (r *fakeRelay) RelayTo(to media.Port) bool {
	t, ok := to.(*fakeRelay)
	if !ok || !r.willing || !t.willing {
		return false
	}
	r.to = t
	return true
}

func (r *fakeRelay) StopRelay()               { r.to = nil; r.stops++ }
func (r *fakeRelay) OnRelayChange(fn func())  { r.notify = fn }
func (r *fakeRelay) PassDigits(to media.Port) { r.digitsTo = to }
func (r *fakeRelay) state(w *worker.Worker) (to *fakeRelay, digits media.Port) {
	on(w, func() { to, digits = r.to, r.digitsTo })
	return to, digits
}

// A source of so many ticks of a tone.
type fakeSource struct {
	hz     float64
	ticks  int
	err    error // at the end; nil is io.EOF
	n      int
	closed int
}

func (s *fakeSource) ReadFrame(f *media.Frame) error {
	if s.n == s.ticks {
		if s.err != nil {
			return s.err
		}
		return io.EOF
	}
	tone(f.Samples, f.Rate, s.hz, 1000, s.n*len(f.Samples))
	s.n++
	return nil
}

func (s *fakeSource) Close() error { s.closed++; return nil }

// dones counts what was called back.
type dones struct {
	mu   sync.Mutex
	errs []error
}

func (d *dones) done(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.errs = append(d.errs, err)
}

func (d *dones) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprint(d.errs)
}

// bubble runs fn with workers on a virtual clock.
func bubble(t *testing.T, workers int, fn func(t *testing.T, w []*worker.Worker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pool, err := worker.New(workers, worker.Options{Clock: media.SystemClock{}})
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Stop()
		fn(t, pool.Workers())
	})
}

// on runs fn on w and waits for it.
func on(w *worker.Worker, fn func()) {
	done := make(chan struct{})
	w.Do(func() { fn(); close(done) })
	<-done
}

// pass lets so many ticks go by.
func pass(ticks int) { time.Sleep(time.Duration(ticks) * media.Tick); synctest.Wait() }

// wantTones checks which tones are in what p has heard since the last time.
func wantTones(t *testing.T, who string, p *fakePort, want map[float64]float64, not ...float64) {
	t.Helper()
	heard := p.take()
	if len(heard) < 1600 {
		t.Errorf("%s heard %d samples", who, len(heard))
		return
	}
	heard = heard[len(heard)-len(heard)%800-800:] // whole periods of any 10 Hz
	for hz, peak := range want {
		if got := level(heard, p.rate, hz); math.Abs(got-peak) > peak/20 {
			t.Errorf("%s hears %v Hz at %.0f, want %.0f", who, hz, got, peak)
		}
	}
	for _, hz := range not {
		if got := level(heard, p.rate, hz); got > 10 {
			t.Errorf("%s hears %v Hz at %.0f", who, hz, got)
		}
	}
}
