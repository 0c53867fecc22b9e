// Package codec turns payloads into 16-bit linear samples and back.
//
// A codec is one file, its test and one line in [Table]. Encoders and decoders
// append to the slice they are given, like package strconv, and allocate
// nothing when it has room; they hold the state of one stream and direction and
// are not safe for concurrent use.
package codec

import "time"

// A Codec describes one way to code speech.
type Codec struct {
	// Name is the SDP encoding name in lower case, such as "pcmu".
	Name string
	// PayloadType is the static RTP payload type (RFC 3551 table 4), or
	// [Dynamic].
	PayloadType uint8
	// ClockRate is the rate of the RTP timestamp in Hz. For G.722 it is 8000
	// although 16000 samples are taken a second (RFC 3551 §4.5.2).
	ClockRate int
	// SampleRate is the rate in Hz of the samples that Encode takes and
	// Decode gives.
	SampleRate int
	// FrameTime is the shortest time a payload can hold; every payload is a
	// multiple of it. 125 µs for sample-based codecs.
	FrameTime time.Duration
	// NewEncoder and NewDecoder make the state of one direction of one stream.
	NewEncoder func(Params) Encoder
	NewDecoder func(Params) Decoder
}

// Dynamic in [Codec.PayloadType] says that the payload type is agreed in SDP.
const Dynamic = 0xff

// Params are a stream's negotiated parameters.
type Params struct {
	// Fmtp is the value of the a=fmtp line without the payload type; empty
	// when there is none.
	Fmtp string
}

// An Encoder codes one direction of one stream.
type Encoder interface {
	// Encode appends the payload for pcm to dst. len(pcm) is a whole number of
	// FrameTimes; anything else is an error and dst is returned unchanged.
	Encode(dst []byte, pcm []int16) ([]byte, error)
}

// A Decoder decodes one direction of one stream.
type Decoder interface {
	// Decode appends the samples of payload to dst. A nil payload stands for
	// 20 ms that were lost: the decoder appends 20 ms that conceal the loss,
	// fading to silence when losses follow each other. A payload that cannot
	// be decoded is an error and dst is returned unchanged.
	Decode(dst []int16, payload []byte) ([]int16, error)
}

// Samples says how many samples d holds at the codec's sample rate.
func (c *Codec) Samples(d time.Duration) int {
	return int(int64(c.SampleRate) * int64(d) / int64(time.Second))
}

// Ticks says by how much the RTP timestamp grows in d.
func (c *Codec) Ticks(d time.Duration) uint32 {
	return uint32(int64(c.ClockRate) * int64(d) / int64(time.Second))
}
