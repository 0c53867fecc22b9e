package worker

import (
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media"
)

// virtual runs fn in a bubble with a worker on its clock.
func virtual(t *testing.T, fn func(t *testing.T, w *Worker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, err := New(1, Options{Clock: media.SystemClock{}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Stop()
		fn(t, p.Next())
	})
}

// real gives a worker of the kernel.
func real(t testing.TB) *Worker {
	t.Helper()
	p, err := New(1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p.Next()
}

// on runs fn on the worker and waits for it.
func on(w *Worker, fn func()) {
	done := make(chan struct{})
	w.Do(func() { defer close(done); fn() })
	<-done
}

func TestDoKeepsTheOrderOfEachCaller(t *testing.T) {
	for name, clock := range map[string]media.Clock{"kernel": nil, "virtual": media.SystemClock{}} {
		t.Run(name, func(t *testing.T) {
			p, err := New(1, Options{Clock: clock})
			if err != nil {
				t.Fatal(err)
			}
			w := p.Next()
			const callers, calls = 8, 500
			var got [callers][]int
			var wg sync.WaitGroup
			for c := range callers {
				wg.Go(func() {
					for i := range calls {
						w.Do(func() { got[c] = append(got[c], i) })
					}
				})
			}
			wg.Wait()
			p.Stop() // runs what is queued
			for c := range got {
				if len(got[c]) != calls || !slices.IsSorted(got[c]) {
					t.Errorf("caller %d: %d calls, in order: %v", c, len(got[c]), slices.IsSorted(got[c]))
				}
			}
			w.Do(func() { t.Error("run after Stop") })
			p.Stop() // again does nothing
		})
	}
}

func TestDoFromTheWorkerRunsNextTurn(t *testing.T) {
	virtual(t, func(t *testing.T, w *Worker) {
		var got []string
		on(w, func() {
			w.AfterFunc(0, func(time.Time) { got = append(got, "timer") })
			w.Do(func() { got = append(got, "queued") })
			got = append(got, "first")
		})
		synctest.Wait()
		on(w, func() {})
		if want := []string{"first", "timer", "queued"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// A metronome notes when it ticks.
type metronome struct {
	at []time.Duration
	fn func()
	t0 time.Time
}

func (m *metronome) Tick(now time.Time) {
	m.at = append(m.at, now.Sub(m.t0))
	if m.fn != nil {
		m.fn()
	}
}

func TestTicksAreSpreadAndDoNotDrift(t *testing.T) {
	virtual(t, func(t *testing.T, w *Worker) {
		ms := make([]*metronome, 8)
		start := time.Now()
		on(w, func() {
			for i := range ms {
				ms[i] = &metronome{t0: start}
				w.AddTick(ms[i])
				w.AddTick(ms[i]) // twice is once
			}
		})
		time.Sleep(10*time.Second + time.Millisecond)
		on(w, func() {
			perPhase := map[time.Duration]int{}
			for _, m := range ms {
				if len(m.at) != 500 && len(m.at) != 501 {
					t.Fatalf("%d ticks in 10 s", len(m.at))
				}
				perPhase[m.at[0]%media.Tick]++
				for i, at := range m.at {
					if at != m.at[0]+time.Duration(i)*media.Tick {
						t.Fatalf("tick %d at %v, the first at %v", i, at, m.at[0])
					}
				}
			}
			if len(perPhase) != phases {
				t.Errorf("phases %v", perPhase)
			}
			for at, n := range perPhase {
				if n != len(ms)/phases {
					t.Errorf("%d tickers at %v", n, at)
				}
			}
			for _, m := range ms {
				w.RemoveTick(m)
				w.RemoveTick(m)
				m.at = nil
			}
		})
		time.Sleep(time.Second)
		on(w, func() {
			for _, m := range ms {
				if len(m.at) > 0 {
					t.Error("ticked after its removal")
				}
			}
			if s := w.Stats(); s.LateTicks != 0 || s.SkippedTicks != 0 || s.Tickers != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	})
}

func TestTickersMayChangeTickersWhileTheyRun(t *testing.T) {
	virtual(t, func(t *testing.T, w *Worker) {
		var a, b, c, late metronome
		on(w, func() {
			// All in one phase: the other three are full.
			fill := make([]metronome, 3*phases*4)
			for i := range fill {
				w.AddTick(&fill[i])
			}
			for i := 1; i < phases; i++ {
				w.ticks.phase[i].tickers = append(w.ticks.phase[i].tickers, make([]Ticker, 100)...)
			}
			w.AddTick(&a)
			w.AddTick(&b)
			w.AddTick(&c)
			a.fn = func() { // removes one behind it, itself, and adds one
				a.fn = nil
				w.RemoveTick(&b)
				w.RemoveTick(&a)
				w.AddTick(&late)
			}
		})
		time.Sleep(100 * time.Millisecond)
		on(w, func() {
			if len(a.at) != 1 || len(b.at) != 0 {
				t.Errorf("removed ones ticked %d and %d times", len(a.at), len(b.at))
			}
			if len(c.at) < 4 || len(late.at) < 3 || len(late.at) >= len(c.at) {
				t.Errorf("others ticked %d and %d times", len(c.at), len(late.at))
			}
		})
	})
}

func TestLateTicksAreCaughtUpWithOrSkipped(t *testing.T) {
	virtual(t, func(t *testing.T, w *Worker) {
		var m metronome
		on(w, func() { w.AddTick(&m) })
		time.Sleep(110 * time.Millisecond)
		on(w, func() { m.at = nil; time.Sleep(60 * time.Millisecond) }) // what nobody may do
		time.Sleep(100 * time.Millisecond)
		on(w, func() {
			if len(m.at) != 8 {
				t.Errorf("%d ticks in 160 ms with 60 ms of standstill", len(m.at))
			}
			s := w.Stats()
			if s.LateTicks == 0 || s.SkippedTicks != 0 || s.MaxLate < 40*time.Millisecond {
				t.Errorf("after 60 ms: %+v", s)
			}
			m.at = nil
			time.Sleep(time.Second)
		})
		time.Sleep(100 * time.Millisecond)
		on(w, func() {
			if len(m.at) > 7 {
				t.Errorf("burst of %d ticks after a second", len(m.at))
			}
			if s := w.Stats(); s.SkippedTicks < 45 {
				t.Errorf("after 1 s: %+v", s)
			}
		})
	})
}

func TestTimers(t *testing.T) {
	virtual(t, func(t *testing.T, w *Worker) {
		start := time.Now()
		var got []string
		var every []time.Duration
		note := func(s string) func(time.Time) { return func(time.Time) { got = append(got, s) } }
		var cancel func()
		on(w, func() {
			w.AfterFunc(30*time.Millisecond, note("30"))
			w.AfterFunc(10*time.Millisecond, note("10"))
			w.AfterFunc(20*time.Millisecond, note("20"))
			stopped := w.AfterFunc(15*time.Millisecond, note("stopped"))
			if !stopped.Stop() || stopped.Stop() {
				t.Error("Stop says wrong")
			}
			moved := w.AfterFunc(5*time.Millisecond, note("moved"))
			moved.Reset(25 * time.Millisecond)
			cancel = w.Every(700*time.Millisecond, func(now time.Time) {
				every = append(every, now.Sub(start))
				if len(every) == 4 {
					cancel()
				}
			})
		})
		time.Sleep(10 * time.Second)
		on(w, func() {
			if want := []string{"10", "20", "moved", "30"}; !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			want := []time.Duration{700 * time.Millisecond, 1400 * time.Millisecond, 2100 * time.Millisecond, 2800 * time.Millisecond}
			if !slices.Equal(every, want) {
				t.Errorf("every at %v", every)
			}
			if len(w.timers) != 0 {
				t.Errorf("%d timers left", len(w.timers))
			}
		})
	})
}

func TestKernelTickIsOnTime(t *testing.T) {
	w := real(t)
	ticked := make(chan struct{}, 100)
	m := &metronome{t0: time.Now(), fn: func() { ticked <- struct{}{} }}
	on(w, func() { w.AddTick(m) })
	for range 10 {
		<-ticked
	}
	on(w, func() {
		w.RemoveTick(m)
		if d := m.at[9] - m.at[0]; d < 170*time.Millisecond {
			t.Errorf("ten ticks in %v", d)
		}
	})
}

func listen(t testing.TB, addr string) *Socket {
	t.Helper()
	s, err := Listen(netip.MustParseAddrPort(addr), SocketOptions{RecvBuffer: 64 << 10, DSCP: 46})
	if err != nil {
		t.Skipf("no such address here: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestKernelSockets(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			w := real(t)
			a, b := listen(t, addr), listen(t, addr)
			if a.LocalAddr().Port() == 0 || a.LocalAddr() == b.LocalAddr() {
				t.Fatalf("bound to %v and %v", a.LocalAddr(), b.LocalAddr())
			}
			type got struct {
				text string
				from netip.AddrPort
			}
			answers := make(chan got, 10)
			on(w, func() {
				if err := w.AddSocket(a, func(pkt []byte, from netip.AddrPort, _ time.Time) { _ = a.Send(pkt, from) }); err != nil {
					t.Error(err)
				}
				if err := w.AddSocket(b, func(pkt []byte, from netip.AddrPort, _ time.Time) {
					answers <- got{string(pkt), from}
				}); err != nil {
					t.Error(err)
				}
				if err := w.AddSocket(b, nil); err != ErrSocketInUse {
					t.Errorf("added twice: %v", err)
				}
				_ = b.Send(make([]byte, MaxPacket+1), a.LocalAddr()) // dropped
				_ = b.Send([]byte("echo"), a.LocalAddr())
			})
			if g := <-answers; g.text != "echo" || g.from != a.LocalAddr() {
				t.Errorf("got %+v", g)
			}
			on(w, func() {
				if s := w.Stats(); s.Oversize != 1 || s.Sockets != 2 {
					t.Errorf("stats %+v", s)
				}
				// What comes while nobody listens waits.
				w.RemoveSocket(a)
				w.RemoveSocket(a)
				_ = b.Send([]byte("later"), a.LocalAddr())
				if err := w.AddSocket(a, func(pkt []byte, from netip.AddrPort, _ time.Time) { _ = a.Send(pkt, from) }); err != nil {
					t.Error(err)
				}
			})
			if g := <-answers; g.text != "later" {
				t.Errorf("got %+v", g)
			}
			on(w, func() {
				w.RemoveSocket(a)
				if err := a.Close(); err != nil {
					t.Error(err)
				}
				if err := a.Close(); err != nil {
					t.Errorf("closed twice: %v", err)
				}
				if err := a.Send([]byte("x"), b.LocalAddr()); err != ErrClosed {
					t.Errorf("sent on a closed socket: %v", err)
				}
			})
		})
	}
}

func TestListenErrors(t *testing.T) {
	a := listen(t, "127.0.0.1:0")
	if _, err := Listen(a.LocalAddr(), SocketOptions{}); err == nil {
		t.Error("bound twice")
	}
	if _, err := Listen(netip.MustParseAddrPort("192.0.2.1:0"), SocketOptions{}); err == nil {
		t.Error("bound to an address of nobody's")
	}
}

func TestKernelDropsAreCounted(t *testing.T) {
	a, b := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	for range 2000 {
		_ = b.Send(make([]byte, 172), a.LocalAddr())
	}
	if a.Drops() == 0 || b.Drops() != 0 {
		t.Errorf("drops %d and %d", a.Drops(), b.Drops())
	}
}

func TestKernelSocketOnAVirtualClock(t *testing.T) {
	s := listen(t, "127.0.0.1:0")
	virtual(t, func(t *testing.T, w *Worker) {
		on(w, func() {
			if err := w.AddSocket(s, nil); err != ErrKernelSocket {
				t.Errorf("got %v", err)
			}
		})
	})
}

// A memory is a Conn whose packets the test brings.
type memory struct {
	mu sync.Mutex
	fn func([]byte, netip.AddrPort)
}

func (m *memory) LocalAddr() netip.AddrPort         { return netip.MustParseAddrPort("192.0.2.1:4000") }
func (m *memory) Send([]byte, netip.AddrPort) error { return nil }
func (m *memory) Close() error                      { return nil }
func (m *memory) OnReceive(fn func([]byte, netip.AddrPort)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fn = fn
}

func TestMemorySocket(t *testing.T) {
	virtual(t, func(t *testing.T, w *Worker) {
		m := &memory{}
		s := NewSocket(m)
		var got []string
		on(w, func() {
			_ = w.AddSocket(s, func(pkt []byte, _ netip.AddrPort, _ time.Time) { got = append(got, string(pkt)) })
		})
		pkt := []byte("one")
		m.fn(pkt, netip.AddrPort{})
		copy(pkt, "two") // the caller's memory
		m.fn(make([]byte, MaxPacket+1), netip.AddrPort{})
		on(w, func() {
			m.fn([]byte("removed before its turn"), netip.AddrPort{})
			w.RemoveSocket(s)
			if m.fn != nil {
				t.Error("still receives")
			}
		})
		on(w, func() {
			if want := []string{"one"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	})
}

func TestNextFillsOneWorkerAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(3, Options{Clock: media.SystemClock{}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Stop()
		add := func(w *Worker, n int) {
			on(w, func() {
				for range n {
					w.AddTick(&metronome{})
				}
			})
		}
		ws := p.Workers()
		for i, w := range ws {
			if got := p.Next(); got.ID() != i {
				t.Errorf("worker %d while %d has nothing to do", got.ID(), i)
			}
			add(w, fill)
		}
		seen := map[*Worker]int{}
		for range 3 {
			seen[p.Next()]++
		}
		if len(seen) != 3 {
			t.Errorf("equals given %v", seen)
		}
		add(ws[0], 1)
		on(ws[2], func() { _ = ws[2].AddSocket(NewSocket(&memory{}), nil) })
		for range 4 {
			if w := p.Next(); w.ID() != 1 {
				t.Errorf("given worker %d, 1 has the least to do", w.ID())
			}
		}
	})
}

// The path of a packet through the worker must not allocate.
func TestPacketPathDoesNotAllocate(t *testing.T) {
	w := newWorker(0, media.SystemClock{})
	s, err := newEpollSleeper(-1)
	if err != nil {
		t.Fatal(err)
	}
	w.sleeper = s
	defer s.close()
	a, b := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	got := 0
	if err := w.AddSocket(a, func(pkt []byte, from netip.AddrPort, _ time.Time) { got += len(pkt); _ = a.Send(pkt, from) }); err != nil {
		t.Fatal(err)
	}
	pkt := make([]byte, 172)
	n := testing.AllocsPerRun(200, func() {
		_ = b.Send(pkt, a.LocalAddr())
		w.sleeper.wait(w, time.Second)
	})
	if n != 0 || got != 201*172 {
		t.Errorf("%v allocations a packet, %d bytes received", n, got)
	}
	w.Sweep(a)
	n = testing.AllocsPerRun(200, func() {
		_ = b.Send(pkt, a.LocalAddr())
		w.now = w.now.Add(sweepWidth)
		w.runSweeps()
	})
	if n != 0 || got != 2*201*172 {
		t.Errorf("swept: %v allocations a packet, %d bytes received", n, got)
	}
}

func BenchmarkTick(b *testing.B) {
	w := newWorker(0, media.SystemClock{})
	w.sleeper = newChanSleeper(w.clock)
	w.start = time.Now()
	w.now = w.start
	for range 400 {
		w.AddTick(&silent{})
	}
	b.ReportAllocs()
	for b.Loop() {
		w.now = w.now.Add(phaseWidth)
		w.runTicks()
	}
}

type silent struct{ n int }

func (s *silent) Tick(time.Time) { s.n++ }
