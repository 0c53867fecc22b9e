// Package event holds the facts that the outside is told about calls and the
// bus they travel on.
//
//	call ──Publish──▶ queue ─▶ number ─▶ journal (disk) ─▶ durable readers: records, webhooks
//	                                  └▶ live subscribers: websockets, consoles
//
// A fact is a whole object as the REST API shows it ([Call], [Conference],
// [Recording] …), not a difference: whoever reads the newest knows the state.
// Publishing never blocks a call. What a subscriber is too slow for is lost to
// it, and the loss is itself an event ([TypeLost]).
package event

import (
	"encoding/json"
	"time"
)

// Types of events about calls. The other types are made the same way: the
// resource, an underscore, what happened to it.
const (
	TypeCallCreated     = "call_created"
	TypeCallUpdated     = "call_updated"
	TypeCallDialing     = "call_dialing"
	TypeCallRinging     = "call_ringing"
	TypeCallProgressing = "call_progressing"
	TypeCallTerminating = "call_terminating"
	TypeCallCanceling   = "call_canceling"
	TypeCallHangup      = "call_hangup"
	TypeCallDeleted     = "call_deleted"

	TypeConferenceCreated = "conference_created"
	TypeConferenceUpdated = "conference_updated"
	TypeConferenceDeleted = "conference_deleted"

	TypeConferencecallJoining = "conferencecall_joining"
	TypeConferencecallJoined  = "conferencecall_joined"
	TypeConferencecallLeaving = "conferencecall_leaving"
	TypeConferencecallLeaved  = "conferencecall_leaved" // the original's spelling, on which receivers rely

	TypeRecordingStarted  = "recording_started"
	TypeRecordingFinished = "recording_finished"
)

// TypeLost is the type of the event that stands where events were lost; its
// data is a [Lost].
const TypeLost = "events_lost"

// A Lost says how many events a subscriber or the journal did not get.
type Lost struct {
	// Count is the number of events that are missing here.
	Count uint64 `json:"count"`
	// Reader names the durable reader that missed them; empty for a live
	// subscriber, which is told about its own losses only.
	Reader string `json:"reader,omitempty"`
}

// An Event is one fact. Whoever publishes fills Type, Data and, where they
// apply, Call and Customer; the bus fills the rest.
type Event struct {
	// Type is the resource and what happened to it, such as "call_hangup".
	Type string
	// Customer is the id of the customer whose stream the event belongs to;
	// empty for the implicit one.
	Customer string
	// Call is the id of the call whose stream the event belongs to; empty for
	// events of no call.
	Call string
	// Data is the object, encoded with encoding/json on the bus's goroutine:
	// it must not change after Publish. Events read back from the journal
	// carry a json.RawMessage.
	Data any
	// Seq numbers the customer's events, CallSeq the call's, both from 1 and
	// without gaps. CallSeq is 0 for events of no call.
	Seq, CallSeq uint64
	// Time is when it happened; now if the publisher left it zero.
	Time time.Time
}

// envelope is the outside's form of an [Event].
type envelope struct {
	Type    string `json:"type"`
	Data    any    `json:"data"`
	Seq     uint64 `json:"seq"`
	CallSeq uint64 `json:"call_seq"`
	Time    Time   `json:"time"`
}

// MarshalJSON gives the event as webhooks and websockets carry it.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(envelope{e.Type, e.Data, e.Seq, e.CallSeq, Time(e.Time)})
}

// Resource is the part of the type before its first underscore: "call" of
// "call_hangup", "conferencecall" of "conferencecall_joined".
func (e *Event) Resource() string {
	for i := range len(e.Type) {
		if e.Type[i] == '_' {
			return e.Type[:i]
		}
	}
	return e.Type
}

// Decode reads the event's data into v, whether it still is what was
// published or comes from the journal.
func (e *Event) Decode(v any) error {
	raw, ok := e.Data.(json.RawMessage)
	if !ok {
		var err error
		if raw, err = json.Marshal(e.Data); err != nil {
			return err
		}
	}
	return json.Unmarshal(raw, v)
}
