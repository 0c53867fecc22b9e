package action

import "tandem/flow"

func answer() kind {
	return kind{
		name: "answer",
		doc:  "Answers the call. A call that is answered already goes on at once.",
		make: func(values, flow.Step, *Env) flow.Action { return Answer{} },
	}
}

// Answer accepts the call and waits for the caller's ACK.
type Answer struct{}

// Run implements [flow.Action].
func (Answer) Run(c *flow.Call) (flow.Outcome, error) { return flow.Outcome{}, c.Answer() }
