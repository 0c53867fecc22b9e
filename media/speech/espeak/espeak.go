// Package espeak speaks through the espeak-ng program, in robotic voices and
// many languages.
package espeak

import (
	"context"

	"tandem/media/speech"
)

// An Engine implements [speech.Synthesizer].
type Engine struct{}

// New makes an engine that runs the program at path; empty: espeak-ng in $PATH.
func New(path string) *Engine { return nil }

// Name implements [speech.Synthesizer].
func (e *Engine) Name() string { return "espeak" }

// Voices implements [speech.Synthesizer].
func (e *Engine) Voices() ([]speech.Voice, error) { return nil, nil }

// Synthesize implements [speech.Synthesizer].
func (e *Engine) Synthesize(ctx context.Context, req speech.Request, out speech.PCMWriter) error {
	return nil
}
