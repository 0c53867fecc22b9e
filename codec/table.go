package codec

import "strings"

// The codecs. The values behind these pointers are never changed.
var (
	// PCMU is G.711 µ-law (RFC 3551 §4.5.14).
	PCMU = &Codec{
		Name: "pcmu", PayloadType: 0, ClockRate: 8000, SampleRate: 8000, FrameTime: g711FrameTime,
		NewEncoder: newPCMUEncoder, NewDecoder: newPCMUDecoder,
	}
	// PCMA is G.711 A-law (RFC 3551 §4.5.14).
	PCMA = &Codec{
		Name: "pcma", PayloadType: 8, ClockRate: 8000, SampleRate: 8000, FrameTime: g711FrameTime,
		NewEncoder: newPCMAEncoder, NewDecoder: newPCMADecoder,
	}
	// GSM is GSM 06.10 full rate (RFC 3551 §4.5.8).
	GSM = &Codec{
		Name: "gsm", PayloadType: 3, ClockRate: 8000, SampleRate: 8000, FrameTime: gsmFrameTime,
		NewEncoder: newGSMEncoder, NewDecoder: newGSMDecoder,
	}
	// G722 is G.722 at 64 kbit/s (RFC 3551 §4.5.2), at 16000 Hz.
	G722 = &Codec{
		Name: "g722", PayloadType: 9, ClockRate: 8000, SampleRate: g722Rate, FrameTime: g722FrameTime,
		NewEncoder: newG722Encoder, NewDecoder: newG722Decoder,
	}
)

// Table lists every codec there is. The slice is the caller's own.
func Table() []*Codec { return []*Codec{PCMU, PCMA, GSM, G722} }

// ByName gives the codec with an SDP encoding name, which is compared without
// regard to case (RFC 4855 §3), or nil.
func ByName(name string) *Codec {
	for _, c := range Table() {
		if strings.EqualFold(c.Name, name) {
			return c
		}
	}
	return nil
}

// ByPayloadType gives the codec with a static RTP payload type (RFC 3551 table
// 4), or nil.
func ByPayloadType(pt uint8) *Codec {
	if pt == Dynamic {
		return nil
	}
	for _, c := range Table() {
		if c.PayloadType == pt {
			return c
		}
	}
	return nil
}
