package flow

import (
	"errors"

	"tandem/media"
	"tandem/sip"
)

// A Msg is anything that reaches a call: what its leg reports (package sip,
// dtmf.Digit), what it has started itself, what other calls tell it.
type Msg = any

// What ends a wait before the message that is waited for.
var (
	// ErrHangup says that the call is ending or over. Every Wait returns it
	// from then on.
	ErrHangup = errors.New("call ended")
	// ErrReplaced says that the call has been given another program.
	ErrReplaced = errors.New("program replaced")
	// ErrTimeout says that the time is up: an answer, not a fault.
	ErrTimeout = errors.New("timed out")
	// ErrBusy is what a command gets that finds too many others before it.
	ErrBusy = errors.New("too many commands waiting")

	// errBroken unwinds a step whose surrounding Until has what it wanted.
	errBroken = errors.New("interrupted")
)

// Progress tells a call what becomes of a call that it has placed.
type Progress struct {
	// Call is the call placed.
	Call *Call
	// Status is Ringing, Progressing or Ended. It may be Ringing more than
	// once.
	Status Status
	// SIP is the status of the response behind it: 180, 183, 200, or that of
	// the end.
	SIP int
	// Media says that the called end sends sound before it answers.
	Media bool
	// Cause is why it ended, By whom, and the reason as its record has it.
	Cause  sip.Cause
	Reason Reason
	By     string
}

// PromptDone says that what a call was hearing has ended.
type PromptDone struct {
	Source media.Source
	// Err is nil where it played to its end.
	Err error
}

// command is a func that the outside wants run on the call's goroutine.
type command struct {
	fn    func(*Call) error
	reply chan error // capacity 1; nil where nobody waits
}

// result is what slow work came to.
type result struct {
	msg  Msg
	then func(Msg)
}
