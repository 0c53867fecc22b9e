// Package wav reads and writes audio files in the RIFF WAVE format, as streams.
//
//	file ─ Reader: chunks to "data" ─ samples ─ Read (interleaved) or ReadMono
//	Write ─ buffer ─ Flush: samples, then lengths in the header ─ file
//
// The reader takes what is met in the wild: lengths that are wrong or missing,
// chunks of any kind, files that break off. The writer leaves a file that every
// player takes, whenever the process that writes it is killed.
package wav

import (
	"fmt"

	"tandem/codec"
)

// An Encoding is how samples are stored in a file.
type Encoding uint16

// Encodings, by their format tags (RFC 2361). PCM is the zero value of
// [Options.Encoding] too.
const (
	PCM   Encoding = 0x0001 // linear; 8, 16, 24 or 32 bits are read, 16 written
	Float Encoding = 0x0003 // IEEE 754 of 32 bits; read only
	ALaw  Encoding = 0x0006 // G.711 A-law
	MuLaw Encoding = 0x0007 // G.711 µ-law
	GSM   Encoding = 0x0031 // GSM 06.10 in blocks of 65 octets; read only

	// extensible says that the true tag stands in an extension.
	extensible = 0xfffe
)

// String gives the encoding's name.
func (e Encoding) String() string {
	switch e {
	case PCM:
		return "pcm"
	case Float:
		return "float"
	case ALaw:
		return "a-law"
	case MuLaw:
		return "µ-law"
	case GSM:
		return "gsm"
	}
	return fmt.Sprintf("tag 0x%04x", uint16(e))
}

// g711 gives the codec of a G.711 encoding, or nil.
func (e Encoding) g711() *codec.Codec {
	switch e {
	case ALaw:
		return codec.PCMA
	case MuLaw:
		return codec.PCMU
	}
	return nil
}

// What a file may be.
const (
	minRate     = 1000
	maxRate     = 192000
	maxChannels = 8
)

// An Error says what is wrong with a file, and where.
type Error struct {
	Offset int64 // octets from the beginning of the file
	Reason string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("wav: offset %d: %s", e.Offset, e.Reason) }

func wrong(offset int64, format string, args ...any) error {
	return &Error{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}
