package speech

import (
	"context"
	"log/slog"
	"tandem/media"
)

// Options are a speaker's parts and limits.
type Options struct {
	// Engines are tried in order.
	Engines []Synthesizer
	// Dir is the folder of the disk cache, made when missing; state_dir's
	// speech/cache. Empty: no disk cache.
	Dir string
	// DiskBytes is the most the disk cache holds; 0: 512 MiB.
	DiskBytes int64
	// MemoryBytes is the most the memory cache holds; 0: 16 MiB.
	MemoryBytes int64
	// Language is spoken where a request names none; empty: "en-GB".
	Language string
	// Log takes an engine's failures; nil: none.
	Log *slog.Logger
}

// A Speaker speaks through the first engine that has a voice for the language.
type Speaker struct{}

// NewSpeaker makes a speaker.
func NewSpeaker(o Options) (*Speaker, error) { return nil, nil }

// Speak begins to speak req and returns at once. The source gives silence until
// the first sample is there, then the speech, then io.EOF; an engine's failure
// ends it with an error. It implements [media.Closer]: whoever stops reading
// before the end closes it, which ends the synthesis. ctx is used for opening
// only.
//
// The errors that can be known at once are [ErrEmpty], [ErrTooLong],
// [ErrNoVoice], [ErrClosed] and those of malformed SSML.
func (s *Speaker) Speak(ctx context.Context, req Request) (media.Source, error) { return nil, nil }

// Close ends everything that is being spoken.
func (s *Speaker) Close() error { return nil }
