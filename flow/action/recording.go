package action

import (
	"time"

	"tandem/flow"
)

func recordingStart() kind {
	return kind{
		name: "recording_start",
		doc:  "Records the call, the calling side left and the other right, while the flow goes on. A call that is not answered, or is being recorded, is left as it is.",
		options: []option{
			{name: "format", form: aChoice, choices: []string{"wav", "mp3", "ogg"}, doc: "Of the file; default: wav."},
			{name: "end_of_silence", form: aDuration, unit: time.Second, max: 86400, doc: "Ends it after so many seconds of silence; 0: never."},
			{name: "end_of_key", form: aChoice, choices: []string{"none", "any", "*", "#"}, doc: "Ends it at a digit."},
			{name: "duration", form: aDuration, unit: time.Second, max: 86400, doc: "The longest it can be, in seconds; 0: no limit."},
			{name: "beep_start", form: aFlag, doc: "Plays a tone before it begins."},
		},
		make: func(v values, _ flow.Step, e *Env) flow.Action {
			return &RecordingStart{
				Options: flow.RecordOptions{
					Format: v.text("format"), EndOfSilence: v.duration("end_of_silence"),
					EndOfKey: v.text("end_of_key"), Duration: v.duration("duration"),
				},
				Beep: v.flag("beep_start"),
				env:  e,
			}
		},
	}
}

// RecordingStart starts a recording.
type RecordingStart struct {
	Options flow.RecordOptions
	// Beep plays a tone first.
	Beep bool
	env  *Env
}

// Run implements [flow.Action].
func (a *RecordingStart) Run(c *flow.Call) (flow.Outcome, error) {
	if err := c.CanRecord(); err != nil {
		return flow.Outcome{}, err
	}
	if a.Beep {
		switch err := playPrompt(c, a.env, "tone:beep"); err {
		case nil:
		case flow.ErrHangup, flow.ErrReplaced:
			return flow.Outcome{}, err
		default:
			c.Log().Warn("beep", "err", err) // better a recording without than none
		}
	}
	return flow.Outcome{}, c.StartRecording(a.Options)
}

func recordingStop() kind {
	return kind{
		name: "recording_stop",
		doc:  "Ends the call's recording; where there is none, nothing happens.",
		make: func(values, flow.Step, *Env) flow.Action { return RecordingStop{} },
	}
}

// RecordingStop ends a recording and waits until its file is complete.
type RecordingStop struct{}

// Run implements [flow.Action].
func (RecordingStop) Run(c *flow.Call) (flow.Outcome, error) {
	c.StopRecording()
	return flow.Outcome{}, c.AwaitRecording()
}
