package action

import (
	"errors"

	"tandem/flow"
)

func branch() kind {
	return kind{
		name:  "branch",
		doc:   "Goes on with the action that stands for the value of a variable.",
		fatal: true,
		options: []option{
			{name: "variable", form: aText, doc: "The variable's name; default: voipbin.call.digits, which is emptied."},
			{name: "target_ids", form: targetMap, doc: "Value to id of an action."},
			{name: "default_target_id", form: aTarget, doc: "Where to go with any other value."},
			{name: "target_indexes", form: indexMap, doc: "Value to place of an action in the list, from 0."},
			{name: "default_index", form: anInteger, doc: "Place of the action for any other value."},
		},
		make: func(v values, _ flow.Step, _ *Env) flow.Action {
			return &Branch{Variable: v.textOr("variable", flow.VarDigits), Targets: v.targets("target_ids"), Default: v.text("default_target_id")}
		},
	}
}

// Branch jumps by the value of a variable.
type Branch struct {
	Variable string
	Targets  map[string]string
	Default  string
}

var errNoTarget = errors.New("no target for this value, and no default_target_id")

// Run implements [flow.Action].
func (a *Branch) Run(c *flow.Call) (flow.Outcome, error) {
	to, ok := a.Targets[c.Vars().Get(a.Variable)]
	if !ok || to == "" {
		to = a.Default
	}
	if a.Variable == flow.VarDigits {
		c.TakeDigits()
	}
	if to == "" || to == flow.NilID {
		return flow.Outcome{}, errNoTarget
	}
	return flow.Outcome{Jump: to}, nil
}
