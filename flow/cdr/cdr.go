// Package cdr turns events into records: it reads the journal and writes the
// store in batches, and never is in a call's way. When a process died with
// calls up, the next one closes their records.
//
//	journal ──Next──▶ Recorder ──Apply──▶ store ◀── Reading ◀── API
//	                     └──every 2 s──▶ beat: "alive at"
//
// The store lags behind the journal by [Gather], in which most of what happens
// to a call's record comes together; who reads through [Recorder.Reading] does
// not see that.
package cdr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tandem/flow/event"
	"tandem/flow/store"
)

// Reader is the name under which the recorder reads the journal; it must be
// among event.Options.Readers.
const Reader = "cdr"

// batch is how many events are written in one transaction at most.
const batch = 4000

// Gather is how long events are gathered before they are written. A call that
// is set up tells of itself half a dozen times within seconds, and only the
// last state is written.
const Gather = time.Second

// Beat is how often the node notes that it is alive: how wrong the end of a
// call can be that was up when the process died.
const Beat = 2 * time.Second

// retryMax is the longest pause after the store refused a batch.
const retryMax = 5 * time.Second

// Options are a recorder's settings.
type Options struct {
	// Node is the name of this host: whose calls are closed after a crash.
	Node string
	// Log takes what the operator must know; nil means slog.Default().
	Log *slog.Logger
}

// A Recorder writes records.
type Recorder struct {
	bus    *event.Bus
	store  store.Store
	reader *event.Reader
	o      Options

	written, refused atomic.Uint64

	mu      sync.Mutex
	wanted  uint64        // somebody waits for the events before this index
	hurry   func()        // ends the gathering
	applied chan struct{} // closed and replaced after each batch
}

// New makes a recorder. Recover and then Run are to be called.
func New(bus *event.Bus, st store.Store, o Options) (*Recorder, error) {
	r, err := bus.Reader(Reader, event.FromOldest)
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Recorder{bus: bus, store: st, reader: r, o: o, hurry: func() {}, applied: make(chan struct{})}, nil
}

// Stats counts what a recorder did.
type Stats struct {
	// Written is the events that are in the store, Lag those that wait;
	// Refused counts batches the store did not take.
	Written, Lag, Refused uint64
}

// Stats gives the counters.
func (r *Recorder) Stats() Stats {
	return Stats{Written: r.written.Load(), Lag: r.reader.Lag(), Refused: r.refused.Load()}
}

// Recover brings the store up to the journal's end and closes what was open on
// this node when its last process ended: calls, recordings, conferences. It
// says how many calls those were. It must be called before new calls are taken.
func (r *Recorder) Recover(ctx context.Context) (calls int, err error) {
	if err := r.catchUp(ctx); err != nil {
		return 0, fmt.Errorf("records: %w", err)
	}
	if calls, err = r.closeOpen(ctx); err != nil {
		return 0, fmt.Errorf("records: %w", err)
	}
	if err := r.catchUp(ctx); err != nil {
		return 0, fmt.Errorf("records: %w", err)
	}
	if err := r.store.Beat(ctx, r.o.Node, time.Now()); err != nil {
		return 0, fmt.Errorf("records: %w", err)
	}
	return calls, nil
}

// catchUp writes what the journal holds.
func (r *Recorder) catchUp(ctx context.Context) error {
	for r.bus.Stats().Queued > 0 || r.reader.Lag() > 0 {
		if r.reader.Lag() == 0 { // published, and not yet written
			select {
			case <-time.After(time.Millisecond):
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := r.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// step writes one batch; it waits until there is one.
func (r *Recorder) step(ctx context.Context) error {
	recs, err := r.reader.Next(ctx, batch)
	if err != nil {
		return err
	}
	if len(recs) == 0 {
		return nil
	}
	if err := r.apply(ctx, recs); err != nil {
		return err
	}
	if err := r.reader.Ack(recs[len(recs)-1].Index); err != nil {
		return err
	}
	r.mu.Lock()
	close(r.applied)
	r.applied = make(chan struct{})
	r.mu.Unlock()
	return nil
}

// gather waits for more events, unless somebody wants to read.
func (r *Recorder) gather(ctx context.Context) error {
	until, hurry := context.WithTimeout(ctx, Gather)
	defer hurry()
	r.mu.Lock()
	r.hurry = hurry
	wanted := r.wanted > r.reader.Acked()
	r.mu.Unlock()
	if !wanted {
		r.reader.Gather(until, batch)
	}
	return ctx.Err()
}

// Flush waits until the store has what the journal holds now.
func (r *Recorder) Flush(ctx context.Context) error {
	upto := r.reader.Readable()
	for {
		r.mu.Lock()
		done, applied := r.reader.Acked() >= upto, r.applied
		if !done {
			r.wanted = max(r.wanted, upto)
			r.hurry()
		}
		r.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-applied:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// apply writes a batch, again and again while the store refuses.
func (r *Recorder) apply(ctx context.Context, recs []event.Record) error {
	events := make([]event.Event, len(recs))
	for i := range recs {
		events[i] = recs[i].Event
	}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, retryMax) {
		err := r.store.Apply(ctx, events)
		if err == nil {
			r.written.Add(uint64(len(events)))
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.refused.Add(1)%10 == 1 {
			r.o.Log.Error("the store takes no records; they wait in the journal", "err", err, "waiting", r.reader.Lag())
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Run writes records until ctx is done or the bus is closed and everything is
// written; then it returns nil. Any other error is the journal's.
func (r *Recorder) Run(ctx context.Context) error {
	beating, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.beat(beating)
	}()
	defer func() {
		stop()
		<-done
	}()
	for {
		err := r.gather(ctx)
		if err == nil {
			err = r.step(ctx)
		}
		if err != nil {
			if errors.Is(err, event.ErrClosed) || ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("records: %w", err)
		}
	}
}

func (r *Recorder) beat(ctx context.Context) {
	t := time.NewTicker(Beat)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			if err := r.store.Beat(ctx, r.o.Node, now); err != nil && ctx.Err() == nil {
				r.o.Log.Error("the store takes no heartbeat", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}
