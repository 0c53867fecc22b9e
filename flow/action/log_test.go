package action_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"tandem/flow"
	"tandem/flow/action"
	"tandem/flow/flowtest"
)

// TestNoDigitsInLogs: what a caller has typed stays out of the log, wherever a
// flow puts it and whatever fails.
func TestNoDigitsInLogs(t *testing.T) {
	const pin = "47110815"
	refuses := &web{does: func(_ int, r *http.Request) (int, string, error) {
		if r.URL.Path == "/500" {
			return 500, "", nil
		}
		return 0, "", &url.Error{Op: "Post", URL: r.URL.String(), Err: errors.New("connection refused")}
	}}
	for _, step := range []string{
		`{"type":"fetch","option":{"event_url":"http://app/${voipbin.call.digits}?d=${voipbin.call.digits}"}}`,
		`{"type":"fetch","option":{"event_url":"http://app/500?d=${voipbin.call.digits}"}}`,
		`{"type":"fetch","option":{"event_url":"http://a b/${voipbin.call.digits}"}}`,
		`{"type":"webhook_send","option":{"uri":"http://app/?d=${voipbin.call.digits}","sync":true}}`,
		`{"type":"webhook_send","option":{"uri":"http://app/500?d=${voipbin.call.digits}"}}`,
		`{"type":"webhook_send","option":{"uri":"http://app/","method":"${voipbin.call.digits}"}}`,
		`{"type":"digits_send","option":{"digits":"${voipbin.call.digits}x"}}`,
		`{"type":"digits_send","option":{"digits":"1","duration":"${voipbin.call.digits}"}}`,
		`{"type":"goto","option":{"target_id":"${voipbin.call.digits}"}}`,
		`{"type":"hangup","option":{"reason":"${voipbin.call.digits}"}}`,
		`{"type":"play","option":{"stream_urls":["file:${voipbin.call.digits}.wav"]}}`,
		`{"type":"talk","option":{"text":"you typed ${voipbin.call.digits}"}}`,
		`{"type":"conference_join","option":{"conference_id":"${voipbin.call.digits}"}}`,
		`{"type":"variable_set","option":{"key":"${voipbin.call.digits}","value":"${long}"}}`,
		`{"type":"condition_variable","option":{"condition":"==","variable":"${voipbin.call.digits}","value_string":"${voipbin.call.digits}","false_target_id":"${voipbin.call.digits}"}}`,
		`{"type":"connect","option":{"destinations":[{"type":"${voipbin.call.digits}","target":"1"}]}}`,
	} {
		t.Run(step, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log lockedBuffer
				w := flowtest.New(nil, func(c *flow.Config) {
					c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
				})
				name := "file:" + pin + ".wav"
				w.Prompts.Errs = map[string]error{name: fmt.Errorf("%s: no such file", name)}
				w.Speech.Err = errors.New("cannot say: you typed " + pin)
				steps, problems := action.Parse([]byte(`[{"type":"digits_receive","option":{"length":8,"duration":1000}},` + step + `]`))
				if len(problems) > 0 {
					t.Fatal(problems)
				}
				c, leg := w.Call(&action.Flow{Steps: steps, Env: &action.Env{HTTP: refuses}})
				leg.FarPresses(pin)
				<-c.Done()
				after(5000 * ms) // webhook_send tries again
				if s := log.String(); strings.Contains(s, pin[:4]) {
					t.Error(s)
				}
			})
		})
	}
}

// lockedBuffer is a buffer that goroutines share.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
