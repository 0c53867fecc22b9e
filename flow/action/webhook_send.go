package action

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"tandem/flow"
)

func webhookSend() kind {
	return kind{
		name: "webhook_send",
		doc:  "Sends a request to a URL; its answer does not matter. It is tried three times, a second apart.",
		options: []option{
			{name: "sync", form: aFlag, doc: "Waits until it is sent."},
			{name: "uri", form: aText, required: true, maxLen: 8192, doc: "The URL."},
			{name: "method", form: aText, maxLen: 16, pattern: methodPattern(), want: "an HTTP method", doc: "Default: POST."},
			{name: "data_type", form: aText, maxLen: 256, doc: "The Content-Type; default: application/json."},
			{name: "data", form: aText, doc: "The body."},
		},
		make: func(v values, _ flow.Step, e *Env) flow.Action {
			return &WebhookSend{
				Sync: v.flag("sync"), URL: v.text("uri"), Method: strings.ToUpper(v.textOr("method", http.MethodPost)),
				ContentType: v.textOr("data_type", "application/json"), Body: v.text("data"), env: e,
			}
		},
	}
}

func methodPattern() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z]+$`) }

var errNoHTTP = errors.New("HTTP is not set up")

const (
	webhookTries = 3
	webhookPause = time.Second
)

// WebhookSend sends an HTTP request.
type WebhookSend struct {
	Sync                           bool
	URL, Method, ContentType, Body string
	env                            *Env
}

// Run implements [flow.Action].
func (a *WebhookSend) Run(c *flow.Call) (flow.Outcome, error) {
	if a.Sync {
		_, err := flow.Await(c, func(ctx context.Context) (struct{}, error) { return struct{}{}, a.send(ctx, c) }, nil)
		return flow.Outcome{}, err
	}
	// What a flow reports on its way out is sent although the call is over.
	ctx, log := context.WithoutCancel(c.Context()), c.Log()
	go func() {
		if err := a.send(ctx, c); err != nil {
			log.Warn("webhook", "err", err)
		}
	}()
	return flow.Outcome{}, nil
}

func (a *WebhookSend) send(ctx context.Context, c *flow.Call) (err error) {
	if a.env.HTTP == nil {
		return errNoHTTP
	}
	for try := range webhookTries {
		if try > 0 {
			pause := make(chan struct{})
			t := c.Clock().AfterFunc(webhookPause, func() { close(pause) })
			select {
			case <-pause:
			case <-ctx.Done():
				t.Stop()
				return ctx.Err()
			}
		}
		var again bool
		if again, err = a.once(ctx); !again {
			return err
		}
	}
	return err
}

// once sends it once and says whether another try may help.
func (a *WebhookSend) once(ctx context.Context) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.env.fetchTimeout())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, a.Method, a.URL, strings.NewReader(a.Body))
	if err != nil {
		return false, hideURL(err)
	}
	req.Header.Set("Content-Type", a.ContentType)
	res, err := a.env.HTTP.Do(req)
	if err != nil {
		return true, hideURL(err)
	}
	defer res.Body.Close()
	// Read to its end, so that the connection can be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, a.env.fetchLimit()))
	if res.StatusCode >= 500 {
		return true, fmt.Errorf("%s %s: %s", a.Method, req.URL.Host, res.Status)
	}
	return false, nil
}
