package mixer

import (
	"errors"
	"io"

	"tandem/media"
)

// A play is a source on its way to its end.
type play struct {
	src   media.Source
	done  func(error)
	frame media.Frame
	ended bool
}

func newPlay(src media.Source, done func(error)) *play { return &play{src: src, done: done} }

// read sets f from the source at the given rate. It says false, and has called
// done, when the source has come to its end.
func (pl *play) read(f *media.Frame, rate int) bool {
	f.SetRate(rate)
	f.Silent = false
	err := pl.src.ReadFrame(f)
	if err == nil {
		// A source that gives another rate than it was asked for cannot be
		// mixed.
		if !f.Silent && (f.Rate != rate || len(f.Samples) != media.SamplesPerTick(rate)) {
			f.SetRate(rate)
			f.Silent = true
		}
		return true
	}
	f.Silent = true
	pl.ended = true
	if errors.Is(err, io.EOF) {
		err = nil
	}
	pl.finish(err)
	return false
}

// end stops the source before its end.
func (pl *play) end(err error) {
	if pl.ended {
		return
	}
	pl.ended = true
	if c, ok := pl.src.(media.Closer); ok {
		_ = c.Close() // nobody is left whom its failure would concern
	}
	pl.finish(err)
}

func (pl *play) finish(err error) {
	if done := pl.done; done != nil {
		pl.done = nil
		done(err)
	}
}
