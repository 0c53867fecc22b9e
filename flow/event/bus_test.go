package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("TANDEM_JOURNAL_CHILD"); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t testing.TB, dir string, o Options) *Bus {
	t.Helper()
	o.Log = quiet()
	if o.SyncEvery == 0 {
		o.SyncEvery = time.Millisecond
	}
	b, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// take reads n events.
func take(t testing.TB, r *Reader, n int) []Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var all []Record
	for len(all) < n {
		recs, err := r.Next(ctx, n-len(all))
		if err != nil {
			t.Fatalf("after %d of %d events: %v", len(all), n, err)
		}
		all = append(all, recs...)
	}
	return all
}

func TestEnvelope(t *testing.T) {
	e := Event{Type: "call_ringing", Call: "c", Seq: 7, CallSeq: 2, Time: time.Date(2026, 5, 1, 15, 10, 23, 414798123, time.FixedZone("", 3600)), Data: map[string]int{"a": 1}}
	got, err := json.Marshal(e)
	want := `{"type":"call_ringing","data":{"a":1},"seq":7,"call_seq":2,"time":"2026-05-01 14:10:23.414798"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	if e.Resource() != "call" {
		t.Errorf("resource %q", e.Resource())
	}
}

func TestTime(t *testing.T) {
	for s, want := range map[string]string{
		"2026-05-01 15:10:23.414798": "2026-05-01 15:10:23.414798",
		"2026-05-01 15:10:23":        "2026-05-01 15:10:23.000000",
		never:                        never,
		"":                           never,
	} {
		if got, err := ParseTime(s); err != nil || got.String() != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	if _, err := ParseTime("yesterday"); err == nil {
		t.Error("yesterday was read")
	}
}

// TestNumbers: customers' and calls' streams are numbered without gaps, in the
// order of publishing, whoever publishes.
func TestNumbers(t *testing.T) {
	b := open(t, t.TempDir(), Options{Readers: []string{"r"}})
	r, err := b.Reader("r", FromOldest)
	if err != nil {
		t.Fatal(err)
	}
	const calls, each = 20, 50
	var wg sync.WaitGroup
	for c := range calls {
		wg.Go(func() {
			for n := range each {
				b.Publish(Event{Type: "call_updated", Call: fmt.Sprint("call", c), Customer: fmt.Sprint("customer", c%2), Data: n})
			}
		})
	}
	wg.Wait()
	seqs, callSeqs := map[string]uint64{}, map[string]uint64{}
	for i, rec := range take(t, r, calls*each) {
		e := rec.Event
		seqs[e.Customer]++
		callSeqs[e.Call]++
		if rec.Index != uint64(i) || e.Seq != seqs[e.Customer] || e.CallSeq != callSeqs[e.Call] || string(e.Data.(json.RawMessage)) != fmt.Sprint(e.CallSeq-1) {
			t.Fatalf("event %d: %+v", i, rec)
		}
	}
}

func TestLiveSubscriberLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := Open("", Options{Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		slow := b.Subscribe(3, func(e *Event) bool { return e.Type == "a" })
		all := b.Subscribe(100, nil)
		for n := range 10 {
			b.Publish(Event{Type: "a", Data: n})
			b.Publish(Event{Type: "b", Data: n})
			synctest.Wait()
		}
		if n := len(all.Events()); n != 20 {
			t.Errorf("the quick one got %d of 20", n)
		}
		var got []string
		drain := func() {
			for len(slow.Events()) > 0 {
				e := <-slow.Events()
				got = append(got, fmt.Sprintf("%s %s", e.Type, asText(e.Data)))
			}
		}
		drain()
		b.Publish(Event{Type: "a", Data: "later"})
		synctest.Wait()
		drain()
		want := []string{"a 0", "a 1", "a 2", `events_lost {"count":7}`, `a "later"`}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if s := b.Stats(); s.LostLive != 7 || s.Published != 21 || s.Queued != 0 {
			t.Errorf("stats %+v", s)
		}
		slow.Close()
		slow.Close()
		b.Close()
		for range all.Events() { // ends: closed with the bus
		}
	})
}

func asText(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// TestRestart: a reader goes on behind what it acknowledged, and the numbers go
// on too.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	o := Options{Readers: []string{"a", "b"}, SegmentSize: 2000}
	for run := range 4 {
		b := open(t, dir, o)
		a, err := b.Reader("a", FromOldest)
		if err != nil {
			t.Fatal(err)
		}
		if run > 0 {
			rec := take(t, a, 1)[0]
			if want := uint64(100*run - 10); rec.Index != want || rec.Event.Seq != want+1 {
				t.Fatalf("run %d goes on with %+v, want index %d", run, rec, want)
			}
			a.Ack(uint64(100*run - 1))
			take(t, a, 9)
		}
		for range 100 {
			b.Publish(Event{Type: "call_updated", Call: "c", Data: "some data to fill the file with"})
		}
		recs := take(t, a, 100)
		if err := a.Ack(recs[89].Index); err != nil {
			t.Fatal(err)
		}
		a.Ack(recs[3].Index) // earlier: nothing
		if a.Lag() != 10 {
			t.Errorf("lag %d", a.Lag())
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Next(context.Background(), 1); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		b.Publish(Event{Type: "late"})
	}
}

// TestTrim: files that all readers are done with go; a reader that is not named
// any more holds nothing back; one that never acknowledges loses the oldest
// when the journal is full, and that is an event.
func TestTrim(t *testing.T) {
	dir := t.TempDir()
	files := func() int {
		f, _ := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
		return len(f)
	}
	o := Options{Readers: []string{"quick", "lazy"}, SegmentSize: 2000, MaxSize: 20000}
	b := open(t, dir, o)
	quick, err := b.Reader("quick", FromOldest)
	if err != nil {
		t.Fatal(err)
	}
	lazy, err := b.Reader("lazy", FromOldest)
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		b.Publish(Event{Type: "call_updated", Data: "some data to fill the file with"})
		quick.Ack(take(t, quick, 1)[0].Index)
	}
	if n := files(); n < 8 || n > 12 {
		t.Errorf("%d files, want some 10", n)
	}
	first := take(t, lazy, 1)[0]
	if first.Index == 0 {
		t.Error("the lazy reader lost nothing")
	}
	b.Publish(Event{Type: "next"})
	for {
		rec := take(t, quick, 1)[0]
		if rec.Event.Type == TypeLost {
			var l Lost
			if err := rec.Event.Decode(&l); err != nil || l.Reader != "lazy" || l.Count != first.Index {
				t.Errorf("lost %+v, %v; first is %d", l, err, first.Index)
			}
			break
		}
	}
	b.Close()

	o.Readers = []string{"quick"}
	b = open(t, dir, o)
	quick, err = b.Reader("quick", FromOldest)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		b.Publish(Event{Type: "call_updated", Data: "some data to fill the file with"})
		quick.Ack(take(t, quick, 1)[0].Index)
	}
	if n := files(); n > 3 {
		t.Errorf("%d files are left", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "lazy"+offsetSuffix)); err == nil {
		t.Error("lazy's position is still there")
	}
	if _, err := b.Reader("unknown", FromOldest); err == nil {
		t.Error("a reader without a name was given")
	}
}

func TestReaderFromNow(t *testing.T) {
	b := open(t, t.TempDir(), Options{Readers: []string{"old", "new"}})
	old, err := b.Reader("old", FromOldest)
	if err != nil {
		t.Fatal(err)
	}
	b.Publish(Event{Type: "before"})
	take(t, old, 1)
	r, err := b.Reader("new", FromNow)
	if err != nil {
		t.Fatal(err)
	}
	b.Publish(Event{Type: "after"})
	if e := take(t, r, 1)[0].Event; e.Type != "after" {
		t.Errorf("got %s", e.Type)
	}
}

// TestDamage: whatever stands at the end of the last file, the whole records
// before it are read and the journal can be written on.
func TestDamage(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"torn header":    func(b []byte) []byte { return append(b, 0, 0) },
		"torn payload":   func(b []byte) []byte { return append(b, 0, 0, 0, 99, 1, 2, 3, 4, '{') },
		"zeros":          func(b []byte) []byte { return append(b, make([]byte, 4096)...) },
		"huge length":    func(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0) },
		"flipped bit":    func(b []byte) []byte { b[len(b)-3] ^= 1; return b },
		"cut in the end": func(b []byte) []byte { return b[:len(b)-5] },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := open(t, dir, Options{})
			for range 10 {
				b.Publish(Event{Type: "call_updated", Call: "c", Data: "x"})
			}
			b.Close()
			files, _ := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
			data, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[0], damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			b = open(t, dir, Options{Readers: []string{"r"}})
			b.Publish(Event{Type: "next"})
			r, err := b.Reader("r", FromOldest)
			if err != nil {
				t.Fatal(err)
			}
			n := 10
			if name == "flipped bit" || name == "cut in the end" {
				n = 9
			}
			recs := take(t, r, n+1)
			if last := recs[n].Event; last.Type != "next" || last.Seq != uint64(n+1) {
				t.Errorf("after the damage: %+v", last)
			}
		})
	}
}

// TestFull: while the disk takes nothing, events wait, then are lost and
// counted; live subscribers hear of them all the same; when there is room the
// rest is written in order, with the loss as an event.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, Options{Readers: []string{"r"}, Queue: 20})
	r, err := b.Reader("r", FromOldest)
	if err != nil {
		t.Fatal(err)
	}
	live := b.Subscribe(100, nil)
	// The journal's file is swapped for one that cannot be written.
	j := b.journal
	j.mu.Lock()
	good := j.file
	bad, err := os.Open(good.Name())
	if err != nil {
		t.Fatal(err)
	}
	j.file = bad
	j.mu.Unlock()
	for range 30 {
		b.Publish(Event{Type: "call_updated"})
	}
	for b.Stats().WriteErrors == 0 {
		runtime.Gosched()
	}
	if s := b.Stats(); s.Lost != 10 || s.Queued != 20 {
		t.Errorf("stats %+v", s)
	}
	j.mu.Lock()
	j.file = good
	j.mu.Unlock()
	bad.Close()
	recs := take(t, r, 20) // the bus tries again by itself
	b.Publish(Event{Type: "after"})
	recs = append(recs, take(t, r, 2)...)
	for i, rec := range recs {
		if rec.Event.Seq != uint64(i+1) {
			t.Fatalf("event %d has number %d", i, rec.Event.Seq)
		}
	}
	if recs[20].Event.Type != TypeLost || recs[21].Event.Type != "after" {
		t.Errorf("the end: %+v", recs[20:])
	}
	if len(live.Events()) < 20 {
		t.Errorf("live heard %d", len(live.Events()))
	}
}

func TestUnencodable(t *testing.T) {
	b := open(t, t.TempDir(), Options{Readers: []string{"r"}})
	r, _ := b.Reader("r", FromOldest)
	b.Publish(Event{Type: "a", Data: make(chan int)})
	b.Publish(Event{Type: "b", Data: json.RawMessage("{broken")})
	b.Publish(Event{Type: "c", Data: json.RawMessage(`{}`)})
	recs := take(t, r, 3)
	if asText(recs[0].Event.Data) != "null" || asText(recs[1].Event.Data) != "null" || asText(recs[2].Event.Data) != "{}" {
		t.Errorf("got %+v", recs)
	}
}

func TestMediaWithoutFigures(t *testing.T) {
	got := asText(&Media{MOS: math.NaN(), Jitter: math.Inf(1), RTT: 20})
	if !strings.Contains(got, `"jitter":0,"rtt":20,`) || !strings.Contains(got, `"mos":0}`) {
		t.Error(got)
	}
}

func TestResume(t *testing.T) {
	b := open(t, "", Options{})
	sub := b.Subscribe(10, nil)
	b.Resume("c", 41)
	b.Resume("c", 7)
	b.Publish(Event{Type: "call_hangup", Call: "c"})
	if e := <-sub.Events(); e.CallSeq != 42 {
		t.Errorf("call_seq %d", e.CallSeq)
	}
}

// TestCallMemory: the numbering of calls that are over is forgotten.
func TestCallMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := Open("", Options{Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		for n := range 100 {
			b.Publish(Event{Type: TypeCallHangup, Call: fmt.Sprint(n)})
		}
		time.Sleep(2 * callMemory)
		b.Publish(Event{Type: "x"})
		synctest.Wait()
		if n := len(b.calls); n != 0 {
			t.Errorf("%d calls are remembered", n)
		}
	})
}

func TestNamedID(t *testing.T) {
	if a, b := NamedID("standup"), NamedID("standup"); a != b || a[14] != '5' {
		t.Errorf("%s, %s", a, b)
	}
	if got := NamedID("4553C074-c88d-49e5-9d47-5c01598ac099"); got != "4553c074-c88d-49e5-9d47-5c01598ac099" {
		t.Errorf("an id became %s", got)
	}
}

func BenchmarkPublish(b *testing.B) {
	bus := open(b, b.TempDir(), Options{Queue: 1 << 30, SyncEvery: 100 * time.Millisecond})
	c := &Call{ID: NilID, Status: CallProgressing}
	for b.Loop() {
		bus.Publish(Event{Type: TypeCallUpdated, Call: c.ID, Data: c})
	}
	bus.Close()
}

func record(e *Event) []byte {
	b, _, _ := appendRecord(nil, e)
	return b
}

func FuzzRecord(f *testing.F) {
	f.Add(record(&Event{Type: "call_created", Call: "c", Seq: 1, Data: json.RawMessage(`{"a":1}`)}))
	f.Add(encodeHead(map[string]uint64{"": 3, "c": 1 << 40}))
	f.Add(seal(append(make([]byte, recordHeader), 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f)))
	f.Add(seal(append(make([]byte, recordHeader), 1, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= recordHeader { // most changes would end at the checksum
			seal(b)
		}
		p, n, err := parseRecord(b)
		if err != nil {
			return
		}
		if n > len(b) {
			t.Fatalf("%d bytes of %d", n, len(b))
		}
		if data, ok := p.Event.Data.(json.RawMessage); ok && !json.Valid(data) {
			return // is written as null
		}
		again := record(&p.Event)
		if p.Seqs != nil {
			again = encodeHead(p.Seqs)
		}
		q, _, err := parseRecord(again)
		if d := cmp.Diff(p, q); d != "" || err != nil {
			t.Error(d, err)
		}
	})
}

// FuzzCallJSON: what a call writes by itself is what encoding/json makes of the
// struct's tags.
func FuzzCallJSON(f *testing.F) {
	f.Add(int64(1), "plain", "odd <\"\\\u2028\xff\x00é", 4.25)
	f.Add(int64(2), "", "", 1e-9)
	f.Fuzz(func(t *testing.T, seed int64, a, b string, x float64) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Skip()
		}
		c := Call{}
		fill(reflect.ValueOf(&c).Elem(), rand.New(rand.NewPCG(uint64(seed), 0)), []string{a, b, NilID}, x)
		type plainAction Action
		type plainMedia Media
		type plain Call
		type shadow struct {
			plain
			Action plainAction `json:"action"`
			Media  *plainMedia `json:"media,omitempty"`
		}
		want := shadow{plain: plain(c), Action: plainAction(c.Action), Media: (*plainMedia)(c.Media)}
		for _, id := range []*string{&want.ID, &want.FlowID, &want.MasterCallID, &want.RecordingID, &want.CustomerID, &want.Action.ID, &want.Action.NextID} {
			*id = orNil(*id)
		}
		want.ChainedCallIDs, want.RecordingIDs = orEmpty(want.ChainedCallIDs), orEmpty(want.RecordingIDs)
		got := c.AppendJSON(nil)
		if !json.Valid(got) {
			t.Fatalf("no JSON: %s", got)
		}
		if d := cmp.Diff(members(t, []byte(asText(want))), members(t, got)); d != "" {
			t.Error(d)
		}
	})
}

// members reads an object member by member.
func members(t *testing.T, text []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// fill sets every field of a struct.
func fill(v reflect.Value, r *rand.Rand, texts []string, x float64) {
	switch p := v.Addr().Interface().(type) {
	case *Time:
		*p = Time(time.Unix(r.Int64N(4e9), r.Int64N(1e9)))
		return
	case *ExecTime:
		*p = ExecTime(time.Unix(r.Int64N(4e9), r.Int64N(1e9)))
		return
	case *json.RawMessage:
		*p = json.RawMessage(`{"text":"hello"}`)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), r, texts, x)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), r, texts, x)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 3))
		for i := range v.Len() {
			fill(v.Index(i), r, texts, x)
		}
	case reflect.String:
		v.SetString(texts[r.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int:
		v.SetInt(r.Int64N(1000) - 5)
	case reflect.Uint64:
		v.SetUint(r.Uint64())
	case reflect.Float64:
		v.SetFloat(x * r.Float64())
	default:
		panic("a kind that the appender may not know: " + v.Kind().String())
	}
}
