// Package dtmf receives and sends the keys of a telephone in the three ways in
// which they travel: as RFC 4733 telephone-events, as SIP INFO bodies and as
// tones in the audio.
//
// However a key came, it is one [Digit].
package dtmf

import "time"

// A Digit is one key pressed once. It is the message that a leg posts to
// whoever runs its call.
type Digit struct {
	// Leg is the id of the leg whose far end pressed the key.
	Leg string
	// Char is one of 0-9 * # A-D.
	Char byte
	// Duration is how long the key had been held when the digit was reported;
	// zero where that is not known. Digits are reported at the first sign of
	// the key, so this is not how long it was held in the end.
	Duration time.Duration
	// Source says how the digit came: [RFC4733], [Info] or [InBand].
	Source string
}

// The values of [Digit.Source].
const (
	RFC4733 = "rfc4733"
	Info    = "info"
	InBand  = "inband"
)

// keys are the sixteen keys in the order of their event codes (RFC 4733
// table 3).
const keys = "0123456789*#ABCD"

// CharOf gives the key of an RFC 4733 event code. Codes above 15 (flash, fax
// and line tones) are no keys.
func CharOf(event uint8) (char byte, ok bool) {
	if int(event) >= len(keys) {
		return 0, false
	}
	return keys[event], true
}

// EventOf gives the RFC 4733 event code of a key; a-d are taken for A-D.
func EventOf(char byte) (event uint8, ok bool) {
	switch {
	case char >= '0' && char <= '9':
		return char - '0', true
	case char == '*':
		return 10, true
	case char == '#':
		return 11, true
	case char >= 'A' && char <= 'D':
		return 12 + char - 'A', true
	case char >= 'a' && char <= 'd':
		return 12 + char - 'a', true
	}
	return 0, false
}
