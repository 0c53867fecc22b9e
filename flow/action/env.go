package action

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"tandem/flow"
	"tandem/flow/conference"
)

// Doer sends HTTP requests; *http.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// An Env is what actions draw on beyond the services of the call. Its zero
// value makes actions that need none of it.
type Env struct {
	// Rooms are the conferences.
	Rooms *conference.Rooms
	// HTTP sends the requests of fetch and webhook_send.
	HTTP Doer
	// Fetched is the Env for actions that come from outside, by fetch; nil:
	// this one. It is where addresses that such actions may not reach are
	// kept from them.
	Fetched *Env
	// Prompts opens what is played; nil: the call's services.
	Prompts flow.Prompts
	// FetchTimeout is how long a request may take, 0: 10 s. FetchLimit is how
	// many bytes of a body are taken, 0: 1 MB.
	FetchTimeout time.Duration
	FetchLimit   int64
}

// Make implements [flow.Make]: it turns a step, with its variables replaced, into
// an action. What cannot be made, or is not known, is an action that fails when
// it runs, so that its place in the flow decides what comes of it.
func (e *Env) Make(s flow.Step) (flow.Action, error) {
	line := lookup(strings.ToLower(s.Type))
	if line == nil {
		return flow.ActionFunc(func(c *flow.Call) (flow.Outcome, error) {
			c.Log().Warn("unknown action skipped", "action", s.Type)
			return flow.Outcome{}, nil
		}), nil
	}
	a, err := e.decode(s, &checker{lenient: true})
	if err != nil {
		a = flow.ActionFunc(func(*flow.Call) (flow.Outcome, error) { return flow.Outcome{}, err })
	}
	if !line.fatal && (s.Shown != nil || len(s.Option) == 0) {
		return a, nil
	}
	return flow.ActionFunc(func(c *flow.Call) (flow.Outcome, error) {
		out, err := a.Run(c)
		if err != nil && err != flow.ErrHangup && err != flow.ErrReplaced {
			if err = unfilled(err, s.Template, s.Option); line.fatal {
				err = flow.Fatal(err)
			}
		}
		return out, err
	}), nil
}

// unfilled is err with the options as they stand in the flow, before variables
// were put in: what a caller has typed is not for the log.
func unfilled(err error, template, filled any) error {
	text := err.Error()
	if t := unfill(text, template, filled); t != text {
		return errors.New(t)
	}
	return err
}

func unfill(text string, template, filled any) string {
	switch t := template.(type) {
	case string:
		if f, ok := filled.(string); ok && f != t && f != "" {
			return strings.ReplaceAll(text, f, t)
		}
	case map[string]any:
		f, _ := filled.(map[string]any)
		for k := range t {
			text = unfill(text, t[k], f[k])
		}
	case []any:
		f, _ := filled.([]any)
		for i := range min(len(t), len(f)) {
			text = unfill(text, t[i], f[i])
		}
	}
	return text
}

func (e *Env) fetchTimeout() time.Duration {
	if e.FetchTimeout > 0 {
		return e.FetchTimeout
	}
	return 10 * time.Second
}

func (e *Env) fetchLimit() int64 {
	if e.FetchLimit > 0 {
		return e.FetchLimit
	}
	return 1 << 20
}

// prompts is where c finds what it plays.
func (e *Env) prompts(c *flow.Call) flow.Prompts {
	if e.Prompts != nil {
		return e.Prompts
	}
	return c.Services().Prompts
}

// A Flow is the controller of calls that run the steps of a flow.
type Flow struct {
	Steps []flow.Step
	Env   *Env
}

// Start implements [flow.Controller].
func (f *Flow) Start(_ context.Context, info flow.Info) (flow.Program, error) {
	return flow.NewCursor(info.Call, f.Steps, f.Env.Make), nil
}

// Immediate implements [flow.Immediate].
func (f *Flow) Immediate() {}

// Result implements [flow.Controller]: a flow hears no results.
func (f *Flow) Result(context.Context, flow.Result) (flow.Program, error) { return nil, nil }
