package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tandem/flow/event"
)

// A Step is one entry of a flow.
type Step struct {
	// ID names the step as a target of jumps. An empty one is given an id when
	// the flow runs.
	ID string
	// NextID names the step that follows; empty or [NilID]: the next one in
	// the list.
	NextID string
	// Type names the action, Option holds its options as a decoded document.
	Type   string
	Option map[string]any
	// Template is Option as it was before its variables were replaced; a
	// [Cursor] sets it.
	Template map[string]any
	// Shown, where it is set, is Option as records show it, and says that there
	// is no variable in it.
	Shown json.RawMessage
	// Do is an action that was made already, in place of Type and Option,
	// which then are only for show.
	Do Action
}

// A Stack is a list of steps that is done in the middle of another, such as
// those an action has fetched. When it comes to its end, what follows the step
// that pushed it is next.
type Stack struct {
	Steps []Step
	// Make turns its steps into actions; nil: as those around it.
	Make Make
	// Left, which may be nil, is called once when the stack is left in any
	// way: at its end, by a jump out of it, by the end of the call.
	Left func()
}

// errNoSuchStep does not cite the id, which may hold what the caller has typed.
var errNoSuchStep = errors.New("no action has the id that is the target")

// MaxStacks is how deep the stacks of a [Cursor] may lie on each other.
const MaxStacks = 100

// Make turns a step, with the variables of its options replaced, into an
// action.
type Make func(s Step) (Action, error)

// A Cursor is the program that walks a flow.
type Cursor struct {
	c      *Call
	stacks []*frame
}

// frame is a stack and where in it the cursor stands; -1: before its first step.
type frame struct {
	Stack
	at int
}

// NewCursor walks steps for c.
func NewCursor(c *Call, steps []Step, m Make) *Cursor {
	k := &Cursor{c: c}
	k.push(Stack{Steps: steps, Make: m})
	return k
}

// Next implements [Program].
func (k *Cursor) Next(done Outcome) (Action, error) {
	ok, err := k.advance(done)
	if !ok || err != nil {
		k.Close()
		return nil, err
	}
	top := k.stacks[len(k.stacks)-1]
	s := top.Steps[top.at]
	s.Template = s.Option
	shown := s.Shown
	if shown == nil && len(s.Option) > 0 {
		option, err := k.c.Vars().ExpandAll(mapOrNil(s.Option))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Type, err)
		}
		if o, ok := option.(map[string]any); ok {
			s.Option = o
		}
		shown = encodeOption(s.Option)
	}
	k.c.SetAction(event.Action{ID: s.ID, NextID: s.NextID, Type: s.Type, Option: shown})
	if s.Do != nil {
		return s.Do, nil
	}
	return top.Make(s)
}

// Close leaves all stacks.
func (k *Cursor) Close() {
	for len(k.stacks) > 0 {
		k.pop()
	}
}

// advance moves to the next step and says false where there is none.
func (k *Cursor) advance(done Outcome) (bool, error) {
	switch {
	case done.Stop:
		return false, nil
	case done.Jump != "":
		if !k.jump(done.Jump) {
			return false, errNoSuchStep
		}
		return true, nil
	case done.Push != nil:
		if len(k.stacks) > MaxStacks {
			if done.Push.Left != nil {
				done.Push.Left()
			}
			return false, fmt.Errorf("actions are nested more than %d deep", MaxStacks)
		}
		k.push(*done.Push)
	}
	for len(k.stacks) > 0 {
		top := k.stacks[len(k.stacks)-1]
		if top.at >= 0 && top.at < len(top.Steps) {
			if next := top.Steps[top.at].NextID; next != "" && next != NilID {
				return k.jump(next), nil
			}
		}
		if top.at++; top.at < len(top.Steps) {
			return true, nil
		}
		k.pop()
	}
	return false, nil
}

// jump goes to the step of the given id: in the innermost stack that has it,
// leaving those further in.
func (k *Cursor) jump(id string) bool {
	for depth := len(k.stacks) - 1; depth >= 0; depth-- {
		f := k.stacks[depth]
		for i := range f.Steps {
			if f.Steps[i].ID == id {
				for len(k.stacks) > depth+1 {
					k.pop()
				}
				f.at = i
				return true
			}
		}
	}
	return false
}

func (k *Cursor) push(s Stack) {
	steps := make([]Step, len(s.Steps))
	for i, step := range s.Steps {
		if step.ID == "" || step.ID == NilID {
			step.ID = k.c.Calls().NewID()
		}
		steps[i] = step
	}
	s.Steps = steps
	if s.Make == nil && len(k.stacks) > 0 {
		s.Make = k.stacks[len(k.stacks)-1].Make
	}
	k.stacks = append(k.stacks, &frame{Stack: s, at: -1})
}

func (k *Cursor) pop() {
	f := k.stacks[len(k.stacks)-1]
	k.stacks = k.stacks[:len(k.stacks)-1]
	if f.Left != nil {
		f.Left()
	}
}

// mapOrNil keeps a nil map from becoming a document.
func mapOrNil(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

// Settle prepares a step that is run many times for what need not be done each
// time. Its option must not change from then on.
func (s *Step) Settle() {
	if len(s.Option) > 0 && !mentions(s.Option) {
		s.Shown = encodeOption(s.Option)
	}
}

// mentions says whether a string in a decoded document holds a variable.
func mentions(doc any) bool {
	switch d := doc.(type) {
	case string:
		return strings.Contains(d, "${")
	case map[string]any:
		for _, e := range d {
			if mentions(e) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(d, mentions)
	}
	return false
}

// encodeOption is a step's option as the record shows it.
func encodeOption(o map[string]any) json.RawMessage {
	if len(o) == 0 {
		return nil
	}
	b, err := json.Marshal(o)
	if err != nil {
		return nil // not JSON, as a NaN from YAML: not shown
	}
	return b
}
