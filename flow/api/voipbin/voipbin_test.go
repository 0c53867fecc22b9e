package voipbin

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tandem/flow/api"
	"tandem/flow/event"
	"tandem/flow/store/sqlite"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func id(n int) string { return fmt.Sprintf("00000000-0000-8000-8000-%012d", n) }

func at(s string) event.Time {
	t, err := event.ParseTime(s)
	if err != nil {
		panic(err)
	}
	return t
}

// fakeCalls are the live calls of a test.
type fakeCalls struct {
	live    []*event.Call
	created []NewCall
	err     error
}

func (f *fakeCalls) List() []*event.Call { return f.live }

func (f *fakeCalls) Create(_ context.Context, n NewCall) ([]event.Call, error) {
	if f.err != nil {
		return nil, f.err
	}
	f.created = append(f.created, n)
	var cs []event.Call
	for i, d := range n.Destinations {
		cs = append(cs, event.Call{ID: id(900 + i), Status: event.CallDialing, Source: n.Source, Destination: d})
	}
	return cs, nil
}

func (f *fakeCalls) Hangup(_ context.Context, id string) (event.Call, error) {
	for _, c := range f.live {
		if c.ID == id {
			over := *c
			over.Status = event.CallTerminating
			return over, nil
		}
	}
	return event.Call{}, ErrNotLive
}

// fakeRooms are the open conferences of a test; log is what they were told.
type fakeRooms struct {
	open map[string]*event.Conference
	log  []string
}

func (f *fakeRooms) Conference(id string) *event.Conference { return f.open[id] }

func (f *fakeRooms) Record(_ context.Context, id string, d time.Duration) error {
	f.log = append(f.log, fmt.Sprintf("record %s %v", id, d))
	f.open[id].RecordingID = "00000000-0000-8000-8000-000000000077"
	return nil
}

func (f *fakeRooms) StopRecording(id string) { f.log = append(f.log, "stop "+id) }
func (f *fakeRooms) End(id string)           { f.log = append(f.log, "end "+id) }

type rig struct {
	t     *testing.T
	calls *fakeCalls
	rooms *fakeRooms
	store *sqlite.Store
	ref   *api.Refusals
	srv   *api.Server
	dir   string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	g := &rig{t: t, calls: &fakeCalls{}, rooms: &fakeRooms{open: map[string]*event.Conference{}}, ref: api.NewRefusals(10), dir: t.TempDir()}
	var err error
	if g.store, err = sqlite.Open(context.Background(), filepath.Join(g.dir, "tandem.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.store.Close() })
	root, err := os.OpenRoot(g.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	if g.srv, err = api.New(api.Config{Keys: []api.Key{{Name: "ops", Secret: "k"}}, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	Mount(g.srv, Backend{Store: g.store, Calls: g.calls, Conferences: g.rooms, Refusals: g.ref, Recordings: root})
	return g
}

func (g *rig) put(typ string, data any) {
	g.t.Helper()
	if err := g.store.Apply(context.Background(), []event.Event{{Type: typ, Data: data}}); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) do(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer k")
	w := httptest.NewRecorder()
	g.srv.ServeHTTP(w, r)
	return w
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Error(d)
	}
}

// call is the example of the reference.
func call() event.Call {
	return event.Call{
		ID: "d9d32881-12fd-4b19-a6b2-6d5b6b6acf76", FlowID: "4553c074-c88d-49e5-9d47-5c01598ac099", Type: "flow",
		Source:      event.Address{Type: "tel", Target: "+821028286521"},
		Destination: event.Address{Type: "tel", Target: "+821021656521"},
		Status:      event.CallHangup,
		Action: event.Action{
			ID: "0db08d32-b7d7-470d-8bda-9feff0877077", Type: "talk",
			Option:    json.RawMessage(`{"text":"Hello. This is Sungtae, nice to meet you. hahaha","gender":"female","language":"en-US"}`),
			TMExecute: event.ExecTime(time.Date(2022, 5, 1, 15, 10, 38, 785510878, time.UTC)),
		},
		Direction: "outgoing", HangupBy: "local", HangupReason: "normal",
		TMCreate: at("2022-05-01 15:10:23.414798"), TMUpdate: at("2022-05-01 15:10:44.781000"), TMProgressing: at("2022-05-01 15:10:38.721000"),
		TMRinging: at("2022-05-01 15:10:26.978000"), TMHangup: at("2022-05-01 15:10:44.781000"),
		Node: "n1", Trunk: "acme", SIPCallID: "a@b", SIPStatus: 200, HangupCause: 16,
		Media: &event.Media{Codec: "pcma", PacketsSent: 300, PacketsReceived: 299, PacketsLost: 1, Jitter: 1.5, RTT: 20, MOS: 4.35},
	}
}

func TestGolden(t *testing.T) {
	g := newRig(t)
	g.put("call_hangup", call())
	young := event.Call{ID: id(2), Type: "flow", Status: event.CallRinging, Direction: "incoming", TMCreate: at("2022-05-01 15:10:24")}
	g.put("call_created", young)
	g.put("conference_created", event.Conference{
		ID: "99accfb7-c0dd-4a54-997d-dd18af7bc280", CustomerID: "5e4a0680-804e-11ec-8477-2fea5968d85b", Type: "conference", Status: "progressing",
		Name: "test conference", Detail: "test conference for example.", PreActions: json.RawMessage(`[{"id":"00000000-0000-0000-0000-000000000000","type":"talk"}]`),
		TMCreate: at("2022-02-03 06:08:56.672025"), TMUpdate: at("2022-08-06 19:11:13.040418"),
	})
	g.put("recording_finished", event.Recording{ID: id(5), ReferenceType: "call", ReferenceID: id(2), Status: "ended", Format: "wav", Duration: 1500, TMCreate: at("2022-05-01 15:10:25")})
	g.put("conferencecall_joined", event.Conferencecall{ID: id(6), ConferenceID: id(7), ReferenceType: "call", ReferenceID: id(2), Status: "joined", TMCreate: at("2022-05-01 15:10:25")})
	g.ref.Add(event.Refusal{ID: id(8), TMCreate: at("2022-05-01 15:10:25"), Trunk: "acme", Remote: "192.0.2.1:5060", From: "1", To: "2", Status: 404, Reason: "no route"})
	for name, path := range map[string]string{
		"call.json":            "/v1.0/calls/d9d32881-12fd-4b19-a6b2-6d5b6b6acf76",
		"calls.json":           "/v1.0/calls",
		"conference.json":      "/v1.0/conferences/99accfb7-c0dd-4a54-997d-dd18af7bc280",
		"conferences.json":     "/v1.0/conferences",
		"conferencecalls.json": "/v1.0/conferencecalls",
		"recordings.json":      "/v1.0/recordings",
		"refusals.json":        "/v1.0/sip/refusals",
		"me.json":              "/v1.0/me",
	} {
		w := g.do("GET", path, "")
		if w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
			continue
		}
		golden(t, name, w.Body.Bytes())
	}
}

// TestReferenceKeys: every key of the reference's call is there, first and in
// its order.
func TestReferenceKeys(t *testing.T) {
	g := newRig(t)
	g.put("call_hangup", call())
	body := g.do("GET", "/v1.0/calls/"+call().ID, "").Body.String()
	last := -1
	for _, key := range []string{
		"id", "flow_id", "type", "master_call_id", "chained_call_ids", "recording_id", "recording_ids", "source", "destination", "status", "action",
		"direction", "hangup_by", "hangup_reason", "tm_create", "tm_update", "tm_progressing", "tm_ringing", "tm_hangup",
		"customer_id", "mute_direction", "tm_delete", "media",
	} {
		i := strings.Index(body[last+1:], `"`+key+`":`)
		if i < 0 {
			t.Errorf("%s is missing or out of order", key)
			continue
		}
		last += 1 + i
	}
}

// TestLive: calls that are up are shown as they are now, whether or not the
// store has them yet, in the right place of the list and once.
func TestLive(t *testing.T) {
	g := newRig(t)
	made := func(n int) event.Call {
		return event.Call{ID: id(n), Status: event.CallHangup, TMCreate: event.Time(time.Unix(int64(1000+n), 0))}
	}
	for n := range 10 {
		c := made(n)
		if n == 7 {
			c.Status = event.CallRinging // the store is behind
		}
		g.put("call_updated", c)
	}
	behind, fresh, old := made(7), made(20), made(-5)
	behind.Status, fresh.Status, old.Status = event.CallProgressing, event.CallDialing, event.CallProgressing
	ended := made(3)
	ended.Status = event.CallProgressing // ended between the two looks: the store knows better
	g.calls.live = []*event.Call{&behind, &fresh, &old, &ended}

	var ids []string
	status := map[string]string{}
	token := ""
	for range 10 {
		w := g.do("GET", "/v1.0/calls?page_size=4&page_token="+url.QueryEscape(token), "")
		var l api.List[event.Call]
		if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || w.Code != 200 {
			t.Fatalf("%d %s %v", w.Code, w.Body, err)
		}
		if len(l.Result) == 0 {
			break
		}
		for _, c := range l.Result {
			ids = append(ids, c.ID)
			status[c.ID] = c.Status
		}
		token = l.NextPageToken
	}
	want := []string{id(20)}
	for n := 9; n >= 0; n-- {
		want = append(want, id(n))
	}
	want = append(want, id(-5))
	if d := cmp.Diff(want, ids); d != "" {
		t.Error(d)
	}
	if status[id(7)] != event.CallProgressing || status[id(20)] != event.CallDialing || status[id(3)] != event.CallHangup {
		t.Errorf("%v", status)
	}
	if w := g.do("GET", "/v1.0/calls/"+id(20), ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"dialing"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestCreate(t *testing.T) {
	g := newRig(t)
	w := g.do("POST", "/v1.0/calls", `{"source":{"type":"tel","target":"+1"},"destinations":[{"type":"tel","target":"+46"},{"target":"bob@host"}],"actions":[{"type":"answer"}],"anonymous":"no"}`)
	if w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"calls":[{"id":"`+id(900)+`"`) || !strings.Contains(w.Body.String(), `"groupcalls":[]}`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if len(g.calls.created) != 1 || len(g.calls.created[0].Destinations) != 2 || string(g.calls.created[0].Actions) != `[{"type":"answer"}]` {
		t.Errorf("%+v", g.calls.created)
	}
	for body, want := range map[string]string{
		``:                                `"INVALID_JSON_BODY"`,
		`{`:                               `the body is no JSON: byte 1`,
		`[]`:                              `want a JSON object, not array`,
		`{"destinations":"x"}`:            `"field":"destinations"`,
		`{"destinations":[5]}`:            `want an object, not number`,
		`{"destinations":[{"target":5}]}`: `target: want a string, not number`,
		`{"destinations":[]}`:             `"field":"destinations"`,
		`{"destinations":[{}]}`:           `"field":"destinations[0].target"`,
		`{"destinations":[{"target":"+46\r\nX-Evil: 1"}],"actions":[]}`:                          `destinations[0].target has a control character`,
		`{"source":{"target_name":"a\u0000"},"destinations":[{"target":"+46"}],"actions":[]}`:    `"field":"source.target_name"`,
		`{"destinations":[{"target":"` + strings.Repeat("1", 300) + `"}],"actions":[]}`:          `longer than 256 bytes`,
		`{"destinations":[{"target":"+46"}]}`:                                                    `give flow_id or actions`,
		`{"destinations":[{"target":"+46"}],"actions":{}}`:                                       `actions: want an array`,
		`{"destinations":[{"target":"+46"}],"flow_id":"` + id(1) + `","actions":[{"type":"x"}]}`: `not both`,
		`{"destinations":[` + strings.Repeat(`{"target":"+46"},`, 100) + `{"target":"+46"}]}`:    `more than 100`,
		strings.Repeat("[", 100000):                                                              `"INVALID_JSON_BODY"`,
	} {
		w := g.do("POST", "/v1.0/calls", body)
		if w.Code != 400 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%.60s: %d %s", body, w.Code, w.Body)
		}
	}
	g.calls.err = api.Unavailable("draining")
	if w := g.do("POST", "/v1.0/calls", `{"destinations":[{"target":"+46"}],"flow_id":"`+id(1)+`"}`); w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestHangup(t *testing.T) {
	g := newRig(t)
	g.calls.live = []*event.Call{{ID: id(1), Status: event.CallProgressing}}
	g.put("call_hangup", event.Call{ID: id(2), Status: event.CallHangup})
	for path, want := range map[string]struct {
		code int
		text string
	}{
		id(1):  {200, `"terminating"`},
		id(2):  {409, `"CALL_ALREADY_HANGUP"`},
		id(3):  {404, `"CALL_NOT_FOUND"`},
		"nope": {400, `"INVALID_ID"`},
	} {
		if w := g.do("POST", "/v1.0/calls/"+path+"/hangup", ""); w.Code != want.code || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestNotFound(t *testing.T) {
	g := newRig(t)
	for _, path := range []string{"calls", "conferences", "conferencecalls", "recordings", "recordingfiles"} {
		if w := g.do("GET", "/v1.0/"+path+"/"+id(1), ""); w.Code != 404 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		for _, bad := range []string{"x", "..%2f..%2ftandem.db", "%00", "{" + id(1) + "}"} {
			if w := g.do("GET", "/v1.0/"+path+"/"+bad, ""); w.Code != 400 {
				t.Errorf("%s/%s: %d %s", path, bad, w.Code, w.Body)
			}
		}
	}
}

func TestRecordingFile(t *testing.T) {
	g := newRig(t)
	rec := event.Recording{ID: id(1), Status: event.RecordingRecording, Format: "wav"}
	g.put("recording_started", rec)
	if w := g.do("GET", "/v1.0/recordingfiles/"+id(1), ""); w.Code != 409 {
		t.Errorf("while it runs: %d", w.Code)
	}
	rec.Status = event.RecordingEnded
	g.put("recording_finished", rec)
	if w := g.do("GET", "/v1.0/recordingfiles/"+id(1), ""); w.Code != 404 {
		t.Errorf("without its file: %d", w.Code)
	}
	if err := os.WriteFile(filepath.Join(g.dir, id(1)+".wav"), []byte("RIFFsound"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := g.do("GET", "/v1.0/recordingfiles/"+id(1), "")
	if w.Code != 200 || w.Body.String() != "RIFFsound" || w.Header().Get("Content-Type") != "audio/wav" || !strings.Contains(w.Header().Get("Content-Disposition"), id(1)+".wav") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	r := httptest.NewRequest("GET", "/v1.0/recordingfiles/"+id(1)+"?accesskey=k", nil)
	r.Header.Set("Range", "bytes=4-")
	w = httptest.NewRecorder()
	g.srv.ServeHTTP(w, r)
	if w.Code != http.StatusPartialContent || w.Body.String() != "sound" {
		t.Errorf("a range: %d %s", w.Code, w.Body)
	}
	rec.ID, rec.Format = id(2), "../../etc/passwd"
	g.put("recording_finished", rec)
	if w := g.do("GET", "/v1.0/recordingfiles/"+id(2), ""); w.Code != 404 {
		t.Errorf("an odd format: %d", w.Code)
	}
}

// FuzzCreate: whatever the body, an answer in JSON and no panic.
func FuzzCreate(f *testing.F) {
	for _, s := range []string{`{"source":{},"destinations":[{"target":"+46"}],"actions":[]}`, `{}`, `null`, `{"actions":[[[[`, `{"destinations":[null]}`} {
		f.Add([]byte(s))
	}
	srv, err := api.New(api.Config{Keys: []api.Key{{Secret: "k"}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	b := Backend{Calls: &fakeCalls{}}
	srv.Handle("POST /v1.0/calls", b.createCalls)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/v1.0/calls?accesskey=k", bytes.NewReader(body))
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 400 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
