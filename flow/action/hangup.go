package action

import (
	"tandem/flow"
	"tandem/flow/event"
	"tandem/sip"
)

func hangup() kind {
	return kind{
		name: "hangup",
		doc:  "Hangs the call up.",
		options: []option{
			{name: "reason", form: aChoice, choices: reasons(), doc: "Chooses the status an unanswered caller gets; default: normal."},
			{name: "reference_id", form: aText, maxLen: 64, doc: "A call whose end is passed on."},
		},
		make: func(v values, _ flow.Step, _ *Env) flow.Action {
			return &Hangup{Reason: flow.Reason(v.textOr("reason", string(flow.ReasonNormal))), Reference: v.text("reference_id")}
		},
	}
}

func hangupRelay() kind {
	return kind{
		name: "hangup_relay",
		doc:  "Hangs the call up as another one ended.",
		options: []option{
			{name: "reference_id", form: aText, required: true, maxLen: 64, doc: "The call whose end is passed on."},
		},
		make: func(v values, _ flow.Step, _ *Env) flow.Action {
			return &Hangup{Reason: flow.ReasonNormal, Reference: v.text("reference_id")}
		},
	}
}

func reasons() []string {
	var list []string
	for _, r := range flow.Reasons() {
		list = append(list, string(r))
	}
	return list
}

// Hangup ends the call.
type Hangup struct {
	Reason flow.Reason
	// Reference is the id of a call that this one placed; when it is over, its
	// end is passed on in place of Reason.
	Reference string
}

// Run implements [flow.Action].
func (a *Hangup) Run(c *flow.Call) (flow.Outcome, error) {
	if ref := c.Chained(a.Reference); ref != nil && ref.Status == event.CallHangup {
		c.HangupCause(flow.Reason(ref.HangupReason), flow.RelayCause(sip.Cause{Status: ref.SIPStatus, Q850: ref.HangupCause}))
		return flow.Outcome{}, flow.ErrHangup
	}
	c.Hangup(a.Reason)
	return flow.Outcome{}, flow.ErrHangup
}

func stop() kind {
	return kind{
		name:  "stop",
		doc:   "Ends the flow, and the call with it.",
		fatal: true,
		make:  func(values, flow.Step, *Env) flow.Action { return Stop{} },
	}
}

// Stop ends the flow.
type Stop struct{}

// Run implements [flow.Action].
func (Stop) Run(*flow.Call) (flow.Outcome, error) { return flow.Outcome{Stop: true}, nil }
