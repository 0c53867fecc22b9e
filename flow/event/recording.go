package event

import "encoding/json"

// States of a recording.
const (
	RecordingInitiating = "initiating"
	RecordingRecording  = "recording"
	RecordingStopping   = "stopping"
	RecordingEnded      = "ended"
)

// A Recording is one file of sound and how it came to be.
type Recording struct {
	ID         string `json:"id"`
	CustomerID string `json:"customer_id"`
	// ReferenceType is call or confbridge, ReferenceID the id of it.
	ReferenceType string `json:"reference_type"`
	ReferenceID   string `json:"reference_id"`
	// Status is one of the states above.
	Status string `json:"status"`
	// Format is wav, mp3 or ogg; the file is ID.Format under
	// state_dir/recordings.
	Format   string `json:"format"`
	TMStart  Time   `json:"tm_start"`
	TMEnd    Time   `json:"tm_end"`
	TMCreate Time   `json:"tm_create"`
	TMUpdate Time   `json:"tm_update"`
	TMDelete Time   `json:"tm_delete"`

	// What follows goes beyond the reference's keys.

	// Duration is the length of what was recorded in milliseconds.
	Duration int64 `json:"duration,omitempty"`
	// Aborted says that it ran when the process died.
	Aborted bool `json:"aborted,omitempty"`
	// Node is the host that has the file.
	Node string `json:"node,omitempty"`
}

// MarshalJSON writes empty ids as [NilID].
func (r Recording) MarshalJSON() ([]byte, error) {
	type plain Recording
	r.ID, r.CustomerID, r.ReferenceID = orNil(r.ID), orNil(r.CustomerID), orNil(r.ReferenceID)
	return json.Marshal(plain(r))
}
