package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestStrangers: the first is named soon, a flood is one line a minute and
// bounded.
func TestStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
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
		if b.Len() > 0 {
			t.Errorf("nobody came: %s", b.String())
		}
		drop := func(a netip.Addr) {
			s.note(a)
			dropped.Add(1)
		}
		drop(netip.MustParseAddr("192.0.2.1"))
		drop(netip.MustParseAddr("::ffff:192.0.2.2"))
		time.Sleep(strangersSoon)
		synctest.Wait()
		if got := b.String(); !strings.Contains(got, `messages=2 remote="[192.0.2.1 192.0.2.2]"`) {
			t.Errorf("two came: %s", got)
		}
		b.Reset()
		for i := range 30 {
			for k := range 100 {
				drop(netip.AddrFrom4([4]byte{198, 51, byte(i), byte(k)}))
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if b.Len() > 0 {
			t.Errorf("a second line within a minute: %s", b.String())
		}
		time.Sleep(strangersAgain)
		synctest.Wait()
		if got := b.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "messages=3000") || strings.Count(got, "198.51.") != shownStrangers {
			t.Errorf("a flood: %s", got)
		}
		cancel()
		<-done
	})
}
