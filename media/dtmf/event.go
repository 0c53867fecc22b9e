package dtmf

import "encoding/binary"

// EventSize is the length of a telephone-event payload in bytes.
const EventSize = 4

// An Event is the payload of an RFC 4733 telephone-event packet (§2.3).
type Event struct {
	// Code is the event; 0-15 are the keys.
	Code uint8
	// End says that the event is over.
	End bool
	// Volume is the power of the tone in dBm0 without its sign, 0-63.
	Volume uint8
	// Duration is how long the event has lasted so far, in units of the RTP
	// timestamp.
	Duration uint16
}

// ParseEvent reads the first event of a telephone-event payload. It says false
// where the payload is too short to hold one. What follows the first four bytes
// is ignored: RFC 4733 §2.3 allows it for redundancy only.
func ParseEvent(payload []byte) (Event, bool) {
	if len(payload) < EventSize {
		return Event{}, false
	}
	return Event{
		Code:     payload[0],
		End:      payload[1]&0x80 != 0,
		Volume:   payload[1] & 0x3f,
		Duration: binary.BigEndian.Uint16(payload[2:]),
	}, true
}

// Append appends the payload of e to dst.
func (e Event) Append(dst []byte) []byte {
	flags := e.Volume & 0x3f
	if e.End {
		flags |= 0x80
	}
	return append(dst, e.Code, flags, byte(e.Duration>>8), byte(e.Duration))
}
