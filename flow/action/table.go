// Package action has every action a flow can be made of: a file, a test and a
// line of the table each.
//
// An action's line says what its options are; checking a document ([Validate]),
// decoding it ([Decode]), its JSON Schema ([Schema]) and the documentation follow
// from that alone.
package action

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tandem/flow"
)

// A kind is a line of the table.
type kind struct {
	name string
	doc  string
	// fatal says that a call cannot go on without it: where the action fails,
	// the flow ends, and the call with it. Any other failure is logged, and
	// the next action runs (voipbin.md §1.4).
	fatal   bool
	options []option
	make    func(v values, s flow.Step, e *Env) flow.Action
}

// table is every action, in alphabetical order. It is a func because the table
// must not change.
func table() []kind {
	return []kind{
		answer(), beep(), branch(), conditionDatetime(), conditionVariable(), conferenceJoin(), connect(),
		digitsReceive(), digitsSend(), echo(), fetch(), gotoStep(), hangup(), hangupRelay(), play(),
		recordingStart(), recordingStop(), sleep(), stop(), streamEcho(), talk(), variableSet(), webhookSend(),
	}
}

// lookup is the line of the named action, nil where there is none.
func lookup(name string) *kind {
	lines := kinds()
	if i, ok := slices.BinarySearchFunc(lines, name, func(k kind, name string) int { return strings.Compare(k.name, name) }); ok {
		return &lines[i]
	}
	return nil
}

// Types are the names of all actions, in alphabetical order.
func Types() []string {
	lines := kinds()
	list := make([]string, len(lines))
	for i, k := range lines {
		list[i] = k.name
	}
	return list
}

// Decode makes the named action of its options. Their types are checked
// strictly; the errors, joined, are [Problem]s that name the option.
func Decode(name string, option map[string]any) (flow.Action, error) {
	return new(Env).decode(flow.Step{Type: name, Option: option}, &checker{})
}

func (e *Env) decode(s flow.Step, k *checker) (flow.Action, error) {
	line := lookup(strings.ToLower(s.Type))
	if line == nil {
		return nil, fmt.Errorf("unknown action %q", s.Type)
	}
	v := k.options([]any{"option"}, line.options, s.Option)
	if len(k.problems) > 0 {
		errs := make([]error, len(k.problems))
		for i, p := range k.problems {
			errs[i] = p
		}
		return nil, errors.Join(errs...)
	}
	return line.make(v, s, e), nil
}

// kinds is the table, made once.
var kinds = sync.OnceValue(table)
