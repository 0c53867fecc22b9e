// Package stream is one leg's audio: what its RTP session brings becomes frames
// and digits, frames and digits become RTP.
//
//	rtp.Session ─► telephone-event? ─► dtmf ─► Post(dtmf.Digit)
//	                     │ no
//	                     ├─► relaying? ─► the other stream's session, as it is
//	                     └─► jitter ─► decode, conceal ─► resample ─► ReadFrame
//
//	WriteFrame ─► resample ─► encode ─► packets of the peer's ptime ─► rtp.Session
//	SendDigits ─► telephone-events, or tones, in place of the audio ─────▲
//
// A [Stream] is a port of the mixer's. It belongs to one worker at a time and
// moves to that of the bridge it joins. Methods that are not of media.Port and
// media.Relay may be called from any goroutine; they never block, and take
// effect on the worker in the order of the calls.
package stream
