package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tandem/flow/event"
	"tandem/flow/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func server(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	if cfg.Keys == nil {
		cfg.Keys = []Key{{Name: "ops", Secret: "k1"}, {Name: "ro", Secret: "k2", ReadOnly: true}, {Name: "old", Secret: "k3", Expires: time.Now().Add(-time.Hour)}, {Name: "empty"}}
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	echo := func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		WriteJSON(w, 200, map[string]any{"key": KeyOf(r.Context()).Name, "bytes": len(body)})
		return nil
	}
	s.Handle("GET /v1.0/things", echo)
	s.Handle("POST /v1.0/things", echo)
	s.Handle("GET /v1.0/panic", func(http.ResponseWriter, *http.Request) error { panic("oops") })
	s.Handle("GET /v1.0/broken", func(http.ResponseWriter, *http.Request) error { return errors.New("secret detail") })
	s.Handle("GET /v1.0/bad", func(http.ResponseWriter, *http.Request) error { return BadRequest("a.b", "a.b is %d", 5) })
	return s
}

func TestAnswers(t *testing.T) {
	s := server(t, Config{})
	for _, tt := range []struct {
		name, method, path string
		header             http.Header
		body               string
		status             int
		want               []string
	}{
		{"health", "GET", "/health", nil, "", 200, []string{`{"status":"ok"}`}},
		{"ready", "GET", "/ready", nil, "", 200, []string{`"ready"`}},
		{"no key", "GET", "/v1.0/things", nil, "", 401, []string{`"status":"UNAUTHENTICATED"`, `"reason":"AUTHENTICATION_REQUIRED"`, `"request_id":"`, `"message":"an access key is required`}},
		{"no key, no path", "GET", "/v1.0/nothing", nil, "", 401, nil},
		{"no key, wrong method", "PUT", "/v1.0/things", nil, "", 401, nil},
		{"wrong key", "GET", "/v1.0/things?accesskey=nope", nil, "", 401, []string{`"INVALID_CREDENTIALS"`}},
		{"empty key", "GET", "/v1.0/things", http.Header{"Authorization": {"Bearer "}}, "", 401, nil},
		{"expired", "GET", "/v1.0/things?accesskey=k3", nil, "", 401, nil},
		{"bearer", "GET", "/v1.0/things", http.Header{"Authorization": {"bearer k1"}}, "", 200, []string{`"key":"ops"`}},
		{"query", "GET", "/v1.0/things?accesskey=k1", nil, "", 200, nil},
		{"token", "GET", "/v1.0/things?token=k1", nil, "", 200, nil},
		{"cookie", "GET", "/v1.0/things", http.Header{"Cookie": {"token=k1"}}, "", 200, nil},
		{"read only reads", "GET", "/v1.0/things?accesskey=k2", nil, "", 200, []string{`"key":"ro"`}},
		{"read only writes", "POST", "/v1.0/things?accesskey=k2", nil, "{}", 403, []string{`"PERMISSION_DENIED"`}},
		{"body", "POST", "/v1.0/things?accesskey=k1", nil, "12345", 200, []string{`"bytes":5`}},
		{"body too large", "POST", "/v1.0/things?accesskey=k1", nil, strings.Repeat("x", MaxBody+1), 413, []string{`"BODY_TOO_LARGE"`}},
		{"no path", "GET", "/v1.0/nothing?accesskey=k1", nil, "", 404, []string{`"ROUTE_NOT_FOUND"`, `"status":"NOT_FOUND"`}},
		{"nowhere", "GET", "/", nil, "", 404, []string{`"ROUTE_NOT_FOUND"`}},
		{"method", "DELETE", "/v1.0/things?accesskey=k1", nil, "", 405, []string{`"METHOD_NOT_ALLOWED"`}},
		{"panic", "GET", "/v1.0/panic?accesskey=k1", nil, "", 500, []string{`"INTERNAL"`}},
		{"broken", "GET", "/v1.0/broken?accesskey=k1", nil, "", 500, []string{`"message":"internal error"`}},
		{"bad", "GET", "/v1.0/bad?accesskey=k1", nil, "", 400, []string{`"details":{"field":"a.b"}`, `},"message":"a.b is 5"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
			for k, v := range tt.header {
				r.Header[k] = v
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != tt.status || w.Header().Get("Content-Type") != "application/json" || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
			}
			for _, want := range tt.want {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("no %s in %s", want, w.Body)
				}
			}
			if tt.status == 405 && w.Header().Get("Allow") != "GET, HEAD, POST" {
				t.Errorf("Allow: %q", w.Header().Get("Allow"))
			}
			if tt.status == 401 && w.Header().Get("WWW-Authenticate") == "" {
				t.Error("401 without a challenge")
			}
			if strings.Contains(w.Body.String(), "secret detail") {
				t.Error("an internal error is shown")
			}
		})
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`tandem_http_requests_total{code="200",method="GET",route="GET /v1.0/things"} 5`,
		`tandem_http_requests_total{code="404",method="GET",route="none"} 2`,
		`tandem_http_request_duration_seconds_bucket{`, "go_goroutines", "process_open_fds",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if strings.Contains(w.Body.String(), "k1") {
		t.Error("a key is in the metrics")
	}
}

func TestNotReady(t *testing.T) {
	s := server(t, Config{Ready: func() error { return errors.New("draining") }})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/ready", nil))
	if w.Code != 503 || !strings.Contains(w.Body.String(), "draining") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestCollectors(t *testing.T) {
	bus, err := event.Open("", event.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	bus.Publish(event.Event{Type: "x"})
	s := server(t, Config{Collectors: EventMetrics(bus)})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(w.Body.String(), "tandem_events_published_total 1") {
		t.Error("the bus is not in the metrics")
	}
	twice := prometheus.NewCounter(prometheus.CounterOpts{Name: "a", Help: "b"})
	if _, err := New(Config{Collectors: []prometheus.Collector{twice, twice}}); err == nil {
		t.Error("a collector was taken twice")
	}
}

func TestLoadKey(t *testing.T) {
	dir := t.TempDir()
	key, made, err := LoadKey(dir)
	if err != nil || !made || len(key) < 20 {
		t.Fatalf("%q %v %v", key, made, err)
	}
	path := filepath.Join(dir, KeyFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if again, made, err := LoadKey(dir); again != key || made || err != nil {
		t.Errorf("again: %q %v %v", again, made, err)
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadKey(dir); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("an empty file: %v", err)
	}
	if _, _, err := LoadKey(filepath.Join(dir, "absent")); err == nil {
		t.Error("no folder, no error")
	}
}

// TestServe: it ends when told, with requests under way.
func TestServe(t *testing.T) {
	s := server(t, Config{})
	under := make(chan struct{})
	s.HandleOpen("GET /slow", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(under)
		<-r.Context().Done()
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	got := make(chan error, 1)
	go func() {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := c.Get(fmt.Sprintf("http://%s/slow", l.Addr()))
		if err == nil {
			res.Body.Close()
		}
		got <- err
	}()
	<-under
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-got
}

func TestPage(t *testing.T) {
	for query, want := range map[string]store.Page{
		"":                                      {Size: 100},
		"page_size=5":                           {Size: 5},
		"page_size=0":                           {Size: 100},
		"page_size=101":                         {Size: 100},
		"page_size=many":                        {Size: 100},
		"page_token=2026-05-01+15:10:23.414798": {Size: 100, Before: store.Place{Created: 1777648223414798}},
		"page_token=2026-05-01+15:10:23.414798|abc": {Size: 100, Before: store.Place{Created: 1777648223414798, ID: "abc"}},
	} {
		p, err := ReadPage(httptest.NewRequest("GET", "/?"+query, nil))
		if err != nil || p != want {
			t.Errorf("%s: %+v, %v", query, p, err)
		}
	}
	_, err := ReadPage(httptest.NewRequest("GET", "/?page_token=nope", nil))
	var e *Error
	if !errors.As(err, &e) || e.Field != "page_token" {
		t.Errorf("got %v", err)
	}

	at := func(s int64) event.Time { return event.Time(time.Unix(s, 0)) }
	place := func(r *event.Refusal) (event.Time, string) { return r.TMCreate, r.ID }
	objs := []event.Refusal{{ID: "c", TMCreate: at(3)}, {ID: "b", TMCreate: at(2)}, {ID: "a", TMCreate: at(2)}}
	if l := MakeList(objs, store.Page{Size: 2}, place); len(l.Result) != 2 || l.NextPageToken != "1970-01-01 00:00:02.000000|b" {
		t.Errorf("%+v", l)
	}
	if l := MakeList(objs, store.Page{Size: 1}, place); l.NextPageToken != "1970-01-01 00:00:03.000000" {
		t.Errorf("%+v", l)
	}
	b, _ := json.Marshal(MakeList(nil, store.Page{Size: 1}, place))
	if string(b) != `{"result":[],"next_page_token":""}` {
		t.Errorf("%s", b)
	}
}

func TestRefusals(t *testing.T) {
	r := NewRefusals(3)
	for n := range 5 {
		r.Add(event.Refusal{Status: n})
	}
	l := r.List()
	if len(l) != 3 || l[0].Status != 4 || l[2].Status != 2 || r.Total() != 5 {
		t.Errorf("%+v, total %d", l, r.Total())
	}
}
