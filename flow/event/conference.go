package event

import "encoding/json"

// States of a conference.
const (
	ConferenceStarting    = "starting"
	ConferenceProgressing = "progressing"
	ConferenceTerminating = "terminating"
	ConferenceTerminated  = "terminated"
)

// A Conference is a named room.
type Conference struct {
	ID         string `json:"id"`
	CustomerID string `json:"customer_id"`
	// Type is conference (stays until it is ended) or connect (ends when one
	// party is left).
	Type string `json:"type"`
	// Status is one of the states above.
	Status string          `json:"status"`
	Name   string          `json:"name"`
	Detail string          `json:"detail"`
	Data   json.RawMessage `json:"data"`
	// Timeout is how long after its creation it ends, in seconds; 0 = never.
	Timeout           int             `json:"timeout"`
	PreActions        json.RawMessage `json:"pre_actions"`
	PostActions       json.RawMessage `json:"post_actions"`
	ConferencecallIDs []string        `json:"conferencecall_ids"`
	RecordingID       string          `json:"recording_id"`
	RecordingIDs      []string        `json:"recording_ids"`
	TMCreate          Time            `json:"tm_create"`
	TMUpdate          Time            `json:"tm_update"`
	TMDelete          Time            `json:"tm_delete"`

	// What follows goes beyond the reference's keys.

	// TMEnd is when it was terminated.
	TMEnd Time `json:"tm_end"`
	// Node is the host whose bridge it is.
	Node string `json:"node,omitempty"`
}

// MarshalJSON writes empty ids as [NilID], empty lists as [] and absent data
// as {}.
func (c Conference) MarshalJSON() ([]byte, error) {
	type plain Conference
	c.ID, c.CustomerID, c.RecordingID = orNil(c.ID), orNil(c.CustomerID), orNil(c.RecordingID)
	c.ConferencecallIDs, c.RecordingIDs = orEmpty(c.ConferencecallIDs), orEmpty(c.RecordingIDs)
	if len(c.Data) == 0 {
		c.Data = json.RawMessage("{}")
	}
	if len(c.PreActions) == 0 {
		c.PreActions = json.RawMessage("[]")
	}
	if len(c.PostActions) == 0 {
		c.PostActions = json.RawMessage("[]")
	}
	return json.Marshal(plain(c))
}

// States of a conferencecall.
const (
	ConferencecallJoining = "joining"
	ConferencecallJoined  = "joined"
	ConferencecallLeaving = "leaving"
	ConferencecallLeaved  = "leaved"
)

// A Conferencecall is one call's stay in a conference.
type Conferencecall struct {
	ID           string `json:"id"`
	CustomerID   string `json:"customer_id"`
	ConferenceID string `json:"conference_id"`
	// ReferenceType is call, ReferenceID the call's id.
	ReferenceType string `json:"reference_type"`
	ReferenceID   string `json:"reference_id"`
	// Status is one of the states above.
	Status   string `json:"status"`
	TMCreate Time   `json:"tm_create"`
	TMUpdate Time   `json:"tm_update"`
	TMDelete Time   `json:"tm_delete"`
	// Node is the host the call is on; beyond the reference's keys.
	Node string `json:"node,omitempty"`
}

// MarshalJSON writes empty ids as [NilID].
func (c Conferencecall) MarshalJSON() ([]byte, error) {
	type plain Conferencecall
	c.ID, c.CustomerID = orNil(c.ID), orNil(c.CustomerID)
	c.ConferenceID, c.ReferenceID = orNil(c.ConferenceID), orNil(c.ReferenceID)
	return json.Marshal(plain(c))
}
