package action

import (
	"cmp"
	"strconv"
	"strings"

	"tandem/flow"
)

// operators are those of the conditions.
func operators() []string { return []string{"==", "!=", ">", ">=", "<", "<="} }

// holds applies an operator to how two values compare. An operator that is not
// known never holds.
func holds(op string, order int) bool {
	switch op {
	case "==":
		return order == 0
	case "!=":
		return order != 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	}
	return false
}

// elseTo is the outcome of a condition.
func elseTo(holds bool, falseTarget string) (flow.Outcome, error) {
	switch {
	case holds:
		return flow.Outcome{}, nil
	case falseTarget == "" || falseTarget == flow.NilID:
		return flow.Outcome{}, errNoTarget
	}
	return flow.Outcome{Jump: falseTarget}, nil
}

func conditionVariable() kind {
	return kind{
		name:  "condition_variable",
		doc:   "Goes on where the condition holds, else with false_target_id.",
		fatal: true,
		options: []option{
			{name: "condition", form: aChoice, choices: operators(), required: true, doc: "Variable on the left, value on the right."},
			{name: "variable", form: aText, doc: "A variable's name, or text with ${name} in it."},
			{name: "value_type", form: aChoice, choices: []string{"string", "number", "length"}, doc: "How they are compared; default: string."},
			{name: "value_string", form: aText, doc: "The value of type string."},
			{name: "value_number", form: aNumber, min: -1e308, doc: "The value of type number."},
			{name: "value_length", form: anInteger, doc: "The length in bytes of type length."},
			{name: "false_target_id", form: aTarget, doc: "Where to go if it does not hold."},
		},
		make: func(v values, s flow.Step, _ *Env) flow.Action {
			a := &ConditionVariable{
				Operator: v.text("condition"), Variable: v.text("variable"), Type: v.textOr("value_type", "string"),
				String: v.text("value_string"), Number: v.number("value_number"), Length: v.integer("value_length"), Else: v.text("false_target_id"),
			}
			template, _ := s.Template["variable"].(string)
			a.Expanded = isTemplate(template)
			return a
		},
	}
}

// ConditionVariable compares a variable.
type ConditionVariable struct {
	Operator string
	// Variable is the name of a variable, or the text itself where there is
	// none of that name or Expanded says that it was one.
	Variable string
	Expanded bool
	Type     string // string, number or length
	String   string
	Number   float64
	Length   int
	Else     string
}

// Run implements [flow.Action].
func (a *ConditionVariable) Run(c *flow.Call) (flow.Outcome, error) {
	text := a.Variable
	if !a.Expanded {
		if v, ok := c.Vars().Lookup(text); ok {
			text = v
		}
	}
	return elseTo(a.holds(text), a.Else)
}

func (a *ConditionVariable) holds(text string) bool {
	switch a.Type {
	case "number":
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		return err == nil && n == n && holds(a.Operator, cmp.Compare(n, a.Number))
	case "length":
		return holds(a.Operator, cmp.Compare(len(text), a.Length))
	}
	return holds(a.Operator, strings.Compare(text, a.String))
}
