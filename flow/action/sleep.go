package action

import (
	"time"

	"tandem/flow"
	"tandem/media"
)

func sleep() kind {
	return kind{
		name:    "sleep",
		doc:     "Waits.",
		options: []option{{name: "duration", form: aDuration, unit: time.Millisecond, doc: "How long, in milliseconds; 0: not at all."}},
		make:    func(v values, _ flow.Step, _ *Env) flow.Action { return &Sleep{Duration: v.duration("duration")} },
	}
}

// Sleep waits.
type Sleep struct{ Duration time.Duration }

// Run implements [flow.Action].
func (a *Sleep) Run(c *flow.Call) (flow.Outcome, error) {
	err := c.Sleep(a.Duration)
	if err == nil && a.Duration >= media.Tick {
		c.MediaMoved()
	}
	return flow.Outcome{}, err
}
