// Package piper speaks through the piper program and the voices that
// tandem-voice has unpacked. A process a voice is kept warm.
package piper

import (
	"context"
	"log/slog"

	"tandem/media/speech"
)

// Options say where the engine is.
type Options struct {
	// Dir is the folder that tandem-voice unpacks into: state_dir/speech.
	Dir string
	// Processes is the most processes a voice may have at once; 0: 1.
	Processes int
	// Log takes starts and crashes; nil: none.
	Log *slog.Logger
}

// An Engine implements [speech.Synthesizer].
type Engine struct{}

// New makes an engine. It is not ready until Dir holds an engine and a voice.
func New(o Options) *Engine { return nil }

// Name implements [speech.Synthesizer].
func (e *Engine) Name() string { return "piper" }

// Voices implements [speech.Synthesizer].
func (e *Engine) Voices() []speech.Voice { return nil }

// Synthesize implements [speech.Synthesizer].
func (e *Engine) Synthesize(ctx context.Context, req speech.Request, out speech.PCMWriter) error {
	return nil
}

// Unpack runs `tandem-voice unpack` at low priority until the engine and the
// voices are in Dir. The program is looked for beside the running executable,
// in $PATH and in /usr/lib/tandem. When it returns without error the engine is
// ready, and warm.
func (e *Engine) Unpack(ctx context.Context) error { return nil }

// Close ends all processes.
func (e *Engine) Close() error { return nil }
