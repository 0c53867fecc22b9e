package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"tandem/codec"
	"tandem/media"
	"tandem/media/ring"
	"tandem/media/wav"
)

const (
	// clipTime is the longest prompt that is kept decoded.
	clipTime = time.Minute
	// ahead is how much of a longer one is read before it is heard.
	ahead = 2 * time.Second
	// lead is how much of a URL's audio must be there before it plays.
	lead = 500 * time.Millisecond
)

// An input is a WAV stream to be decoded.
type input struct {
	ctx context.Context // its end ends the reading
	r   io.ReadCloser
	// cancel sets a read free that waits; nil: none does.
	cancel func()
	// whole says that it costs no time to read [clipTime] of it.
	whole bool
	// keep gets the clip where it is short enough to be one.
	keep func(*clip)
}

// decode turns an input into a source at rate and closes it at its end. An error
// that comes before the first audio is returned; what comes after ends the
// source.
func (l *Library) decode(rate int, in input) (media.Source, error) {
	d, err := newDecoder(rate, in.r)
	if err != nil {
		return nil, errors.Join(err, in.r.Close())
	}
	enough := samples(lead, rate)
	if in.whole {
		enough = samples(clipTime, rate)
	}
	var pcm []int16
	for len(pcm) <= enough {
		pcm, err = d.next(pcm)
		if err == io.EOF {
			// Closing what was only read has nothing to say.
			_ = in.r.Close()
			if len(pcm) == 0 {
				return nil, errors.New("no audio in it")
			}
			c := &clip{rate: rate, pcm: pcm}
			in.keep(c)
			return &clipSource{clip: c}, nil
		}
		if err != nil {
			return nil, errors.Join(err, in.r.Close())
		}
	}
	return l.stream(d, pcm, in), nil
}

func samples(d time.Duration, rate int) int {
	return int(int64(d) * int64(rate) / int64(time.Second))
}

// A stream is an input that is read while it plays.
type stream struct {
	*ring.Source
	cancel func()
}

// Close implements [media.Closer].
func (s *stream) Close() error {
	err := s.Source.Close()
	if s.cancel != nil {
		s.cancel()
	}
	return err
}

// stream plays pcm and then what else d has, reading as the listener goes on.
func (l *Library) stream(d *decoder, pcm []int16, in input) *stream {
	s := &stream{ring.NewSource(d.rate, ahead), in.cancel}
	// The end of the library, or of a fetch that takes too long, sets the
	// goroutine free where it waits for room.
	stop := context.AfterFunc(in.ctx, func() {
		s.Finish(context.Cause(in.ctx))
		s.Source.Close()
	})
	go func() {
		defer stop()
		defer in.r.Close()
		// What may become a clip is gathered until it is too long for one.
		var all []int16
		if !in.whole {
			all = slices.Clone(pcm)
		}
		most := samples(clipTime, d.rate)
		for s.Write(pcm) == nil {
			var err error
			pcm, err = d.next(pcm[:0])
			if err == io.EOF {
				if all != nil {
					in.keep(&clip{rate: d.rate, pcm: slices.Clip(all)})
				}
				s.Finish(nil)
				return
			}
			if err != nil {
				if cause := context.Cause(in.ctx); cause != nil {
					err = cause
				}
				l.log.Warn("prompt broke off", "err", err)
				s.Finish(err)
				return
			}
			if all != nil && len(all)+len(pcm) <= most {
				all = append(all, pcm...)
			} else {
				all = nil
			}
		}
	}()
	return s
}

// A decoder reads a WAV stream as mono samples at a frame's rate.
type decoder struct {
	rate     int
	in       *wav.Reader
	resample *codec.Resampler // nil: the rates are the same
	buf      []int16
	ended    bool
}

func newDecoder(rate int, r io.Reader) (*decoder, error) {
	in, err := wav.NewReader(r)
	if err != nil {
		return nil, err
	}
	d := &decoder{rate: rate, in: in, buf: make([]int16, 4096)}
	if in.Rate() != rate {
		if d.resample, err = codec.NewResampler(in.Rate(), rate); err != nil {
			return nil, fmt.Errorf("a sample rate of %d Hz: %w", in.Rate(), err)
		}
	}
	return d, nil
}

// next appends the next samples to dst; io.EOF after the last.
func (d *decoder) next(dst []int16) ([]int16, error) {
	if d.ended {
		return dst, io.EOF
	}
	n, err := d.in.ReadMono(d.buf)
	pcm := d.buf[:n]
	if d.resample != nil {
		dst = d.resample.Resample(dst, pcm)
	} else {
		dst = append(dst, pcm...)
	}
	if err == io.EOF {
		d.ended = true
		if d.resample != nil {
			dst = d.resample.Flush(dst)
		}
		return dst, nil
	}
	return dst, err
}
