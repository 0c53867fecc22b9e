package ring

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"tandem/codec"
	"tandem/media"
)

// ErrClosed is returned to the writer of a source whose reader has closed it.
var ErrClosed = errors.New("source closed")

// A Source is a [media.Source] that another goroutine fills. It is the reader's
// end on a media worker: it never blocks, and is silent where the writer is
// late. Reading allocates only when the rate asked for changes.
type Source struct {
	ring *Ring
	rate int
	room chan struct{} // a token when the reader has made room

	closing sync.Once
	closed  chan struct{}
	end     atomic.Pointer[error] // set by the writer: the last sample is in

	// The reader's own.
	started  bool
	late     atomic.Uint64
	resample *codec.Resampler
	to       int     // rate that resample gives
	scratch  []int16 // one tick at the source's rate
	pending  []int16 // resampled, not yet read
}

// NewSource makes a source for audio at rate (in Hz, a rate that
// [codec.NewResampler] takes), which holds depth of it. The writer is held up
// while it is full.
func NewSource(rate int, depth time.Duration) *Source {
	n := int(int64(rate) * int64(depth) / int64(time.Second))
	return &Source{
		ring:   New(max(n, 2*media.SamplesPerTick(rate))),
		rate:   rate,
		room:   make(chan struct{}, 1),
		closed: make(chan struct{}),
	}
}

// Rate is the rate at which the source is written.
func (s *Source) Rate() int { return s.rate }

// Write queues all of pcm, blocking while there is no room. It returns
// [ErrClosed] when the reader has closed the source.
func (s *Source) Write(pcm []int16) error {
	for {
		select {
		case <-s.closed:
			return ErrClosed
		default:
		}
		pcm = pcm[s.ring.Write(pcm):]
		if len(pcm) == 0 {
			return nil
		}
		select {
		case <-s.room:
		case <-s.closed:
			return ErrClosed
		}
	}
}

// TryWrite queues as much of pcm as there is room for and says how much that
// was.
func (s *Source) TryWrite(pcm []int16) int { return s.ring.Write(pcm) }

// Finish says that nothing more is written. The reader gets what is queued and
// then err; nil stands for io.EOF. Only the first call counts.
func (s *Source) Finish(err error) {
	if err == nil {
		err = io.EOF
	}
	s.end.CompareAndSwap(nil, &err)
}

// ReadFrame implements [media.Source].
func (s *Source) ReadFrame(f *media.Frame) error {
	// The end is looked at first: what was written before it is then seen.
	end := s.end.Load()
	n := media.SamplesPerTick(f.Rate)
	var ready bool
	if f.Rate == s.rate {
		ready = s.readDirect(f, n, end != nil)
	} else {
		ok, err := s.readResampled(f, n, end != nil)
		if err != nil {
			return err
		}
		ready = ok
	}
	if ready {
		s.started = true
		f.Silent = false
		return nil
	}
	if end != nil {
		return *end
	}
	if s.started {
		s.late.Add(1)
	}
	f.Silent = true
	return nil
}

// readDirect reads n samples as they are. What is left at the end is filled up
// with silence.
func (s *Source) readDirect(f *media.Frame, n int, ended bool) bool {
	have := s.ring.Len()
	if have == 0 || have < n && !ended {
		return false
	}
	f.SetRate(f.Rate)
	got := s.ring.Read(f.Samples[:n])
	clear(f.Samples[got:])
	s.madeRoom()
	return true
}

// readResampled reads as many ticks at the source's rate as give n samples at
// the frame's.
func (s *Source) readResampled(f *media.Frame, n int, ended bool) (bool, error) {
	if s.to != f.Rate {
		r, err := codec.NewResampler(s.rate, f.Rate)
		if err != nil {
			return false, err
		}
		s.resample, s.to = r, f.Rate
		s.scratch = make([]int16, (s.rate+49)/50)
		s.pending = make([]int16, 0, 4*n)
	}
	for len(s.pending) < n {
		have := s.ring.Len()
		if have == 0 || have < len(s.scratch) && !ended {
			break
		}
		got := s.ring.Read(s.scratch)
		s.pending = s.resample.Resample(s.pending, s.scratch[:got])
		s.madeRoom()
	}
	if len(s.pending) == 0 || len(s.pending) < n && !ended {
		return false, nil
	}
	f.SetRate(f.Rate)
	got := copy(f.Samples, s.pending)
	clear(f.Samples[got:])
	s.pending = s.pending[:copy(s.pending, s.pending[got:])]
	return true, nil
}

func (s *Source) madeRoom() {
	select {
	case s.room <- struct{}{}:
	default:
	}
}

// Late is the number of ticks at which the writer had nothing, the first audio
// awaited not counted.
func (s *Source) Late() uint64 { return s.late.Load() }

// Closed is closed when the reader has closed the source.
func (s *Source) Closed() <-chan struct{} { return s.closed }

// Close implements [media.Closer]: it sets the writer free.
func (s *Source) Close() error {
	s.closing.Do(func() { close(s.closed) })
	return nil
}
