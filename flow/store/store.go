// Package store says how records are kept: calls, conferences, recordings, and
// what is still to be told about those that were cut short.
//
// Records come from events, in batches, and never from a call itself. A store
// keeps whole objects and the last one that came wins: events that come again
// after a restart come in the same order, and end in the same state.
package store

import (
	"context"
	"errors"
	"time"

	"tandem/flow/event"
)

// ErrNotFound says that there is no object of that id.
var ErrNotFound = errors.New("not found")

// A Page asks for a part of a list, newest first.
type Page struct {
	// Size is how many objects are wanted, 1 or more.
	Size int
	// Before is the place behind the last object of the page before; zero
	// for the first page.
	Before Place
	// Customer limits the list to the objects of one; empty means all.
	Customer string
}

// A Place is where an object stands in a list.
type Place struct {
	// Created is the object's time of creation in microseconds since 1970.
	Created int64
	// ID tells objects of the same microsecond apart; empty stands before
	// all of them, so that only strictly older ones follow.
	ID string
}

// IsZero says that the place is the start of the list.
func (p Place) IsZero() bool { return p == Place{} }

// An Open is an object that was not over when its process died.
type Open[T any] struct {
	Object T
	// CallSeq is the number of the last event about it that is known.
	CallSeq uint64
}

// A Store keeps records. Its methods may be called from any goroutine.
type Store interface {
	// Apply takes events in order, all of them or, with an error, none.
	// Types it keeps nothing of are passed over; an event whose data is
	// damaged too.
	Apply(ctx context.Context, events []event.Event) error

	// Calls and the other lists give objects, newest first, without deleted
	// ones.
	Calls(ctx context.Context, p Page) ([]event.Call, error)
	Conferences(ctx context.Context, p Page) ([]event.Conference, error)
	Conferencecalls(ctx context.Context, p Page) ([]event.Conferencecall, error)
	Recordings(ctx context.Context, p Page) ([]event.Recording, error)

	// Call and the others give one object, deleted ones too, or ErrNotFound.
	Call(ctx context.Context, id string) (event.Call, error)
	Conference(ctx context.Context, id string) (event.Conference, error)
	Conferencecall(ctx context.Context, id string) (event.Conferencecall, error)
	Recording(ctx context.Context, id string) (event.Recording, error)

	// OpenCalls and the others give what is not over of one node's, and of
	// objects that name no node.
	OpenCalls(ctx context.Context, node string) ([]Open[event.Call], error)
	OpenRecordings(ctx context.Context, node string) ([]Open[event.Recording], error)
	OpenConferences(ctx context.Context, node string) ([]Open[event.Conference], error)
	OpenConferencecalls(ctx context.Context, node string) ([]Open[event.Conferencecall], error)

	// Beat notes that the node is alive at t; LastBeat says when it was last,
	// the zero time if never.
	Beat(ctx context.Context, node string, t time.Time) error
	LastBeat(ctx context.Context, node string) (time.Time, error)

	// Close ends the use of the store.
	Close() error
}
