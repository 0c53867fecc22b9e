package action_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/flow/action"
	"tandem/flow/event"
	"tandem/flow/flowtest"
)

// web is an HTTP client of paper.
type web struct {
	mu   sync.Mutex
	got  []string
	does func(n int, r *http.Request) (status int, body string, err error)
}

func (w *web) Do(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	w.got = append(w.got, fmt.Sprintf("%s %s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"), body))
	n := len(w.got)
	w.mu.Unlock()
	status, text, err := w.does(n, r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Body: io.NopCloser(strings.NewReader(text))}, nil
}

func using(w *web) func(*flowtest.World, *action.Env) {
	return func(_ *flowtest.World, e *action.Env) { e.HTTP = w }
}

func gives(status int, body string) *web {
	return &web{does: func(int, *http.Request) (int, string, error) { return status, body, nil }}
}

func TestFetch(t *testing.T) {
	const get = `{"type":"fetch","option":{"event_url":"http://app/flow?x=${voipbin.call.direction}"}}`
	ok := gives(200, `[{"type":"answer"},{"type":"sleep","option":{"duration":1000}}]`)
	play(t, scene{name: "done, then on", world: using(ok), flow: `[` + get + `,{"type":"sleep","option":{"duration":500}}]`,
		log: "answer; in bridge1; bye; out", lasts: 1500 * ms,
		check: func(t *testing.T, _ *flowtest.World, c *event.Call) {
			if len(ok.got) != 1 || !strings.HasPrefix(ok.got[0], `POST http://app/flow?x=incoming application/json; charset=utf-8 {"activeflow_id":"`) ||
				!strings.HasSuffix(ok.got[0], `","reference_id":"`+c.ID+`"}`) {
				t.Errorf("requests %q", ok.got)
			}
		}})
	play(t, scene{name: "nothing, then on", world: using(gives(200, `[]`)), flow: `[` + get + `,{"type":"sleep","option":{"duration":500}}]`, lasts: 500 * ms})
	play(t, scene{name: "a jump out of what was fetched", world: using(gives(200, `[{"type":"goto","option":{"target_id":"${t}"}},{"type":"sleep","option":{"duration":9000}}]`)),
		flow: `[{"type":"variable_set","option":{"key":"t","value":"end"}},` + get + `,{"type":"sleep","option":{"duration":500}},{"id":"end","type":"hangup","option":{"reason":"busy"}}]`, log: "refuse 486"})
	play(t, scene{name: "a jump by name out of what was fetched", world: using(gives(200, `[{"type":"branch","option":{"default_target_id":"end"}},{"type":"sleep","option":{"duration":9000}}]`)),
		flow: `[` + get + `,{"type":"sleep","option":{"duration":500}},{"id":"end","type":"hangup","option":{"reason":"busy"}}]`, log: "refuse 486"})
	play(t, scene{name: "a jump to nowhere is fatal when it is made", world: using(gives(200, `[{"type":"sleep","option":{"duration":1000}},{"type":"goto","option":{"target_id":"nowhere"}}]`)),
		flow: `[` + get + `,{"type":"hangup","option":{"reason":"busy"}}]`, log: "refuse 603", lasts: time.Second})
	for name, w := range map[string]*web{
		"201":             gives(201, `[]`),
		"an object":       gives(200, `{"actions":[]}`),
		"an unknown type": gives(200, `[{"type":"dance"}]`),
		"too long":        gives(200, "["+strings.Repeat(" ", 1<<20)+"]"),
		"no connection":   {does: func(int, *http.Request) (int, string, error) { return 0, "", errors.New("refused") }},
		"no answer": {does: func(_ int, r *http.Request) (int, string, error) {
			<-r.Context().Done()
			return 0, "", r.Context().Err()
		}},
	} {
		s := scene{name: name + " is fatal", world: using(w), flow: `[` + get + `,{"type":"hangup","option":{"reason":"busy"}}]`, log: "refuse 603"}
		if name == "no answer" {
			s.lasts = 10 * time.Second
		}
		play(t, s)
	}
	play(t, scene{name: "without end", world: using(gives(200, `[{"type":"fetch","option":{"event_url":"http://app"}}]`)), flow: `[` + get + `]`, end: "local normal"})
	play(t, scene{name: "hang-up meanwhile", lasts: time.Second, end: "remote cancel",
		world: using(&web{does: func(_ int, r *http.Request) (int, string, error) {
			<-r.Context().Done()
			return 0, "", r.Context().Err()
		}}),
		flow: `[` + get + `]`, far: func(_ *flowtest.World, l *flowtest.Leg) { after(time.Second); l.FarHangsUp() }})
}

func TestWebhookSend(t *testing.T) {
	w := gives(500, "")
	send := func(option string) string {
		return `[{"type":"webhook_send","option":{"uri":"http://app/x","data":"{\"to\":\"${voipbin.call.destination.target}\"}"` + option + `}},{"type":"sleep","option":{"duration":1000}}]`
	}
	play(t, scene{name: "sync, three tries, failure goes on", world: using(w), flow: send(`,"sync":true,"method":"put","data_type":"text/x"`), lasts: 3 * time.Second,
		check: func(t *testing.T, _ *flowtest.World, c *event.Call) {
			if want := `PUT http://app/x text/x {"to":"+46850000000"}`; len(w.got) != 3 || w.got[2] != want {
				t.Errorf("requests %q", w.got)
			}
		}})
	w2 := &web{does: func(n int, _ *http.Request) (int, string, error) {
		if n == 1 {
			return 0, "", errors.New("reset")
		}
		return 204, "", nil
	}}
	play(t, scene{name: "async outlives the call", world: using(w2), flow: strings.Replace(send(""), "1000", "10", 1), lasts: 10 * ms,
		far: func(*flowtest.World, *flowtest.Leg) { after(5 * time.Second) },
		check: func(t *testing.T, _ *flowtest.World, c *event.Call) {
			if want := `POST http://app/x application/json {"to":"+46850000000"}`; len(w2.got) != 2 || w2.got[1] != want {
				t.Errorf("requests %q", w2.got)
			}
		}})
	w3 := gives(404, "")
	play(t, scene{name: "a refusal is an answer", world: using(w3), flow: send(`,"sync":true`), lasts: time.Second,
		check: func(t *testing.T, _ *flowtest.World, c *event.Call) {
			if len(w3.got) != 1 {
				t.Errorf("requests %q", w3.got)
			}
		}})
}
