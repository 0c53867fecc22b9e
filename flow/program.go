package flow

import (
	"context"

	"tandem/flow/event"
	"tandem/sip"
)

// An Action is one step of a program. Run blocks only in [Call.Wait] and what
// is built on it, and returns the error of a Wait as it is.
//
// An error means that the action could not be done; whether the call goes on
// is decided by the program (see [Fatal]).
type Action interface {
	Run(c *Call) (Outcome, error)
}

// ActionFunc is a func that is an action.
type ActionFunc func(c *Call) (Outcome, error)

// Run implements [Action].
func (f ActionFunc) Run(c *Call) (Outcome, error) { return f(c) }

// An Outcome says what an action came to, and what it asks its program to do
// next. The zero Outcome asks for the next step.
type Outcome struct {
	// Jump is the id of the step to go on with; empty: the next.
	Jump string
	// Push are steps to do before going on; see [Stack].
	Push *Stack
	// Stop asks for the end of the program, and with it of the call.
	Stop bool
	// Result is told to the call's [Controller]; nil: nothing to tell.
	Result Result
}

// drop leaves what the outcome asks for undone.
func (o Outcome) drop() {
	if o.Push != nil && o.Push.Left != nil {
		o.Push.Left()
	}
}

// A Result is what an action reports to an application, such as the digits that
// were gathered. The dialects define their own.
type Result any

// A Program says which action is next. It belongs to the call's goroutine.
type Program interface {
	// Next takes what the last action came to (the zero Outcome at first) and
	// gives the next one. nil is the end: the call is hung up. So it is, with
	// the error logged, where Next fails.
	Next(done Outcome) (Action, error)
}

// A Controller decides what a call does. There is one per dialect.
type Controller interface {
	// Start gives the program of a new call. It may take its time; ctx ends
	// with the call.
	Start(ctx context.Context, call Info) (Program, error)
	// Result hears what an action reports and may give the call another
	// program; nil: carry on.
	Result(ctx context.Context, r Result) (Program, error)
}

// An Immediate is a controller that has its answers at hand: it is asked on the
// call's own goroutine, which cannot wait.
type Immediate interface {
	Controller
	Immediate()
}

// Info is what a controller is told about a new call.
type Info struct {
	// Call is the handle by which the controller can command the call.
	Call *Call
	// Record is the call as its record stands.
	Record event.Call
	// Leg is what the INVITE said.
	Leg sip.LegInfo
}

// Fixed is a controller that runs p and hears no results.
func Fixed(p Program) Controller { return fixed{p} }

type fixed struct{ p Program }

func (f fixed) Start(context.Context, Info) (Program, error)    { return f.p, nil }
func (f fixed) Result(context.Context, Result) (Program, error) { return nil, nil }
func (f fixed) Immediate()                                      {}

// Sequence is a program of the given actions, one after the other.
func Sequence(actions ...Action) Program { return &sequence{actions} }

type sequence struct{ rest []Action }

func (s *sequence) Next(done Outcome) (Action, error) {
	if done.Stop || len(s.rest) == 0 {
		return nil, nil
	}
	a := s.rest[0]
	s.rest = s.rest[1:]
	return a, nil
}

// Fatal marks err as one after which a call must not go on.
func Fatal(err error) error {
	if err == nil {
		return nil
	}
	return &fatal{err}
}

type fatal struct{ err error }

func (f *fatal) Error() string { return f.err.Error() }
func (f *fatal) Unwrap() error { return f.err }
