// Package conference keeps the named rooms in which calls talk to each other.
//
// A [Room] is an actor: one goroutine owns its record, its members and its
// bridge; calls and the API reach it by funcs that it runs in order.
//
//	conference_join: Enter ─▶ joining ─ pre_actions ─ Join ─▶ joined ─ … ─▶ leaved ─ post_actions
//	room:            starting ─▶ progressing ─▶ terminating ─▶ terminated
package conference

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/flow"
	"tandem/flow/event"
	"tandem/media"
	"tandem/media/record"
)

// Types of rooms.
const (
	// TypeConference stays until it is ended.
	TypeConference = "conference"
	// TypeConnect ends when one party is left.
	TypeConnect = "connect"
)

// ErrEnded says that a room takes nobody any more.
var ErrEnded = errors.New("the conference has ended")

// A Spec says how a room is made.
type Spec struct {
	// ID is the room's; empty: one is made.
	ID string
	// Type is [TypeConference] (also when empty) or [TypeConnect].
	Type         string
	Name, Detail string
	// Data is a JSON object of the customer's own.
	Data json.RawMessage
	// Timeout ends the room so long after it was made; 0: never. Whole
	// seconds.
	Timeout time.Duration
	// Pre is what a call does before it joins, Post what it does after it has
	// left; PreDoc and PostDoc are the documents they were made of.
	Pre, Post       []flow.Step
	PreDoc, PostDoc json.RawMessage
	// Make turns these steps into actions; nil: as the flow that joins.
	Make flow.Make
	// Customer is whose it is; empty: the implicit customer's.
	Customer string
}

// A Room is a conference.
type Room struct {
	rooms *Rooms
	spec  Spec
	log   *slog.Logger
	snap  atomic.Pointer[event.Conference]
	todo  queue
	done  chan struct{}

	// What follows is the room's goroutine's own.

	rec     event.Conference
	bridge  flow.Bridge
	members []*Seat
	timer   media.Timer
	rcd     *recording
	over    bool
}

// A Seat is one call's stay in a room.
type Seat struct {
	room   *Room
	call   *flow.Call
	kicked atomic.Bool // it is to leave
	paired atomic.Bool // in a room of type connect: the other is there
	gone   func()      // lets the call end

	rec event.Conferencecall // the room's goroutine's own
}

// newRoom makes a room and starts its goroutine.
func newRoom(rs *Rooms, s Spec) *Room {
	calls := rs.calls
	r := &Room{
		rooms: rs, spec: s, log: rs.log.With("conf", s.ID), todo: newQueue(), done: make(chan struct{}),
		rec: event.Conference{
			ID: s.ID, CustomerID: s.Customer, Type: s.Type, Status: event.ConferenceStarting,
			Name: s.Name, Detail: s.Detail, Data: s.Data, Timeout: int(s.Timeout / time.Second),
			PreActions: s.PreDoc, PostActions: s.PostDoc, Node: calls.Node(),
			TMCreate: event.Time(calls.Clock().Now()),
		},
	}
	r.publish(event.TypeConferenceCreated)
	if s.Timeout > 0 {
		r.timer = calls.Clock().AfterFunc(s.Timeout, r.End)
	}
	go r.run()
	return r
}

// run is the room's goroutine: it ends when the room has.
func (r *Room) run() {
	defer close(r.done)
	for !r.over {
		fn := r.todo.next()
		fn()
	}
	for _, fn := range r.todo.close() {
		fn()
	}
}

// ID is the room's id.
func (r *Room) ID() string { return r.spec.ID }

// Snapshot is the room as it stands, not to be changed.
func (r *Room) Snapshot() *event.Conference { return r.snap.Load() }

// Done is closed when the room has ended.
func (r *Room) Done() <-chan struct{} { return r.done }

// End sends everybody out and closes the room.
func (r *Room) End() { r.todo.put(r.end) }

// ask runs fn on the room's goroutine and waits for what it says.
func ask[T any](ctx context.Context, r *Room, fn func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	reply := make(chan answer, 1)
	var none T
	if !r.todo.put(func() {
		v, err := fn()
		reply <- answer{v, err}
	}) {
		return none, ErrEnded
	}
	select {
	case a := <-reply:
		return a.v, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// Enter gives c a seat, from which it can join; it is called on c's goroutine.
// The seat must be left with [Seat.Leave], which the stack of [Seat.Steps] does.
func (r *Room) Enter(c *flow.Call) (*Seat, error) {
	s := &Seat{room: r, call: c, gone: c.Hold()}
	return flow.Await(c, func(ctx context.Context) (*Seat, error) {
		seat, err := ask(ctx, r, func() (*Seat, error) { return s, r.enter(s) })
		if err != nil {
			s.Leave() // it may have been given the seat all the same
		}
		return seat, err
	}, (*Seat).Leave)
}

// enter makes s a member.
func (r *Room) enter(s *Seat) error {
	if r.ending() {
		return ErrEnded
	}
	s.rec = event.Conferencecall{
		ID: r.rooms.calls.NewID(), CustomerID: r.rec.CustomerID, ConferenceID: r.spec.ID,
		ReferenceType: "call", ReferenceID: s.call.ID(),
		TMCreate: event.Time(r.now()),
	}
	r.members = append(r.members, s)
	r.setSeat(s, event.ConferencecallJoining)
	return nil
}

// ending says that nobody may come any more.
func (r *Room) ending() bool {
	return r.rec.Status == event.ConferenceTerminating || r.rec.Status == event.ConferenceTerminated
}

// joined takes note that a call hears the room, and gives it the bridge.
func (r *Room) joined(s *Seat) (flow.Bridge, error) {
	if r.ending() || s.rec.Status != event.ConferencecallJoining {
		return nil, ErrEnded
	}
	r.startBridge()
	r.rec.ConferencecallIDs = append(slices.Clip(r.rec.ConferencecallIDs), s.rec.ID)
	r.setSeat(s, event.ConferencecallJoined)
	r.publish(event.TypeConferenceUpdated)
	if r.spec.Type == TypeConnect && len(r.rec.ConferencecallIDs) >= 2 {
		for _, m := range r.members {
			m.paired.Store(true)
			m.call.Post(changed{m})
		}
	}
	return r.bridge, nil
}

func (r *Room) startBridge() {
	if r.bridge != nil {
		return
	}
	kind := flow.RoomBridge
	if r.spec.Type == TypeConnect {
		kind = flow.CallBridge
	}
	r.bridge = r.rooms.calls.Services().Media.Bridge(kind, nil)
	r.rec.Status = event.ConferenceProgressing
	r.publish(event.TypeConferenceUpdated)
}

// left takes note that a call is gone, however that came.
func (r *Room) left(s *Seat) {
	i := slices.Index(r.members, s)
	if i < 0 {
		s.gone()
		return
	}
	r.members = slices.Delete(r.members, i, i+1)
	had := len(r.rec.ConferencecallIDs)
	r.rec.ConferencecallIDs = slices.DeleteFunc(slices.Clone(r.rec.ConferencecallIDs), func(id string) bool { return id == s.rec.ID })
	r.setSeat(s, event.ConferencecallLeaved)
	s.gone()
	if len(r.rec.ConferencecallIDs) != had {
		r.publish(event.TypeConferenceUpdated)
	}
	switch {
	case r.ending():
		r.closeWhenEmpty()
	case r.spec.Type == TypeConnect && had > len(r.rec.ConferencecallIDs) && len(r.rec.ConferencecallIDs) <= 1:
		r.end()
	}
}

// kick sends a call out.
func (r *Room) kick(s *Seat) {
	if s.rec.Status == event.ConferencecallLeaving || s.rec.Status == event.ConferencecallLeaved {
		return
	}
	r.setSeat(s, event.ConferencecallLeaving)
	s.kicked.Store(true)
	s.call.Post(changed{s})
}

// end sends everybody out; the room is closed when the last has left.
func (r *Room) end() {
	if r.ending() {
		return
	}
	r.rec.Status = event.ConferenceTerminating
	r.publish(event.TypeConferenceUpdated)
	if r.timer != nil {
		r.timer.Stop()
	}
	r.stopRecording()
	for _, s := range slices.Clone(r.members) {
		r.kick(s)
	}
	r.closeWhenEmpty()
}

func (r *Room) closeWhenEmpty() {
	if len(r.members) > 0 || r.rcd != nil || r.over {
		return
	}
	r.over = true
	if r.bridge != nil {
		r.bridge.Close()
	}
	r.rec.Status = event.ConferenceTerminated
	r.rec.TMEnd = event.Time(r.now())
	r.rec.TMDelete = r.rec.TMEnd
	r.publish(event.TypeConferenceDeleted)
	r.rooms.remove(r)
}

func (r *Room) setSeat(s *Seat, status string) {
	s.rec.Status = status
	s.rec.TMUpdate = event.Time(r.now())
	snap := s.rec
	r.rooms.calls.Publish(event.Event{Type: "conferencecall_" + status, Customer: r.rec.CustomerID, Call: s.call.ID(), Data: &snap, Time: r.now()})
}

func (r *Room) publish(typ string) {
	r.rec.TMUpdate = event.Time(r.now())
	snap := r.rec
	r.snap.Store(&snap)
	r.rooms.calls.Publish(event.Event{Type: typ, Customer: r.rec.CustomerID, Data: &snap, Time: r.now()})
}

func (r *Room) now() time.Time { return r.rooms.calls.Clock().Now() }

// recording is a recording of the room that runs.
type recording struct {
	rec     event.Recording
	stop    func()
	stopped bool
}

// Record starts a recording of what is said in the room and returns its id.
// duration 0 is without limit. It blocks on the disk.
func (r *Room) Record(ctx context.Context, duration time.Duration) (id string, err error) {
	desk := r.rooms.calls.Services().Recordings
	if desk == nil {
		return "", errors.New("recording is not set up")
	}
	id = r.rooms.calls.NewID()
	rcd := &recording{rec: event.Recording{
		ID: id, CustomerID: r.spec.Customer, ReferenceType: "confbridge", ReferenceID: r.spec.ID,
		Status: event.RecordingInitiating, Format: "wav", Node: r.rooms.calls.Node(),
	}}
	_, err = ask(ctx, r, func() (*recording, error) {
		switch {
		case r.rec.Status != event.ConferenceProgressing:
			return nil, errors.New("the conference is not in progress")
		case r.rcd != nil:
			return nil, errors.New("the conference is being recorded already")
		}
		r.rcd = rcd
		rcd.rec.TMCreate = event.Time(r.now())
		return rcd, nil
	})
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		r.todo.put(func() { r.notRecorded(rcd) })
	}
	if err != nil {
		return "", err
	}
	w, err := desk.Start(id+".wav", record.Options{
		Channels: 1, MaxDuration: duration,
		Done: func(res record.Result) { r.todo.put(func() { r.recorded(rcd, res) }) },
	})
	if err != nil {
		r.todo.put(func() { r.notRecorded(rcd) })
		return "", err
	}
	// The file is there: from here on it is the room's, whatever ctx says.
	if !r.todo.put(func() { r.recordingStarted(rcd, w) }) {
		w.Stop()
		return "", ErrEnded
	}
	return id, nil
}

// notRecorded takes note that a recording did not come about.
func (r *Room) notRecorded(rcd *recording) {
	if r.rcd == rcd {
		r.rcd = nil
		r.ifEndingClose()
	}
}

func (r *Room) recordingStarted(rcd *recording, w flow.Recorder) {
	untap := r.bridge.Tap(w.TapMix)
	rcd.stop = func() {
		untap()
		w.Stop()
	}
	rcd.rec.Status = event.RecordingRecording
	rcd.rec.TMStart = event.Time(r.now())
	r.publishRecording(rcd, event.TypeRecordingStarted)
	r.rec.RecordingID = rcd.rec.ID
	r.rec.RecordingIDs = append(slices.Clip(r.rec.RecordingIDs), rcd.rec.ID)
	r.publish(event.TypeConferenceUpdated)
	if r.ending() {
		r.stopRecording()
	}
}

// StopRecording ends the room's recording, if there is one.
func (r *Room) StopRecording() { r.todo.put(r.stopRecording) }

func (r *Room) stopRecording() {
	if r.rcd == nil || r.rcd.stopped || r.rcd.stop == nil {
		return
	}
	r.rcd.stopped = true
	r.rcd.stop()
}

// recorded takes note that the file is complete.
func (r *Room) recorded(rcd *recording, res record.Result) {
	if r.rcd != rcd {
		return
	}
	if rcd.stop != nil {
		rcd.stop() // it has ended by itself: take the tap away
	}
	r.rcd = nil
	rcd.rec.Status = event.RecordingEnded
	rcd.rec.Duration = res.Duration.Milliseconds()
	rcd.rec.TMEnd = event.Time(r.now())
	r.publishRecording(rcd, event.TypeRecordingFinished)
	r.rec.RecordingID = ""
	r.publish(event.TypeConferenceUpdated)
	r.ifEndingClose()
}

func (r *Room) ifEndingClose() {
	if r.ending() {
		r.closeWhenEmpty()
	}
}

func (r *Room) publishRecording(rcd *recording, typ string) {
	rcd.rec.TMUpdate = event.Time(r.now())
	snap := rcd.rec
	r.rooms.calls.Publish(event.Event{Type: typ, Customer: r.rec.CustomerID, Data: &snap, Time: r.now()})
}

// queue is what a room has to do.
type queue struct {
	mu     sync.Mutex
	fns    []func()
	closed bool
	ready  chan struct{}
}

func newQueue() queue { return queue{ready: make(chan struct{}, 1)} }

func (q *queue) put(fn func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.fns = append(q.fns, fn)
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return true
}

// next waits for something to do.
func (q *queue) next() func() {
	for {
		q.mu.Lock()
		if len(q.fns) > 0 {
			fn := q.fns[0]
			q.fns[0] = nil
			q.fns = q.fns[1:]
			q.mu.Unlock()
			return fn
		}
		q.mu.Unlock()
		<-q.ready
	}
}

func (q *queue) close() []func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := q.fns
	q.fns, q.closed = nil, true
	return rest
}
