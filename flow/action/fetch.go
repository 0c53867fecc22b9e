package action

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"tandem/flow"
)

func fetch() kind {
	return kind{
		name:  "fetch",
		doc:   "Asks a URL for actions and does them before it goes on. The answer is 200 with a JSON array of actions.",
		fatal: true,
		options: []option{
			{name: "event_url", form: aText, required: true, maxLen: 8192, doc: "The URL."},
			{name: "event_method", form: aText, maxLen: 16, pattern: methodPattern(), want: "an HTTP method", doc: "Default: POST."},
		},
		make: func(v values, _ flow.Step, e *Env) flow.Action {
			return &Fetch{URL: v.text("event_url"), Method: strings.ToUpper(v.textOr("event_method", http.MethodPost)), env: e}
		},
	}
}

// Fetch gets actions over HTTP.
type Fetch struct {
	URL, Method string
	env         *Env
}

// Run implements [flow.Action].
func (a *Fetch) Run(c *flow.Call) (flow.Outcome, error) {
	body, err := json.Marshal(map[string]string{"activeflow_id": c.ActiveflowID(), "reference_id": c.ID()})
	if err != nil {
		return flow.Outcome{}, err
	}
	steps, err := flow.Await(c, func(ctx context.Context) ([]flow.Step, error) { return a.get(ctx, body) }, nil)
	if err != nil {
		return flow.Outcome{}, err
	}
	if len(steps) == 0 {
		return flow.Outcome{}, nil
	}
	from := a.env
	if from.Fetched != nil {
		from = from.Fetched
	}
	return flow.Outcome{Push: &flow.Stack{Steps: steps, Make: from.Make}}, nil
}

// hideURL takes the URL out of an HTTP error: its user, path and query may hold
// secrets, and what the caller has typed.
func hideURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (a *Fetch) get(ctx context.Context, body []byte) ([]flow.Step, error) {
	if a.env.HTTP == nil {
		return nil, errNoHTTP
	}
	ctx, cancel := context.WithTimeout(ctx, a.env.fetchTimeout())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, a.Method, a.URL, bytes.NewReader(body))
	if err != nil {
		return nil, hideURL(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	res, err := a.env.HTTP.Do(req)
	if err != nil {
		return nil, hideURL(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s; want 200", a.Method, req.URL.Host, res.Status)
	}
	limit := a.env.fetchLimit()
	text, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s %s: the answer is over %d bytes", a.Method, req.URL.Host, limit)
	}
	steps, problems := ParsePart(text)
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s %s: %w", a.Method, req.URL.Host, problems[0])
	}
	return steps, nil
}
