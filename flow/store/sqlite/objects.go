package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"tandem/flow/event"
	"tandem/flow/store"
)

// Calls implements [store.Store].
func (s *Store) Calls(ctx context.Context, p store.Page) ([]event.Call, error) {
	return list[event.Call](ctx, s, "calls", p)
}

// Conferences implements [store.Store].
func (s *Store) Conferences(ctx context.Context, p store.Page) ([]event.Conference, error) {
	return list[event.Conference](ctx, s, "conferences", p)
}

// Conferencecalls implements [store.Store].
func (s *Store) Conferencecalls(ctx context.Context, p store.Page) ([]event.Conferencecall, error) {
	return list[event.Conferencecall](ctx, s, "conferencecalls", p)
}

// Recordings implements [store.Store].
func (s *Store) Recordings(ctx context.Context, p store.Page) ([]event.Recording, error) {
	return list[event.Recording](ctx, s, "recordings", p)
}

// Call implements [store.Store].
func (s *Store) Call(ctx context.Context, id string) (event.Call, error) {
	return get[event.Call](ctx, s, "calls", id)
}

// Conference implements [store.Store].
func (s *Store) Conference(ctx context.Context, id string) (event.Conference, error) {
	return get[event.Conference](ctx, s, "conferences", id)
}

// Conferencecall implements [store.Store].
func (s *Store) Conferencecall(ctx context.Context, id string) (event.Conferencecall, error) {
	return get[event.Conferencecall](ctx, s, "conferencecalls", id)
}

// Recording implements [store.Store].
func (s *Store) Recording(ctx context.Context, id string) (event.Recording, error) {
	return get[event.Recording](ctx, s, "recordings", id)
}

// OpenCalls implements [store.Store].
func (s *Store) OpenCalls(ctx context.Context, node string) ([]store.Open[event.Call], error) {
	return openOf[event.Call](ctx, s, "calls", event.CallHangup, node)
}

// OpenRecordings implements [store.Store].
func (s *Store) OpenRecordings(ctx context.Context, node string) ([]store.Open[event.Recording], error) {
	return openOf[event.Recording](ctx, s, "recordings", event.RecordingEnded, node)
}

// OpenConferences implements [store.Store].
func (s *Store) OpenConferences(ctx context.Context, node string) ([]store.Open[event.Conference], error) {
	return openOf[event.Conference](ctx, s, "conferences", event.ConferenceTerminated, node)
}

// OpenConferencecalls implements [store.Store].
func (s *Store) OpenConferencecalls(ctx context.Context, node string) ([]store.Open[event.Conferencecall], error) {
	return openOf[event.Conferencecall](ctx, s, "conferencecalls", event.ConferencecallLeaved, node)
}

// Beat implements [store.Store].
func (s *Store) Beat(ctx context.Context, node string, t time.Time) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO beats (node, tm) VALUES (?,?) ON CONFLICT (node) DO UPDATE SET tm=excluded.tm`, node, t.UnixMicro())
	return err
}

// LastBeat implements [store.Store].
func (s *Store) LastBeat(ctx context.Context, node string) (time.Time, error) {
	var tm int64
	err := s.read.QueryRowContext(ctx, `SELECT tm FROM beats WHERE node = ?`, node).Scan(&tm)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return time.UnixMicro(tm).UTC(), nil
}
