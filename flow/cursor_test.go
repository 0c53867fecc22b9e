package flow_test

import (
	"context"
	"strings"
	"testing"

	"tandem/flow"
	"tandem/flow/flowtest"
)

// TestCursor walks flows whose steps write down their ids. What a step asks for
// stands behind it: "a>x" jumps to x, "a!" stops, "a:next" has the next_id, and
// "a(b c)" pushes a stack.
func TestCursor(t *testing.T) {
	for _, tt := range []struct{ name, flow, want string }{
		{"in order", "a b c", "a b c"},
		{"nothing", "", ""},
		{"a jump", "a>c b c", "a c"},
		{"a jump to nowhere ends it", "a>x b", "a"},
		{"next_id", "a:c b c", "a c"},
		{"next_id to nowhere ends it", "a:x b", "a"},
		{"stop", "a! b", "a"},
		{"a stack", "a(x y) b", "a x y b left"},
		{"an empty stack", "a() b", "a b left"},
		{"a stack whose pusher has a next_id", "a(x):c b c", "a x c left"},
		{"nested stacks", "a(x(p q) y) b", "a x p q y b left left"},
		{"a jump within a stack", "a(x>z y z) b", "a x z b left"},
		{"a jump outward leaves the stack", "a(x>c y) b c", "a x c left"},
		{"a jump outward through two", "a(x(p>c) y) b c", "a x p c left left"},
		{"next_id outward", "a(x:c y) b c", "a x c left"},
		{"no jump inward", "a(x) b>x", "a x b left"},
		{"stop in a stack", "a(x! y) b", "a x left"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, w *flowtest.World) {
				var got, left []string
				steps, rest := parseSteps(tt.flow, &got, &left)
				if rest != "" {
					t.Fatalf("rest %q", rest)
				}
				c, _ := w.Call(&flowOf{steps})
				<-c.Done()
				if s := strings.Join(append(got, left...), " "); s != tt.want && strings.Join(got, " ") != tt.want {
					t.Errorf("walked %s, want %s", s, tt.want)
				}
			})
		})
	}
}

// parseSteps reads the notation of TestCursor.
func parseSteps(s string, got, left *[]string) ([]flow.Step, string) {
	var steps []flow.Step
	for s != "" && s[0] != ')' {
		if s[0] == ' ' {
			s = s[1:]
			continue
		}
		step := flow.Step{ID: s[:1], Type: "test"}
		id := s[:1]
		s = s[1:]
		var out flow.Outcome
		for s != "" && s[0] != ' ' && s[0] != ')' {
			switch s[0] {
			case '>':
				out.Jump, s = s[1:2], s[2:]
			case ':':
				step.NextID, s = s[1:2], s[2:]
			case '!':
				out.Stop, s = true, s[1:]
			case '(':
				var inner []flow.Step
				inner, s = parseSteps(s[1:], got, left)
				s = s[1:]
				out.Push = &flow.Stack{Steps: inner, Left: func() { *left = append(*left, "left") }}
			}
		}
		step.Do = flow.ActionFunc(func(*flow.Call) (flow.Outcome, error) {
			*got = append(*got, id)
			return out, nil
		})
		steps = append(steps, step)
	}
	return steps, s
}

type flowOf struct{ steps []flow.Step }

func TestStacksAreBounded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		depth, left := 0, 0
		again := flow.Step{Type: "test"}
		again.Do = flow.ActionFunc(func(*flow.Call) (flow.Outcome, error) {
			depth++
			return flow.Outcome{Push: &flow.Stack{Steps: []flow.Step{again}, Left: func() { left++ }}}, nil
		})
		c, _ := w.Call(&flowOf{[]flow.Step{again}})
		<-c.Done()
		if depth != flow.MaxStacks+1 || left != depth {
			t.Errorf("%d deep, %d left", depth, left)
		}
	})
}

func (f *flowOf) Start(_ context.Context, info flow.Info) (flow.Program, error) {
	return flow.NewCursor(info.Call, f.steps, nil), nil
}

func (f *flowOf) Result(context.Context, flow.Result) (flow.Program, error) { return nil, nil }
