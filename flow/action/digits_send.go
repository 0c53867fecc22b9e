package action

import (
	"regexp"
	"strings"
	"time"

	"tandem/flow"
)

func digitsSend() kind {
	return kind{
		name: "digits_send",
		doc:  "Sends digits to the call.",
		options: []option{
			{name: "digits", form: aText, required: true, maxLen: 100, pattern: regexp.MustCompile(`^[0-9A-Da-d#*]*$`), want: "digits 0-9, A-D, # and *", doc: "0-9, A-D, # and *; at most 100."},
			{name: "duration", form: aDuration, unit: time.Millisecond, min: 100, max: 1000, doc: "How long each lasts, 100 to 1000 ms; default: 200."},
			{name: "interval", form: aDuration, unit: time.Millisecond, max: 5000, doc: "The pause between two, 0 to 5000 ms; default: 100."},
		},
		make: func(v values, _ flow.Step, _ *Env) flow.Action {
			a := &DigitsSend{Digits: strings.ToUpper(v.text("digits")), Duration: 200 * time.Millisecond, Interval: 100 * time.Millisecond}
			if v.has("duration") {
				a.Duration = v.duration("duration")
			}
			if v.has("interval") {
				a.Interval = v.duration("interval")
			}
			return a
		},
	}
}

// DigitsSend sends digits out of band and waits until they are sent.
type DigitsSend struct {
	Digits             string
	Duration, Interval time.Duration
}

// Run implements [flow.Action].
func (a *DigitsSend) Run(c *flow.Call) (flow.Outcome, error) {
	n := time.Duration(len(a.Digits))
	if n == 0 {
		return flow.Outcome{}, nil
	}
	if err := c.Leg().SendDigits(a.Digits, a.Duration, a.Interval); err != nil {
		return flow.Outcome{}, err
	}
	c.MediaMoved()
	return flow.Outcome{}, c.Sleep(n*a.Duration + (n-1)*a.Interval)
}
