// Package prompt opens what a call can be played: files under a root, tones and
// URLs, one or a list, as one [media.Source] that never blocks.
//
//	file, short  ── decode ──> clip (shared, in memory) ──> source
//	file, long   ── decode ── ring ──> source
//	http(s)://   ── guarded client ── as a file
//	tone:        ──> package tone
package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"tandem/media"
	"tandem/media/tone"
)

// Options are a library's root and limits.
type Options struct {
	// Dir is the root of file prompts, state_dir's prompts; it must exist.
	// Nothing outside it can be played. Empty: no files.
	Dir string
	// Client fetches http and https prompts. It decides which addresses may be
	// reached, also after redirects. Nil: no URLs.
	Client *http.Client
	// CacheBytes is the most that decoded prompts may occupy; 0: 64 MiB.
	CacheBytes int64
	// FetchBytes is the longest body taken from a URL; 0: 64 MiB.
	FetchBytes int64
	// FetchTimeout is the time until a URL's first audio must have come, and
	// how long it may stand still after; 0: 10 s.
	FetchTimeout time.Duration
	// Country chooses the tones of "tone:" prompts that name none; an ISO
	// 3166 code, empty: those of ITU-T E.180.
	Country string
	// Log takes what goes wrong after a prompt has been opened; nil: none.
	Log *slog.Logger
}

const (
	// maxSpecs is how many prompts a list may have.
	maxSpecs = 256
	// maxSpec is how long the name of one may be, in bytes.
	maxSpec = 4096
)

// ErrClosed says that the library has been closed.
var ErrClosed = errors.New("prompts closed")

// A Library opens prompts and shares what it has decoded among calls. It is
// safe for concurrent use.
type Library struct {
	root    *os.Root // nil: no files
	client  *http.Client
	bytes   int64
	timeout time.Duration
	country string
	log     *slog.Logger
	cache   *cache

	ctx    context.Context // ends reading ahead and fetching
	cancel context.CancelCauseFunc
}

// New makes a library. The error is that of the folder.
func New(o Options) (*Library, error) {
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if o.FetchBytes == 0 {
		o.FetchBytes = 64 << 20
	}
	if o.FetchTimeout == 0 {
		o.FetchTimeout = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Library{
		client:  o.Client,
		bytes:   o.FetchBytes,
		timeout: o.FetchTimeout,
		country: o.Country,
		log:     o.Log,
		cache:   newCache(o.CacheBytes),
	}
	if o.Dir != "" {
		root, err := os.OpenRoot(o.Dir)
		if err != nil {
			return nil, fmt.Errorf("prompts: %w", err)
		}
		l.root = root
	}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	return l, nil
}

// With is the library as seen by those whose URLs are fetched by another
// client. Folder and cache of files are shared; closing either closes both.
func (l *Library) With(c *http.Client) *Library {
	other := *l
	other.client = c
	return &other
}

// Open opens prompts to be played one after the other, to be read at rate
// (8000, 16000, 24000 or 48000 Hz; reading at another works and costs the
// reader the resampling). It blocks on disk and network until the first has
// audio, so it is called on a background goroutine; ctx bounds that, not the
// playing. The next of a list is opened while one plays; where that fails, the
// source ends with an error. Each spec is
//
//	file:NAME, file:///NAME or NAME   a WAV file under the root
//	http://…, https://…               a WAV file
//	tone:NAME or tone:NAME/COUNTRY    a tone of package tone
//	tone:440+480/2000,0/4000          a sequence of package tone
//
// The source never blocks. Where it implements [media.Closer], whoever stops
// reading before its end must close it.
func (l *Library) Open(ctx context.Context, rate int, specs ...string) (media.Source, error) {
	switch rate {
	case 8000, 16000, 24000, 48000:
	default:
		return nil, fmt.Errorf("open prompt at %d Hz: not a frame's rate", rate)
	}
	switch {
	case len(specs) == 0:
		return nil, errors.New("open prompt: none given")
	case len(specs) > maxSpecs:
		return nil, fmt.Errorf("open prompt: a list of %d, at most %d", len(specs), maxSpecs)
	}
	first, err := l.open(ctx, rate, specs[0])
	if err != nil || len(specs) == 1 {
		return first, err
	}
	return l.list(rate, first, slices.Clone(specs[1:])), nil
}

// open opens one prompt.
func (l *Library) open(ctx context.Context, rate int, spec string) (media.Source, error) {
	if l.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if len(spec) > maxSpec {
		return nil, fmt.Errorf("open prompt: a name of %d bytes, at most %d", len(spec), maxSpec)
	}
	scheme, rest, found := strings.Cut(spec, ":")
	if !found {
		scheme, rest = "file", spec
		if strings.HasPrefix(rest, "/") {
			return nil, fmt.Errorf("open prompt %q: %w", spec, errOutside)
		}
	}
	var src media.Source
	var err error
	switch strings.ToLower(scheme) {
	case "file":
		src, err = l.openFile(rate, rest)
	case "http", "https":
		src, err = l.openURL(ctx, rate, spec)
	case "tone":
		src, err = l.openTone(rest)
	default:
		err = errors.New("unknown scheme; have file, http, https and tone")
	}
	if err != nil {
		return nil, fmt.Errorf("open prompt %q: %w", spec, err)
	}
	return src, nil
}

// openTone makes a tone by name, or by sequence.
func (l *Library) openTone(spec string) (media.Source, error) {
	if spec != "" && (spec[0] == '!' || spec[0] >= '0' && spec[0] <= '9') {
		return tone.Parse(spec)
	}
	name, country, found := strings.Cut(spec, "/")
	if !found {
		country = l.country
	}
	return tone.New(name, country)
}

// Close ends all reading ahead and fetching; sources that need it then end
// early, with [ErrClosed].
func (l *Library) Close() error {
	l.cancel(ErrClosed)
	if l.root != nil {
		return l.root.Close()
	}
	return nil
}

// A list plays one source after the other.
type list struct {
	now    media.Source // nil: awaited
	coming chan opened  // closed after the last
	cancel context.CancelFunc
}

type opened struct {
	src media.Source
	err error
}

// list plays first and then specs, each of which is opened while the one before
// plays.
func (l *Library) list(rate int, first media.Source, specs []string) *list {
	ctx, cancel := context.WithCancel(l.ctx)
	s := &list{now: first, coming: make(chan opened), cancel: cancel}
	go func() {
		defer close(s.coming)
		for _, spec := range specs {
			src, err := l.open(ctx, rate, spec)
			select {
			case s.coming <- opened{src, err}:
			case <-ctx.Done():
				closeSource(src)
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return s
}

// ReadFrame implements [media.Source].
func (s *list) ReadFrame(f *media.Frame) error {
	for {
		if s.now == nil {
			select {
			case next, ok := <-s.coming:
				if !ok {
					s.cancel()
					return io.EOF
				}
				if next.err != nil {
					s.cancel()
					return next.err
				}
				s.now = next.src
			default:
				f.Silent = true
				return nil
			}
		}
		err := s.now.ReadFrame(f)
		if err != io.EOF {
			return err
		}
		s.now = nil
	}
}

// Close implements [media.Closer].
func (s *list) Close() error {
	s.cancel()
	closeSource(s.now)
	return nil
}

func closeSource(src media.Source) {
	if c, ok := src.(media.Closer); ok {
		// Close of a source that is only read has nothing to say.
		_ = c.Close()
	}
}
