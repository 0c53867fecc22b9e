// Package record writes what is said and heard to WAV files.
//
// A [Recorder] is fed by a tap, once a tick and on the media worker, where it
// only copies into a ring; the goroutines of its [Desk] empty the rings into
// files:
//
//	tap (worker) ── ring ──> desk goroutine ── wav.Writer ──> file
package record

import (
	"log/slog"
	"time"

	"tandem/media"
)

// A Desk owns the recordings folder and the goroutines that write to it.
type Desk struct{}

// DeskOptions are a desk's folder and limits.
type DeskOptions struct {
	// Dir is the folder of the files, made with mode 0700 when missing.
	Dir string
	// Goroutines is how many write; 0: 2. Each serves many recorders.
	Goroutines int
	// Clock tells the time; nil: the system's.
	Clock media.Clock
	// Log takes what goes wrong; nil: none.
	Log *slog.Logger
}

// NewDesk makes a desk.
func NewDesk(o DeskOptions) (*Desk, error) { return nil, nil }

// Close stops all recorders, waits until their files are complete and ends the
// goroutines.
func (d *Desk) Close() error { return nil }

// Options say how a recording is made and when it ends by itself.
type Options struct {
	// Rate is the file's sample rate in Hz: 8000, 16000, 24000 or 48000.
	// 0: 8000.
	Rate int
	// Channels is 2 for a call (left: what the tapped party says; right: what
	// it hears) or 1 for a mix. 0: 2.
	Channels int
	// MaxDuration ends the recording; 0: [MaxDuration].
	MaxDuration time.Duration
	// EndOfSilence ends the recording after so much silence of the left, or
	// only, channel; 0: never.
	EndOfSilence time.Duration
	// Done is called once, on a goroutine of the desk, when the file is
	// complete. It must not block.
	Done func(Result)
}

// MaxDuration is the longest a recording can be.
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
	Missing  time.Duration // filled with silence because the disk or the tap was late
	Reason   Reason
	Err      error // set when Reason is Failed
}

// A Recorder is one recording in progress.
type Recorder struct{}

// Start creates the file name in the desk's folder and begins. It blocks on the
// disk; a file that is there already is an error.
func (d *Desk) Start(name string, o Options) (*Recorder, error) { return nil, nil }

// Tap takes what a party said and heard in one tick. It is made for
// mixer.Participant.Tap: called by one goroutine at a time, it does not block,
// keep its arguments or allocate. A frame may be nil where there is none.
func (r *Recorder) Tap(in, out *media.Frame) {}

// TapMix takes a tick of a conference's mix, like [Recorder.Tap].
func (r *Recorder) TapMix(mix *media.Frame) {}

// Stop ends the recording; Options.Done is called when the file is complete.
// Stop does not block and may be called more than once, from any goroutine.
func (r *Recorder) Stop() {}

// Repair sets right the headers of the WAV files in dir that a killed process
// left behind, and says how many they were. It is called at start, before any
// desk is made for dir.
func Repair(dir string) (repaired int, err error) { return 0, nil }
