package mixer

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"

	"tandem/media"
	"tandem/media/worker"
)

func TestEveryoneHearsAllOthers(t *testing.T) {
	for _, n := range []int{1, 2, 3, 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
				b := NewBridge(w[0], Options{})
				ports := make([]*fakePort, n)
				for i := range ports {
					ports[i] = speaker(300 + 150*float64(i))
					b.Join(ports[i])
				}
				pass(40)
				for i, p := range ports {
					want := map[float64]float64{}
					for j, q := range ports {
						if j != i {
							want[q.hz] = 1000
						}
					}
					if n == 20 {
						// So many at once reach the limiter's knee now and
						// then; all are heard all the same.
						for hz := range want {
							if got := level(p.heard[len(p.heard)-800:], 8000, hz); got < 850 {
								t.Errorf("%v hears %v Hz at %.0f", p.hz, hz, got)
							}
						}
						wantTones(t, fmt.Sprint(p.hz), p, nil)
						continue
					}
					wantTones(t, fmt.Sprint(p.hz), p, want, p.hz)
				}
				if n == 1 && ports[0].quiet != 0 {
					t.Error("not taken")
				}
			})
		})
	}
}

// Two who talk hear each other's very samples.
func TestTwoHearExactly(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{})
		x, y := speaker(440), speaker(700)
		x.peak, y.peak = 32767, 32767
		b.Join(x)
		b.Join(y)
		pass(10)
		heard := x.take()
		from := 0
		for heard[from] == 0 {
			from++
		}
		from += 200 // past the fade
		want := make([]int16, len(heard))
		tone(want, 8000, 700, 32767, 0)
		for shift := range 481 {
			if heard[from] == want[from-from/160*160+shift] && equal(heard[from:from+400], want[from-from/160*160+shift:][:400]) {
				return
			}
		}
		t.Error("the other's samples were changed")
	})
}

func equal(a, b []int16) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestPromptReplacesTheMix(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{})
		x, y := speaker(400), speaker(600)
		px := b.Join(x)
		b.Join(y)
		var d dones
		px.Play(&fakeSource{hz: 1000, ticks: 50}, d.done)
		pass(40)
		wantTones(t, "x", x, map[float64]float64{1000: 1000}, 400, 600)
		wantTones(t, "y", y, map[float64]float64{400: 1000}, 600, 1000)
		if d.String() != "[]" {
			t.Errorf("done too early: %v", &d)
		}
		pass(40)
		wantTones(t, "x", x, map[float64]float64{600: 1000}, 400, 1000)
		if d.String() != "[<nil>]" {
			t.Errorf("done: %v", &d)
		}
	})
}

func TestPromptIsDoneOnce(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name   string
		ticks  int
		err    error
		do     func(b *Bridge, p *Participant)
		want   string
		closed int
	}{
		{"end", 5, nil, func(*Bridge, *Participant) {}, "[<nil>]", 0},
		{"error", 5, broken, func(*Bridge, *Participant) {}, "[broken]", 0},
		{"stopped", 500, nil, func(_ *Bridge, p *Participant) { p.Play(nil, nil) }, "[prompt stopped]", 1},
		{"replaced", 500, nil, func(_ *Bridge, p *Participant) { p.Play(&fakeSource{ticks: 1}, nil) }, "[prompt stopped]", 1},
		{"left", 500, nil, func(_ *Bridge, p *Participant) { p.Leave(nil); p.Leave(nil) }, "[prompt stopped]", 1},
		{"bridge closed", 500, nil, func(b *Bridge, p *Participant) { b.Close(); b.Close(); p.Leave(nil) }, "[prompt stopped]", 1},
		{"moved and left", 500, nil, func(b *Bridge, p *Participant) { p.Move(NewBridge(b.w, Options{})); p.Leave(nil) }, "[prompt stopped]", 1},
		{"moved to a closed bridge", 500, nil, func(b *Bridge, p *Participant) {
			to := NewBridge(b.w, Options{})
			to.Close()
			p.Move(to)
		}, "[prompt stopped]", 1},
		{"at its end and stopped", 10, nil, func(_ *Bridge, p *Participant) { pass(3); p.Play(nil, nil) }, "[<nil>]", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
				b := NewBridge(w[0], Options{})
				p := b.Join(speaker(400))
				b.Join(speaker(500))
				var d dones
				src := &fakeSource{hz: 1000, ticks: tt.ticks, err: tt.err}
				p.Play(src, d.done)
				pass(8)
				tt.do(b, p)
				pass(20)
				if d.String() != tt.want || src.closed != tt.closed {
					t.Errorf("done %v, want %s; closed %d times", &d, tt.want, src.closed)
				}
			})
		})
	}
}

func TestBridgePromptIsMixed(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{})
		x, y := speaker(400), speaker(600)
		b.Join(x)
		b.Join(y)
		var first, second dones
		stop := b.Play(&fakeSource{hz: 1000, ticks: 1000}, first.done)
		b.Play(&fakeSource{hz: 1200, ticks: 60}, second.done)
		pass(40)
		wantTones(t, "x", x, map[float64]float64{600: 1000, 1000: 1000, 1200: 1000}, 400)
		wantTones(t, "y", y, map[float64]float64{400: 1000, 1000: 1000, 1200: 1000}, 600)
		stop()
		stop()
		pass(40)
		wantTones(t, "x", x, map[float64]float64{600: 1000}, 400, 1000, 1200)
		if first.String() != "[prompt stopped]" || second.String() != "[<nil>]" {
			t.Errorf("done %v and %v", &first, &second)
		}
		var late dones
		b.Close()
		b.Play(&fakeSource{ticks: 10}, late.done)
		pass(2)
		if late.String() != "[prompt stopped]" {
			t.Errorf("done %v on a closed bridge", &late)
		}
	})
}

func TestTapsHearWhatIsSaidAndHeard(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{})
		x, y, z := speaker(400), speaker(600), speaker(800)
		px := b.Join(x)
		b.Join(y)
		b.Join(z)
		in, out, mix := speaker(0), speaker(0), speaker(0)
		cancel := px.Tap(func(i, o *media.Frame) { _ = in.WriteFrame(i); _ = out.WriteFrame(o) })
		cancelMix := b.Tap(func(f *media.Frame) { _ = mix.WriteFrame(f) })
		pass(40)
		wantTones(t, "in", in, map[float64]float64{400: 1000}, 600, 800)
		wantTones(t, "out", out, map[float64]float64{600: 1000, 800: 1000}, 400)
		wantTones(t, "mix", mix, map[float64]float64{400: 1000, 600: 1000, 800: 1000})
		px.Mute(true, false)
		pass(40)
		wantTones(t, "in, muted", in, nil, 400, 600, 800)
		wantTones(t, "mix", mix, map[float64]float64{600: 1000, 800: 1000}, 400)
		cancel()
		cancelMix()
		cancelMix()
		pass(2)
		in.take()
		mix.take()
		pass(5)
		if len(in.take())+len(mix.take()) > 0 {
			t.Error("cancelled taps were called")
		}
	})
}

func TestMute(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{})
		x, y := speaker(400), speaker(600)
		px := b.Join(x)
		b.Join(y)
		px.Mute(true, false)
		pass(40)
		wantTones(t, "x", x, map[float64]float64{600: 1000}, 400)
		wantTones(t, "y", y, nil, 400, 600)
		px.Mute(false, true)
		pass(40)
		wantTones(t, "x", x, nil, 400, 600)
		wantTones(t, "y", y, map[float64]float64{400: 1000}, 600)
		var d dones
		px.Play(&fakeSource{hz: 1000, ticks: 20}, d.done)
		pass(40)
		wantTones(t, "x", x, nil, 1000)
		if d.String() != "[<nil>]" {
			t.Errorf("a prompt that nobody hears was not done: %v", &d)
		}
	})
}

func TestEcho(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{RelayAllowed: true})
		x, y := speaker(400), speaker(600)
		px := b.Join(x)
		px.Echo(true)
		pass(40)
		wantTones(t, "x", x, map[float64]float64{400: 1000})
		b.Join(y)
		pass(40)
		wantTones(t, "x", x, map[float64]float64{400: 1000, 600: 1000})
		wantTones(t, "y", y, map[float64]float64{400: 1000}, 600)
		px.Echo(false)
		pass(40)
		wantTones(t, "x", x, map[float64]float64{600: 1000}, 400)
	})
}

// Who leaves hears nothing more and is heard no more; a bridge that nobody is
// in does not tick.
func TestLeave(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{})
		x, y := speaker(400), speaker(600)
		px, py := b.Join(x), b.Join(y)
		pass(20)
		var left atomic.Int32
		px.Leave(func() { left.Add(1) })
		pass(1)
		x.take()
		y.take()
		pass(40)
		if x.take() != nil {
			t.Error("heard something after leaving")
		}
		if y.quiet < 38 {
			t.Errorf("%d silent ticks for who is alone", y.quiet)
		}
		wantTones(t, "y", y, nil, 400, 600)
		px.Leave(func() { left.Add(1) })
		py.Leave(func() { left.Add(1) })
		pass(1)
		if left.Load() != 3 {
			t.Errorf("left %d times", left.Load())
		}
		b.Len(func(n int) {
			if n != 0 {
				t.Errorf("%d members", n)
			}
		})
		pass(2)
		if n := w[0].Stats().Tickers; n != 0 {
			t.Errorf("%d tickers", n)
		}
		// What is done to who has left does nothing.
		px.Mute(true, true)
		px.Tap(func(_, _ *media.Frame) { t.Error("tapped") })
		px.Move(b)
		pass(3)
		if n := w[0].Stats().Tickers; n != 0 {
			t.Errorf("%d tickers", n)
		}
	})
}

// movable is a port that must only ever be used on the worker it belongs to.
type movable struct {
	*fakePort
	t *testing.T
	q *Queue
}

func (m *movable) Move(to *worker.Worker, then func()) {
	m.q.Do(func() {
		if m.q.Worker() == to {
			then()
			return
		}
		m.q.Hold()
		to.Do(func() { then(); m.q.Release(to) })
	})
}

func TestMoveBetweenWorkers(t *testing.T) {
	bubble(t, 3, func(t *testing.T, w []*worker.Worker) {
		first, second, third := NewBridge(w[0], Options{}), NewBridge(w[1], Options{}), NewBridge(w[2], Options{})
		x, y, z := speaker(400), speaker(600), speaker(800)
		px := first.Join(&movable{fakePort: x, t: t, q: NewQueue(w[2])})
		first.Join(y)
		second.Join(z)
		tapped := speaker(0)
		px.Tap(func(in, _ *media.Frame) { _ = tapped.WriteFrame(in) })
		pass(40)
		wantTones(t, "x", x, map[float64]float64{600: 1000}, 400, 800)
		px.Move(second)
		pass(40)
		wantTones(t, "x", x, map[float64]float64{800: 1000}, 400, 600)
		wantTones(t, "y", y, nil, 400)
		wantTones(t, "z", z, map[float64]float64{400: 1000}, 800)
		wantTones(t, "tap", tapped, map[float64]float64{400: 1000})
		var d dones
		px.Play(&fakeSource{hz: 1000, ticks: 1000}, d.done)
		for range 10 { // as fast as it goes
			px.Move(third)
			px.Move(first)
			px.Move(second)
			px.Move(third)
		}
		pass(40)
		wantTones(t, "x", x, map[float64]float64{1000: 1000}, 400, 600, 800)
		px.Play(nil, nil)
		px.Leave(nil)
		pass(1)
		for _, b := range []*Bridge{first, second, third} {
			b.Close()
		}
		pass(2)
		if d.String() != "[prompt stopped]" {
			t.Errorf("done %v", &d)
		}
		for i := range w {
			if n := w[i].Stats().Tickers; n != 0 {
				t.Errorf("worker %d has %d tickers", i, n)
			}
		}
	})
}

// Whatever begins or ends does so without a click: no two samples are further
// apart than those of the tones themselves.
func TestNoClicks(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{})
		x, y, z := speaker(0), speaker(300), speaker(310)
		x.silent = true
		y.peak, z.peak = 8000, 8000
		// Tones that are anywhere but at zero when they are cut.
		y.n, z.n = 7, 5
		px := b.Join(x)
		py := b.Join(y)
		pass(7)
		pz := b.Join(z)
		pass(7)
		py.Leave(nil)
		pass(7)
		px.Play(&fakeSource{hz: 333, ticks: 1000}, nil)
		pass(7)
		px.Play(&fakeSource{hz: 250, ticks: 9}, nil)
		pass(20)
		px.Mute(false, true)
		pass(7)
		px.Mute(false, false)
		pass(7)
		pz.Mute(true, false)
		pass(7)
		pz.Mute(false, false)
		pass(7)
		px.Echo(true)
		pass(7)
		b.Play(&fakeSource{hz: 333, ticks: 6}, nil)
		pass(7)
		pz.Leave(nil)
		pass(7)
		heard := x.take()
		most := 0
		for i := 1; i < len(heard); i++ {
			most = max(most, int(math.Abs(float64(heard[i])-float64(heard[i-1]))))
		}
		// 8000·2π·310/8000 is 1950; the fades and the mirrored ends add some.
		if most > 4000 {
			t.Errorf("two samples are %d apart", most)
		}
	})
}

func TestLimit(t *testing.T) {
	last := int16(0)
	for v := int32(0); v < 70*32768; v += 37 {
		got := limit(v)
		if got < last {
			t.Fatalf("limit(%d) = %d after %d", v, got, last)
		}
		if v <= knee && got != int16(v) {
			t.Fatalf("limit(%d) = %d", v, got)
		}
		if limit(-v) != -got {
			t.Fatalf("limit(%d) = %d", -v, limit(-v))
		}
		last = got
	}
}

// One voice is heard as it is, however loud.
func TestOneVoiceIsNotLimited(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{})
		x, y, z := speaker(400), speaker(0), speaker(0)
		x.peak = 32767
		y.silent, z.silent = true, true
		b.Join(x)
		b.Join(y)
		pass(10)
		wantTones(t, "y", y, map[float64]float64{400: 32767})
		b.Join(z)
		pass(2)
		y.take()
		pass(10)
		wantTones(t, "y", y, map[float64]float64{400: 32767})
	})
}

func TestRateIsTheHighest(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{})
		x, y := speaker(400), speaker(600)
		b.Join(x)
		pass(3)
		y.rate = 16000
		py := b.Join(y)
		pass(3)
		y.take()
		x.take()
		pass(10)
		x.rate = 16000 // the fake takes what it gets
		if n := len(x.take()); n != 10*320 {
			t.Errorf("%d samples at 16 kHz", n)
		}
		wantTones(t, "y", y, nil)
		x.rate = 8000
		py.Leave(nil)
		pass(2)
		x.take()
		pass(10)
		if n := len(x.take()); n != 10*160 {
			t.Errorf("%d samples at 8 kHz", n)
		}
	})
}

func TestTickAllocatesNothing(t *testing.T) {
	for _, n := range []int{2, 3, 20} {
		bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
			b := NewBridge(w[0], Options{})
			for i := range n {
				p := speaker(300 + 100*float64(i))
				p.keep = false
				p.silent = i%3 == 2
				b.Join(p)
			}
			b.Tap(func(*media.Frame) {})
			pass(3)
			on(w[0], func() {
				if a := testing.AllocsPerRun(100, b.mixOnce); a != 0 {
					t.Errorf("%d parties: %v allocations a tick", n, a)
				}
			})
		})
	}
}

func BenchmarkTick(b *testing.B) {
	for _, n := range []int{2, 20, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			pool, err := worker.New(1, worker.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer pool.Stop()
			br := NewBridge(pool.Next(), Options{})
			for range n {
				br.Join(&constPort{})
			}
			on(br.w, func() {
				br.w.RemoveTick(br)
				b.ReportAllocs()
				for b.Loop() {
					br.mixOnce()
				}
			})
		})
	}
}

// constPort costs next to nothing.
type constPort struct{ n int16 }

func (*constPort) Rate() int { return 8000 }
func (p *constPort) ReadFrame(f *media.Frame) error {
	p.n += 1001
	f.Samples[0], f.Samples[80] = p.n, -p.n
	return nil
}
func (*constPort) WriteFrame(*media.Frame) error { return nil }
