package action

import "tandem/flow"

func variableSet() kind {
	return kind{
		name: "variable_set",
		doc:  "Gives a variable a value.",
		options: []option{
			{name: "key", form: aText, required: true, maxLen: 256, doc: "The variable's name."},
			{name: "value", form: aText, maxLen: flow.MaxVariableSize, doc: "Its value; ${name} in it is replaced."},
		},
		make: func(v values, _ flow.Step, _ *Env) flow.Action {
			return &VariableSet{Key: v.text("key"), Value: v.text("value")}
		},
	}
}

// VariableSet sets a variable.
type VariableSet struct{ Key, Value string }

// Run implements [flow.Action].
func (a *VariableSet) Run(c *flow.Call) (flow.Outcome, error) {
	if a.Key == flow.VarDigits {
		c.TakeDigits()
	}
	return flow.Outcome{}, c.Vars().Set(a.Key, a.Value)
}
