package action_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/flow"
	"tandem/flow/action"
	"tandem/flow/conference"
	"tandem/flow/event"
	"tandem/flow/flowtest"
)

// A scene is a caller, a flow, and what must come of them.
type scene struct {
	name  string
	flow  string                               // JSON
	world func(*flowtest.World, *action.Env)   // set the stage
	far   func(*flowtest.World, *flowtest.Leg) // what the caller does
	rooms func(*conference.Rooms)              // runs beside the caller
	log   string                               // of the caller's leg, where not ""
	lasts time.Duration                        // of the call, where not 0
	vars  map[string]string                    // at the end of the flow
	end   string                               // "by reason", where not ""
	check func(*testing.T, *flowtest.World, *event.Call)
}

// play runs a scene in fake time and returns the call's last record.
func play(t *testing.T, s scene) {
	t.Helper()
	t.Run(s.name, func(t *testing.T) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := flowtest.New(nil, func(c *flow.Config) { c.MaxCall = 24 * time.Hour })
			rooms := conference.New(w.Calls, nil)
			env := &action.Env{Rooms: rooms}
			if s.world != nil {
				s.world(w, env)
			}
			steps, problems := action.Parse([]byte(s.flow))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			vars := map[string]string{}
			ctrl := &watched{Flow: &action.Flow{Steps: steps, Env: env}, vars: vars}
			start := time.Now()
			c, leg := w.Call(ctrl)
			var far sync.WaitGroup
			if s.far != nil {
				far.Go(func() { s.far(w, leg) })
			}
			if s.rooms != nil {
				far.Go(func() { s.rooms(rooms) })
			}
			<-c.Done()
			took := time.Since(start)
			far.Wait()
			w.Dialer.Wait()
			synctest.Wait()
			if got := w.Log.Of(leg.ID()); s.log != "" && got != s.log {
				t.Errorf("the leg\n did  %s\n want %s", got, s.log)
			}
			if s.lasts != 0 && took != s.lasts {
				t.Errorf("the call took %v, want %v", took, s.lasts)
			}
			for name, want := range s.vars {
				if got := vars[name]; got != want {
					t.Errorf("variable %s = %q, want %q", name, got, want)
				}
			}
			rec := c.Snapshot()
			if got := rec.HangupBy + " " + rec.HangupReason; s.end != "" && got != s.end {
				t.Errorf("the call ended %q, want %q", got, s.end)
			}
			if s.check != nil {
				s.check(t, w, rec)
			}
			if n := w.Calls.Len(); n != 0 {
				t.Errorf("%d calls are left", n)
			}
			rooms.Close()
		})
	})
}

// watched keeps the variables as they are whenever the next step is asked for.
type watched struct {
	*action.Flow
	vars map[string]string
}

func (f *watched) Start(ctx context.Context, info flow.Info) (flow.Program, error) {
	p, err := f.Flow.Start(ctx, info)
	return &watchedProgram{p.(*flow.Cursor), info.Call, f.vars}, err
}

type watchedProgram struct {
	*flow.Cursor
	c    *flow.Call
	vars map[string]string
}

func (p *watchedProgram) Next(done flow.Outcome) (flow.Action, error) {
	for k, v := range p.c.Vars().All() {
		p.vars[k] = v
	}
	return p.Cursor.Next(done)
}

// after waits, in fake time.
func after(d time.Duration) { time.Sleep(d) }

func TestAnswer(t *testing.T) {
	play(t, scene{name: "twice", flow: `[{"type":"answer"},{"type":"answer"}]`, log: "answer; in bridge1; bye; out", end: "local normal"})
	play(t, scene{name: "type in any case", flow: `[{"type":"Answer"}]`, log: "answer; in bridge1; bye; out"})
}

func TestPlay(t *testing.T) {
	play(t, scene{name: "in order", flow: `[{"type":"answer"},{"type":"play","option":{"stream_urls":["file:x","file:y"]}}]`,
		log: "answer; in bridge1; play file:x+file:y; bye; out", lasts: 2 * time.Second})
	play(t, scene{name: "unanswered is early media", flow: `[{"type":"play","option":{"stream_urls":["file:x"]}}]`,
		log: "in bridge1; early media 183; play file:x; refuse 603; out", lasts: time.Second, end: "local normal"})
	play(t, scene{name: "nothing", flow: `[{"type":"play","option":{"stream_urls":[]}}]`, log: "refuse 603"})
	play(t, scene{name: "a failure goes on", flow: `[{"type":"play","option":{"stream_urls":["gone"]}},{"type":"answer"}]`,
		world: func(w *flowtest.World, _ *action.Env) {
			w.Prompts.Errs = map[string]error{"gone": context.DeadlineExceeded}
		},
		log: "answer; in bridge1; bye; out"})
	play(t, scene{name: "digits do not break it off", flow: `[{"type":"answer"},{"type":"play","option":{"stream_urls":["x"]}},{"type":"digits_receive","option":{"length":2,"duration":1000}}]`,
		far:   func(_ *flowtest.World, l *flowtest.Leg) { after(500 * time.Millisecond); l.FarPresses("12") },
		lasts: time.Second, vars: map[string]string{flow.VarDigits: "12"}})
	play(t, scene{name: "hang-up stops it", flow: `[{"type":"answer"},{"type":"play","option":{"stream_urls":["x"]}},{"type":"answer"}]`,
		far: func(_ *flowtest.World, l *flowtest.Leg) { after(500 * time.Millisecond); l.FarHangsUp() },
		log: "answer; in bridge1; play x; stop x; out", lasts: 500 * time.Millisecond, end: "remote normal"})
	play(t, scene{name: "hang-up while it is opened", flow: `[{"type":"play","option":{"stream_urls":["x"]}}]`,
		world: func(w *flowtest.World, _ *action.Env) { w.Prompts.Delay = 10 * time.Second },
		far:   func(_ *flowtest.World, l *flowtest.Leg) { after(time.Second); l.FarHangsUp() },
		lasts: time.Second, end: "remote cancel"})
}

func TestBeep(t *testing.T) {
	play(t, scene{name: "does not answer", flow: `[{"type":"beep"}]`, log: "in bridge1; early media 183; play tone:beep; refuse 603; out"})
}

func TestTalk(t *testing.T) {
	play(t, scene{name: "answers", flow: `[{"type":"talk","option":{"text":"hello"}}]`, log: "answer; in bridge1; play say hello; bye; out", lasts: 500 * time.Millisecond})
	play(t, scene{name: "a digit is kept", flow: `[{"type":"talk","option":{"text":"hello"}},{"type":"digits_receive","option":{"duration":5000}}]`,
		far:   func(_ *flowtest.World, l *flowtest.Leg) { after(100 * time.Millisecond); l.FarPresses("7") },
		lasts: 500 * time.Millisecond, vars: map[string]string{flow.VarDigits: "7"}})
	play(t, scene{name: "a digit ends it at once", flow: `[{"type":"talk","option":{"text":"hello","digits_handle":"next"}},{"type":"digits_receive","option":{"duration":5000}}]`,
		far: func(_ *flowtest.World, l *flowtest.Leg) { after(100 * time.Millisecond); l.FarPresses("7") },
		log: "answer; in bridge1; play say hello; stop say hello; bye; out", lasts: 100 * time.Millisecond,
		vars: map[string]string{flow.VarDigits: "7"}})
	play(t, scene{name: "a digit ends it while the speech is made", flow: `[{"type":"talk","option":{"text":"hello","digits_handle":"next"}}]`,
		world: func(w *flowtest.World, _ *action.Env) { w.Speech.Delay = 3 * time.Second },
		far:   func(_ *flowtest.World, l *flowtest.Leg) { after(100 * time.Millisecond); l.FarPresses("7") },
		log:   "answer; in bridge1; bye; out", lasts: 100 * time.Millisecond})
	play(t, scene{name: "the digit counts once", flow: `[
		{"type":"talk","option":{"text":"hello","digits_handle":"next"}},
		{"type":"branch","option":{"target_ids":{"7":"m"},"default_target_id":"bad"}},
		{"id":"bad","type":"hangup","option":{"reason":"busy"}},
		{"id":"m","type":"digits_receive","option":{"duration":1000}}]`,
		far:   func(_ *flowtest.World, l *flowtest.Leg) { after(100 * time.Millisecond); l.FarPresses("7") },
		lasts: 1100 * time.Millisecond, vars: map[string]string{flow.VarDigits: ""}})
	play(t, scene{name: "async", flow: `[{"type":"talk","option":{"text":"hello","async":true}},{"type":"sleep","option":{"duration":100}}]`, lasts: 100 * time.Millisecond})
	play(t, scene{name: "no voice goes on", flow: `[{"type":"talk","option":{"text":"hello"}},{"type":"sleep","option":{"duration":100}}]`,
		world: func(w *flowtest.World, _ *action.Env) { w.Speech.Err = context.DeadlineExceeded }, lasts: 100 * time.Millisecond})
}

func TestEcho(t *testing.T) {
	play(t, scene{name: "for a while", flow: `[{"type":"echo","option":{"duration":1000}}]`, log: "in bridge1; early media 183; echo true; echo false; refuse 603; out", lasts: time.Second})
	play(t, scene{name: "three minutes", flow: `[{"type":"answer"},{"type":"echo"}]`, lasts: 3 * time.Minute})
	play(t, scene{name: "of packets", flow: `[{"type":"stream_echo","option":{"duration":-1}}]`, log: "in bridge1; early media 183; echo packets true; echo packets false; refuse 603; out", lasts: 3 * time.Minute})
}

func TestSleep(t *testing.T) {
	play(t, scene{name: "waits", flow: `[{"type":"sleep","option":{"duration":1500}}]`, lasts: 1500 * time.Millisecond})
	play(t, scene{name: "absent", flow: `[{"type":"sleep"}]`, log: "refuse 603"})
	play(t, scene{name: "a variable", flow: `[{"type":"variable_set","option":{"key":"d","value":"700"}},{"type":"sleep","option":{"duration":"${d}"}}]`, lasts: 700 * time.Millisecond})
}

func TestDigitsReceive(t *testing.T) {
	// The caller presses a digit every 100 ms, beginning after 100 ms.
	presses := func(digits string) func(*flowtest.World, *flowtest.Leg) {
		return func(_ *flowtest.World, l *flowtest.Leg) {
			for i := range len(digits) {
				after(100 * time.Millisecond)
				l.FarPresses(digits[i : i+1])
			}
		}
	}
	const ms = time.Millisecond
	for _, tt := range []struct {
		name, option, press, got string
		lasts                    time.Duration
	}{
		{"one by default", `{"duration":1000}`, "123", "1", 100 * ms},
		{"a length", `{"duration":1000,"length":3}`, "12345", "123", 300 * ms},
		{"a key is kept", `{"duration":1000,"key":"#"}`, "12#4", "12#", 300 * ms},
		{"any of the keys", `{"duration":1000,"key":"#*"}`, "12*4", "12*", 300 * ms},
		{"key before length", `{"duration":1000,"key":"#","length":4}`, "1#", "1#", 200 * ms},
		{"length before key", `{"duration":1000,"key":"#","length":2}`, "123#", "12", 200 * ms},
		{"time until the first", `{"duration":1000}`, "", "", 1000 * ms},
		{"time between two", `{"duration":150,"length":9}`, "1234", "1234", 550 * ms},
		{"no time", `{"length":2}`, "12", "", 0},
	} {
		play(t, scene{name: tt.name, flow: `[{"type":"digits_receive","option":` + tt.option + `}]`, far: presses(tt.press),
			lasts: tt.lasts, vars: map[string]string{flow.VarDigits: tt.got}})
	}
	play(t, scene{name: "typed ahead, each used once",
		flow: `[{"type":"sleep","option":{"duration":1000}},
			{"type":"digits_receive","option":{"length":2,"duration":500}},
			{"type":"variable_set","option":{"key":"first","value":"${voipbin.call.digits}"}},
			{"type":"digits_receive","option":{"length":2,"duration":500}}]`,
		far: presses("123"), lasts: 1500 * ms, vars: map[string]string{"first": "12", flow.VarDigits: "3"}})
	play(t, scene{name: "the variable is of the last one", flow: `[
			{"type":"digits_receive","option":{"duration":500}},
			{"type":"digits_receive","option":{"duration":500}}]`,
		far: presses("1"), lasts: 600 * ms, vars: map[string]string{flow.VarDigits: ""}})
	// A talk that a digit ends shows it, and keeps it for the next
	// digits_receive; who empties the variable takes it.
	const talk, wait = `{"type":"talk","option":{"text":"one or two?","digits_handle":"next"}},`, `{"type":"sleep","option":{"duration":1000}},`
	for _, tt := range []struct{ name, between, press, got string }{
		{"kept", ``, "1", "1"},
		{"kept, in order", wait, "123", "12"},
		{"taken by branch", `{"type":"branch","option":{"default_target_id":"receive"}},`, "1", ""},
		{"taken by branch, later ones stay", wait + `{"type":"branch","option":{"default_target_id":"receive"}},`, "123", "23"},
		{"taken by variable_set, later ones stay", wait + `{"type":"variable_set","option":{"key":"voipbin.call.digits"}},`, "123", "23"},
		{"used once", wait + `{"type":"digits_receive","option":{"duration":1}},{"type":"branch","option":{"default_target_id":"receive"}},`, "123", "23"},
	} {
		play(t, scene{name: "a digit that ends a talk: " + tt.name, far: presses(tt.press), vars: map[string]string{flow.VarDigits: tt.got},
			flow: `[` + talk + tt.between + `{"id":"receive","type":"digits_receive","option":{"length":2,"duration":500}}]`})
	}
	play(t, scene{name: "a flood is cut", flow: `[{"type":"sleep","option":{"duration":1000}},{"type":"digits_receive","option":{"key":"#","duration":100}}]`,
		far: func(_ *flowtest.World, l *flowtest.Leg) {
			after(100 * time.Millisecond)
			l.FarPresses(strings.Repeat("5", 10000))
		}, lasts: 1100 * ms, vars: map[string]string{flow.VarDigits: strings.Repeat("5", 128)}})
}

func TestDigitsSend(t *testing.T) {
	play(t, scene{name: "takes its time", flow: `[{"type":"answer"},{"type":"digits_send","option":{"digits":"12#a","duration":500,"interval":100}}]`,
		log: "answer; in bridge1; digits 12#A 500/100; bye; out", lasts: 2300 * time.Millisecond})
}

func TestBranch(t *testing.T) {
	const targets = `{"id":"end","type":"stop"},{"id":"one","type":"hangup","option":{"reason":"busy"}},{"id":"other","type":"hangup","option":{"reason":"noanswer"}}`
	press := func(_ *flowtest.World, l *flowtest.Leg) { after(100 * time.Millisecond); l.FarPresses("1") }
	play(t, scene{name: "a match", far: press, log: "refuse 486", end: "local busy", flow: `[{"type":"digits_receive","option":{"duration":500}},
		{"type":"branch","option":{"target_ids":{"1":"one"},"default_target_id":"other"}},` + targets + `]`})
	play(t, scene{name: "empties the digits", far: press, log: "refuse 480", flow: `[{"type":"digits_receive","option":{"duration":500}},
		{"type":"branch","option":{"target_ids":{"1":"again"},"default_target_id":"end"}},
		{"id":"again","type":"branch","option":{"target_ids":{"1":"one"},"default_target_id":"other"}},` + targets + `]`})
	play(t, scene{name: "empties no other variable", log: "refuse 486", flow: `[{"type":"variable_set","option":{"key":"v","value":"1"}},
		{"type":"branch","option":{"variable":"v","target_ids":{"1":"again"},"default_target_id":"end"}},
		{"id":"again","type":"branch","option":{"variable":"v","target_ids":{"1":"one"},"default_target_id":"other"}},` + targets + `]`})
	play(t, scene{name: "by index", far: press, log: "refuse 486", flow: `[{"type":"digits_receive","option":{"duration":500}},
		{"type":"branch","option":{"target_indexes":{"1":3},"default_index":2}},` + targets + `]`})
	play(t, scene{name: "no target is fatal", end: "local normal", flow: `[{"type":"branch","option":{}},{"type":"hangup","option":{"reason":"busy"}}]`})
	play(t, scene{name: "a target out of a variable that is nowhere is fatal", end: "local normal", flow: `[{"type":"branch","option":{"default_target_id":"${x}y"}},{"type":"hangup","option":{"reason":"busy"}}]`})
}

func TestGoto(t *testing.T) {
	loop := func(count string) string {
		return `[{"id":"top","type":"sleep","option":{"duration":1000}},{"type":"goto","option":{"target_id":"top"` + count + `}}]`
	}
	play(t, scene{name: "n jumps", flow: loop(`,"loop_count":2`), lasts: 3 * time.Second})
	play(t, scene{name: "each counts its own, once in the life of the flow", lasts: 12 * time.Second, // 1+3, then 4 times 1+1: what is used up stays so
		flow: `[{"id":"out","type":"sleep","option":{"duration":1000}},{"id":"in","type":"sleep","option":{"duration":1000}},
			{"type":"goto","option":{"target_id":"in","loop_count":2}},{"id":"x","type":"goto","option":{"target_id":"out","loop_count":4}},{"type":"stop"}]`})
	play(t, scene{name: "zero is never", flow: loop(`,"loop_count":0`), lasts: time.Second})
	play(t, scene{name: "absent is always", flow: loop(``), far: func(_ *flowtest.World, l *flowtest.Leg) { after(time.Hour); l.FarHangsUp() }, lasts: time.Hour})
	play(t, scene{name: "in a circle without media", flow: `[{"type":"answer"},{"id":"top","type":"goto","option":{"target_id":"top"}}]`, end: "local normal",
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			if n := len(w.Events.Calls(c.ID)); n < 1000 || n > 1020 {
				t.Errorf("%d records, want about one for each of 1000 steps", n)
			}
		}})
	play(t, scene{name: "next_id", flow: `[{"type":"sleep","next_id":"end","option":{"duration":1000}},{"type":"sleep","option":{"duration":5000}},{"id":"end","type":"stop"}]`, lasts: time.Second})
}

func TestConditionVariable(t *testing.T) {
	for _, tt := range []struct {
		option string
		holds  bool
	}{
		{`"condition":"==","variable":"v","value_string":"12"`, true},
		{`"condition":"==","variable":"${v}","value_string":"12"`, true},
		{`"condition":"==","variable":"${name}","value_string":"v"`, true},
		{`"condition":"==","variable":"nothing","value_string":"nothing"`, true},
		{`"condition":"!=","variable":"v","value_string":"12"`, false},
		{`"condition":"<","variable":"v","value_string":"9"`, true},
		{`"condition":"<","variable":"v","value_type":"number","value_number":9`, false},
		{`"condition":">=","variable":"v","value_type":"number","value_number":12`, true},
		{`"condition":">","variable":"v","value_type":"number","value_number":11.5`, true},
		{`"condition":"!=","variable":"name","value_type":"number","value_number":3`, false},
		{`"condition":"<=","variable":"v","value_type":"length","value_length":2`, true},
		{`"condition":">","variable":"v","value_type":"length","value_length":2`, false},
		{`"condition":"==","variable":"${unknown}","value_string":""`, true},
	} {
		end := "local noanswer"
		if tt.holds {
			end = "local busy"
		}
		play(t, scene{name: tt.option, end: end, flow: `[{"type":"variable_set","option":{"key":"v","value":"12"}},{"type":"variable_set","option":{"key":"name","value":"v"}},
			{"type":"condition_variable","option":{` + tt.option + `,"false_target_id":"no"}},
			{"type":"hangup","option":{"reason":"busy"}},{"id":"no","type":"hangup","option":{"reason":"noanswer"}}]`})
	}
}

func TestConditionDatetime(t *testing.T) {
	// A bubble begins on Saturday, 1 January 2000, 00:00 UTC. The flow waits
	// until 08:30.
	for _, tt := range []struct {
		option string
		holds  bool
	}{
		{`"condition":">=","hour":8`, true},
		{`"condition":">=","hour":8,"minute":0`, true},
		{`"condition":">=","hour":8,"minute":31`, false},
		{`"condition":"<","hour":9,"minute":0`, true}, // together: 08:30 is before 09:00
		{`"condition":"<","hour":-1,"minute":31`, true},
		{`"condition":"==","hour":8,"minute":30,"day":1,"month":1`, true},
		{`"condition":"==","day":2`, false},
		{`"condition":"<","day":-1,"month":2`, true},
		{`"condition":">","month":0,"hour":8`, false},
		{`"condition":"==","weekdays":[6]`, true},
		{`"condition":"==","weekdays":[0,1,2,3,4,5]`, false},
		{`"condition":">=","hour":8,"weekdays":[]`, true},
		{`"condition":"","hour":8`, false},
	} {
		end := "local noanswer"
		if tt.holds {
			end = "local busy"
		}
		play(t, scene{name: tt.option, end: end, flow: `[{"type":"sleep","option":{"duration":30600000}},
			{"type":"condition_datetime","option":{` + tt.option + `,"false_target_id":"no"}},
			{"type":"hangup","option":{"reason":"busy"}},{"id":"no","type":"hangup","option":{"reason":"noanswer"}}]`})
	}
}

func TestVariableSet(t *testing.T) {
	play(t, scene{name: "appends", flow: `[{"type":"variable_set","option":{"key":"a","value":"x\"\n"}},{"type":"variable_set","option":{"key":"a","value":"${a}${voipbin.call.source.target}${none}"}}]`,
		vars: map[string]string{"a": "x\"\n+46700000001"}})
	play(t, scene{name: "bounded", flow: `[{"type":"variable_set","option":{"key":"a","value":"0123456789"}},
		{"id":"top","type":"variable_set","option":{"key":"a","value":"${a}${a}"}},{"type":"goto","option":{"target_id":"top","loop_count":40}}]`,
		check: func(t *testing.T, _ *flowtest.World, c *event.Call) {}})
}

func TestHangup(t *testing.T) {
	for reason, log := range map[string]string{
		"busy": "refuse 486", "noanswer": "refuse 480", "dialout": "refuse 480", "failed": "refuse 408",
		"normal": "refuse 603", "cancel": "refuse 603", "timeout": "refuse 603", "amd": "refuse 603",
	} {
		play(t, scene{name: reason, flow: `[{"type":"hangup","option":{"reason":"` + reason + `"}}]`, log: log, end: "local " + reason})
	}
	play(t, scene{name: "default", flow: `[{"type":"hangup"},{"type":"answer"}]`, log: "refuse 603", end: "local normal"})
	play(t, scene{name: "answered", flow: `[{"type":"answer"},{"type":"hangup","option":{"reason":"busy"}}]`, log: "answer; in bridge1; bye; out", end: "local normal"})
	play(t, scene{name: "stop", flow: `[{"type":"stop"},{"type":"answer"}]`, log: "refuse 603", end: "local normal"})
	play(t, scene{name: "the last action stays", flow: `[{"id":"x","type":"hangup"}]`, check: func(t *testing.T, _ *flowtest.World, c *event.Call) {
		if c.Action.ID != "x" || c.Action.Type != "hangup" || time.Time(c.Action.TMExecute).IsZero() {
			t.Errorf("action = %+v", c.Action)
		}
	}})
}

func TestRecording(t *testing.T) {
	ids := func(n int) func(*testing.T, *flowtest.World, *event.Call) {
		return func(t *testing.T, w *flowtest.World, c *event.Call) {
			if len(c.RecordingIDs) != n || c.RecordingID != "" {
				t.Errorf("recording ids %v, running %q; want %d and none", c.RecordingIDs, c.RecordingID, n)
			}
			got := w.Events.Types(c.ID)
			if strings.Count(got, "recording_started") != n || strings.Count(got, "recording_finished") != n || !strings.HasSuffix(got, "call_hangup") {
				t.Errorf("events %s", got)
			}
			for _, e := range w.Events.All() {
				if r, ok := e.Data.(*event.Recording); ok && e.Type == event.TypeRecordingFinished && (r.Status != event.RecordingEnded || r.ReferenceID != c.ID) {
					t.Errorf("finished recording %+v", r)
				}
			}
		}
	}
	log := func(want string) func(*testing.T, *flowtest.World, *event.Call) {
		return func(t *testing.T, w *flowtest.World, c *event.Call) {
			t.Helper()
			if got := w.Log.Of("recordings"); got != want {
				t.Errorf("recordings\n did  %s\n want %s", got, want)
			}
		}
	}
	play(t, scene{name: "until the end of the call", flow: `[{"type":"answer"},{"type":"recording_start"},{"type":"sleep","option":{"duration":2000}}]`, check: ids(1)})
	play(t, scene{name: "unanswered is skipped", flow: `[{"type":"recording_start"},{"type":"sleep","option":{"duration":2000}}]`, check: ids(0), lasts: 2 * time.Second})
	play(t, scene{name: "one at a time", flow: `[{"type":"answer"},{"type":"recording_start"},{"type":"recording_start"},{"type":"sleep","option":{"duration":2000}}]`, check: ids(1)})
	play(t, scene{name: "again after it has stopped", flow: `[{"type":"answer"},{"type":"recording_start"},{"type":"recording_stop"},{"type":"recording_stop"},{"type":"recording_start"},{"type":"sleep","option":{"duration":2000}}]`, check: ids(2)})
	play(t, scene{name: "again after it has ended by itself", flow: `[{"type":"answer"},{"type":"recording_start","option":{"duration":1}},{"type":"sleep","option":{"duration":2000}},{"type":"recording_start"},{"type":"sleep","option":{"duration":1000}}]`, check: ids(2)})
	play(t, scene{name: "a duration", flow: `[{"type":"answer"},{"type":"recording_start","option":{"duration":3,"end_of_silence":2}},{"type":"sleep","option":{"duration":9000}}]`,
		check: log("start channels=2 silence=2s; end duration after 3s")})
	press := func(_ *flowtest.World, l *flowtest.Leg) {
		after(time.Second)
		l.FarPresses("5")
		after(time.Second)
		l.FarPresses("#")
	}
	for key, want := range map[string]string{"#": "2s", "any": "1s", "none": "9s", "*": "9s"} {
		play(t, scene{name: "key " + key, far: press, flow: `[{"type":"answer"},{"type":"recording_start","option":{"end_of_key":"` + key + `"}},{"type":"sleep","option":{"duration":9000}}]`,
			check: log("start channels=2 silence=0s; end stopped after " + want)})
	}
	play(t, scene{name: "a beep first", flow: `[{"type":"answer"},{"type":"recording_start","option":{"beep_start":true}}]`, log: "answer; in bridge1; play tone:beep; bye; out", lasts: time.Second})
	play(t, scene{name: "a disk that fails goes on", flow: `[{"type":"answer"},{"type":"recording_start"},{"type":"sleep","option":{"duration":1000}}]`, lasts: time.Second,
		world: func(w *flowtest.World, _ *action.Env) { w.Recordings.Fails = context.DeadlineExceeded }, check: ids(0)})
}
