// Package flow runs calls. A [Call] is one leg, its program and its goroutine;
// everything reaches it as a message.
//
//	ua, media, other calls ──Post──▶ mailbox ──Wait──▶ the action that runs
//	API, timers            ──Do────▶    │
//	                                    ├─ commands run here
//	                                    ├─ On handlers look on
//	                                    └─ digits nobody wants are kept
//
//	Run: program.Next ─▶ Action.Run ─▶ Outcome ─▶ program.Next …
//
// An [Action] is straight-line code that blocks only in [Call.Wait]. Which
// actions come next is a [Program]'s business: a [Cursor] walks a stored flow, a
// dialect asks its application. Whatever happens to a call is published as an
// event with the whole object, made on the call's goroutine; [Call.Snapshot]
// hands out the last of them without disturbing the call.
package flow

import "tandem/flow/event"

// An Address is one end of a call.
type Address = event.Address

// Types of addresses.
const (
	TypeTel        = "tel"
	TypeSIP        = "sip"
	TypeExtension  = "extension"
	TypeAgent      = "agent"
	TypeConference = "conference"
)
