package action_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tandem/flow"
	"tandem/flow/action"
	"tandem/flow/conference"
	"tandem/flow/event"
	"tandem/flow/flowtest"
)

const ms = time.Millisecond

// callee lets each called number do its part.
func callee(parts map[string]func(*flowtest.Leg)) func(*flowtest.World, *action.Env) {
	return func(w *flowtest.World, _ *action.Env) {
		w.Dialer.Callee = func(l *flowtest.Leg, by flow.Route) {
			if play := parts[strings.TrimPrefix(by.To.Target, "+")]; play != nil {
				play(l)
			}
		}
	}
}

// answersAfter rings at once, and answers.
func answersAfter(d time.Duration) func(*flowtest.Leg) {
	return func(l *flowtest.Leg) { l.FarRings(180, false); after(d); l.FarAnswers() }
}

func refusesAfter(d time.Duration, status int) func(*flowtest.Leg) {
	return func(l *flowtest.Leg) { after(d); l.FarRefuses(status) }
}

const (
	toOne     = `{"type":"connect","option":{"destinations":[{"type":"tel","target":"+1"}]}}`
	toOneTwo  = `{"type":"connect","option":{"destinations":[{"target":"+1"},{"target":"+2"}]}}`
	relayed   = `{"type":"connect","option":{"relay_reason":true,"destinations":[{"target":"+1"},{"target":"+2"}]}}`
	earlyBoth = `{"type":"connect","option":{"early_media":true,"destinations":[{"target":"+1"},{"target":"+2"}]}}`
)

// legLog checks what a called leg did.
func legLog(t *testing.T, w *flowtest.World, leg, want string) {
	t.Helper()
	if got := w.Log.Of(leg); got != want {
		t.Errorf("leg %s\n did  %s\n want %s", leg, got, want)
	}
}

// stall keeps the caller's goroutine busy, as a slow machine does.
func stall(w *flowtest.World, d time.Duration) {
	for _, c := range w.Calls.List() {
		if c.Direction == flow.DirIncoming {
			_ = w.Calls.Get(c.ID).Tell(func(*flow.Call) { after(d) })
		}
	}
}

func TestConnect(t *testing.T) {
	play(t, scene{name: "the callee hangs up, the flow goes on",
		flow: `[` + toOne + `,{"type":"sleep","option":{"duration":500}}]`,
		world: callee(map[string]func(*flowtest.Leg){"1": func(l *flowtest.Leg) {
			answersAfter(2 * time.Second)(l)
			after(3 * time.Second)
			l.FarHangsUp()
		}}),
		log: "ring 180; answer; in bridge1; bye; out", lasts: 5500 * ms, end: "local normal",
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			legLog(t, w, "1", "invite by test; in bridge1; out")
			if len(c.ChainedCallIDs) != 1 {
				t.Fatalf("chained calls %v", c.ChainedCallIDs)
			}
			child := w.Events.Calls(c.ChainedCallIDs[0])
			last := child[len(child)-1]
			if last.MasterCallID != c.ID || last.HangupBy != "remote" || last.HangupReason != "normal" || last.Direction != "outgoing" ||
				last.Source.Target != "+46700000001" || last.Destination.Target != "+1" {
				t.Errorf("the callee's record: %+v", last)
			}
			if got, want := w.Events.Types(last.ID, "call_updated"), "call_created call_dialing call_ringing call_progressing call_hangup"; got != want {
				t.Errorf("events %s, want %s", got, want)
			}
		}})
	play(t, scene{name: "the caller hangs up",
		flow:  `[` + toOne + `,{"type":"sleep","option":{"duration":500}}]`,
		world: callee(map[string]func(*flowtest.Leg){"1": answersAfter(time.Second)}),
		far:   func(_ *flowtest.World, l *flowtest.Leg) { after(4 * time.Second); l.FarHangsUp() },
		log:   "ring 180; answer; in bridge1; out", lasts: 4 * time.Second, end: "remote normal",
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			legLog(t, w, "1", "invite by test; in bridge1; bye; out")
		}})
	play(t, scene{name: "the caller cancels",
		flow:  `[` + toOne + `]`,
		world: callee(map[string]func(*flowtest.Leg){"1": answersAfter(time.Minute)}),
		far:   func(_ *flowtest.World, l *flowtest.Leg) { after(4 * time.Second); l.FarHangsUp() },
		log:   "ring 180", lasts: 4 * time.Second, end: "remote cancel",
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			legLog(t, w, "1", "invite by test; cancel")
			child := w.Events.Calls(c.ChainedCallIDs[0])
			if last := child[len(child)-1]; last.HangupBy != "local" || last.HangupReason != "cancel" || last.SIPStatus != 487 || last.HangupCause != 16 {
				t.Errorf("the callee's record: %+v", last)
			}
		}})
	play(t, scene{name: "an answered caller hears ringback",
		flow:  `[{"type":"answer"},` + toOne + `]`,
		world: callee(map[string]func(*flowtest.Leg){"1": func(l *flowtest.Leg) { answersAfter(500 * ms)(l); after(time.Second); l.FarHangsUp() }}),
		log:   "answer; in bridge1; play tone:ringback; stop tone:ringback; bye; out"})
	play(t, scene{name: "a caller with early media hears ringback, for as long as it takes",
		flow:  `[{"type":"play","option":{"stream_urls":["x"]}},` + toOne + `]`,
		world: callee(map[string]func(*flowtest.Leg){"1": func(l *flowtest.Leg) { answersAfter(1500 * ms)(l); after(time.Second); l.FarHangsUp() }}),
		log:   "in bridge1; early media 183; play x; play tone:ringback; play tone:ringback; answer; stop tone:ringback; bye; out"})
	play(t, scene{name: "the first to answer is taken",
		flow:  `[` + toOneTwo + `]`,
		world: callee(map[string]func(*flowtest.Leg){"1": answersAfter(2 * time.Second), "2": func(l *flowtest.Leg) { answersAfter(time.Second)(l); after(time.Second); l.FarHangsUp() }}),
		lasts: 2 * time.Second,
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			legLog(t, w, "1", "invite by test; cancel")
			legLog(t, w, "2", "invite by test; in bridge1; out")
		}})
	play(t, scene{name: "two answer at once, one is taken",
		flow:  `[` + toOneTwo + `]`,
		world: callee(map[string]func(*flowtest.Leg){"1": answersAfter(time.Second), "2": answersAfter(time.Second)}),
		far:   func(_ *flowtest.World, l *flowtest.Leg) { after(3 * time.Second); l.FarHangsUp() },
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			all := w.Log.Of("1") + "|" + w.Log.Of("2")
			if strings.Count(all, "in bridge") != 1 || strings.Count(all, "bye")+strings.Count(all, "cancel") != 2 {
				t.Error(all)
			}
		}})
	play(t, scene{name: "the callee is gone before the two are joined, the flow goes on",
		flow:  `[` + toOne + `,{"type":"sleep","option":{"duration":500}}]`,
		world: callee(map[string]func(*flowtest.Leg){"1": func(l *flowtest.Leg) { answersAfter(1500 * ms)(l); l.FarHangsUp() }}),
		far:   func(w *flowtest.World, _ *flowtest.Leg) { after(time.Second); stall(w, time.Second) },
		lasts: 2500 * ms, end: "local normal"})
	play(t, scene{name: "all fail, the flow goes on",
		flow:  `[` + toOneTwo + `,{"type":"hangup","option":{"reason":"noanswer"}}]`,
		world: callee(map[string]func(*flowtest.Leg){"1": refusesAfter(time.Second, 486), "2": refusesAfter(2*time.Second, 404)}),
		log:   "refuse 480", lasts: 2 * time.Second, end: "local noanswer"})
	play(t, scene{name: "no route, the flow goes on",
		flow: `[{"type":"connect","option":{"destinations":[{"target":"+nowhere"}]}},{"type":"hangup","option":{"reason":"busy"}}]`, log: "refuse 486"})
	for status, want := range map[int]string{486: "refuse 486", 404: "refuse 404", 480: "refuse 480", 600: "refuse 600", 407: "refuse 403", 302: "refuse 480", 503: "refuse 503"} {
		play(t, scene{name: "relayed " + want, flow: `[` + relayed + `,{"type":"answer"}]`, log: want,
			world: callee(map[string]func(*flowtest.Leg){"1": refusesAfter(time.Second, status), "2": refusesAfter(500*ms, 486)})})
	}
	play(t, scene{name: "no trunk has room: relayed as what another gateway can mend", flow: `[` + relayed + `]`, log: "refuse 503", end: "local failed",
		world: func(w *flowtest.World, _ *action.Env) {
			w.Dialer.Fails = map[string]error{"test": errors.New("all calls are taken")}
		}})
	play(t, scene{name: "relayed after a conversation", flow: `[` + relayed + `,{"type":"sleep","option":{"duration":9000}}]`, lasts: 2 * time.Second, end: "local normal",
		world: callee(map[string]func(*flowtest.Leg){"1": func(l *flowtest.Leg) { answersAfter(time.Second)(l); after(time.Second); l.FarHangsUp() }})})
	play(t, scene{name: "our ring limit",
		flow: `[` + toOne + `,{"type":"answer"}]`, world: callee(map[string]func(*flowtest.Leg){"1": answersAfter(time.Hour)}),
		log: "ring 180; answer; in bridge1; bye; out", lasts: time.Minute,
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			child := w.Events.Calls(c.ChainedCallIDs[0])
			if last := child[len(child)-1]; last.HangupBy != "local" || last.HangupReason != "dialout" || last.SIPStatus != 487 || last.HangupCause != 19 {
				t.Errorf("the callee's record: %+v", last)
			}
		}})
	play(t, scene{name: "early media",
		flow: `[` + earlyBoth + `]`,
		world: callee(map[string]func(*flowtest.Leg){
			"1": func(l *flowtest.Leg) {
				l.FarRings(180, false)
				after(time.Second)
				l.FarRings(183, true)
				after(2 * time.Second)
				l.FarRefuses(486)
			},
			"2": func(l *flowtest.Leg) {
				l.FarRings(180, false)
				after(5500 * ms)
				l.FarAnswers()
				after(time.Second)
				l.FarHangsUp()
			},
		}),
		log: "ring 180; early media 183; in bridge1; play tone:ringback; play tone:ringback; play tone:ringback; answer; stop tone:ringback; bye; out", lasts: 6500 * ms,
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			legLog(t, w, "1", "invite by test; in bridge1; out")
			legLog(t, w, "2", "invite by test; in bridge1; out")
		}})
	play(t, scene{name: "early media of the next, where the one that is heard gives up",
		flow: `[` + earlyBoth + `]`,
		world: callee(map[string]func(*flowtest.Leg){
			"1": func(l *flowtest.Leg) { l.FarRings(183, true); after(2 * time.Second); l.FarRefuses(486) },
			"2": func(l *flowtest.Leg) {
				after(time.Second)
				l.FarRings(183, true)
				after(4 * time.Second)
				l.FarAnswers()
				after(time.Second)
				l.FarHangsUp()
			},
		}),
		log: "early media 183; in bridge1; answer; bye; out", lasts: 6 * time.Second,
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			legLog(t, w, "2", "invite by test; in bridge1; out")
			if s := w.Log.String(); strings.Index(s, "2: in bridge1") > strings.Index(s, "a: answer") {
				t.Errorf("it was not heard before it answered:\n%s", s)
			}
		}})
	play(t, scene{name: "tried again and again, the record does not grow for ever",
		flow:  `[{"id":"again","type":"sleep","option":{"duration":1000}},` + toOne + `,{"type":"goto","option":{"target_id":"again","loop_count":149}}]`,
		world: callee(map[string]func(*flowtest.Leg){"1": refusesAfter(0, 486)}),
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			placed := len(w.Dialer.Legs())
			last := w.Dialer.Asked()[placed-1].CallID
			if ids := c.ChainedCallIDs; placed != 150 || len(ids) != 100 || ids[99] != last {
				t.Errorf("%d calls placed, %d kept", placed, len(ids))
			}
		}})
	play(t, scene{name: "digits go to the other party, not to the flow",
		flow:  `[` + toOne + `,{"type":"digits_receive","option":{"duration":100}}]`,
		world: callee(map[string]func(*flowtest.Leg){"1": func(l *flowtest.Leg) { answersAfter(time.Second)(l); after(2 * time.Second); l.FarHangsUp() }}),
		far: func(_ *flowtest.World, l *flowtest.Leg) {
			after(2 * time.Second)
			l.FarPresses("5")
			l.FarPressesByInfo('6')
		},
		vars: map[string]string{flow.VarDigits: ""},
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			legLog(t, w, "1", "invite by test; in bridge1; digits 6 160/0; out")
		}})
	play(t, scene{name: "the next trunk",
		flow: `[` + toOne + `]`,
		world: func(w *flowtest.World, _ *action.Env) {
			w.Dialer.Trunks = []string{"acme", "beta", "gamma"}
			w.Dialer.Callee = func(l *flowtest.Leg, by flow.Route) {
				switch by.Trunk {
				case "acme":
					l.FarRings(180, false)
					after(time.Second)
					l.FarRefuses(503)
				case "beta":
					after(time.Second)
					l.FarRefuses(486)
				}
			}
		},
		log: "ring 180; refuse 603", lasts: 2 * time.Second,
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			if legs := w.Dialer.Legs(); len(legs) != 2 {
				t.Fatalf("%d legs placed, want 2: busy is final", len(legs))
			}
			child := w.Events.Calls(c.ChainedCallIDs[0])
			if last := child[len(child)-1]; last.HangupReason != "busy" || last.Trunk != "beta" || last.SIPStatus != 486 {
				t.Errorf("the callee's record: %+v", last)
			}
		}})
}

func TestHangupRelay(t *testing.T) {
	play(t, scene{name: "unknown call", flow: `[{"type":"hangup_relay","option":{"reference_id":"b8573f30-b031-11ed-ac05-3bc9a62e64c3"}}]`, log: "refuse 603"})
}

func TestConferenceJoin(t *testing.T) {
	const join = `{"type":"conference_join","option":{"conference_id":"standup"}}`
	play(t, scene{name: "answers, and stays",
		flow: `[` + join + `,{"type":"hangup"}]`,
		far:  func(_ *flowtest.World, l *flowtest.Leg) { after(time.Minute); l.FarHangsUp() },
		log:  "answer; in bridge1; in room2; out", end: "remote normal",
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			want := "call_created call_ringing conferencecall_joining call_progressing conferencecall_joined conferencecall_leaved call_hangup"
			if got := w.Events.Types(c.ID, "call_updated"); got != want {
				t.Errorf("events\n %s, want\n %s", got, want)
			}
		}})
	play(t, scene{name: "sent out, the flow goes on",
		flow: `[` + join + `,{"type":"sleep","option":{"duration":1000}}]`, lasts: 11 * time.Second,
		rooms: func(rs *conference.Rooms) {
			after(10 * time.Second)
			room, _ := rs.Room("standup")
			if !room.Kick(room.Snapshot().ConferencecallIDs[0]) || room.Kick("unknown") {
				t.Error("Kick")
			}
		},
		check: func(t *testing.T, w *flowtest.World, c *event.Call) {
			if got := w.Events.Types(c.ID); !strings.Contains(got, "conferencecall_joined") || !strings.Contains(got, "conferencecall_leaving") || !strings.Contains(got, "conferencecall_leaved") {
				t.Error(got)
			}
		}})
	play(t, scene{name: "an unknown id is fatal", flow: `[{"type":"conference_join","option":{"conference_id":"367e0e7a-3a8c-11eb-bb08-f3c3f059cfbe"}},{"type":"hangup","option":{"reason":"busy"}}]`, log: "refuse 603"})
}
