package main

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A page is a log that is read while it is written.
type page struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

// turn gives what was written since the last turn.
func (p *page) turn() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.text.Reset()
	return p.text.String()
}

// TestStrangers: the first is named soon, a flood is one line a minute and
// bounded.
func TestStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b page
		var s strangers
		var dropped atomic.Uint64
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.watch(ctx, dropped.Load, slog.New(slog.NewTextHandler(&b, nil)))
		}()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := b.turn(); got != "" {
			t.Errorf("nobody came: %s", got)
		}
		drop := func(a netip.Addr) {
			s.note(a)
			dropped.Add(1)
		}
		drop(netip.MustParseAddr("192.0.2.1"))
		drop(netip.MustParseAddr("::ffff:192.0.2.2"))
		time.Sleep(strangersSoon)
		synctest.Wait()
		if got := b.turn(); !strings.Contains(got, `messages=2 remote="[192.0.2.1 192.0.2.2]"`) {
			t.Errorf("two came: %s", got)
		}
		for i := range 30 {
			for k := range 100 {
				drop(netip.AddrFrom4([4]byte{198, 51, byte(i), byte(k)}))
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if got := b.turn(); got != "" {
			t.Errorf("a second line within a minute: %s", got)
		}
		time.Sleep(strangersAgain)
		synctest.Wait()
		if got := b.turn(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "messages=3000") || strings.Count(got, "198.51.") != shownStrangers {
			t.Errorf("a flood: %s", got)
		}
		cancel()
		<-done
	})
}
