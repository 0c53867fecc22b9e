package conference

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/google/uuid"

	"tandem/flow"
	"tandem/flow/event"
)

// maxRooms bounds the rooms that names made up by callers can bring about.
const maxRooms = 10000

var (
	// ErrUnknown says that there is no conference of an id.
	ErrUnknown = errors.New("no such conference")
	// ErrTooMany says that no more conferences can be made.
	ErrTooMany = errors.New("too many conferences")
)

// Rooms are the conferences of a node. All methods may be called from any
// goroutine.
type Rooms struct {
	calls *flow.Calls
	log   *slog.Logger

	mu    sync.Mutex
	rooms map[string]*Room
}

// New makes the registry. log may be nil.
func New(calls *flow.Calls, log *slog.Logger) *Rooms {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Rooms{calls: calls, log: log, rooms: map[string]*Room{}}
}

// Create makes a room. An id that is in use is an error.
func (rs *Rooms) Create(s Spec) (*Room, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.create(s)
}

func (rs *Rooms) create(s Spec) (*Room, error) {
	if s.ID == "" {
		s.ID = rs.calls.NewID()
	}
	switch s.Type {
	case "":
		s.Type = TypeConference
	case TypeConference, TypeConnect:
	default:
		return nil, fmt.Errorf("conference type %q; have conference, connect", s.Type)
	}
	if s.Customer == "" {
		s.Customer = rs.calls.Customer()
	}
	if rs.rooms[s.ID] != nil {
		return nil, fmt.Errorf("there is a conference %s already", s.ID)
	}
	if len(rs.rooms) >= maxRooms {
		return nil, ErrTooMany
	}
	r := newRoom(rs, s)
	rs.rooms[s.ID] = r
	return r, nil
}

// Room is the conference of the given id or name. A name that is not an id is
// that of a room of the configuration: it is made on first use. An id that is
// not known is [ErrUnknown].
func (rs *Rooms) Room(name string) (*Room, error) {
	if name == "" || name == flow.NilID {
		return nil, ErrUnknown
	}
	id := event.NamedID(name)
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.rooms[id]; r != nil {
		return r, nil
	}
	if uuid.Validate(name) == nil {
		return nil, ErrUnknown
	}
	return rs.create(Spec{ID: id, Name: name})
}

// Get is the conference of the given id, nil where there is none.
func (rs *Rooms) Get(id string) *Room {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.rooms[id]
}

// List are snapshots of all conferences, in no order.
func (rs *Rooms) List() []*event.Conference {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	list := make([]*event.Conference, 0, len(rs.rooms))
	for _, r := range rs.rooms {
		list = append(list, r.Snapshot())
	}
	return list
}

// Kick sends the call of a conferencecall out of its room. It says false where
// the room has no such conferencecall.
func (r *Room) Kick(conferencecall string) bool {
	found := make(chan bool, 1)
	ok := r.todo.put(func() {
		for _, s := range r.members {
			if s.rec.ID == conferencecall {
				r.kick(s)
				found <- true
				return
			}
		}
		found <- false
	})
	return ok && <-found
}

// Close ends all rooms and waits for them. Calls that are in them go on with
// what comes after.
func (rs *Rooms) Close() {
	rs.mu.Lock()
	all := make([]*Room, 0, len(rs.rooms))
	for _, r := range rs.rooms {
		all = append(all, r)
	}
	rs.mu.Unlock()
	for _, r := range all {
		r.End()
	}
	for _, r := range all {
		<-r.done
	}
}

func (rs *Rooms) remove(r *Room) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.rooms[r.spec.ID] == r {
		delete(rs.rooms, r.spec.ID)
	}
}
