package action_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/flow"
	"tandem/flow/action"
	"tandem/flow/conference"
	"tandem/flow/flowtest"
)

// TestChaos: callers and called parties, on several trunks, that ring, answer,
// refuse and hang up at random. Whatever happens, each call ends once and each
// leg is told, nobody waits for one that is gone, and nothing is left.
func TestChaos(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			var log lockedBuffer
			w := flowtest.New(nil, func(c *flow.Config) {
				c.Log = slog.New(slog.NewTextHandler(&log, nil))
				c.MaxCall, c.RingLimit = 30*time.Second, 8*time.Second
			})
			w.Dialer.Trunks = []string{"a", "b"}[:1+rnd.IntN(2)]
			if rnd.IntN(4) == 0 {
				w.Dialer.Fails = map[string]error{"a": fmt.Errorf("all calls are taken")}
			}
			w.Dialer.Callee = func(l *flowtest.Leg, _ flow.Route) { party(l, seed) }
			rooms := conference.New(w.Calls, nil)
			flags := fmt.Sprintf(`"early_media":%v,"relay_reason":%v`, rnd.IntN(2) == 0, rnd.IntN(2) == 0)
			connect := `{"type":"connect","option":{` + flags + `,"destinations":[{"target":"+1"},{"target":"+2"},{"target":"+3"}]}}`
			steps, problems := action.Parse([]byte(`[` +
				[]string{``, `{"type":"answer"},`, `{"type":"play","option":{"stream_urls":["x"]}},`}[rnd.IntN(3)] +
				connect + `,{"type":"talk","option":{"text":"hello","digits_handle":"next"}},` +
				`{"type":"conference_join","option":{"conference_id":"room"}}]`))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			var calls []*flow.Call
			for n := range uint64(3) {
				c, leg := w.Call(&action.Flow{Steps: steps, Env: &action.Env{Rooms: rooms}})
				calls = append(calls, c)
				go party(leg, seed+1000*n)
				switch rnd.IntN(4) {
				case 0:
					at := time.Duration(rnd.IntN(12000)) * ms
					time.AfterFunc(at, func() { c.End(flow.ReasonNormal) })
				case 1:
					at := time.Duration(rnd.IntN(12000)) * ms
					time.AfterFunc(at, func() { _ = c.Tell(func(*flow.Call) { after(3 * time.Second) }) })
				}
			}
			start := time.Now()
			for _, c := range calls {
				<-c.Done()
			}
			if took := time.Since(start); took > 45*time.Second {
				t.Errorf("seed %d: the calls took %v", seed, took)
			}
			rooms.Close()
			w.Dialer.Wait()
			after(15 * time.Second)
			if n := w.Calls.Len(); n != 0 {
				t.Errorf("seed %d: %d calls are left", seed, n)
			}
			for _, l := range w.Dialer.Legs() {
				if !l.Over() {
					t.Errorf("seed %d: leg %s is left", seed, l.ID())
				}
			}
			ends := map[string]int{}
			for _, e := range w.Events.All() {
				if e.Type == "call_hangup" {
					ends[e.Call]++
				}
				if ends[e.Call] > 0 && e.Type != "call_hangup" {
					t.Errorf("seed %d: %s after the end of a call", seed, e.Type)
				}
			}
			for id, n := range ends {
				if n != 1 {
					t.Errorf("seed %d: call %s ended %d times", seed, id, n)
				}
			}
			if s := log.String(); strings.Contains(s, "level=ERROR") {
				i := strings.Index(s, "level=ERROR")
				t.Errorf("seed %d: %s", seed, bytes.TrimSpace([]byte(s[i:min(i+300, len(s))])))
			}
		})
	}
}

// party does what a far end may: of a called leg rings, answers, refuses; of
// each, presses keys and hangs up.
func party(l *flowtest.Leg, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, uint64(len(l.ID()))+uint64(l.ID()[0])))
	for range 6 {
		if d := rnd.IntN(3000); d > 500 { // else at once
			after(time.Duration(d) * ms)
		}
		if l.Over() {
			return
		}
		outgoing := l.Info().Trunk != "test"
		switch n := rnd.IntN(8); {
		case n == 0:
			l.FarHangsUp()
		case n == 1:
			l.FarPresses("12#")
		case n <= 3 && outgoing:
			l.FarRings(180+3*rnd.IntN(2), rnd.IntN(2) == 0)
		case n == 4 && outgoing:
			l.FarAnswers()
		case n == 5 && outgoing:
			l.FarRefuses([]int{404, 486, 503, 603}[rnd.IntN(4)])
		case n == 6 && outgoing:
			l.FarAnswers()
			l.FarHangsUp()
		}
	}
	if rnd.IntN(2) == 0 {
		l.FarHangsUp()
	}
}
