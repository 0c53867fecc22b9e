package action

import (
	"time"

	"tandem/flow"
)

// echoDefault is how long an echo lasts that is given no duration.
const echoDefault = 180 * time.Second

func echoOptions() []option {
	return []option{{name: "duration", form: aDuration, unit: time.Millisecond, min: -1 << 31, doc: "How long, in milliseconds; 0 or less: 180000."}}
}

func echo() kind {
	return kind{
		name:    "echo",
		doc:     "Gives the caller his own voice back. It does not answer.",
		options: echoOptions(),
		make: func(v values, _ flow.Step, _ *Env) flow.Action {
			return &Echo{Duration: v.duration("duration")}
		},
	}
}

func streamEcho() kind {
	return kind{
		name:    "stream_echo",
		doc:     "Sends the caller's packets back as they come, digits included. It does not answer.",
		options: echoOptions(),
		make: func(v values, _ flow.Step, _ *Env) flow.Action {
			return &Echo{Duration: v.duration("duration"), Packets: true}
		},
	}
}

// Echo gives a call back what it says.
type Echo struct {
	// Duration is how long; 0 or less: three minutes.
	Duration time.Duration
	// Packets sends packets back instead of audio, digits too.
	Packets bool
}

// Run implements [flow.Action].
func (a *Echo) Run(c *flow.Call) (flow.Outcome, error) {
	d := a.Duration
	if d <= 0 {
		d = echoDefault
	}
	me, err := c.Participant()
	if err == nil {
		err = c.EarlyMedia()
	}
	if err != nil {
		return flow.Outcome{}, err
	}
	set := me.Echo
	if a.Packets {
		set = me.EchoPackets
	}
	set(true)
	defer set(false)
	c.MediaMoved()
	return flow.Outcome{}, c.Sleep(d)
}
