package event

import "encoding/json"

// NilID is the id of nothing.
const NilID = "00000000-0000-0000-0000-000000000000"

// States of a call.
const (
	CallDialing     = "dialing"     // outgoing: INVITE sent
	CallRinging     = "ringing"     // incoming: not answered yet; outgoing: 180 or 183 came
	CallProgressing = "progressing" // answered
	CallTerminating = "terminating" // we are ending it
	CallCanceling   = "canceling"   // we are ending it before its answer
	CallHangup      = "hangup"      // over
)

// An Address is one end of a call.
type Address struct {
	// Type is tel, sip, extension, agent, conference …
	Type string `json:"type"`
	// Target is the number, user@host or id, by Type.
	Target string `json:"target"`
	// TargetName is the display name towards the network.
	TargetName string `json:"target_name"`
	// Name and Detail are annotations for people.
	Name   string `json:"name"`
	Detail string `json:"detail"`
}

// An Action is the step of its flow a call is at.
type Action struct {
	ID     string          `json:"id"`
	NextID string          `json:"next_id"`
	Type   string          `json:"type"`
	Option json.RawMessage `json:"option,omitempty"`
	// TMExecute is when the call began with it.
	TMExecute ExecTime `json:"tm_execute"`
}

// MarshalJSON writes empty ids as [NilID].
func (a Action) MarshalJSON() ([]byte, error) { return a.AppendJSON(nil), nil }

// Media is what became of a leg's audio.
type Media struct {
	// Codec is the SDP name of the codec that was sent last, such as "pcma".
	Codec string `json:"codec"`
	// Local and Remote are the RTP addresses, host:port.
	Local  string `json:"local,omitempty"`
	Remote string `json:"remote,omitempty"`
	// PacketsSent, PacketsReceived and the bytes count RTP.
	PacketsSent     uint64 `json:"packets_sent"`
	PacketsReceived uint64 `json:"packets_received"`
	BytesSent       uint64 `json:"bytes_sent"`
	BytesReceived   uint64 `json:"bytes_received"`
	// PacketsLost never came; PacketsLate came too late to be played.
	PacketsLost uint64 `json:"packets_lost"`
	PacketsLate uint64 `json:"packets_late"`
	// PacketsWrongSource came from an address that is not the peer's and were
	// dropped.
	PacketsWrongSource uint64 `json:"packets_wrong_source"`
	// Jitter is the interarrival jitter (RFC 3550 §6.4.1) and RTT the round
	// trip from RTCP, both in milliseconds; RTT is 0 where the peer sends none.
	Jitter float64 `json:"jitter"`
	RTT    float64 `json:"rtt"`
	// RemoteLoss is the fraction of our packets the peer says it lost, from
	// 0 to 1; RemoteJitter what it measured, in milliseconds.
	RemoteLoss   float64 `json:"remote_loss"`
	RemoteJitter float64 `json:"remote_jitter"`
	// MOS is the listening quality of what we received by the E-model
	// (ITU-T G.107), from 1 to 4.5; 0 when nothing was received.
	MOS float64 `json:"mos"`
}

// MarshalJSON writes what is no number as 0.
func (m Media) MarshalJSON() ([]byte, error) { return m.AppendJSON(nil), nil }

// A Call is a leg with its program, and its record when it is over.
type Call struct {
	ID     string `json:"id"`
	FlowID string `json:"flow_id"`
	// Type is flow, conference or sip-service.
	Type string `json:"type"`
	// MasterCallID is the call with which this one ends; ChainedCallIDs are
	// those that end with it.
	MasterCallID   string   `json:"master_call_id"`
	ChainedCallIDs []string `json:"chained_call_ids"`
	// RecordingID is the recording that runs now.
	RecordingID  string   `json:"recording_id"`
	RecordingIDs []string `json:"recording_ids"`
	Source       Address  `json:"source"`
	Destination  Address  `json:"destination"`
	// Status is one of the states above.
	Status string `json:"status"`
	Action Action `json:"action"`
	// Direction is incoming or outgoing.
	Direction string `json:"direction"`
	// HangupBy is remote or local, empty before the end.
	HangupBy string `json:"hangup_by"`
	// HangupReason is normal, failed, busy, cancel, timeout, noanswer, dialout
	// or amd, empty before the end.
	HangupReason  string `json:"hangup_reason"`
	TMCreate      Time   `json:"tm_create"`
	TMUpdate      Time   `json:"tm_update"`
	TMProgressing Time   `json:"tm_progressing"`
	TMRinging     Time   `json:"tm_ringing"`
	TMHangup      Time   `json:"tm_hangup"`

	// What follows goes beyond the reference's keys.

	CustomerID string `json:"customer_id"`
	// MuteDirection is in, out, both or empty.
	MuteDirection string `json:"mute_direction"`
	TMDelete      Time   `json:"tm_delete"`
	// Node is the host the call is or was on.
	Node string `json:"node,omitempty"`
	// Trunk names the trunk of the configuration the leg uses; empty for none.
	Trunk string `json:"trunk,omitempty"`
	// SIPCallID is the leg's Call-ID, to find it in traces.
	SIPCallID string `json:"sip_call_id,omitempty"`
	// SIPStatus is the final status of the INVITE; 0 before. HangupCause is
	// the Q.850 cause of the end; 0 where none is known.
	SIPStatus   int `json:"sip_status,omitempty"`
	HangupCause int `json:"hangup_cause,omitempty"`
	// Aborted says that the call was up when the process died: its end is not
	// known better than by the last heartbeat.
	Aborted bool `json:"aborted,omitempty"`
	// Media says how the leg's audio fared; absent for a leg without.
	Media *Media `json:"media,omitempty"`
}

// MarshalJSON writes empty ids as [NilID] and empty lists as [].
func (c Call) MarshalJSON() ([]byte, error) { return c.AppendJSON(nil), nil }

func orNil(id string) string {
	if id == "" {
		return NilID
	}
	return id
}

func orEmpty(ids []string) []string {
	if ids == nil {
		return []string{}
	}
	return ids
}
