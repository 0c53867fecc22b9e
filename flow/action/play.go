package action

import (
	"context"
	"errors"

	"tandem/flow"
	"tandem/media"
)

func play() kind {
	return kind{
		name: "play",
		doc:  "Plays files, one after the other. It does not answer: an unanswered caller hears early media. Digits do not break it off and are kept for the next digits_receive.",
		options: []option{
			{name: "stream_urls", form: someTexts, required: true, doc: "What to play: file:NAME under the prompts folder, http(s)://…, tone:NAME."},
		},
		make: func(v values, _ flow.Step, e *Env) flow.Action { return &Play{URLs: v.texts("stream_urls"), env: e} },
	}
}

// Play plays URLs in order.
type Play struct {
	URLs []string
	env  *Env
}

var errNoPrompts = errors.New("playing is not set up")

// Run implements [flow.Action].
func (a *Play) Run(c *flow.Call) (flow.Outcome, error) {
	if len(a.URLs) == 0 {
		return flow.Outcome{}, nil
	}
	return flow.Outcome{}, playPrompt(c, a.env, a.URLs...)
}

// playPrompt opens specs in the background and plays them to their end.
func playPrompt(c *flow.Call, e *Env, specs ...string) error {
	src, err := openPrompt(c, e, specs...)
	if err != nil {
		return err
	}
	return c.Play(src)
}

func openPrompt(c *flow.Call, e *Env, specs ...string) (media.Source, error) {
	prompts := e.prompts(c)
	if prompts == nil {
		return nil, errNoPrompts
	}
	rate := c.Rate()
	return flow.Await(c, func(ctx context.Context) (media.Source, error) {
		return prompts.Open(ctx, rate, specs...)
	}, drop)
}

// drop ends a source that came too late.
func drop(src media.Source) {
	if cl, ok := src.(media.Closer); ok {
		cl.Close()
	}
}
