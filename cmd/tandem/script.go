package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"tandem/config"
	"tandem/media"
	"tandem/media/dtmf"
	"tandem/media/prompt"
	"tandem/media/speech"
	"tandem/media/speech/espeak"
	"tandem/media/speech/piper"
)

// checkRate is the rate at which what a call is to play is tried before it is
// placed.
const checkRate = 8000

// How long `tandem call` presses a key, and waits before the next.
const keyPressed, keyGap = 160 * time.Millisecond, 100 * time.Millisecond

// A script is what a test call says, plays and types.
type script struct {
	cmd     *callCmd
	speaker *speech.Speaker // nil: nothing is said
	prompts *prompt.Library // nil: nothing is played
	closers []io.Closer
}

// newScript finds out whether the call can do what it is for, so that nobody's
// phone rings for one that cannot. cfg may be nil.
func newScript(ctx context.Context, c *callCmd, cfg *config.Config) (s *script, err error) {
	s = &script{cmd: c}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if c.Duration <= 0 {
		return s, fmt.Errorf("--duration: %v is no time to call for; write one such as 10s", c.Duration)
	}
	if err := dtmf.Check(c.Digits); err != nil {
		return s, fmt.Errorf("--digits: %w; write 0-9, A-D, *, # and w", err)
	}
	if c.Record != "" {
		if dir, err := os.Stat(filepath.Dir(c.Record)); err != nil || !dir.IsDir() {
			return s, fmt.Errorf("--record: there is no folder %s", filepath.Dir(c.Record))
		}
	}
	for _, step := range []func(context.Context, *config.Config) error{s.openSpeech, s.openFile} {
		if err := step(ctx, cfg); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *script) openSpeech(ctx context.Context, cfg *config.Config) (err error) {
	if s.cmd.Say == "" {
		return nil
	}
	engines := []speech.Synthesizer{espeak.New("")}
	if cfg != nil {
		p := piper.New(piper.Options{Dir: filepath.Join(cfg.StateDir, "speech")})
		s.closers = append(s.closers, p)
		engines = append([]speech.Synthesizer{p}, engines...)
	}
	if s.speaker, err = speech.NewSpeaker(speech.Options{Engines: engines}); err != nil {
		return fmt.Errorf("--say: %w", err)
	}
	s.closers = append(s.closers, s.speaker)
	return tried("--say", func() (media.Source, error) { return s.say(ctx, checkRate) })
}

func (s *script) openFile(ctx context.Context, _ *config.Config) (err error) {
	if s.cmd.Play == "" {
		return nil
	}
	path, err := filepath.Abs(s.cmd.Play)
	if err != nil {
		return err
	}
	if s.prompts, err = prompt.New(prompt.Options{Dir: filepath.Dir(path)}); err != nil {
		return err
	}
	s.closers = append(s.closers, s.prompts)
	return tried("--play", func() (media.Source, error) { return s.file(ctx, checkRate) })
}

// tried opens a source and closes it again.
func tried(flag string, open func() (media.Source, error)) error {
	src, err := open()
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	if c, ok := src.(media.Closer); ok {
		return c.Close()
	}
	return nil
}

func (s *script) say(ctx context.Context, rate int) (media.Source, error) {
	return s.speaker.Speak(ctx, speech.Request{Text: s.cmd.Say, Language: s.cmd.Language, Rate: rate})
}

func (s *script) file(ctx context.Context, rate int) (media.Source, error) {
	return s.prompts.Open(ctx, rate, "file:"+filepath.Base(s.cmd.Play))
}

// run says, plays and types in t what the command line asks for.
func (s *script) run(ctx context.Context, t *testCall) error {
	rate := t.leg.Port().Rate()
	if s.speaker != nil {
		src, err := s.say(ctx, rate)
		if err == nil {
			err = t.play(ctx, src)
		}
		if err != nil {
			return fmt.Errorf("say: %w", err)
		}
	}
	if s.prompts != nil {
		src, err := s.file(ctx, rate)
		if err == nil {
			err = t.play(ctx, src)
		}
		if err != nil {
			return fmt.Errorf("play: %w", err)
		}
	}
	if s.cmd.Digits != "" {
		if err := t.leg.SendDigits(s.cmd.Digits, keyPressed, keyGap); err != nil {
			return fmt.Errorf("digits: %w", err)
		}
	}
	return nil
}

// close gives back what newScript opened.
func (s *script) close() {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i].Close())
	}
	_ = errors.Join(errs...) // the process ends with it
}
