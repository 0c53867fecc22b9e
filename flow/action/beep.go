package action

import "tandem/flow"

func beep() kind {
	return kind{
		name: "beep",
		doc:  "Plays a short tone. It does not answer.",
		make: func(_ values, _ flow.Step, e *Env) flow.Action { return &Beep{env: e} },
	}
}

// Beep plays the tone of an answering machine.
type Beep struct{ env *Env }

// Run implements [flow.Action].
func (a *Beep) Run(c *flow.Call) (flow.Outcome, error) {
	return flow.Outcome{}, playPrompt(c, a.env, "tone:beep")
}
