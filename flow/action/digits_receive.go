package action

import (
	"strings"
	"time"

	"tandem/flow"
	"tandem/media/dtmf"
)

// maxDigits ends a digits_receive that has a key but no length.
const maxDigits = 1000

func digitsReceive() kind {
	return kind{
		name: "digits_receive",
		doc:  "Waits for digits and stores them in the variable voipbin.call.digits. Digits typed ahead are used, once.",
		options: []option{
			{name: "duration", form: aDuration, unit: time.Millisecond, doc: "How long to wait for the first digit, and for each one after it, in milliseconds; 0: for none."},
			{name: "length", form: anInteger, max: maxDigits, doc: "How many digits; default: 1, or without limit where key is given."},
			{name: "key", form: aText, maxLen: 16, doc: "Any of these digits is the last; it is kept."},
		},
		make: func(v values, _ flow.Step, _ *Env) flow.Action {
			return &DigitsReceive{Duration: v.duration("duration"), Length: v.integer("length"), Key: v.text("key")}
		},
	}
}

// DigitsReceive collects digits.
type DigitsReceive struct {
	// Duration is the limit until the first digit and between two.
	Duration time.Duration
	// Length is how many digits complete it; 0: one, or with a Key no limit.
	Length int
	// Key has the digits of which any completes it.
	Key string
}

// Run implements [flow.Action].
func (a *DigitsReceive) Run(c *flow.Call) (flow.Outcome, error) {
	length := a.Length
	if length <= 0 {
		length = 1
		if a.Key != "" {
			length = maxDigits
		}
	}
	var got []byte
	defer func() { c.SetDigits(string(got)) }()
	for {
		digit, ok := c.NextDigit()
		if !ok {
			if a.Duration <= 0 {
				return flow.Outcome{}, nil
			}
			m, err := c.Wait(a.Duration, flow.IsDigit)
			if err == flow.ErrTimeout {
				c.MediaMoved()
				return flow.Outcome{}, nil
			}
			if err != nil {
				return flow.Outcome{}, err
			}
			digit = m.(dtmf.Digit).Char
		}
		c.MediaMoved()
		got = append(got, digit)
		if len(got) >= length || strings.IndexByte(a.Key, digit) >= 0 {
			return flow.Outcome{}, nil
		}
	}
}
