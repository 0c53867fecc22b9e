package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"tandem/media"
)

var errNoClient = errors.New("playing URLs is not set up")

// openURL fetches a WAV file. A short one is kept with its validator (RFC 9110
// §8.8), so that a menu played again costs a question and no body.
func (l *Library) openURL(ctx context.Context, rate int, spec string) (media.Source, error) {
	if l.client == nil {
		return nil, errNoClient
	}
	u, err := url.Parse(spec)
	if err != nil {
		return nil, err
	}
	if u.Host == "" {
		return nil, errors.New("no host in the URL")
	}
	// The fetch goes on while the prompt plays, so it hangs on the library and
	// on the time that a read may take; the caller's context and a limit of
	// its own bound the opening.
	fetching, cancel := context.WithCancelCause(l.ctx)
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	defer stop()
	late := time.AfterFunc(l.timeout, func() { cancel(fmt.Errorf("no audio within %v", l.timeout)) })
	defer late.Stop()
	src, err := l.fetch(fetching, rate, u.String(), &body{timeout: l.timeout, cancel: cancel, left: l.bytes})
	if err != nil {
		if cause := context.Cause(fetching); cause != nil && cause != context.Canceled {
			err = cause
		}
		cancel(nil)
		return nil, err
	}
	return src, nil
}

func (l *Library) fetch(ctx context.Context, rate int, address string, b *body) (media.Source, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "audio/wav, audio/x-wav, audio/*;q=0.5")
	req.Header.Set("User-Agent", "tandem")
	// Libraries with another client must not see each other's: that one may
	// reach an address says nothing of the other.
	key := clipKey{kind: fmt.Sprintf("url %p", l.client), name: address, rate: rate}
	known := l.cache.get(key)
	if known != nil {
		req.Header.Set("If-None-Match", known.version)
	}
	res, err := l.client.Do(req) //nolint:bodyclose // b closes it, at the end of the prompt
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // the URL is told anyway
		}
		return nil, err
	}
	b.body = res.Body
	if res.StatusCode == http.StatusNotModified && known != nil {
		return &clipSource{clip: known}, b.Close()
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("HTTP status %s", res.Status), b.Close())
	}
	if res.ContentLength > b.left {
		return nil, errors.Join(fmt.Errorf("%d bytes, at most %d", res.ContentLength, b.left), b.Close())
	}
	return l.decode(rate, input{ctx: ctx, r: b, cancel: func() { b.cancel(nil) }, keep: func(c *clip) {
		if tag := res.Header.Get("ETag"); tag != "" && len(tag) < 256 {
			c.version = tag
			l.cache.put(key, c)
		}
	}})
}

// A body is a response's body that may be so long and stand still for so long.
type body struct {
	body    io.ReadCloser
	left    int64
	timeout time.Duration
	cancel  context.CancelCauseFunc // ends the request
}

var errLong = errors.New("the body is longer than is taken from a URL")

// Read implements io.Reader. The time counts while it waits: that the listener
// takes his is not the server's fault.
func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// The limit may be just where the body ends.
		var more [1]byte
		if n, err := b.body.Read(more[:]); n == 0 && err != nil {
			return 0, err
		}
		return 0, errLong
	}
	late := time.AfterFunc(b.timeout, func() { b.cancel(fmt.Errorf("nothing came for %v", b.timeout)) })
	n, err := b.body.Read(p[:min(int64(len(p)), b.left)])
	late.Stop()
	b.left -= int64(n)
	return n, err
}

// Close implements io.Closer: it ends the request too.
func (b *body) Close() error {
	b.cancel(nil)
	return b.body.Close()
}
