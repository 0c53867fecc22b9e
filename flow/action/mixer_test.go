package action_test

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/flow"
	"tandem/flow/action"
	"tandem/flow/conference"
	"tandem/flow/flowtest"
	"tandem/media"
	"tandem/media/worker"
)

// voice is a port that says one frequency, and remembers what it hears.
type voice struct {
	hz    float64
	phase float64

	mu    sync.Mutex
	heard []int16 // of late
}

func (v *voice) Rate() int { return 8000 }

func (v *voice) ReadFrame(f *media.Frame) error {
	f.SetRate(f.Rate)
	f.Silent = false
	for i := range f.Samples {
		f.Samples[i] = int16(4000 * math.Sin(v.phase))
		v.phase += 2 * math.Pi * v.hz / float64(f.Rate)
	}
	return nil
}

func (v *voice) WriteFrame(f *media.Frame) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := media.SamplesPerTick(8000)
	if f.Silent {
		v.heard = append(v.heard, make([]int16, n)...)
	} else {
		v.heard = append(v.heard, f.Samples...)
	}
	if keep := 10 * n; len(v.heard) > keep {
		v.heard = v.heard[len(v.heard)-keep:]
	}
	return nil
}

// hears says whether the last 200 ms held the frequency.
func (v *voice) hears(hz float64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	var re, im float64
	for i, s := range v.heard {
		a := 2 * math.Pi * hz * float64(i) / 8000
		re += float64(s) * math.Cos(a)
		im += float64(s) * math.Sin(a)
	}
	return len(v.heard) > 0 && math.Hypot(re, im)/float64(len(v.heard)) > 500
}

// spoken is a leg with a voice.
type spoken struct {
	*flowtest.Leg
	voice *voice
}

func (l *spoken) Port() media.Port { return l.voice }

// voices gives legs their voices.
type voices struct {
	*flowtest.Dialer
	hz map[string]*voice
}

func (d *voices) Dial(by flow.Route, o flow.DialOptions) (flow.Leg, error) {
	l, err := d.Dialer.Dial(by, o)
	if err != nil {
		return nil, err
	}
	return &spoken{l.(*flowtest.Leg), d.hz[by.To.Target]}, nil
}

// hearing runs fn with a node whose bridges are real.
func hearing(t *testing.T, fn func(t *testing.T, w *flowtest.World, d *voices, env *action.Env)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pool, err := worker.New(2, worker.Options{Clock: media.SystemClock{}})
		if err != nil {
			t.Fatal(err)
		}
		var d *voices
		w := flowtest.New(nil, func(c *flow.Config) {
			c.Services.Media = flow.Mixer(pool)
			d = &voices{Dialer: c.Services.Dialer.(*flowtest.Dialer), hz: map[string]*voice{}}
			c.Services.Dialer = d
		})
		rooms := conference.New(w.Calls, nil)
		fn(t, w, d, &action.Env{Rooms: rooms})
		w.Calls.EndAll()
		<-w.Calls.Drain()
		w.Dialer.Wait()
		rooms.Close()
		pool.Stop()
	})
}

func caller(t *testing.T, w *flowtest.World, hz float64, doc string, env *action.Env) (*flow.Call, *spoken) {
	t.Helper()
	steps, problems := action.Parse([]byte(doc))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	leg := &spoken{w.Caller(), &voice{hz: hz}}
	c, err := w.Calls.Accept(leg, flow.Incoming{}, &action.Flow{Steps: steps, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return c, leg
}

// hears checks who hears what.
func hears(t *testing.T, when, who string, v *voice, hz float64, want bool) {
	t.Helper()
	if v.hears(hz) != want {
		t.Errorf("%s: %s hears %v Hz: %v, want %v", when, who, hz, !want, want)
	}
}

func TestConnectedPartiesHearEachOther(t *testing.T) {
	hearing(t, func(t *testing.T, w *flowtest.World, d *voices, env *action.Env) {
		b := &voice{hz: 1500}
		d.hz["+1"] = b
		w.Dialer.Callee = func(l *flowtest.Leg, _ flow.Route) { time.Sleep(time.Second); l.FarAnswers() }
		c, a := caller(t, w, 700, `[{"type":"answer"},`+toOne+`,{"type":"echo"}]`, env)
		time.Sleep(2 * time.Second)
		hears(t, "connected", "the caller", a.voice, 1500, true)
		hears(t, "connected", "the caller", a.voice, 700, false)
		hears(t, "connected", "the callee", b, 700, true)
		hears(t, "connected", "the callee", b, 1500, false)
		w.Dialer.Legs()[0].FarHangsUp()
		time.Sleep(time.Second)
		hears(t, "alone, in echo", "the caller", a.voice, 1500, false)
		hears(t, "alone, in echo", "the caller", a.voice, 700, true)
		a.FarHangsUp()
		<-c.Done()
	})
}

func TestEarlyMediaIsHeard(t *testing.T) {
	hearing(t, func(t *testing.T, w *flowtest.World, d *voices, env *action.Env) {
		d.hz["+1"], d.hz["+2"] = &voice{hz: 1500}, &voice{hz: 2500}
		w.Dialer.Callee = func(l *flowtest.Leg, by flow.Route) {
			if by.To.Target == "+1" {
				l.FarRings(183, true)
			}
		}
		_, a := caller(t, w, 700, `[`+earlyBoth+`]`, env)
		time.Sleep(time.Second)
		hears(t, "early", "the caller", a.voice, 1500, true)
		hears(t, "early", "the caller", a.voice, 2500, false)
	})
}

func TestRoomIsHeard(t *testing.T) {
	hearing(t, func(t *testing.T, w *flowtest.World, d *voices, env *action.Env) {
		const join = `[{"type":"conference_join","option":{"conference_id":"x"}}]`
		hz := []float64{700, 1500, 2500}
		var legs []*spoken
		var calls []*flow.Call
		for _, f := range hz {
			c, l := caller(t, w, f, join, env)
			legs, calls = append(legs, l), append(calls, c)
		}
		time.Sleep(time.Second)
		for i, l := range legs {
			for j, f := range hz {
				hears(t, "three", l.ID(), l.voice, f, i != j)
			}
		}
		legs[1].FarHangsUp()
		<-calls[1].Done()
		time.Sleep(time.Second)
		hears(t, "two", "a", legs[0].voice, 1500, false)
		hears(t, "two", "a", legs[0].voice, 2500, true)
		hears(t, "two", "a3", legs[2].voice, 700, true)
	})
}

// TestDigitActsAtOnce: from the digit to the next prompt on the wire takes no
// more than a tick.
func TestDigitActsAtOnce(t *testing.T) {
	hearing(t, func(t *testing.T, w *flowtest.World, d *voices, env *action.Env) {
		_, a := caller(t, w, 700, `[{"type":"talk","option":{"text":"a very long menu indeed","digits_handle":"next"}},{"type":"echo"}]`, env)
		time.Sleep(time.Second)
		start := time.Now()
		a.FarPresses("1")
		for !a.voice.hears(700) {
			time.Sleep(time.Millisecond)
			if time.Since(start) > time.Second {
				t.Fatal("the digit does nothing")
			}
		}
		// The test itself needs some frames to tell the tone.
		if d := time.Since(start); d > 20*time.Millisecond+3*media.Tick {
			t.Errorf("heard %v after the digit", d)
		}
	})
}
