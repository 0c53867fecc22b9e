package flow_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tandem/flow"
	"tandem/flow/event"
	"tandem/flow/flowtest"
	"tandem/media"
	"tandem/media/dtmf"
	"tandem/media/stream"
	"tandem/sip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// does makes a controller of one action.
func does(fn func(c *flow.Call) error) flow.Controller {
	return flow.Fixed(flow.Sequence(flow.ActionFunc(func(c *flow.Call) (flow.Outcome, error) {
		return flow.Outcome{}, fn(c)
	})))
}

// bubble runs fn in fake time with a world, and checks that nothing is left.
func bubble(t *testing.T, change func(*flow.Config), fn func(t *testing.T, w *flowtest.World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := flowtest.New(nil, change)
		fn(t, w)
		w.Dialer.Wait()
		synctest.Wait()
		if n := w.Calls.Len(); n != 0 {
			t.Errorf("%d calls are left in the registry", n)
		}
	})
}

func ended(t *testing.T, c *flow.Call, want string) *event.Call {
	t.Helper()
	<-c.Done()
	r := c.Snapshot()
	if got := r.HangupBy + " " + r.HangupReason; got != want {
		t.Errorf("the call ended %q, want %q", got, want)
	}
	if r.Status != event.CallHangup || r.TMHangup.IsZero() {
		t.Errorf("status %s, ended %v", r.Status, r.TMHangup)
	}
	return r
}

func forever(c *flow.Call) error { _, err := c.Wait(flow.Forever, nil); return err }

func TestHowCallsEnd(t *testing.T) {
	answered := func(c *flow.Call) error {
		if err := c.Answer(); err != nil {
			return err
		}
		return forever(c)
	}
	for _, tt := range []struct {
		name   string
		action func(*flow.Call) error
		far    func(*flow.Call, *flowtest.Leg)
		want   string
	}{
		{"the program", func(c *flow.Call) error { return c.Answer() }, nil, "local normal"},
		{"the program, unanswered", func(c *flow.Call) error { return nil }, nil, "local normal"},
		{"the caller", answered, func(_ *flow.Call, l *flowtest.Leg) { l.FarHangsUp() }, "remote normal"},
		{"the caller, unanswered", forever, func(_ *flow.Call, l *flowtest.Leg) { l.FarHangsUp() }, "remote cancel"},
		{"the caller, before our answer is out", answered, func(_ *flow.Call, l *flowtest.Leg) { l.FarRefuses(487) }, "remote cancel"},
		{"the leg", answered, func(_ *flow.Call, l *flowtest.Leg) { l.Fails(408) }, "local normal"},
		{"the leg, unanswered", forever, func(_ *flow.Call, l *flowtest.Leg) { l.Fails(500) }, "local failed"},
		{"a command", answered, func(c *flow.Call, _ *flowtest.Leg) { c.End(flow.ReasonNormal) }, "local normal"},
		{"time", answered, nil, "local timeout"},
		{"time, unanswered", forever, nil, "local timeout"},
		{"silence on the wire", answered, func(c *flow.Call, l *flowtest.Leg) { c.Post(stream.Timeout{Leg: l.ID()}) }, "local normal"},
		{"a panic", func(*flow.Call) error { panic("oops") }, nil, "local normal"},
		{"the program, with another call's error", func(c *flow.Call) error {
			if err := c.Answer(); err != nil {
				return err
			}
			return flow.ErrHangup
		}, nil, "local normal"},
		{"the program, with text that cannot be sent", func(c *flow.Call) error {
			c.HangupCause(flow.ReasonBusy, sip.Cause{Status: 486, Reason: "x\r\ny"})
			return flow.ErrHangup
		}, nil, "local busy"},
		{"both sides at once", answered, func(c *flow.Call, l *flowtest.Leg) { c.End(flow.ReasonNormal); l.FarHangsUp() }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(c *flow.Config) { c.MaxCall = time.Hour }, func(t *testing.T, w *flowtest.World) {
				start := time.Now()
				caller := w.Caller()
				if strings.Contains(tt.name, "before our answer") {
					caller.NoAck()
				}
				c, leg := w.CallFrom(caller, does(tt.action))
				if tt.far != nil {
					time.Sleep(time.Second)
					tt.far(c, leg)
				}
				<-c.Done()
				if tt.want != "" {
					ended(t, c, tt.want)
				}
				if strings.HasPrefix(tt.name, "time") && time.Since(start) != time.Hour {
					t.Errorf("after %v", time.Since(start))
				}
				if r := c.Snapshot(); r.HangupReason == "cancel" && (!r.TMProgressing.IsZero() || r.SIPStatus == 200) {
					t.Errorf("cancelled, but answered at %v with %d", r.TMProgressing, r.SIPStatus)
				}
				if n := strings.Count(w.Events.Types(c.ID()), "call_hangup"); n != 1 {
					t.Errorf("%d times call_hangup", n)
				}
			})
		})
	}
}

func TestOutgoingEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		far  func(*flowtest.Leg)
		want string
	}{
		{"486", func(l *flowtest.Leg) { l.FarRefuses(486) }, "remote busy"},
		{"600", func(l *flowtest.Leg) { l.FarRefuses(600) }, "remote busy"},
		{"408", func(l *flowtest.Leg) { l.Fails(408) }, "remote noanswer"},
		{"480", func(l *flowtest.Leg) { l.FarRefuses(480) }, "remote noanswer"},
		{"483", func(l *flowtest.Leg) { l.FarRefuses(483) }, "remote noanswer"},
		{"603", func(l *flowtest.Leg) { l.FarRefuses(603) }, "remote noanswer"},
		{"487 without our CANCEL", func(l *flowtest.Leg) { l.FarRefuses(487) }, "remote noanswer"},
		{"401", func(l *flowtest.Leg) { l.FarRefuses(401) }, "remote failed"},
		{"403", func(l *flowtest.Leg) { l.FarRefuses(403) }, "remote failed"},
		{"404", func(l *flowtest.Leg) { l.FarRefuses(404) }, "remote failed"},
		{"407", func(l *flowtest.Leg) { l.FarRefuses(407) }, "remote failed"},
		{"410", func(l *flowtest.Leg) { l.FarRefuses(410) }, "remote failed"},
		{"484", func(l *flowtest.Leg) { l.FarRefuses(484) }, "remote failed"},
		{"488", func(l *flowtest.Leg) { l.FarRefuses(488) }, "remote failed"},
		{"500", func(l *flowtest.Leg) { l.FarRefuses(500) }, "remote failed"},
		{"503", func(l *flowtest.Leg) { l.FarRefuses(503) }, "remote failed"},
		{"302", func(l *flowtest.Leg) { l.FarRefuses(302) }, "remote failed"},
		{"nobody", func(l *flowtest.Leg) { l.FarRings(180, false) }, "local dialout"},
		{"answered, then BYE", func(l *flowtest.Leg) { l.FarAnswers(); time.Sleep(time.Second); l.FarHangsUp() }, "remote normal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, w *flowtest.World) {
				w.Dialer.Callee = func(l *flowtest.Leg, _ flow.Route) { tt.far(l) }
				c, err := w.Calls.Dial(nil, flow.Target{Destination: flow.Address{Target: "+1"}}, does(forever))
				if err != nil {
					t.Fatal(err)
				}
				ended(t, c, tt.want)
			})
		})
	}
}

func TestDial(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		w.Dialer.Trunks = []string{"down", "up"}
		w.Dialer.Fails = map[string]error{"down": errors.New("no address")}
		w.Dialer.Callee = func(l *flowtest.Leg, _ flow.Route) { l.FarAnswers() }
		c, err := w.Calls.Dial(nil, flow.Target{Destination: flow.Address{Target: "+1"}}, does(func(c *flow.Call) error { return c.Sleep(time.Second) }))
		if err != nil {
			t.Fatal(err)
		}
		if r := ended(t, c, "local normal"); r.Trunk != "up" {
			t.Errorf("by trunk %s", r.Trunk)
		}
	})
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		w.Dialer.Fails = map[string]error{"test": errors.New("no address")}
		c, err := w.Calls.Dial(nil, flow.Target{Destination: flow.Address{Target: "+1"}}, does(forever))
		if err != nil {
			t.Fatal(err)
		}
		ended(t, c, "local failed")
	})
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		if _, err := w.Calls.Dial(nil, flow.Target{Destination: flow.Address{Target: "+nowhere"}}, does(forever)); err == nil {
			t.Error("no error for a destination without a route")
		}
	})
	// Early: the program begins when it rings.
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		w.Dialer.Callee = func(l *flowtest.Leg, _ flow.Route) {
			l.FarRings(183, true)
			time.Sleep(time.Second)
			l.FarAnswers()
		}
		var began, answered flow.Status
		c, err := w.Calls.Dial(nil, flow.Target{Destination: flow.Address{Target: "+1"}, Early: true}, does(func(c *flow.Call) error {
			began = c.Status()
			if err := c.Answer(); err != nil {
				return err
			}
			answered = c.Status()
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		ended(t, c, "local normal")
		if began != flow.Ringing || answered != flow.Progressing {
			t.Errorf("began %s, then %s", began, answered)
		}
	})
}

// TestHops: a call that is placed for another has one hop less, so that two
// trunks that point at each other do not send a call round for ever.
func TestHops(t *testing.T) {
	for hops, want := range map[int]string{69: "69 69", 1: "1 1", 0: ""} {
		bubble(t, nil, func(t *testing.T, w *flowtest.World) {
			w.Dialer.Callee = func(l *flowtest.Leg, _ flow.Route) { l.FarAnswers() }
			dial := func(c *flow.Call, then flow.Controller) *flow.Call {
				child, err := w.Calls.Dial(c, flow.Target{Destination: flow.Address{Target: "+1"}}, then)
				if err != nil {
					t.Fatal(err)
				}
				return child
			}
			leg := w.Caller()
			leg.SetHops(hops)
			var first *flow.Call
			c, err := w.Calls.Accept(leg, flow.Incoming{}, does(func(c *flow.Call) error {
				first = dial(c, does(func(c *flow.Call) error { dial(c, does(forever)); return forever(c) }))
				return c.Sleep(time.Second)
			}))
			if err != nil {
				t.Fatal(err)
			}
			<-c.Done()
			<-first.Done()
			var got []string
			for _, o := range w.Dialer.Asked() {
				got = append(got, fmt.Sprint(o.Hops))
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("a caller with %d hops left: Max-Forwards %q, want %q", hops, s, want)
			}
			if r := first.Snapshot(); hops == 0 && (r.SIPStatus != 483 || r.HangupBy+" "+r.HangupReason != "local failed") {
				t.Errorf("the call that could not be placed: %d, %s %s", r.SIPStatus, r.HangupBy, r.HangupReason)
			}
		})
	}
}

// TestChained: calls that a call has placed end with it, answered or not, those
// that are not chained go on; none takes its parent with it.
func TestChained(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		w.Dialer.Callee = func(l *flowtest.Leg, by flow.Route) {
			switch by.To.Target {
			case "+1", "+3":
				l.FarAnswers()
			case "+4":
				l.FarRefuses(486)
			}
		}
		var up, rings, free, busy *flow.Call
		c, leg := w.Call(does(func(c *flow.Call) error {
			dial := func(number string, unchained bool) *flow.Call {
				child, err := w.Calls.Dial(c, flow.Target{Destination: flow.Address{Target: number}, Unchained: unchained}, does(forever))
				if err != nil {
					t.Fatal(err)
				}
				return child
			}
			up, rings, free, busy = dial("+1", false), dial("+2", false), dial("+3", true), dial("+4", false)
			return forever(c)
		}))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if r := ended(t, busy, "remote busy"); r.MasterCallID != c.ID() {
			t.Errorf("master call %q", r.MasterCallID)
		}
		if got := c.Snapshot().ChainedCallIDs; len(got) != 3 || got[0] != up.ID() || got[1] != rings.ID() || got[2] != busy.ID() {
			t.Errorf("chained calls %v", got)
		}
		leg.FarHangsUp()
		ended(t, c, "remote cancel")
		ended(t, up, "local normal")
		ended(t, rings, "local cancel")
		time.Sleep(time.Hour)
		if r := free.Snapshot(); r.Status != event.CallProgressing || r.MasterCallID != "" {
			t.Errorf("the call that is not chained: %s, master %q", r.Status, r.MasterCallID)
		}
		free.End(flow.ReasonNormal)
		ended(t, free, "local normal")
	})
}

// TestStates: whatever happens, in whatever order, a call goes only where the
// table lets it, ends once, and leaves nothing.
func TestStates(t *testing.T) {
	for seed := range uint64(300) {
		bubble(t, func(c *flow.Config) { c.MaxCall = 20 * time.Second; c.RingLimit = 10 * time.Second }, func(t *testing.T, w *flowtest.World) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			busy := does(func(c *flow.Call) error {
				for {
					src := flowtest.NewSound("x", 100*time.Millisecond)
					if err := c.Play(src); err != nil {
						return err
					}
					if c.Direction() == flow.DirIncoming {
						if err := c.Answer(); err != nil {
							return err
						}
					}
					c.StartRecording(flow.RecordOptions{})
					if _, err := c.Wait(300*time.Millisecond, flow.IsDigit); err != nil && err != flow.ErrTimeout {
						return err
					}
				}
			})
			var c *flow.Call
			var leg *flowtest.Leg
			if seed%2 == 0 {
				c, leg = w.Call(busy)
			} else {
				var err error
				if c, err = w.Calls.Dial(nil, flow.Target{Destination: flow.Address{Target: "+1"}, Early: seed%3 == 0}, busy); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				leg = w.Dialer.Legs()[0]
			}
			for range 12 {
				time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
				switch rnd.IntN(12) {
				case 0:
					leg.FarHangsUp()
				case 1:
					c.End(flow.ReasonNormal)
				case 2:
					leg.FarRefuses(486)
				case 3, 4:
					leg.FarRings(180, rnd.IntN(2) == 0)
				case 5, 6:
					leg.FarAnswers()
				case 7:
					leg.FarPresses("12")
				case 8:
					c.Tell(func(c *flow.Call) { c.Replace(busy) })
				case 9:
					c.Tell(func(c *flow.Call) { c.StopRecording() })
				case 10:
					go c.Do(func(c *flow.Call) error { c.Hangup(flow.ReasonBusy); return nil })
				}
			}
			<-c.Done()
			last := flow.Status("")
			hangups := 0
			for i, r := range w.Events.Calls(c.ID()) {
				s := flow.Status(r.Status)
				if s != last && i > 0 && !last.May(s) {
					t.Errorf("seed %d: from %s to %s", seed, last, s)
				}
				if s == flow.Ended && last != flow.Ended {
					hangups++
				}
				if last = s; s == flow.Ended && (r.HangupBy == "" || r.HangupReason == "") {
					t.Errorf("seed %d: ended by %q, %q", seed, r.HangupBy, r.HangupReason)
				}
			}
			if hangups != 1 || last != flow.Ended {
				t.Errorf("seed %d: %d ends, last %s", seed, hangups, last)
			}
			types := w.Events.Types(c.ID())
			if a, b := strings.Count(types, "recording_started"), strings.Count(types, "recording_finished"); a != b {
				t.Errorf("seed %d: %d recordings started, %d finished", seed, a, b)
			}
		})
	}
}

func TestStatusTable(t *testing.T) {
	all := []flow.Status{flow.Dialing, flow.Ringing, flow.Progressing, flow.Terminating, flow.Canceling, flow.Ended}
	var got []string
	for _, from := range all {
		for _, to := range all {
			if from.May(to) {
				got = append(got, fmt.Sprintf("%s>%s", from, to))
			}
		}
	}
	want := "dialing>ringing dialing>progressing dialing>terminating dialing>canceling dialing>hangup " +
		"ringing>progressing ringing>terminating ringing>canceling ringing>hangup " +
		"progressing>terminating progressing>hangup terminating>hangup canceling>hangup"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("allowed\n %s, want\n %s", s, want)
	}
}

func TestCommands(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		c, leg := w.Call(does(forever))
		synctest.Wait()
		mine := errors.New("mine")
		if err := c.Do(func(*flow.Call) error { return mine }); err != mine {
			t.Errorf("Do = %v", err)
		}
		if w.Calls.Get(c.ID()) != c || len(w.Calls.List()) != 1 {
			t.Error("the call is not in the registry")
		}
		leg.FarHangsUp()
		<-c.Done()
		if err := c.Do(func(*flow.Call) error { return nil }); err != flow.ErrHangup {
			t.Errorf("Do after the end = %v", err)
		}
		if err := c.Tell(func(*flow.Call) {}); err != flow.ErrHangup {
			t.Errorf("Tell after the end = %v", err)
		}
	})
	// While the leg takes its time to end, commands are refused, not kept.
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		leg := w.Caller()
		leg.Silent()
		c, err := w.Calls.Accept(leg, flow.Incoming{}, does(func(*flow.Call) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := c.Do(func(*flow.Call) error { return nil }); err != flow.ErrHangup {
			t.Errorf("Do while ending = %v", err)
		}
		start := time.Now()
		<-c.Done()
		if d := time.Since(start); d > time.Minute {
			t.Errorf("a leg that never ends holds the call for %v", d)
		}
	})
}

// TestFlood: what the far end can send too much of never ends the call nor keeps
// commands from it.
func TestFlood(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		release := make(chan struct{})
		got := 0
		c, leg := w.Call(does(func(c *flow.Call) error {
			<-release
			c.On(flow.IsDigit, func(flow.Msg) { got++ })
			return forever(c)
		}))
		synctest.Wait()
		for range 100_000 {
			leg.FarPresses("1")
			c.Post(sip.Info{Leg: leg.ID()})
			c.Post(sip.Held{Leg: leg.ID(), On: true})
		}
		var busy, fine int
		var wg sync.WaitGroup
		for range 1000 {
			if err := c.Tell(func(*flow.Call) { fine++ }); err == flow.ErrBusy {
				busy++
			}
		}
		close(release)
		synctest.Wait()
		if got == 0 || got > 300 {
			t.Errorf("%d digits came through", got)
		}
		if fine != 256 || busy != 744 {
			t.Errorf("%d commands ran, %d were refused", fine, busy)
		}
		wg.Wait()
		c.End(flow.ReasonNormal)
		ended(t, c, "local normal")
	})
}

func TestReplace(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		unwound := false
		c, leg := w.Call(does(func(c *flow.Call) error {
			defer func() { unwound = true }()
			err := c.Play(flowtest.NewSound("long", time.Hour))
			if err != flow.ErrReplaced {
				t.Errorf("Play = %v", err)
			}
			return err
		}))
		time.Sleep(time.Second)
		c.Do(func(c *flow.Call) error {
			c.Replace(does(func(c *flow.Call) error { return c.Play(flowtest.NewSound("new", time.Second)) }))
			return nil
		})
		ended(t, c, "local normal")
		if want := "in bridge1; early media 183; play long; stop long; play new; refuse 603; out"; w.Log.Of(leg.ID()) != want || !unwound {
			t.Errorf("the leg did %s", w.Log.Of(leg.ID()))
		}
	})
}

func TestUntil(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		sound := flowtest.NewSound("prompt", time.Minute)
		c, leg := w.Call(does(func(c *flow.Call) error {
			// The outer want breaks through an inner one that wants something
			// else, and what comes after sees no trace of it.
			m, err := c.Until(flow.IsDigit, func() error {
				_, err := c.Until(func(flow.Msg) bool { return false }, func() error { return c.Play(sound) })
				if err == nil {
					t.Error("the inner step was not broken off")
				}
				return err
			})
			if d, ok := m.(dtmf.Digit); err != nil || !ok || d.Char != '5' {
				t.Errorf("Until = %v, %v", m, err)
			}
			return c.Sleep(time.Second)
		}))
		time.Sleep(time.Second)
		start := time.Now()
		leg.FarPresses("5")
		synctest.Wait()
		if !sound.Closed() || time.Since(start) > 0 {
			t.Error("the prompt goes on after the digit")
		}
		ended(t, c, "local normal")
	})
}

func TestAwait(t *testing.T) {
	// The result of work that nobody waits for any more is dropped.
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		dropped := false
		c, leg := w.Call(does(func(c *flow.Call) error {
			_, err := flow.Await(c, func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 7, nil // in spite of it
			}, func(int) { dropped = true })
			return err
		}))
		time.Sleep(time.Second)
		leg.FarHangsUp()
		<-c.Done()
		synctest.Wait()
		if !dropped {
			t.Error("the late result was not dropped")
		}
	})
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		c, _ := w.Call(does(func(c *flow.Call) error {
			var late flow.Msg
			c.Go(func(context.Context) flow.Msg { time.Sleep(time.Second); return 7 }, func(m flow.Msg) { late = m })
			if err := c.Sleep(2 * time.Second); err != nil {
				return err
			}
			if late != 7 {
				t.Errorf("Go's result = %v", late)
			}
			return nil
		}))
		ended(t, c, "local normal")
	})
}

func TestWaitAfterEnd(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		c, leg := w.Call(does(func(c *flow.Call) error {
			forever(c)
			forever(c)
			return c.Sleep(0)
		}))
		time.Sleep(time.Second)
		leg.FarHangsUp()
		ended(t, c, "remote cancel")
	})
}

func TestNoACK(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		leg := w.Caller()
		leg.NoAck()
		c, err := w.Calls.Accept(leg, flow.Incoming{}, does(func(c *flow.Call) error { return c.Answer() }))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(32 * time.Second)
		leg.Fails(408)
		ended(t, c, "local normal")
	})
}

func TestDrain(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		c, leg := w.Call(does(forever))
		synctest.Wait()
		idle := w.Calls.Drain()
		if _, err := w.Calls.Accept(w.Caller(), flow.Incoming{}, does(forever)); err != flow.ErrDraining {
			t.Errorf("Accept = %v", err)
		}
		if _, err := w.Calls.Dial(nil, flow.Target{Destination: flow.Address{Target: "+1"}}, does(forever)); err != flow.ErrDraining {
			t.Errorf("Dial = %v", err)
		}
		select {
		case <-idle:
			t.Error("idle with a call up")
		default:
		}
		w.Calls.EndAll()
		<-idle
		ended(t, c, "local normal")
		if got := w.Log.Of(leg.ID()); got != "refuse 503" {
			t.Errorf("the caller: %s", got)
		}
	})
	bubble(t, nil, func(t *testing.T, w *flowtest.World) { <-w.Calls.Drain() })
}

// TestVirtualClock: calls live by the clock that they are given.
func TestVirtualClock(t *testing.T) {
	clock := &manualClock{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	w := flowtest.New(clock, nil)
	c, _ := w.Call(does(func(c *flow.Call) error {
		if err := c.Answer(); err != nil {
			return err
		}
		return c.Sleep(time.Hour)
	}))
	for {
		select {
		case <-c.Done():
		default:
			clock.advance()
			continue
		}
		break
	}
	r := c.Snapshot()
	if d := time.Time(r.TMHangup).Sub(time.Time(r.TMCreate)); d != time.Hour {
		t.Errorf("the call lasted %v", d)
	}
}

// manualClock goes on when it is told.
type manualClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*manualTimer
}

type manualTimer struct {
	clock *manualClock
	at    time.Time
	f     func()
}

func (c *manualClock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *manualClock) AfterFunc(d time.Duration, f func()) media.Timer {
	t := &manualTimer{clock: c, f: f}
	t.Reset(d)
	return t
}
func (t *manualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	for i, o := range t.clock.timers {
		if o == t {
			t.clock.timers = append(t.clock.timers[:i:i], t.clock.timers[i+1:]...)
			return true
		}
	}
	return false
}
func (t *manualTimer) Reset(d time.Duration) bool {
	was := t.Stop()
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.at = t.clock.now.Add(d)
	t.clock.timers = append(t.clock.timers, t)
	return was
}

// advance fires the next timer of an hour, the only one a test waits for.
func (c *manualClock) advance() {
	c.mu.Lock()
	var due *manualTimer
	for i, t := range c.timers {
		if t.at.Sub(c.now) == time.Hour {
			due, c.now = t, t.at
			c.timers = append(c.timers[:i:i], c.timers[i+1:]...)
			break
		}
	}
	c.mu.Unlock()
	if due != nil {
		due.f()
	}
}

// TestDigitEvent: a digit is an event of the call, once, and in order.
func TestDigitEvent(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		c, leg := w.Call(does(func(c *flow.Call) error { return c.Sleep(time.Second) }))
		synctest.Wait()
		leg.FarPresses("1#")
		c.Post(dtmf.Digit{Leg: "another", Char: '9'})
		<-c.Done()
		var got string
		for _, e := range w.Events.All() {
			if d, ok := e.Data.(flow.DTMF); ok && e.Type == flow.TypeDTMFReceived && e.Call == c.ID() {
				got += d.Digit
			}
		}
		if got != "1#" {
			t.Errorf("digits %q", got)
		}
	})
}

func BenchmarkCall(b *testing.B) {
	w := flowtest.New(nil, func(c *flow.Config) { c.Publisher = nil })
	ctrl := func() flow.Controller { return does(func(c *flow.Call) error { return c.Answer() }) }
	b.ReportAllocs()
	for b.Loop() {
		c, _ := w.Call(ctrl())
		<-c.Done()
	}
}
