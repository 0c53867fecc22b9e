package action

import "tandem/flow"

func gotoStep() kind {
	return kind{
		name:  "goto",
		doc:   "Goes on with another action.",
		fatal: true,
		options: []option{
			{name: "target_id", form: aTarget, required: true, doc: "The id of the action."},
			{name: "loop_count", form: anInteger, doc: "How many times it jumps in the life of the flow; absent: always, 0: never."},
		},
		make: func(v values, s flow.Step, _ *Env) flow.Action {
			a := &Goto{ID: s.ID, Target: v.text("target_id"), Times: -1}
			if v.has("loop_count") {
				a.Times = max(0, v.integer("loop_count"))
			}
			return a
		},
	}
}

// Goto jumps.
type Goto struct {
	// ID is that of the step, under which its jumps are counted.
	ID     string
	Target string
	// Times is how often it jumps; negative: always.
	Times int
}

// Run implements [flow.Action].
func (a *Goto) Run(c *flow.Call) (flow.Outcome, error) {
	if a.Times >= 0 {
		left, ok := c.Loops(a.ID)
		if !ok {
			left = a.Times
		}
		if left <= 0 {
			return flow.Outcome{}, nil
		}
		c.SetLoops(a.ID, left-1)
	}
	return flow.Outcome{Jump: a.Target}, nil
}
