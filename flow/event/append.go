package event

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Calls write their own JSON: they are most of what is published, and reflection
// would cost more than the rest of an event's way. A fuzz test holds the result
// against what encoding/json makes of the structs' tags.

// object writes the members of a JSON object.
type object []byte

func (o *object) key(k string) {
	if n := len(*o); (*o)[n-1] != '{' {
		*o = append(*o, ',')
	}
	*o = append(*o, '"')
	*o = append(*o, k...)
	*o = append(*o, '"', ':')
}

func (o *object) str(k, v string) {
	o.key(k)
	*o = appendString(*o, v)
}

// opt writes a text unless it is empty.
func (o *object) opt(k, v string) {
	if v != "" {
		o.str(k, v)
	}
}

func (o *object) id(k, v string) { o.str(k, orNil(v)) }

func (o *object) ids(k string, v []string) {
	o.key(k)
	*o = append(*o, '[')
	for i, id := range v {
		if i > 0 {
			*o = append(*o, ',')
		}
		*o = appendString(*o, id)
	}
	*o = append(*o, ']')
}

func (o *object) time(k string, t Time) {
	o.key(k)
	*o = append(*o, '"')
	if t.IsZero() {
		*o = append(*o, never...)
	} else {
		*o = time.Time(t).UTC().AppendFormat(*o, timeLayout)
	}
	*o = append(*o, '"')
}

func (o *object) uint(k string, v uint64) {
	o.key(k)
	*o = strconv.AppendUint(*o, v, 10)
}

// optInt writes a number unless it is 0.
func (o *object) optInt(k string, v int) {
	if v != 0 {
		o.key(k)
		*o = strconv.AppendInt(*o, int64(v), 10)
	}
}

// float writes what is no number (a mean of nothing) as 0: JSON has no word for
// it, and one bad figure must not cost the record.
func (o *object) float(k string, v float64) {
	o.key(k)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		text, _ := json.Marshal(v) // its exponents have a form of their own
		*o = append(*o, text...)
		return
	}
	*o = strconv.AppendFloat(*o, v, 'f', -1, 64)
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s)
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func (o *object) address(k string, a *Address) {
	o.key(k)
	*o = append(*o, '{')
	o.str("type", a.Type)
	o.str("target", a.Target)
	o.str("target_name", a.TargetName)
	o.str("name", a.Name)
	o.str("detail", a.Detail)
	*o = append(*o, '}')
}

// AppendJSON appends the action as the API shows it.
func (a *Action) AppendJSON(b []byte) []byte {
	o := object(append(b, '{'))
	o.id("id", a.ID)
	o.id("next_id", a.NextID)
	o.str("type", a.Type)
	if len(a.Option) > 0 && json.Valid(a.Option) {
		o.key("option")
		o = append(o, a.Option...)
	}
	o.key("tm_execute")
	o = append(o, '"')
	if t := time.Time(a.TMExecute); !t.IsZero() {
		o = t.UTC().AppendFormat(o, execLayout)
	}
	return append(o, '"', '}')
}

// AppendJSON appends the figures as the API shows them.
func (m *Media) AppendJSON(b []byte) []byte {
	o := object(append(b, '{'))
	o.str("codec", m.Codec)
	o.opt("local", m.Local)
	o.opt("remote", m.Remote)
	o.uint("packets_sent", m.PacketsSent)
	o.uint("packets_received", m.PacketsReceived)
	o.uint("bytes_sent", m.BytesSent)
	o.uint("bytes_received", m.BytesReceived)
	o.uint("packets_lost", m.PacketsLost)
	o.uint("packets_late", m.PacketsLate)
	o.uint("packets_wrong_source", m.PacketsWrongSource)
	o.float("jitter", m.Jitter)
	o.float("rtt", m.RTT)
	o.float("remote_loss", m.RemoteLoss)
	o.float("remote_jitter", m.RemoteJitter)
	o.float("mos", m.MOS)
	return append(o, '}')
}

// AppendJSON appends the call as the API shows it: empty ids are [NilID].
func (c *Call) AppendJSON(b []byte) []byte {
	o := object(append(b, '{'))
	o.id("id", c.ID)
	o.id("flow_id", c.FlowID)
	o.str("type", c.Type)
	o.id("master_call_id", c.MasterCallID)
	o.ids("chained_call_ids", c.ChainedCallIDs)
	o.id("recording_id", c.RecordingID)
	o.ids("recording_ids", c.RecordingIDs)
	o.address("source", &c.Source)
	o.address("destination", &c.Destination)
	o.str("status", c.Status)
	o.key("action")
	o = c.Action.AppendJSON(o)
	o.str("direction", c.Direction)
	o.str("hangup_by", c.HangupBy)
	o.str("hangup_reason", c.HangupReason)
	o.time("tm_create", c.TMCreate)
	o.time("tm_update", c.TMUpdate)
	o.time("tm_progressing", c.TMProgressing)
	o.time("tm_ringing", c.TMRinging)
	o.time("tm_hangup", c.TMHangup)
	o.id("customer_id", c.CustomerID)
	o.str("mute_direction", c.MuteDirection)
	o.time("tm_delete", c.TMDelete)
	o.opt("node", c.Node)
	o.opt("trunk", c.Trunk)
	o.opt("sip_call_id", c.SIPCallID)
	o.optInt("sip_status", c.SIPStatus)
	o.optInt("hangup_cause", c.HangupCause)
	if c.Aborted {
		o.key("aborted")
		o = append(o, "true"...)
	}
	if c.Media != nil {
		o.key("media")
		o = c.Media.AppendJSON(o)
	}
	return append(o, '}')
}
