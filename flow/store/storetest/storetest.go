// Package storetest is the conformance suite of stores: every driver passes it.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/flow/event"
	"tandem/flow/store"
)

// Run runs the suite. open gives an empty store; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	tests := []struct {
		name string
		run  func(*testing.T, store.Store)
	}{
		{"RoundTrip", testRoundTrip},
		{"LastWins", testLastWins},
		{"Pages", testPages},
		{"SameMicrosecond", testSameMicrosecond},
		{"Deleted", testDeleted},
		{"NotFound", testNotFound},
		{"Foreign", testForeign},
		{"Open", testOpen},
		{"Beat", testBeat},
		{"Concurrent", testConcurrent},
		{"Cancelled", testCancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			tt.run(t, s)
		})
	}
}

func epoch() time.Time { return time.Date(2026, 5, 1, 15, 10, 23, 414798000, time.UTC) }

// id makes the n-th id.
func id(n int) string { return fmt.Sprintf("00000000-0000-8000-8000-%012d", n) }

func call(n int) event.Call {
	return event.Call{
		ID: id(n), CustomerID: id(1000), Type: "flow", Status: event.CallProgressing, Direction: "incoming", Node: "n1",
		Source:   event.Address{Type: "tel", Target: "+821028286521", TargetName: `q"uote` + "\n"},
		Action:   event.Action{Type: "talk", Option: json.RawMessage(`{"text":"hello"}`), TMExecute: event.ExecTime(epoch().Add(7))},
		TMCreate: event.Time(epoch().Add(time.Duration(n) * time.Second)),
		Media:    &event.Media{Codec: "pcma", PacketsReceived: 100, MOS: 4.3},
	}
}

func apply(t *testing.T, s store.Store, events ...event.Event) {
	t.Helper()
	if err := s.Apply(context.Background(), events); err != nil {
		t.Fatal(err)
	}
}

func of(typ string, data any) event.Event { return event.Event{Type: typ, Data: data} }

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func testRoundTrip(t *testing.T, s store.Store) {
	ctx := context.Background()
	now := event.Time(epoch())
	c := call(1)
	conf := event.Conference{ID: id(2), Type: "conference", Status: event.ConferenceProgressing, Name: "standup", TMCreate: now, ConferencecallIDs: []string{id(3)}}
	member := event.Conferencecall{ID: id(3), ConferenceID: id(2), ReferenceType: "call", ReferenceID: id(1), Status: event.ConferencecallJoined, TMCreate: now}
	rec := event.Recording{ID: id(4), ReferenceType: "call", ReferenceID: id(1), Status: event.RecordingEnded, Format: "wav", Duration: 1234, TMCreate: now}
	apply(t, s, of("call_created", c), of("conference_created", &conf), of("conferencecall_joined", member), of("recording_finished", rec))

	gotCall, err1 := s.Call(ctx, c.ID)
	gotConf, err2 := s.Conference(ctx, conf.ID)
	gotMember, err3 := s.Conferencecall(ctx, member.ID)
	gotRec, err4 := s.Recording(ctx, rec.ID)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for _, p := range [][2]any{{c, gotCall}, {conf, gotConf}, {member, gotMember}, {rec, gotRec}} {
		if d := cmp.Diff(asJSON(t, p[0]), asJSON(t, p[1])); d != "" {
			t.Error(d)
		}
	}
	page := store.Page{Size: 10}
	calls, err1 := s.Calls(ctx, page)
	confs, err2 := s.Conferences(ctx, page)
	members, err3 := s.Conferencecalls(ctx, page)
	recs, err4 := s.Recordings(ctx, page)
	if err := errors.Join(err1, err2, err3, err4); err != nil || len(calls) != 1 || len(confs) != 1 || len(members) != 1 || len(recs) != 1 {
		t.Errorf("lists: %d %d %d %d, %v", len(calls), len(confs), len(members), len(recs), err)
	}
}

func testLastWins(t *testing.T, s store.Store) {
	a, b, c := call(1), call(1), call(1)
	b.Status, c.Status = event.CallTerminating, event.CallHangup
	batch := []event.Event{of("call_created", a), of("call_updated", b), of("call_hangup", c)}
	apply(t, s, batch...)
	apply(t, s, batch[:2]...) // a restart gives some again, in their order
	apply(t, s, batch[2:]...)
	got, err := s.Call(context.Background(), a.ID)
	if err != nil || got.Status != event.CallHangup {
		t.Errorf("status %q, %v", got.Status, err)
	}
}

func testPages(t *testing.T, s store.Store) {
	var events []event.Event
	for n := range 25 {
		c := call(n + 1)
		if n%5 == 0 {
			c.CustomerID = id(2000)
		}
		events = append(events, of("call_created", c))
	}
	apply(t, s, events...)
	page := store.Page{Size: 10}
	var seen []string
	for range 5 {
		calls, err := s.Calls(context.Background(), page)
		if err != nil {
			t.Fatal(err)
		}
		if len(calls) == 0 {
			break
		}
		for _, c := range calls {
			seen = append(seen, c.ID)
		}
		page.Before = store.Place{Created: time.Time(calls[len(calls)-1].TMCreate).UnixMicro()}
	}
	if len(seen) != 25 || seen[0] != id(25) || seen[24] != id(1) {
		t.Errorf("pages gave %v", seen)
	}
	mine, err := s.Calls(context.Background(), store.Page{Size: 100, Customer: id(2000)})
	if err != nil || len(mine) != 5 {
		t.Errorf("customer's: %d, %v", len(mine), err)
	}
}

func testSameMicrosecond(t *testing.T, s store.Store) {
	for n := range 5 {
		c := call(n + 1)
		c.TMCreate = event.Time(epoch())
		apply(t, s, of("call_created", c))
	}
	page := store.Page{Size: 2}
	seen := map[string]bool{}
	for range 3 {
		calls, err := s.Calls(context.Background(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range calls {
			seen[c.ID] = true
			page.Before = store.Place{Created: epoch().UnixMicro(), ID: c.ID}
		}
	}
	if len(seen) != 5 {
		t.Errorf("saw %d of 5", len(seen))
	}
}

func testDeleted(t *testing.T, s store.Store) {
	c := call(1)
	c.TMDelete = event.Time(epoch().Add(time.Hour))
	apply(t, s, of("call_deleted", c))
	calls, err := s.Calls(context.Background(), store.Page{Size: 10})
	if err != nil || len(calls) != 0 {
		t.Errorf("list has %d, %v", len(calls), err)
	}
	if got, err := s.Call(context.Background(), c.ID); err != nil || got.TMDelete.IsZero() {
		t.Errorf("got %v, %v", got, err)
	}
}

func testNotFound(t *testing.T, s store.Store) {
	ctx := context.Background()
	_, err1 := s.Call(ctx, id(1))
	_, err2 := s.Conference(ctx, "")
	_, err3 := s.Conferencecall(ctx, "x'; DROP TABLE calls; --")
	_, err4 := s.Recording(ctx, id(1))
	for _, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
}

func testForeign(t *testing.T, s store.Store) {
	apply(t, s, event.Event{Type: "agent_created", Data: map[string]int{"a": 1}},
		event.Event{Type: "call_created", Data: json.RawMessage(`{"id":5}`)},
		event.Event{Type: "call_created", Data: json.RawMessage(`null`)},
		event.Event{Type: event.TypeLost, Data: event.Lost{Count: 3}},
		of("call_created", call(1)))
	apply(t, s)
	if calls, err := s.Calls(context.Background(), store.Page{Size: 10}); err != nil || len(calls) != 1 {
		t.Errorf("%d calls, %v", len(calls), err)
	}
}

func testOpen(t *testing.T, s store.Store) {
	ctx := context.Background()
	up, over, elsewhere := call(1), call(2), call(3)
	over.Status, elsewhere.Node = event.CallHangup, "n2"
	rec := event.Recording{ID: id(4), ReferenceType: "call", ReferenceID: up.ID, Status: event.RecordingRecording, Node: "n1"}
	conf := event.Conference{ID: id(5), Status: event.ConferenceProgressing, Node: "n1"}
	gone := event.Conference{ID: id(6), Status: event.ConferenceTerminated, Node: "n1"}
	member := event.Conferencecall{ID: id(7), ReferenceID: up.ID, Status: event.ConferencecallJoined, Node: "n1"}
	seen := func(e event.Event, call string, seq uint64) event.Event {
		e.Call, e.CallSeq = call, seq
		return e
	}
	apply(t, s, seen(of("call_created", up), up.ID, 1), seen(of("call_hangup", over), over.ID, 9), of("call_created", elsewhere),
		of("conference_created", conf), of("conference_deleted", gone), seen(of("conferencecall_joined", member), up.ID, 6), seen(of("recording_started", rec), up.ID, 7))
	calls, err1 := s.OpenCalls(ctx, "n1")
	recs, err2 := s.OpenRecordings(ctx, "n1")
	confs, err3 := s.OpenConferences(ctx, "n1")
	members, err4 := s.OpenConferencecalls(ctx, "n1")
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	if len(calls) != 1 || calls[0].Object.ID != up.ID || calls[0].CallSeq != 7 {
		t.Errorf("calls %+v", calls)
	}
	if len(recs) != 1 || recs[0].CallSeq != 7 || len(confs) != 1 || confs[0].Object.ID != conf.ID || len(members) != 1 {
		t.Errorf("recordings %+v conferences %+v members %+v", recs, confs, members)
	}
}

func testBeat(t *testing.T, s store.Store) {
	ctx := context.Background()
	if got, err := s.LastBeat(ctx, "n1"); err != nil || !got.IsZero() {
		t.Errorf("before the first: %v, %v", got, err)
	}
	for _, at := range []time.Time{epoch(), epoch().Add(2 * time.Second)} {
		if err := s.Beat(ctx, "n1", at); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.LastBeat(ctx, "n1"); err != nil || !got.Equal(epoch().Add(2*time.Second)) {
		t.Errorf("got %v, %v", got, err)
	}
}

// testConcurrent: readers are not in the way of the writer.
func testConcurrent(t *testing.T, s store.Store) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if _, err := s.Calls(ctx, store.Page{Size: 50}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range 20 {
		var batch []event.Event
		for k := range 20 {
			batch = append(batch, of("call_created", call(1+n*20+k)))
		}
		if err := s.Apply(ctx, batch); err != nil {
			t.Error(err)
			break
		}
	}
	wg.Wait()
	if calls, err := s.Calls(ctx, store.Page{Size: 1000}); err != nil || len(calls) != 400 {
		t.Errorf("%d calls, %v", len(calls), err)
	}
}

// testCancelled: a batch that cannot be written leaves nothing.
func testCancelled(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Apply(ctx, []event.Event{of("call_created", call(1))}); err == nil {
		t.Error("a cancelled Apply succeeded")
	}
	if _, err := s.Call(context.Background(), id(1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
