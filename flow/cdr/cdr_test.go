package cdr

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tandem/flow/event"
	"tandem/flow/store"
	"tandem/flow/store/sqlite"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("TANDEM_CDR_CHILD"); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func id(n int) string { return fmt.Sprintf("00000000-0000-8000-8000-%012d", n) }

func open(dir string, queue int) (*event.Bus, *sqlite.Store, *Recorder, error) {
	log := slog.New(slog.DiscardHandler)
	bus, err := event.Open(filepath.Join(dir, "journal"), event.Options{Readers: []string{Reader}, Log: log, SyncEvery: time.Millisecond, Queue: queue})
	if err != nil {
		return nil, nil, nil, err
	}
	st, err := sqlite.Open(context.Background(), filepath.Join(dir, "tandem.db"))
	if err != nil {
		return nil, nil, nil, err
	}
	r, err := New(bus, st, Options{Node: "n1", Log: log})
	return bus, st, r, err
}

// child has calls up until it is killed.
func child(dir string) {
	bus, _, r, err := open(dir, 0)
	if err == nil {
		_, err = r.Recover(context.Background())
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	go r.Run(context.Background())
	hourAgo := event.Time(time.Now().Add(-time.Hour))
	for n := range 10 {
		c := event.Call{ID: id(n), Node: "n1", Status: event.CallProgressing, TMCreate: hourAgo, TMUpdate: hourAgo, TMProgressing: hourAgo, RecordingID: id(100 + n)}
		for range 5 {
			bus.Publish(event.Event{Type: event.TypeCallUpdated, Call: c.ID, Data: c})
		}
		if n >= 7 { // three are over
			c.Status, c.HangupReason = event.CallHangup, "normal"
			bus.Publish(event.Event{Type: event.TypeCallHangup, Call: c.ID, Data: c})
		}
	}
	bus.Publish(event.Event{Type: event.TypeRecordingStarted, Call: id(0), Data: event.Recording{ID: id(100), ReferenceType: "call", ReferenceID: id(0), Node: "n1", Status: event.RecordingRecording, TMStart: hourAgo}})
	bus.Publish(event.Event{Type: event.TypeConferenceCreated, Data: event.Conference{ID: id(200), Node: "n1", Status: event.ConferenceProgressing, ConferencecallIDs: []string{id(201)}}})
	bus.Publish(event.Event{Type: event.TypeConferencecallJoined, Call: id(0), Data: event.Conferencecall{ID: id(201), ReferenceType: "call", ReferenceID: id(0), Node: "n1", Status: event.ConferencecallJoined}})
	for bus.Stats().Queued > 0 || r.Stats().Lag > 0 {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("up")
	select {}
}

// TestKill: what was up when the process was killed is closed at the next
// start: marked, with an end not more than 5 s wrong, and numbered on.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "TANDEM_CDR_CHILD="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(out)
	if !s.Scan() || s.Text() != "up" {
		t.Errorf("child said %q", s.Text())
	}
	killed := time.Now()
	cmd.Process.Kill()
	cmd.Wait()

	ctx := context.Background()
	bus, st, r, err := open(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	defer bus.Close()
	sub := bus.Subscribe(100, func(e *event.Event) bool { return e.Type == event.TypeCallHangup })
	n, err := r.Recover(ctx)
	if err != nil || n != 7 {
		t.Fatalf("closed %d calls, %v", n, err)
	}
	for n := range 10 {
		c, err := st.Call(ctx, id(n))
		if err != nil {
			t.Fatal(err)
		}
		if aborted := n < 7; c.Status != event.CallHangup || c.Aborted != aborted {
			t.Errorf("call %d: status %s, aborted %v", n, c.Status, c.Aborted)
		} else if off := time.Time(c.TMHangup).Sub(killed).Abs(); aborted && (off > 5*time.Second || c.HangupReason != "failed" || c.HangupBy != "local" || c.RecordingID != event.NilID) {
			t.Errorf("call %d: end %v off, %+v", n, off, c)
		}
	}
	for range 7 {
		e := <-sub.Events()
		want := uint64(6)
		if e.Call == id(0) {
			want = 10 // behind the recording's and the member's events, and their ends
		}
		if e.CallSeq != want {
			t.Errorf("%s of %s has number %d, want %d", e.Type, e.Call, e.CallSeq, want)
		}
	}
	rec, err1 := st.Recording(ctx, id(100))
	conf, err2 := st.Conference(ctx, id(200))
	member, err3 := st.Conferencecall(ctx, id(201))
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if rec.Status != event.RecordingEnded || !rec.Aborted || conf.Status != event.ConferenceTerminated || len(conf.ConferencecallIDs) != 0 || member.Status != event.ConferencecallLeaved {
		t.Errorf("left open: %+v %+v %+v", rec, conf, member)
	}
	if n, err := r.Recover(ctx); err != nil || n != 0 {
		t.Errorf("again: %d, %v", n, err)
	}
}

// refusing is a store that refuses its first batches.
type refusing struct {
	store.Store
	refuse int
}

func (s *refusing) Apply(ctx context.Context, events []event.Event) error {
	if s.refuse--; s.refuse >= 0 {
		return errors.New("disk full")
	}
	return s.Store.Apply(ctx, events)
}

// TestRefused: records wait while the store refuses, and none is lost.
func TestRefused(t *testing.T) {
	bus, st, r, err := open(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	r.store = &refusing{st, 3}
	done := make(chan error, 1)
	go func() { done <- r.Run(context.Background()) }()
	for n := range 100 {
		bus.Publish(event.Event{Type: event.TypeCallCreated, Call: id(n), Data: event.Call{ID: id(n)}})
	}
	bus.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	calls, err := st.Calls(context.Background(), store.Page{Size: 1000})
	if err != nil || len(calls) != 100 {
		t.Errorf("%d calls, %v", len(calls), err)
	}
	if s := r.Stats(); s.Refused != 3 || s.Written != 100 || s.Lag != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestReading: who is told of an event finds it in the record at once, though
// the recorder gathers.
func TestReading(t *testing.T) {
	bus, st, r, err := open(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	done := make(chan error, 1)
	go func() { done <- r.Run(context.Background()) }()
	told := r.bus.Subscribe(100, nil)
	begun := time.Now()
	for n := range 5 {
		bus.Publish(event.Event{Type: event.TypeCallCreated, Call: id(n), Data: event.Call{ID: id(n)}})
		<-told.Events()
		for upto := r.reader.Readable(); upto < uint64(n+1); upto = r.reader.Readable() {
			time.Sleep(time.Millisecond) // to the disk
		}
		if _, err := r.Reading().Call(context.Background(), id(n)); err != nil {
			t.Errorf("call %d: %v", n, err)
		}
		if calls, err := r.Reading().Calls(context.Background(), store.Page{Size: 10}); len(calls) != n+1 {
			t.Errorf("%d of %d calls, %v", len(calls), n+1, err)
		}
	}
	if d := time.Since(begun); d > 4*Gather {
		t.Errorf("five look-ups took %v", d)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	bus.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reading().Call(gone, id(0)); err == nil {
		t.Error("read for nobody")
	}
	if _, err := r.Reading().Call(context.Background(), id(0)); err != nil {
		t.Error(err)
	}
}

// TestReadingRefused: a store that takes nothing can be read.
func TestReadingRefused(t *testing.T) {
	bus, st, r, err := open(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	bus.Publish(event.Event{Type: event.TypeCallCreated, Call: id(1), Data: event.Call{ID: id(1)}})
	bus.Close()
	if calls, err := r.Reading().Calls(context.Background(), store.Page{Size: 10}); err != nil || len(calls) != 0 {
		t.Errorf("%d calls, %v", len(calls), err)
	}
}

// beats is a store that notes heartbeats.
type beats struct {
	store.Store
	at []time.Time
}

func (s *beats) Beat(_ context.Context, _ string, t time.Time) error {
	s.at = append(s.at, t)
	return nil
}

func TestBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &beats{}
		r := &Recorder{store: s, o: Options{Node: "n1", Log: slog.New(slog.DiscardHandler)}}
		ctx, cancel := context.WithTimeout(context.Background(), 10*Beat+time.Second)
		defer cancel()
		r.beat(ctx)
		if len(s.at) != 10 {
			t.Errorf("%d beats", len(s.at))
		}
	})
}

// BenchmarkRecord is the whole way of an event: bus, journal, store.
func BenchmarkRecord(b *testing.B) {
	bus, st, r, err := open(b.TempDir(), 1<<30)
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	done := make(chan error, 1)
	go func() { done <- r.Run(context.Background()) }()
	for n := 0; b.Loop(); n++ {
		bus.Publish(event.Event{Type: event.TypeCallUpdated, Call: id(n % 1000), Data: &event.Call{ID: id(n % 1000), Status: "progressing", Media: &event.Media{Codec: "pcma"}}})
	}
	bus.Close()
	<-done
}
