package action

import (
	"cmp"
	"slices"
	"time"

	"tandem/flow"
)

func conditionDatetime() kind {
	return kind{
		name:  "condition_datetime",
		doc:   "Goes on where the condition holds for the time of day in UTC, else with false_target_id. The given fields are compared together, the month first.",
		fatal: true,
		options: []option{
			{name: "condition", form: aChoice, choices: operators(), required: true, doc: "Now on the left, the fields on the right."},
			{name: "minute", form: anInteger, min: -1, max: 59, doc: "-1 or absent: any."},
			{name: "hour", form: anInteger, min: -1, max: 23, doc: "-1 or absent: any."},
			{name: "day", form: anInteger, min: -1, max: 31, doc: "Of the month; -1, 0 or absent: any."},
			{name: "month", form: anInteger, min: -1, max: 12, doc: "-1, 0 or absent: any."},
			{name: "weekdays", form: someInts, max: 6, doc: "0 is Sunday; the condition holds on no other day. Empty: any."},
			{name: "false_target_id", form: aTarget, doc: "Where to go if it does not hold."},
		},
		make: func(v values, _ flow.Step, _ *Env) flow.Action {
			a := &ConditionDatetime{Operator: v.text("condition"), Minute: -1, Hour: -1, Day: v.integer("day"), Month: v.integer("month"), Weekdays: v.ints("weekdays"), Else: v.text("false_target_id")}
			if v.has("minute") {
				a.Minute = v.integer("minute")
			}
			if v.has("hour") {
				a.Hour = v.integer("hour")
			}
			return a
		},
	}
}

// ConditionDatetime compares the time.
type ConditionDatetime struct {
	Operator string
	// Minute and Hour are any where negative, Day and Month where not
	// positive.
	Minute, Hour, Day, Month int
	// Weekdays are those on which it can hold; none: all.
	Weekdays []int
	Else     string
}

// Run implements [flow.Action].
func (a *ConditionDatetime) Run(c *flow.Call) (flow.Outcome, error) {
	return elseTo(a.holds(c.Now().UTC()), a.Else)
}

func (a *ConditionDatetime) holds(now time.Time) bool {
	if len(a.Weekdays) > 0 && !slices.Contains(a.Weekdays, int(now.Weekday())) {
		return false
	}
	order := 0
	for _, f := range []struct {
		now, want int
		given     bool
	}{
		{int(now.Month()), a.Month, a.Month > 0},
		{now.Day(), a.Day, a.Day > 0},
		{now.Hour(), a.Hour, a.Hour >= 0},
		{now.Minute(), a.Minute, a.Minute >= 0},
	} {
		if f.given && order == 0 {
			order = cmp.Compare(f.now, f.want)
		}
	}
	return holds(a.Operator, order)
}
