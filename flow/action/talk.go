package action

import (
	"context"
	"errors"

	"tandem/flow"
	"tandem/media"
	"tandem/media/dtmf"
	"tandem/media/speech"
)

func talk() kind {
	return kind{
		name: "talk",
		doc:  "Answers the call, unless it is, and speaks a text.",
		options: []option{
			{name: "text", form: aText, required: true, maxLen: speech.MaxText, doc: "Plain text or SSML."},
			{name: "language", form: aText, maxLen: 35, doc: "BCP 47 tag such as en or en-GB; default: the speaker's."},
			{name: "gender", form: aChoice, choices: []string{"male", "female", "neutral"}, doc: "Of the voice."},
			{name: "provider", form: aText, maxLen: 64, doc: "Accepted for compatibility: the engines are tried as configured."},
			{name: "voice_id", form: aText, maxLen: 128, doc: "An engine's own name for a voice."},
			{name: "digits_handle", form: aChoice, choices: []string{"next"}, doc: "next: a digit ends the talk and is kept for the next digits_receive."},
			{name: "async", form: aFlag, doc: "Goes on at once, while the text is spoken."},
		},
		make: func(v values, _ flow.Step, _ *Env) flow.Action {
			return &Talk{
				Request: speech.Request{
					Text: v.text("text"), Language: v.text("language"), Gender: v.text("gender"), Voice: v.text("voice_id"),
				},
				DigitEnds: v.text("digits_handle") == "next",
				Async:     v.flag("async"),
			}
		},
	}
}

// Talk speaks.
type Talk struct {
	Request speech.Request
	// DigitEnds breaks the talk off at a digit.
	DigitEnds bool
	// Async does not wait for its end.
	Async bool
}

var errNoSpeech = errors.New("speech is not set up")

// Run implements [flow.Action].
func (a *Talk) Run(c *flow.Call) (flow.Outcome, error) {
	if err := c.Answer(); err != nil {
		return flow.Outcome{}, err
	}
	if a.Async {
		src, err := a.speak(c)
		if err != nil {
			return flow.Outcome{}, err
		}
		me, err := c.Participant()
		if err != nil {
			drop(src)
			return flow.Outcome{}, err
		}
		me.Play(src, nil)
		return flow.Outcome{}, nil
	}
	say := func() error {
		src, err := a.speak(c)
		if err != nil {
			return err
		}
		return c.Play(src)
	}
	if !a.DigitEnds {
		return flow.Outcome{}, say()
	}
	m, err := c.Until(flow.IsDigit, say)
	if d, ok := m.(dtmf.Digit); ok {
		c.MediaMoved()
		c.ShowDigit(d.Char)
	}
	return flow.Outcome{}, err
}

func (a *Talk) speak(c *flow.Call) (media.Source, error) {
	s := c.Services().Speech
	if s == nil {
		return nil, errNoSpeech
	}
	r := a.Request
	r.Rate = c.Rate()
	return flow.Await(c, func(ctx context.Context) (media.Source, error) { return s.Speak(ctx, r) }, drop)
}
