// Package webhook posts events to the outside: durable, in order for each call,
// signed, and tried again until the receiver takes them.
//
//	journal ──▶ dispatcher ─┬▶ lane 0 ─▶ POST, in order
//	  ▲                     ├▶ lane 1
//	  └── acknowledged ◀────┴▶ …   (a call's events are all in one lane)
//
// What waits for a slow receiver waits on disk: it costs calls nothing, and
// memory no more than a window of events.
package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/flow/event"
)

const (
	// lanes is how many posts to one receiver are under way at once.
	lanes = 8
	// window is how many events of one receiver are held in memory.
	window = 1000
	// timeout is how long one post may take.
	timeout = 10 * time.Second
	// firstPause and lastPause are the pauses between tries: doubled from the
	// first to the last.
	firstPause, lastPause = time.Second, time.Minute
	// saveEvery is how often the position is kept while much is under way.
	saveEvery = 200 * time.Millisecond
	// giveUp is how old an event may become before it is dropped.
	giveUp = 24 * time.Hour
)

// A Hook is one receiver.
type Hook struct {
	// URL is where events are posted.
	URL string
	// Secret is the key of the signatures; empty: not signed.
	Secret string
	// Want says which types are posted; nil: all.
	Want func(typ string) bool
	// Customer limits the events to one customer's; empty: everybody's.
	Customer string
}

// Reader is the name under which the hook reads the journal; it must be among
// event.Options.Readers. It stays the same as long as URL and customer do.
func (h Hook) Reader() string {
	sum := sha256.Sum256([]byte(h.Customer + "\x00" + h.URL))
	return "webhook-" + hex.EncodeToString(sum[:8])
}

// Readers are the names for several hooks, each once.
func Readers(hooks []Hook) []string {
	var names []string
	for _, h := range hooks {
		names = append(names, h.Reader())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Options are a sender's settings.
type Options struct {
	// Client sends; nil means one that uses no proxy and follows three
	// redirects.
	Client *http.Client
	// Log takes what the operator must know; nil means slog.Default().
	Log *slog.Logger
}

// Stats counts what became of a hook's events.
type Stats struct {
	// Delivered were taken with a 2xx; Failed counts tries that were not;
	// Dropped are events given up: refused for good, or too old. Lag is how
	// many the journal still holds for the receiver.
	Delivered, Failed, Dropped, Lag uint64
}

// A Sender posts events to one receiver.
type Sender struct {
	hook   Hook
	reader *event.Reader
	client *http.Client
	log    *slog.Logger
	seed   maphash.Seed

	delivered, failed, dropped atomic.Uint64

	mu      sync.Mutex
	begun   []uint64 // indices handed to lanes, in order
	ended   map[uint64]bool
	done    uint64    // everything up to it is done with
	saved   time.Time // when that was kept last
	failing atomic.Bool
}

// New makes a sender, which goes on where the last run stopped; one that is new
// begins with the next event.
func New(bus *event.Bus, h Hook, o Options) (*Sender, error) {
	r, err := bus.Reader(h.Reader(), event.FromNow)
	if err != nil {
		return nil, err
	}
	if o.Client == nil {
		o.Client = &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: lanes, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: timeout},
			CheckRedirect: func(_ *http.Request, via []*http.Request) error {
				if len(via) > 3 {
					return errors.New("more than 3 redirects")
				}
				return nil
			},
		}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Sender{
		hook: h, reader: r, client: o.Client, log: o.Log.With("webhook", safeURL(h.URL)),
		seed: maphash.MakeSeed(), ended: map[uint64]bool{},
	}, nil
}

// URL is the receiver's, without user and query, for logs and metrics.
func (s *Sender) URL() string { return safeURL(s.hook.URL) }

// Name tells the hook from others: the name of its reader.
func (s *Sender) Name() string { return s.hook.Reader() }

// Stats gives the counters.
func (s *Sender) Stats() Stats {
	return Stats{s.delivered.Load(), s.failed.Load(), s.dropped.Load(), s.reader.Lag()}
}

// Run posts events until ctx is done or the bus is closed and everything is
// posted; then it returns nil. Any other error is the journal's. What is not
// posted yet stays in the journal.
func (s *Sender) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work [lanes]chan event.Record
	var wg sync.WaitGroup
	room := make(chan struct{}, window)
	for i := range work {
		work[i] = make(chan event.Record, window)
		wg.Go(func() { s.lane(ctx, work[i], room) })
	}
	defer s.client.CloseIdleConnections()
	defer s.saveLast()
	defer wg.Wait()
	defer func() {
		for _, c := range work {
			close(c)
		}
	}()
	for {
		recs, err := s.reader.Next(ctx, 100)
		if err != nil {
			if errors.Is(err, event.ErrClosed) || ctx.Err() != nil {
				return nil
			}
			cancel()
			return fmt.Errorf("webhook %s: %w", s.URL(), err)
		}
		for _, rec := range recs {
			if !s.wants(&rec.Event) {
				s.begin(rec.Index)
				s.end(rec.Index)
				continue
			}
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			s.begin(rec.Index)
			work[s.laneOf(&rec.Event)] <- rec // has room for the whole window
		}
	}
}

func (s *Sender) wants(e *event.Event) bool {
	return (s.hook.Customer == "" || s.hook.Customer == e.Customer) && (s.hook.Want == nil || s.hook.Want(e.Type))
}

// laneOf keeps a call's events together, and those of no call.
func (s *Sender) laneOf(e *event.Event) int { return int(maphash.String(s.seed, e.Call) % lanes) }

// begin and end keep track of what is under way: a restart must go on with the
// oldest event that is not done with.
func (s *Sender) begin(index uint64) {
	s.mu.Lock()
	s.begun = append(s.begun, index)
	s.mu.Unlock()
}

func (s *Sender) end(index uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[index] = true
	n := 0
	for n < len(s.begun) && s.ended[s.begun[n]] {
		delete(s.ended, s.begun[n])
		n++
	}
	if n == 0 {
		return
	}
	s.done = s.begun[n-1]
	s.begun = append(s.begun[:0], s.begun[n:]...)
	// Not every event is worth a write: after a crash some come twice.
	if now := time.Now(); len(s.begun) == 0 || now.Sub(s.saved) > saveEvery {
		s.saved = now
		s.save()
	}
}

// save keeps the position. The lock is held.
func (s *Sender) save() {
	if err := s.reader.Ack(s.done); err != nil {
		s.log.Error("webhook's position in the journal", "err", err)
	}
}

// saveLast keeps the position when the sender ends.
func (s *Sender) saveLast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.saved.IsZero() {
		s.save()
	}
}

// lane posts events one after the other. After ctx is done it posts nothing
// more.
func (s *Sender) lane(ctx context.Context, work <-chan event.Record, room <-chan struct{}) {
	for rec := range work {
		if s.deliver(ctx, &rec.Event) {
			s.end(rec.Index)
		}
		<-room
	}
}

// deliver posts an event until it is taken or given up. It says false when ctx
// ended it before.
func (s *Sender) deliver(ctx context.Context, e *event.Event) bool {
	body, err := json.Marshal(e)
	if err != nil {
		s.drop(e, err)
		return true
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if ctx.Err() != nil {
			return false
		}
		retry, err := s.post(ctx, body)
		switch {
		case err == nil:
			s.delivered.Add(1)
			if s.failing.Swap(false) {
				s.log.Info("webhook receiver takes events again")
			}
			return true
		case ctx.Err() != nil:
			return false
		}
		s.failed.Add(1)
		if !retry || time.Since(e.Time) > giveUp {
			s.drop(e, err)
			return true
		}
		if !s.failing.Swap(true) {
			s.log.Warn("webhook receiver takes no events; they are kept and tried again", "err", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
	}
}

func (s *Sender) drop(e *event.Event, err error) {
	s.dropped.Add(1)
	s.log.Warn("event is not delivered", "type", e.Type, "call", e.Call, "seq", e.Seq, "err", err)
}
