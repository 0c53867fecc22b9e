// Package record writes what is said and heard to WAV files.
//
// A [Recorder] is fed by a tap, once a tick and on the media worker, where it
// only copies into a ring; the goroutines of its [Desk] empty the rings into
// files:
//
//	tap (worker) ── ring ──> desk goroutine ── wav.Writer ──> file
//
// Both channels of a call come from the same call of the tap, so they are
// aligned to the sample. Time that the tap or the disk lost is filled with
// silence: a second of the file is a second of the call.
package record

import "time"

// Options say how a recording is made and when it ends by itself.
type Options struct {
	// Rate is the file's sample rate in Hz: 8000, 16000, 24000 or 48000.
	// 0: 8000.
	Rate int
	// Channels is 2 for a call (left: what the tapped party says; right: what
	// it hears) or 1 for a mix. 0: 2.
	Channels int
	// MaxDuration ends the recording; 0: [MaxDuration]. It is rounded up to
	// ticks.
	MaxDuration time.Duration
	// EndOfSilence ends the recording after so much silence of the left, or
	// only, channel, counted from the beginning too; 0: never.
	EndOfSilence time.Duration
	// Done is called once, on a goroutine of the desk, when the file is
	// complete. It must not block.
	Done func(Result)
}

// MaxDuration is the longest a recording can be. At rates above 8000 Hz a file of
// 4 GiB is full before: at 48000 Hz and two channels after six hours.
const MaxDuration = 24 * time.Hour

// A Reason says why a recording ended.
type Reason string

// The reasons why a recording ends.
const (
	Stopped  Reason = "stopped"  // Stop was called
	Silence  Reason = "silence"  // Options.EndOfSilence
	Duration Reason = "duration" // Options.MaxDuration
	Failed   Reason = "failed"   // the file could not be written: Result.Err
)

// A Result describes a finished recording.
type Result struct {
	Path     string        // of the file
	Duration time.Duration // of the audio in it
	Bytes    int64         // of the file
	Peak     int           // loudest sample, 0 to 32768
	Missing  time.Duration // filled with silence because tap or disk were late
	Reason   Reason
	Err      error // set when Reason is Failed
}
