package mixer

import (
	"sync"
	"testing"

	"tandem/media"
	"tandem/media/worker"
)

// Two ports are relayed when nothing else is wanted of the bridge, and only
// then; it does not tick meanwhile.
func TestRelay(t *testing.T) {
	type env struct {
		b      *Bridge
		x, y   *fakeRelay
		px, py *Participant
		undo   func()
	}
	steps := []struct {
		name string
		do   func(e *env)
		want bool
	}{
		{"joined", func(*env) {}, true},
		{"prompt", func(e *env) { e.px.Play(&fakeSource{hz: 1, ticks: 10}, nil) }, false},
		{"prompt over", func(*env) { pass(12) }, true},
		{"prompt stopped", func(e *env) {
			e.px.Play(&fakeSource{hz: 1, ticks: 1000}, nil)
			pass(2)
			e.px.Play(nil, nil)
		}, true},
		{"tap", func(e *env) { e.undo = e.py.Tap(func(_, _ *media.Frame) {}) }, false},
		{"tap cancelled", func(e *env) { e.undo() }, true},
		{"bridge tap", func(e *env) { e.undo = e.b.Tap(func(*media.Frame) {}) }, false},
		{"bridge tap cancelled", func(e *env) { e.undo() }, true},
		{"bridge prompt", func(e *env) { e.undo = e.b.Play(&fakeSource{ticks: 1000}, nil) }, false},
		{"bridge prompt stopped", func(e *env) { e.undo() }, true},
		{"mute", func(e *env) { e.px.Mute(true, false) }, false},
		{"unmuted", func(e *env) { e.px.Mute(false, false) }, true},
		{"echo", func(e *env) { e.px.Echo(true) }, false},
		{"echo over", func(e *env) { e.px.Echo(false) }, true},
		{"third joins", func(e *env) { p := e.b.Join(speaker(800)); e.undo = func() { p.Leave(nil) } }, false},
		{"third left", func(e *env) { e.undo() }, true},
		{"port changes its mind", func(e *env) { on(e.b.w, func() { e.x.willing = false; e.x.notify() }) }, false},
		{"and back", func(e *env) { on(e.b.w, func() { e.x.willing = true; e.x.notify() }) }, true},
		{"one way only", func(e *env) { on(e.b.w, func() { e.y.willing = false; e.y.notify() }) }, false},
		{"both ways", func(e *env) { on(e.b.w, func() { e.y.willing = true; e.y.notify() }) }, true},
	}
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		e := &env{b: NewBridge(w[0], Options{RelayAllowed: true, PassDigits: true}), x: relayer(400), y: relayer(600)}
		e.px, e.py = e.b.Join(e.x), e.b.Join(e.y)
		for _, s := range steps {
			s.do(e)
			pass(2)
			xTo, xDigits := e.x.state(w[0])
			yTo, _ := e.y.state(w[0])
			if got := xTo == e.y && yTo == e.x; got != s.want || got != (xTo != nil || yTo != nil) {
				t.Errorf("%s: relay is %v, want %v", s.name, got, s.want)
			}
			if (w[0].Stats().Tickers == 0) != s.want {
				t.Errorf("%s: %d tickers", s.name, w[0].Stats().Tickers)
			}
			if (xDigits != nil) != (s.name != "third joins") {
				t.Errorf("%s: digits pass to %v", s.name, xDigits)
			}
			if !s.want && s.name != "third joins" {
				e.x.take()
				e.y.take()
				pass(25)
				if e.x.ticks != 25 && e.x.ticks != 24 && s.name != "prompt" {
					t.Errorf("%s: %d frames in 25 ticks", s.name, e.x.ticks)
				}
			}
		}
		other := NewBridge(w[0], Options{})
		e.px.Move(other)
		pass(2)
		if to, digits := e.x.state(w[0]); to != nil || digits != nil {
			t.Errorf("who has moved still relays to %v, sends digits to %v", to, digits)
		}
		if to, digits := e.y.state(w[0]); to != nil || digits != nil {
			t.Errorf("who is left alone still relays to %v, sends digits to %v", to, digits)
		}
	})
}

func TestRelayNeedsPermission(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{})
		x, y := relayer(400), relayer(600)
		b.Join(x)
		b.Join(y)
		pass(40)
		wantTones(t, "x", x.fakePort, map[float64]float64{600: 1000}, 400)
		if to, digits := x.state(w[0]); to != nil || digits != nil {
			t.Errorf("relays to %v, sends digits to %v", to, digits)
		}
	})
}

func TestEchoPackets(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w []*worker.Worker) {
		b := NewBridge(w[0], Options{RelayAllowed: true})
		x := relayer(400)
		p := b.Join(x)
		p.EchoPackets(true)
		pass(2)
		if to, _ := x.state(w[0]); to != x {
			t.Errorf("relays to %v", to)
		}
		on(w[0], func() { x.willing = false; x.notify() })
		pass(40)
		wantTones(t, "x", x.fakePort, map[float64]float64{400: 1000})
		on(w[0], func() { x.willing = true; x.notify() })
		p.EchoPackets(false)
		pass(2)
		if to, _ := x.state(w[0]); to != nil {
			t.Errorf("relays to %v", to)
		}
		x.take()
		pass(40)
		wantTones(t, "x", x.fakePort, nil, 400)
	})
}

// What is queued runs in order and on the worker that is the right one then.
func TestQueue(t *testing.T) {
	bubble(t, 2, func(t *testing.T, w []*worker.Worker) {
		q := NewQueue(w[0])
		var mu sync.Mutex
		var got []int
		at := 0
		for i := range 200 {
			q.Do(func() {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, i)
				if i%10 == 9 {
					at = 1 - at
					to := w[at]
					q.Hold()
					to.Do(func() { q.Release(to) })
				}
			})
		}
		pass(5)
		mu.Lock()
		defer mu.Unlock()
		if len(got) != 200 {
			t.Fatalf("%d of 200 ran", len(got))
		}
		for i, v := range got {
			if v != i {
				t.Fatalf("%d ran in the place of %d", v, i)
			}
		}
	})
}
