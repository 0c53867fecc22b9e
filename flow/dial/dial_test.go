package dial_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tandem/flow"
	"tandem/flow/dial"
	"tandem/flow/flowtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRing rings three at once; want is the callee that wins, or the reasons of
// those who failed.
func TestRing(t *testing.T) {
	refuse := func(status int) func(*flowtest.Leg) { return func(l *flowtest.Leg) { l.FarRefuses(status) } }
	answer := func(d time.Duration) func(*flowtest.Leg) {
		return func(l *flowtest.Leg) { time.Sleep(d); l.FarAnswers() }
	}
	for _, tt := range []struct {
		name  string
		parts [3]func(*flowtest.Leg)
		want  string
		logs  [3]string
	}{
		{"the first", [3]func(*flowtest.Leg){answer(time.Second), answer(2 * time.Second), nil}, "1",
			[3]string{"invite by test; bye", "invite by test; cancel", "invite by test; cancel"}},
		{"the one left", [3]func(*flowtest.Leg){refuse(486), refuse(404), answer(time.Second)}, "3",
			[3]string{"invite by test", "invite by test", "invite by test; bye"}},
		{"nobody", [3]func(*flowtest.Leg){refuse(486), refuse(404), refuse(480)}, "busy failed noanswer",
			[3]string{"invite by test", "invite by test", "invite by test"}},
		{"our limit", [3]func(*flowtest.Leg){nil, refuse(404), nil}, "dialout failed dialout",
			[3]string{"invite by test; cancel", "invite by test", "invite by test; cancel"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := flowtest.New(nil, nil)
				w.Dialer.Callee = func(l *flowtest.Leg, by flow.Route) {
					if play := tt.parts[by.To.Target[1]-'1']; play != nil {
						play(l)
					}
				}
				got := ""
				c, _ := w.Call(flow.Fixed(flow.Sequence(flow.ActionFunc(func(c *flow.Call) (flow.Outcome, error) {
					winner, err := dial.Ring(c, dial.Options{
						Destinations: []flow.Address{{Target: "+1"}, {Target: "+2"}, {Target: "+nowhere"}, {Target: "+3"}},
						Program: func() flow.Controller {
							return flow.Fixed(flow.Sequence(flow.ActionFunc(func(c *flow.Call) (flow.Outcome, error) {
								_, err := c.Wait(flow.Forever, nil)
								return flow.Outcome{}, err
							})))
						},
					})
					var failed *dial.Failed
					switch {
					case errors.As(err, &failed):
						for i, e := range failed.Ends {
							if i > 0 {
								got += " "
							}
							got += string(e.Reason)
						}
					case err != nil:
						t.Error(err)
					default:
						got = winner.Snapshot().Destination.Target[1:]
					}
					return flow.Outcome{}, nil
				}))))
				<-c.Done()
				w.Dialer.Wait()
				synctest.Wait()
				if got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
				for i, want := range tt.logs {
					if log := w.Log.Of(string(rune('1' + i))); log != want {
						t.Errorf("%d did %s, want %s", i+1, log, want)
					}
				}
				if n := w.Calls.Len(); n != 0 {
					t.Errorf("%d calls are left", n)
				}
			})
		})
	}
}

func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := flowtest.New(nil, nil)
		c, _ := w.Call(flow.Fixed(flow.Sequence(flow.ActionFunc(func(c *flow.Call) (flow.Outcome, error) {
			if _, err := dial.Ring(c, dial.Options{Destinations: make([]flow.Address, dial.MaxDestinations+1)}); err == nil {
				t.Error("no error")
			}
			return flow.Outcome{}, nil
		}))))
		<-c.Done()
	})
}
