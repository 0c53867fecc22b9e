// Package media holds the words the media engine is written in: a [Frame] of
// samples, a [Source] that gives frames, a [Sink] that takes them, a [Port] that
// does both, and the [Tick] at which all of it moves.
package media

import "time"

// Tick is the time one [Frame] holds and the interval at which bridges run.
const Tick = 20 * time.Millisecond

// MaxRate is the highest sample rate of a frame in Hz.
const MaxRate = 48000

// A Frame is one tick of audio.
type Frame struct {
	// Rate is the sample rate in Hz: 8000, 16000, 24000 or 48000.
	Rate int
	// Samples holds Rate/50 samples. The slice belongs to whoever made the
	// frame; a sink must not keep it.
	Samples []int16
	// Silent says that nothing is heard in this tick; Samples then need not be
	// set, and must not be read.
	Silent bool
}

// NewFrame makes an empty frame with room for any rate up to rate.
func NewFrame(rate int) Frame {
	return Frame{Rate: rate, Samples: make([]int16, SamplesPerTick(rate)), Silent: true}
}

// SetRate makes f a frame of the given rate. Its samples are undefined after.
// It allocates only when f has no room.
func (f *Frame) SetRate(rate int) {
	n := SamplesPerTick(rate)
	f.Rate = rate
	if cap(f.Samples) < n {
		f.Samples = make([]int16, n)
	}
	f.Samples = f.Samples[:n]
}

// Clear makes f silent and its samples zero.
func (f *Frame) Clear() {
	clear(f.Samples)
	f.Silent = true
}

// SamplesPerTick says how many samples a frame of the given rate holds.
func SamplesPerTick(rate int) int { return rate / 50 }

// A Source gives audio a frame at a time. ReadFrame is called once a tick and
// never blocks: it sets f's samples at the rate f.Rate asks for, or sets Silent
// where it has nothing yet. io.EOF, without a frame, is its end; any other
// error too.
type Source interface {
	ReadFrame(f *Frame) error
}

// A Sink takes audio a frame at a time. WriteFrame never blocks and must not
// keep f or its samples.
type Sink interface {
	WriteFrame(f *Frame) error
}

// A Port is the two directions of one participant: what it says is read, what
// it is to hear is written. A port is used by one goroutine at a time: that of
// the worker whose bridge it is in.
type Port interface {
	Source
	Sink
	// Rate is the sample rate in Hz at which the port's audio is made, so that
	// a bridge can run at the highest of its members' rates. The port
	// resamples when it is read or written at another.
	Rate() int
}

// A Closer is implemented by sources that hold something (a file, a
// connection). Close never blocks, may be called more than once, and is called
// by whoever stops reading the source before its end.
type Closer interface{ Close() error }

// A Relay is a port whose packets can be handed to another of its kind as they
// come, without decoding (the two ports' codec, packet time and encryption
// allow it). Both methods are called on the worker that owns both ports.
type Relay interface {
	Port
	// RelayTo makes every audio packet received here leave by to at once,
	// under to's own SSRC, sequence and timestamps. It says whether that is
	// possible; where not, nothing has changed.
	RelayTo(to Port) bool
	// StopRelay returns to reading and writing frames. Sequence numbers and
	// timestamps go on without a break.
	StopRelay()
}

// A Clock gives the time and calls back after a while. Everything in media and
// flow that waits is handed one, so that the simulator runs on a virtual clock.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f once, on a goroutine of its own, after d.
	AfterFunc(d time.Duration, f func()) Timer
}

// A Timer is a call that Clock.AfterFunc has promised.
type Timer interface {
	// Stop says whether it prevented the call.
	Stop() bool
	Reset(d time.Duration) bool
}

// SystemClock is the machine's own clock.
type SystemClock struct{}

// Now implements [Clock].
func (SystemClock) Now() time.Time { return time.Now() }

// AfterFunc implements [Clock].
func (SystemClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
