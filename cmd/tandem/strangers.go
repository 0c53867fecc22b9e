package main

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// How soon the first message of a stranger is logged, and how often the log
// may speak of them after that.
const (
	strangersSoon  = 2 * time.Second
	strangersAgain = time.Minute
)

// shownStrangers is how many addresses one line names.
const shownStrangers = 8

// strangers remembers who gets no answer: a trunk whose address is not in its
// `from` is as silent as a scanner, and the log is where its operator looks.
type strangers struct {
	mu   sync.Mutex
	seen []netip.Addr // the first ones since the last line
}

// note remembers a source that no trunk knows. It is called for every message
// of one, so it is short and does not allocate once it has its list.
func (s *strangers) note(a netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) < shownStrangers && !slices.Contains(s.seen, a) {
		s.seen = append(s.seen, a)
	}
}

// take gives the sources since the last call.
func (s *strangers) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, a := range s.seen {
		list = append(list, a.Unmap().String())
	}
	s.seen = s.seen[:0]
	return list
}

// watch writes a line where dropped, a count of what strangers sent, has grown.
// It returns with ctx.
func (s *strangers) watch(ctx context.Context, dropped func() uint64, log *slog.Logger) {
	told, quiet := dropped(), strangersSoon
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(quiet):
		}
		quiet = strangersSoon
		if n := dropped(); n != told {
			log.Info("no answer to sources that no trunk has in its from", "messages", n-told, "remote", s.take())
			told, quiet = n, strangersAgain
		}
	}
}

// known says whether a source is a trunk's.
func (n *node) known(src netip.AddrPort) bool {
	if n.trunks.Known(src) {
		return true
	}
	n.strangers.note(src.Addr())
	return false
}
