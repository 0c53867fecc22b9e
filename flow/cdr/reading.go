package cdr

import (
	"context"
	"time"

	"tandem/flow/event"
	"tandem/flow/store"
)

// flushed is a store that catches up before it is read.
type flushed struct {
	store.Store
	r *Recorder
}

// patience is how long a reader waits for the store to catch up; one that takes
// nothing can still be read.
const patience = 500 * time.Millisecond

// Reading gives the recorder's store to those who read it: what they read is
// not older than what the journal holds on disk, as long as the store takes
// records. Whoever was told of an event
// finds it in the record.
func (r *Recorder) Reading() store.Store { return flushed{r.store, r} }

// read reads when what can be read from the journal is written.
func read[T any](ctx context.Context, r *Recorder, load func() (T, error)) (T, error) {
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.Flush(wait); err != nil && ctx.Err() != nil {
		var none T
		return none, err
	}
	return load()
}

func (s flushed) Calls(ctx context.Context, p store.Page) ([]event.Call, error) {
	return read(ctx, s.r, func() ([]event.Call, error) { return s.Store.Calls(ctx, p) })
}

func (s flushed) Conferences(ctx context.Context, p store.Page) ([]event.Conference, error) {
	return read(ctx, s.r, func() ([]event.Conference, error) { return s.Store.Conferences(ctx, p) })
}

func (s flushed) Conferencecalls(ctx context.Context, p store.Page) ([]event.Conferencecall, error) {
	return read(ctx, s.r, func() ([]event.Conferencecall, error) { return s.Store.Conferencecalls(ctx, p) })
}

func (s flushed) Recordings(ctx context.Context, p store.Page) ([]event.Recording, error) {
	return read(ctx, s.r, func() ([]event.Recording, error) { return s.Store.Recordings(ctx, p) })
}

func (s flushed) Call(ctx context.Context, id string) (event.Call, error) {
	return read(ctx, s.r, func() (event.Call, error) { return s.Store.Call(ctx, id) })
}

func (s flushed) Conference(ctx context.Context, id string) (event.Conference, error) {
	return read(ctx, s.r, func() (event.Conference, error) { return s.Store.Conference(ctx, id) })
}

func (s flushed) Conferencecall(ctx context.Context, id string) (event.Conferencecall, error) {
	return read(ctx, s.r, func() (event.Conferencecall, error) { return s.Store.Conferencecall(ctx, id) })
}

func (s flushed) Recording(ctx context.Context, id string) (event.Recording, error) {
	return read(ctx, s.r, func() (event.Recording, error) { return s.Store.Recording(ctx, id) })
}
