package speech

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"tandem/codec"
	"tandem/media"
	"tandem/media/ring"
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
	// Log takes engines' failures; nil: none.
	Log *slog.Logger
}

const (
	// cacheRate is the rate in Hz of what is cached: enough for wideband
	// codecs, and a third less than piper's own.
	cacheRate = 16000
	// ahead is how much audio is made before it is heard.
	ahead = 8 * time.Second
	// longestSpeech bounds what one segment may come to: an engine that never
	// ends is an error.
	longestSpeech = 2 * time.Minute
)

// A Speaker speaks through the first engine that has a voice for the language.
// It is safe for concurrent use.
type Speaker struct {
	engines  []Synthesizer
	language string
	log      *slog.Logger
	cache    *cache

	ctx     context.Context
	cancel  context.CancelFunc
	closing sync.Once

	mu      sync.Mutex // guards what follows
	closed  bool
	running sync.WaitGroup
	making  map[string]chan struct{} // cache keys being synthesised
}

// NewSpeaker makes a speaker. The error is that of the cache's folder.
func NewSpeaker(o Options) (*Speaker, error) {
	if o.DiskBytes == 0 {
		o.DiskBytes = 512 << 20
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = 16 << 20
	}
	if o.Language == "" {
		o.Language = "en-GB"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c, err := openCache(o.Dir, o.DiskBytes, o.MemoryBytes)
	if err != nil {
		return nil, err
	}
	s := &Speaker{
		engines:  o.Engines,
		language: o.Language,
		log:      o.Log,
		cache:    c,
		making:   map[string]chan struct{}{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Speak begins to speak req and returns at once. The source gives silence until
// the first sample is there, then the speech, then io.EOF; an engine's failure
// ends it with an error. It implements [media.Closer]: whoever stops reading
// before the end closes it, which ends the synthesis. ctx is used for opening
// only.
//
// The errors that can be known at once are [ErrEmpty], [ErrTooLong],
// [ErrNoVoice] and [ErrClosed].
func (s *Speaker) Speak(ctx context.Context, req Request) (media.Source, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(req.Text) > MaxText {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(req.Text), MaxText)
	}
	switch req.Rate {
	case 0:
		req.Rate = cacheRate
	case 8000, 16000, 24000, 48000:
	default:
		return nil, fmt.Errorf("speak at %d Hz: not a frame's rate", req.Rate)
	}
	if req.Language == "" {
		req.Language = s.language
	}
	segs := segments(req)
	if len(segs) == 0 {
		return nil, ErrEmpty
	}
	cands, err := candidates(s.engines, req)
	if err != nil {
		return nil, err
	}
	u, err := newUtterance(s, req, segs, cands)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		u.run(s.ctx)
	}()
	return u.out, nil
}

// Close ends everything that is being spoken and waits for the cache. The
// engines are not closed.
func (s *Speaker) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
	s.closing.Do(s.cache.close)
	return nil
}

// claim says that the caller makes the speech of key and must call the function
// returned; or, when somebody else is at it, waits for its end and returns nil.
func (s *Speaker) claim(ctx context.Context, key string) (release func(), err error) {
	s.mu.Lock()
	other, busy := s.making[key]
	if !busy {
		done := make(chan struct{})
		s.making[key] = done
		s.mu.Unlock()
		return func() {
			s.mu.Lock()
			delete(s.making, key)
			s.mu.Unlock()
			close(done)
		}, nil
	}
	s.mu.Unlock()
	select {
	case <-other:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// An utterance is one request being spoken. Its goroutine makes segment after
// segment and stays [ahead] of the reader.
type utterance struct {
	s        *Speaker
	req      Request
	segments []segment
	voices   []candidate // the first is in use; those that failed are gone
	out      *ring.Source
	resample *codec.Resampler // cacheRate to req.Rate; nil when they are one
	pcm      []int16          // scratch of play
}

func newUtterance(s *Speaker, req Request, segs []segment, voices []candidate) (*utterance, error) {
	u := &utterance{s: s, req: req, segments: segs, voices: voices, out: ring.NewSource(req.Rate, ahead)}
	if req.Rate != cacheRate {
		r, err := codec.NewResampler(cacheRate, req.Rate)
		if err != nil {
			return nil, err
		}
		u.resample = r
	}
	return u, nil
}

func (u *utterance) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The reader's Close ends the synthesis, also while an engine is at work.
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-u.out.Closed():
			cancel()
		case <-ctx.Done():
			// The speaker closes: whoever waits for room is set free.
			u.out.Finish(ErrClosed)
			u.out.Close()
		case <-finished:
		}
	}()
	for _, seg := range u.segments {
		if err := u.speak(ctx, seg); err != nil {
			u.out.Finish(err)
			return
		}
	}
	u.out.Finish(nil)
}

// speak plays one segment: from the cache, or from the first engine that can.
func (u *utterance) speak(ctx context.Context, seg segment) error {
	for seg.text != "" {
		c := u.voices[0]
		key := cacheKey(c.engine.Name(), c.voice.Name, c.voice.Language, seg.text)
		if pcm := u.s.cache.get(key); pcm != nil {
			if err := u.play(pcm); err != nil {
				return err
			}
			break
		}
		release, err := u.s.claim(ctx, key)
		if err != nil {
			return err
		}
		if release == nil {
			continue // it has been made meanwhile, or that failed: look again
		}
		begun, err := u.synthesise(ctx, c, key, seg.text)
		release()
		if err == nil {
			break
		}
		if ctx.Err() != nil || errors.Is(err, ring.ErrClosed) {
			return ErrClosed
		}
		u.s.log.Warn("speech engine", "engine", c.engine.Name(), "voice", c.voice.Name, "err", err)
		if begun || len(u.voices) == 1 {
			return fmt.Errorf("%s: %w", c.engine.Name(), err)
		}
		u.voices = u.voices[1:]
	}
	return u.play(make([]int16, int(int64(cacheRate)*int64(seg.pause)/int64(time.Second))))
}

// synthesise makes a segment, plays it while it is made and puts it into the
// cache. begun says that the reader may have heard some of it.
func (u *utterance) synthesise(ctx context.Context, c candidate, key, text string) (begun bool, err error) {
	req := u.req
	req.Text, req.SSML, req.Voice, req.Language = text, false, c.voice.Name, c.voice.Language
	m := &making{u: u}
	if err := c.engine.Synthesize(ctx, req, m); err != nil {
		return m.played > 0, err
	}
	m.end()
	if len(m.pcm) == 0 {
		return false, fmt.Errorf("no audio for %d bytes of text", len(text))
	}
	u.s.cache.put(key, m.pcm)
	return true, u.out.Write(m.queue)
}

// play writes audio of the cache's rate, blocking while the reader is far
// behind.
func (u *utterance) play(pcm []int16) error {
	return u.out.Write(u.convert(pcm))
}

// convert resamples to the reader's rate. What it returns is valid until it is
// called again.
func (u *utterance) convert(pcm []int16) []int16 {
	if u.resample == nil {
		return pcm
	}
	u.pcm = u.resample.Resample(u.pcm[:0], pcm)
	return u.pcm
}

// making is a segment coming out of an engine. It never holds the engine up:
// what the reader has no room for yet waits in a queue.
type making struct {
	u      *utterance
	rate   int
	down   *codec.Resampler // engine's rate to cacheRate
	pcm    []int16          // the whole segment at cacheRate
	queue  []int16          // at the reader's rate, not yet written
	played int
}

// WritePCM implements [PCMWriter].
func (m *making) WritePCM(rate int, pcm []int16) error {
	if m.rate == 0 {
		m.rate = rate
		if rate != cacheRate {
			r, err := codec.NewResampler(rate, cacheRate)
			if err != nil {
				return err
			}
			m.down = r
		}
	}
	if rate != m.rate {
		return fmt.Errorf("rate changes from %d to %d Hz", m.rate, rate)
	}
	at := len(m.pcm)
	if m.down != nil {
		m.pcm = m.down.Resample(m.pcm, pcm)
	} else {
		m.pcm = append(m.pcm, pcm...)
	}
	m.pass(at)
	if len(m.pcm) > int(longestSpeech/time.Second)*cacheRate {
		return fmt.Errorf("more than %v of speech for one sentence", longestSpeech)
	}
	return nil
}

// end brings out what the resampler holds back.
func (m *making) end() {
	if m.down != nil {
		at := len(m.pcm)
		m.pcm = m.down.Flush(m.pcm)
		m.pass(at)
	}
}

// pass gives the reader what was made since at, as far as it has room.
func (m *making) pass(at int) {
	m.queue = append(m.queue, m.u.convert(m.pcm[at:])...)
	n := m.u.out.TryWrite(m.queue)
	m.played += n
	m.queue = m.queue[:copy(m.queue, m.queue[n:])]
}

// String names the engines, for a line in a log.
func (s *Speaker) String() string {
	names := make([]string, len(s.engines))
	for i, e := range s.engines {
		names[i] = e.Name()
	}
	return strings.Join(names, ", ")
}
