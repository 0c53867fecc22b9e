package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tandem/flow/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A receiver stands in for the other side: an http.RoundTripper, so that time
// can be fake.
type receiver struct {
	mu     sync.Mutex
	got    []post
	answer func(p post) (int, error)
}

type post struct {
	at     time.Time
	header http.Header
	body   string
	event  struct {
		Type    string `json:"type"`
		Seq     uint64 `json:"seq"`
		CallSeq uint64 `json:"call_seq"`
		Data    string `json:"data"` // the call
	}
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	p := post{at: time.Now(), header: req.Header, body: string(body)}
	if err := json.Unmarshal(body, &p.event); err != nil {
		return nil, err
	}
	status := 204
	if r.answer != nil {
		if status, err = r.answer(p); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	r.got = append(r.got, p)
	r.mu.Unlock()
	return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{}}, nil
}

func (r *receiver) posts() []post {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]post(nil), r.got...)
}

func hook() Hook {
	return Hook{URL: "http://user:hidden@app.example/events?token=hidden", Secret: "s3cret"}
}

// start makes a bus and a running sender; stop ends both.
func start(t *testing.T, dir string, h Hook, r http.RoundTripper) (*event.Bus, *Sender, func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	bus, err := event.Open(dir, event.Options{Readers: Readers([]Hook{h}), Log: log, SyncEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(bus, h, Options{Client: &http.Client{Transport: r}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			bus.Close()
		})
	}
	t.Cleanup(stop)
	return bus, s, stop
}

func publish(b *event.Bus, call string) {
	b.Publish(event.Event{Type: "call_updated", Call: call, Data: call})
}

func TestSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		bus, s, stop := start(t, t.TempDir(), hook(), r)
		defer stop()
		publish(bus, "a")
		time.Sleep(time.Second)
		synctest.Wait()
		got := r.posts()
		if len(got) != 1 {
			t.Fatalf("%d posts", len(got))
		}
		p := got[0]
		if want := Signature("s3cret", p.at, []byte(p.body)); p.header.Get("X-Tandem-Signature") != want || !strings.HasPrefix(want, fmt.Sprintf("t=%d,v1=", p.at.Unix())) {
			t.Errorf("signature %q, want %q", p.header.Get("X-Tandem-Signature"), want)
		}
		if want := "sha256=" + sign("s3cret", []byte(p.body)); p.header.Get("X-Voipbin-Signature") != want {
			t.Errorf("signature %q, want %q", p.header.Get("X-Voipbin-Signature"), want)
		}
		if p.header.Get("Content-Type") != "application/json" || p.event.Seq != 1 || p.event.CallSeq != 1 {
			t.Errorf("post %+v", p)
		}
		if strings.Contains(s.URL(), "hidden") {
			t.Errorf("URL shown: %s", s.URL())
		}
	})
}

// TestVectors pins the signatures to values made with OpenSSL.
func TestVectors(t *testing.T) {
	// printf '1700000000.{}' | openssl dgst -sha256 -hmac key
	const v1 = "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
	if got := Signature("key", time.Unix(1700000000, 0), []byte("{}")); got != v1 {
		t.Errorf("got %s", got)
	}
	// printf '{}' | openssl dgst -sha256 -hmac key
	if got := sign("key", []byte("{}")); got != "a777724d943eb48dc69bca8a4a6d57a04db3f9ec7e1de4e581e860265bdf3032" {
		t.Errorf("got %s", got)
	}
}

// TestOrder: a receiver that fails, refuses and is slow gets each call's events
// in order, each at least once.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		r := &receiver{}
		r.answer = func(p post) (int, error) {
			r.mu.Lock()
			n++
			k := n
			r.mu.Unlock()
			time.Sleep(time.Duration(k%7) * 100 * time.Millisecond)
			switch {
			case k%11 == 0:
				return 503, nil
			case k%13 == 0:
				return 0, fmt.Errorf("connection reset")
			}
			return 200, nil
		}
		bus, s, stop := start(t, t.TempDir(), hook(), r)
		defer stop()
		for range 20 {
			for c := range 20 {
				publish(bus, fmt.Sprint("call", c))
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		last := map[string]uint64{}
		for _, p := range r.posts() {
			if p.event.CallSeq != last[p.event.Data]+1 && p.event.CallSeq != last[p.event.Data] {
				t.Errorf("%s: event %d after %d", p.event.Data, p.event.CallSeq, last[p.event.Data])
			}
			last[p.event.Data] = p.event.CallSeq
		}
		for c, seq := range last {
			if seq != 20 {
				t.Errorf("%s: ends with %d", c, seq)
			}
		}
		if st := s.Stats(); len(last) != 20 || st.Delivered != 400 || st.Dropped != 0 || st.Failed == 0 || st.Lag != 0 {
			t.Errorf("stats %+v, %d calls", st, len(last))
		}
	})
}

// TestOutage: a receiver that is away for an hour gets everything; tries become
// rare meanwhile.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		tries := 0
		r := &receiver{}
		r.answer = func(post) (int, error) {
			if time.Since(begin) < time.Hour {
				r.mu.Lock()
				tries++
				r.mu.Unlock()
				return 0, fmt.Errorf("connection refused")
			}
			return 200, nil
		}
		bus, s, stop := start(t, t.TempDir(), hook(), r)
		defer stop()
		for n := range 3000 {
			publish(bus, fmt.Sprint(n%100))
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if st := s.Stats(); st.Delivered != 3000 || st.Dropped != 0 {
			t.Errorf("stats %+v", st)
		}
		if tries > lanes*80 {
			t.Errorf("%d tries in the hour", tries)
		}
	})
}

// TestRefused: an answer that will not change is not asked for again; nor is an
// event posted that is older than a day.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		r.answer = func(p post) (int, error) {
			if p.event.Data == "never" {
				return 500, nil
			}
			return 410, nil
		}
		bus, s, stop := start(t, t.TempDir(), hook(), r)
		defer stop()
		publish(bus, "gone")
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := s.Stats(); st.Dropped != 1 || len(r.posts()) != 1 {
			t.Errorf("stats %+v", st)
		}
		publish(bus, "never")
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		if st := s.Stats(); st.Dropped != 2 || st.Lag != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

// TestRestart: what was not taken when the process ended is posted by the next;
// what was taken is not.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := &receiver{answer: func(p post) (int, error) {
			if p.event.Seq > 10 {
				return 0, fmt.Errorf("connection refused")
			}
			return 200, nil
		}}
		bus, _, stop := start(t, dir, hook(), r)
		for range 20 {
			publish(bus, "a")
		}
		time.Sleep(time.Minute)
		stop()
		r = &receiver{}
		_, s, stop := start(t, dir, hook(), r)
		defer stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		got := r.posts()
		if len(got) != 10 || got[0].event.Seq != 11 || s.Stats().Lag != 0 {
			t.Errorf("%d posts, stats %+v", len(got), s.Stats())
		}
	})
}

func TestTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hook()
		h.Want = func(typ string) bool { return strings.HasPrefix(typ, "call_") }
		r := &receiver{}
		bus, s, stop := start(t, t.TempDir(), h, r)
		defer stop()
		for range 10 {
			bus.Publish(event.Event{Type: "conference_updated", Data: ""})
			publish(bus, "a")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(r.posts()) != 10 || s.Stats().Lag != 0 {
			t.Errorf("%d posts, stats %+v", len(r.posts()), s.Stats())
		}
	})
}

// TestRealServer: once over a real connection, with a redirect.
func TestRealServer(t *testing.T) {
	got := make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusTemporaryRedirect)
			return
		}
		body, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + string(body)
	}))
	defer srv.Close()
	log := slog.New(slog.DiscardHandler)
	h := Hook{URL: srv.URL + "/old"}
	bus, err := event.Open(t.TempDir(), event.Options{Readers: Readers([]Hook{h, h}), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(bus, h, Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background()) }()
	publish(bus, "a")
	bus.Close() // Run posts what was published and ends
	if err := <-done; err != nil {
		t.Error(err)
	}
	if p := <-got; !strings.HasPrefix(p, `/new {"type":"call_updated","data":"a","seq":1,"call_seq":1,"time":"`) {
		t.Errorf("got %s", p)
	}
}
