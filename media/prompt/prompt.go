// Package prompt opens what a call can be played: files under a root, tones and
// URLs, one or a list, as one [media.Source] that never blocks.
package prompt

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"tandem/media"
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
	// FetchTimeout is the time until a URL's first audio must have come; 0:
	// 10 s.
	FetchTimeout time.Duration
	// Country chooses the tones of "tone:" prompts that name none; an ISO
	// 3166 code, empty: "gb".
	Country string
	// Log takes what goes wrong after a prompt has been opened; nil: none.
	Log *slog.Logger
}

// A Library opens prompts and shares what it has decoded among calls. It is
// safe for concurrent use.
type Library struct{}

// New makes a library.
func New(o Options) (*Library, error) { return nil, nil }

// Open opens prompts to be played one after the other, to be read at rate
// (8000, 16000, 24000 or 48000 Hz; reading at another works and costs the
// reader the resampling). It blocks on disk and network until the first has
// audio, so it is called on a background goroutine; ctx bounds that, not the
// playing. Each spec is
//
//	file:NAME, file:///NAME or NAME   a WAV file under the root
//	http://…, https://…               a WAV file
//	tone:NAME or tone:NAME/COUNTRY    a tone of package tone
//
// The source never blocks and implements [media.Closer].
func (l *Library) Open(ctx context.Context, rate int, specs ...string) (media.Source, error) {
	return nil, nil
}

// Close ends all reading ahead and fetching; open sources then end early.
func (l *Library) Close() error { return nil }
