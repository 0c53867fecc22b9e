package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"tandem/media/speech"
	"tandem/media/speech/espeak"
	"tandem/media/speech/piper"
)

// voices are the engines that speak, and the speaker that chooses among them.
type voices struct {
	*speech.Speaker
	piper *piper.Engine // nil where it is not asked for
	log   *slog.Logger
}

// newVoices makes the engines named in the configuration, in its order, with
// their programs, voices and cache under dir.
func newVoices(engines []string, dir string, log *slog.Logger) (*voices, error) {
	v := &voices{log: log}
	var list []speech.Synthesizer
	for _, name := range engines {
		switch name {
		case "piper":
			v.piper = piper.New(piper.Options{Dir: dir, Log: log})
			list = append(list, v.piper)
		case "espeak":
			list = append(list, espeak.New(""))
		default:
			return nil, fmt.Errorf("speech.tts: unknown engine %q", name)
		}
	}
	var err error
	v.Speaker, err = speech.NewSpeaker(speech.Options{Engines: list, Dir: filepath.Join(dir, "cache"), Log: log})
	return v, err
}

// unpack puts piper and its voices in place, while calls come in already.
func (v *voices) unpack(ctx context.Context) {
	if v.piper == nil {
		return
	}
	if err := v.piper.Unpack(ctx); err != nil && !errors.Is(err, context.Canceled) {
		v.log.Warn("piper's voices are not here; the next engine speaks", "err", err)
	}
}

// Close ends what is being said and the engines' processes.
func (v *voices) Close() error {
	var errs []error
	errs = append(errs, v.Speaker.Close())
	if v.piper != nil {
		errs = append(errs, v.piper.Close())
	}
	return errors.Join(errs...)
}
