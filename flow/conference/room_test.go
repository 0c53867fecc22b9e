package conference_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tandem/flow"
	"tandem/flow/action"
	"tandem/flow/conference"
	"tandem/flow/event"
	"tandem/flow/flowtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage runs fn in fake time and checks that no call or room is left.
func stage(t *testing.T, fn func(t *testing.T, w *flowtest.World, rooms *conference.Rooms)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := flowtest.New(nil, nil)
		rooms := conference.New(w.Calls, nil)
		fn(t, w, rooms)
		w.Calls.EndAll()
		<-w.Calls.Drain()
		rooms.Close()
		if n := len(rooms.List()); n != 0 {
			t.Errorf("%d rooms are left", n)
		}
	})
}

// join is a flow that joins a room and then waits a second.
func join(rooms *conference.Rooms, id string) flow.Controller {
	return &action.Flow{Env: &action.Env{Rooms: rooms}, Steps: []flow.Step{
		{Type: "conference_join", Option: map[string]any{"conference_id": id}},
		{Type: "sleep", Option: map[string]any{"duration": 1000}},
	}}
}

func members(t *testing.T, r *conference.Room, want int) {
	t.Helper()
	synctest.Wait()
	if got := len(r.Snapshot().ConferencecallIDs); got != want {
		t.Errorf("%d calls are in the room, want %d", got, want)
	}
}

func TestRoom(t *testing.T) {
	stage(t, func(t *testing.T, w *flowtest.World, rooms *conference.Rooms) {
		var calls []*flow.Call
		var legs []*flowtest.Leg
		for range 3 {
			c, l := w.Call(join(rooms, "standup"))
			calls, legs = append(calls, c), append(legs, l)
			time.Sleep(time.Second)
		}
		room, err := rooms.Room("standup")
		if err != nil || room.ID() != event.NamedID("standup") || room.Snapshot().Name != "standup" {
			t.Fatalf("room %v, %v", room, err)
		}
		members(t, room, 3)
		bridge := ""
		for _, l := range legs {
			log := w.Log.Of(l.ID())
			in := log[strings.LastIndex(log, "in ")+3:]
			if bridge == "" {
				bridge = in
			}
			if in != bridge || !strings.HasPrefix(in, "room") {
				t.Errorf("%s is in %s, the others in %s", l.ID(), in, bridge)
			}
		}
		// One leaves: the others stay, also the last one.
		legs[0].FarHangsUp()
		<-calls[0].Done()
		members(t, room, 2)
		legs[1].FarHangsUp()
		<-calls[1].Done()
		members(t, room, 1)
		if room.Snapshot().Status != event.ConferenceProgressing {
			t.Errorf("status %s", room.Snapshot().Status)
		}
		// A room does not end when it is empty.
		legs[2].FarHangsUp()
		<-calls[2].Done()
		members(t, room, 0)
		if again, _ := rooms.Room("standup"); again != room {
			t.Error("another room of the same name")
		}
		rooms.Close()
		want := []string{"conference_created starting", "conference_updated progressing", "conference_updated terminating", "conference_deleted terminated"}
		var got []string
		for _, e := range w.Events.All() {
			if c, ok := e.Data.(*event.Conference); ok {
				if s := e.Type + " " + c.Status; !slices.Contains(got, s) {
					got = append(got, s)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("events %q", got)
		}
	})
}

func TestEndSendsEverybodyOut(t *testing.T) {
	stage(t, func(t *testing.T, w *flowtest.World, rooms *conference.Rooms) {
		c1, l1 := w.Call(join(rooms, "x"))
		c2, _ := w.Call(join(rooms, "x"))
		time.Sleep(time.Second)
		room, _ := rooms.Room("x")
		room.End()
		<-room.Done()
		s := room.Snapshot()
		if s.Status != event.ConferenceTerminated || s.TMEnd.IsZero() || len(s.ConferencecallIDs) != 0 {
			t.Errorf("%+v", s)
		}
		start := time.Now()
		<-c1.Done()
		<-c2.Done()
		if d := time.Since(start); d != time.Second {
			t.Errorf("the flows went on for %v, want the second that follows", d)
		}
		if log := w.Log.Of(l1.ID()); log != "answer; in bridge1; in room3; in bridge4; bye; out" && !strings.Contains(log, "; in room") {
			t.Error(log)
		}
		// The name is free again.
		if again, err := rooms.Room("x"); err != nil || again == room {
			t.Errorf("again %v", err)
		}
	})
}

func TestEndOfAnEmptyRoom(t *testing.T) {
	stage(t, func(t *testing.T, w *flowtest.World, rooms *conference.Rooms) {
		room, err := rooms.Create(conference.Spec{Name: "n"})
		if err != nil {
			t.Fatal(err)
		}
		room.End()
		<-room.Done()
		if _, err := rooms.Room(room.ID()); err != conference.ErrUnknown {
			t.Errorf("an ended room: %v", err)
		}
	})
}

func TestTimeout(t *testing.T) {
	stage(t, func(t *testing.T, w *flowtest.World, rooms *conference.Rooms) {
		start := time.Now()
		room, err := rooms.Create(conference.Spec{Timeout: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		c, _ := w.Call(join(rooms, room.ID()))
		<-room.Done()
		if d := time.Since(start); d != 30*time.Second || room.Snapshot().Timeout != 30 {
			t.Errorf("ended after %v", d)
		}
		<-c.Done()
	})
}

// TestConnectRoom: the first hears ringing, both are answered when the second
// comes, and the room ends when one is left.
func TestConnectRoom(t *testing.T) {
	stage(t, func(t *testing.T, w *flowtest.World, rooms *conference.Rooms) {
		room, err := rooms.Create(conference.Spec{Type: conference.TypeConnect})
		if err != nil {
			t.Fatal(err)
		}
		c1, l1 := w.Call(join(rooms, room.ID()))
		time.Sleep(time.Second)
		if got := w.Log.Of(l1.ID()); !strings.HasPrefix(got, "ring 180") || strings.Contains(got, "answer") {
			t.Errorf("alone: %s", got)
		}
		c2, l2 := w.Call(join(rooms, room.ID()))
		time.Sleep(time.Second)
		for _, l := range []*flowtest.Leg{l1, l2} {
			if got := w.Log.Of(l.ID()); !strings.Contains(got, "answer") {
				t.Errorf("together: %s", got)
			}
		}
		c3, l3 := w.Call(join(rooms, room.ID()))
		time.Sleep(time.Second)
		if got := w.Log.Of(l3.ID()); !strings.Contains(got, "answer") {
			t.Errorf("the third: %s", got)
		}
		l3.FarHangsUp()
		<-c3.Done()
		time.Sleep(time.Second)
		if n := len(room.Snapshot().ConferencecallIDs); n != 2 {
			t.Errorf("%d are left of three", n)
		}
		l2.FarHangsUp()
		<-c2.Done()
		<-room.Done()
		<-c1.Done()
	})
}

func TestPreAndPostActions(t *testing.T) {
	stage(t, func(t *testing.T, w *flowtest.World, rooms *conference.Rooms) {
		say := func(text string) []flow.Step {
			return []flow.Step{{Type: "talk", ID: flow.NilID, Option: map[string]any{"text": text}}}
		}
		room, err := rooms.Create(conference.Spec{Pre: say("hello"), Post: say("bye")})
		if err != nil {
			t.Fatal(err)
		}
		c, l := w.Call(join(rooms, room.ID()))
		synctest.Wait()
		members(t, room, 0) // joining
		time.Sleep(time.Second)
		members(t, room, 1)
		room.Kick(room.Snapshot().ConferencecallIDs[0])
		<-c.Done()
		if want := "answer; in bridge1; play say hello; in room2; in bridge3; play say bye; bye; out"; w.Log.Of(l.ID()) != want {
			t.Errorf("did %s", w.Log.Of(l.ID()))
		}
		want := "conferencecall_joining conferencecall_joined conferencecall_leaving conferencecall_leaved"
		if got := w.Events.Types(c.ID(), "call_created", "call_ringing", "call_updated", "call_progressing", "call_terminating", "call_hangup"); got != want {
			t.Errorf("events %s", got)
		}
	})
	// Who hangs up before he has joined leaves all the same.
	stage(t, func(t *testing.T, w *flowtest.World, rooms *conference.Rooms) {
		room, _ := rooms.Create(conference.Spec{Pre: []flow.Step{{Type: "sleep", Option: map[string]any{"duration": 5000}}}})
		c, l := w.Call(join(rooms, room.ID()))
		time.Sleep(time.Second)
		l.FarHangsUp()
		<-c.Done()
		if got := w.Events.Types(c.ID(), "call_updated"); got != "call_created call_ringing conferencecall_joining conferencecall_leaved call_hangup" {
			t.Errorf("events %s", got)
		}
	})
}

func TestRecord(t *testing.T) {
	stage(t, func(t *testing.T, w *flowtest.World, rooms *conference.Rooms) {
		room, _ := rooms.Create(conference.Spec{})
		if _, err := room.Record(context.Background(), 0); err == nil {
			t.Error("a room that is not in progress is recorded")
		}
		w.Call(join(rooms, room.ID()))
		time.Sleep(time.Second)
		id, err := room.Record(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if room.Snapshot().RecordingID != id {
			t.Errorf("recording %q", room.Snapshot().RecordingID)
		}
		if _, err := room.Record(context.Background(), 0); err == nil {
			t.Error("two recordings at once")
		}
		time.Sleep(5 * time.Second)
		room.StopRecording()
		synctest.Wait()
		if s := room.Snapshot(); s.RecordingID != "" || len(s.RecordingIDs) != 1 {
			t.Errorf("after: %+v", s)
		}
		if _, err := room.Record(context.Background(), 2*time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		room.End() // ends the recording too
		<-room.Done()
		if got, want := w.Log.Of("recordings"), "start channels=1 silence=0s; end stopped after 5s; start channels=1 silence=0s; end stopped after 1s"; got != want {
			t.Errorf("recordings %s", got)
		}
	})
}

func TestNames(t *testing.T) {
	stage(t, func(t *testing.T, w *flowtest.World, rooms *conference.Rooms) {
		for _, bad := range []string{"", flow.NilID, "367e0e7a-3a8c-11eb-bb08-f3c3f059cfbe"} {
			if _, err := rooms.Room(bad); err != conference.ErrUnknown {
				t.Errorf("%q: %v", bad, err)
			}
		}
		a, _ := rooms.Room("standup")
		b, err := rooms.Room(a.ID())
		if err != nil || a != b || rooms.Get(a.ID()) != a || rooms.Get("standup") != nil {
			t.Errorf("by id: %v", err)
		}
		if _, err := rooms.Create(conference.Spec{ID: a.ID()}); err == nil {
			t.Error("one id twice")
		}
		if _, err := rooms.Create(conference.Spec{Type: "party"}); err == nil {
			t.Error("an unknown type")
		}
	})
}

// TestRandom: calls come and go at any moment, and nothing is left.
func TestRandom(t *testing.T) {
	for seed := range 50 {
		stage(t, func(t *testing.T, w *flowtest.World, rooms *conference.Rooms) {
			for i := range 20 {
				_, l := w.Call(join(rooms, "x"))
				go func() {
					time.Sleep(time.Duration((i*7+seed*3)%11) * time.Millisecond)
					l.FarHangsUp()
				}()
				if i == seed%20 {
					if room, err := rooms.Room("x"); err == nil {
						room.End()
					}
				}
				time.Sleep(time.Millisecond)
			}
			time.Sleep(time.Second)
		})
	}
}
