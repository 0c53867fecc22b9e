//go:build e2e

package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// fetchYAML fetches actions from a URL and would then wait.
const fetchYAML = `
routes: [{to: "180", flow: fetched}]
flows:
  fetched:
    - {type: fetch, option: {event_url: "%s/actions", event_method: %s}}
    - {type: answer}
    - {type: sleep, option: {duration: 60000}}
`

// TestFetch: the actions that a web server names are done before the flow goes
// on.
func TestFetch(t *testing.T) {
	t.Parallel()
	s := newSink(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"type":"variable_set","option":{"key":"k","value":"x"}},
			{"type":"condition_variable","option":{"variable":"${k}","condition":"==","value_type":"string","value_string":"x","false_target_id":"b0000000-0000-0000-0000-000000000001"}},
			{"type":"hangup","option":{"reason":"busy"}},
			{"id":"b0000000-0000-0000-0000-000000000001","type":"hangup","option":{"reason":"noanswer"}}]`)
	})
	n := start(t, fmt.Sprintf(fetchYAML, s.URL, "PUT"))
	call := newWire(t, "127.0.0.1").attempt(n.sip, "180")
	if m := call.call(newVoice(t, "127.0.0.1").sdp("0")); m.status() != 486 {
		t.Errorf("the caller got %q, want 486", m.start)
	}
	p := s.wait(1)
	var body map[string]string
	if err := json.Unmarshal([]byte(p.body), &body); err != nil {
		t.Fatalf("%v in %q", err, p.body)
	}
	c := n.records(1)[0]
	if p.method != "PUT" || p.header.Get("Content-Type") != "application/json; charset=utf-8" || body["reference_id"] != c.ID || len(body["activeflow_id"]) != 36 {
		t.Errorf("%s %s: %s", p.method, p.header.Get("Content-Type"), p.body)
	}
	n.idle()
}

// TestFetchFails: a call whose flow cannot be fetched ends, whatever is wrong,
// and in time.
func TestFetchFails(t *testing.T) {
	t.Parallel()
	answers := map[string]func(int, http.ResponseWriter, *http.Request){
		"404":            func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
		"201":            func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); fmt.Fprint(w, "[]") },
		"no JSON":        func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"no list":        func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"type":"answer"}`) },
		"unknown action": func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[{"type":"answr"}]`) },
		"too long": func(_ int, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "["+strings.Repeat(`{"type":"answer"},`, 80000)+`{"type":"answer"}]`)
		},
		"redirect to a file": func(_ int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		},
		"endless redirect": func(_ int, w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		"hangs":            func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"drips": func(_ int, w http.ResponseWriter, r *http.Request) {
			for range 300 {
				fmt.Fprint(w, " ")
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		},
	}
	s := newSink(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		name := strings.ReplaceAll(strings.Split(r.URL.Path, "/")[1], "-", " ")
		answers[name](0, w, r)
	})
	var routes, flows strings.Builder
	numbers := map[string]string{}
	for name := range answers {
		number := fmt.Sprint(1000 + len(numbers))
		numbers[name] = number
		fmt.Fprintf(&routes, "  - {to: \"%s\", flow: f%s}\n", number, number)
		fmt.Fprintf(&flows, "  f%s: [{type: fetch, option: {event_url: \"%s/%s/\"}}, {type: answer}, {type: sleep, option: {duration: 60000}}]\n", number, s.URL, strings.ReplaceAll(name, " ", "-"))
	}
	n := start(t, "routes:\n"+routes.String()+"flows:\n"+flows.String())
	began := time.Now()
	calls := map[string]*attempt{}
	for name, number := range numbers {
		w := newWire(t, "127.0.0.1")
		calls[name] = w.attempt(n.sip, number)
		calls[name].seq = 1
		calls[name].invite()
	}
	for name, call := range calls {
		var m message
		for m.start == "" { // longer than patience
			m, _ = call.w.next(20*time.Second, func(m message) bool { return m.status() >= 200 })
			if time.Since(began) > 20*time.Second {
				break
			}
		}
		took := m.at.Sub(began)
		slow := name == "hangs" || name == "drips"
		if m.status() != 603 || slow && (took < 9*time.Second || took > 14*time.Second) || !slow && took > 5*time.Second {
			t.Errorf("%s: %q after %v", name, m.start, took)
		}
		call.request("ACK", 1, "i", m.get("to"), call.target, "", "")
	}
	n.records(len(calls))
	n.idle()
}

// TestWebhookSend: what a flow tells the outside arrives as it says, after a
// failure again, and a receiver that hangs holds nobody up who does not wait.
func TestWebhookSend(t *testing.T) {
	t.Parallel()
	s := newSink(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/hangs":
			<-r.Context().Done()
		case n == 1:
			w.WriteHeader(500)
		}
	})
	n := start(t, fmt.Sprintf(`
routes: [{to: "190", flow: hook}]
flows:
  hook:
    - {type: webhook_send, option: {sync: true, uri: "%[1]s/told", method: PATCH, data_type: text/x-test, data: "call ${voipbin.call.id} to ${voipbin.call.destination.target} & %%41"}}
    - {type: webhook_send, option: {uri: "%[1]s/hangs", data: "{}"}}
    - {type: hangup, option: {reason: busy}}
`, s.URL))
	call := newWire(t, "127.0.0.1").attempt(n.sip, "190")
	began := time.Now()
	if m := call.call(newVoice(t, "127.0.0.1").sdp("0")); m.status() != 486 {
		t.Errorf("the caller got %q, want 486", m.start)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the flow took %v: it waited for the receiver that hangs", took)
	}
	c := n.records(1)[0]
	n.idle() // a request under way is no call any more
	first, second := s.wait(1), s.wait(2)
	want := fmt.Sprintf("call %s to 190 & %%41", c.ID)
	for _, p := range []posted{first, second} {
		if p.method != "PATCH" || p.path != "/told" || p.body != want || p.header.Get("Content-Type") != "text/x-test" {
			t.Errorf("%s %s %s: %q, want %q", p.method, p.path, p.header.Get("Content-Type"), p.body, want)
		}
	}
	if d := second.at.Sub(first.at); d < 900*time.Millisecond || d > 2500*time.Millisecond {
		t.Errorf("the second try came after %v, want 1 s", d)
	}
	if p := s.wait(3); p.path != "/hangs" || p.body != "{}" || p.method != "POST" || p.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s: %q", p.method, p.path, p.body)
	}
	ended := time.Now()
	n.stop() // with that request still under way
	if took := time.Since(ended); took > 3*time.Second {
		t.Errorf("the node took %v to end", took)
	}
}

// An event as webhooks carry it.
type hookEvent struct {
	Type    string
	Seq     uint64
	CallSeq uint64 `json:"call_seq"`
	Time    string
	Data    map[string]any
}

// TestEventWebhooks: what happens to calls is posted in order, numbered without
// a gap, signed, and again after the receiver was down.
func TestEventWebhooks(t *testing.T) {
	t.Parallel()
	const secret = "hush, hush"
	s := newSink(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n <= 2 { // it was down at first
			w.WriteHeader(503)
		}
	})
	callee := newWire(t, "127.0.0.1")
	n := start(t, fmt.Sprintf(`
events: {webhooks: [{url: "%s/events", secret: "%s"}]}
routes: [{to: "200", flow: connect}]
flows:
  connect:
    - {type: connect, option: {destinations: [{type: sip, target: "callee@%s"}]}}
    - {type: hangup}
`, s.URL, secret, callee.host()))
	call := newWire(t, "127.0.0.1").attempt(n.sip, "200")
	call.seq = 1
	call.invite()
	leg := callee.served()
	leg.respond(180, "Ringing", "", "")
	leg.answer(newVoice(t, "127.0.0.1").sdp("0"))
	answered200(t, call.final(false))
	call.hangup()
	leg.ended()
	n.records(2)
	n.idle()

	var events []hookEvent
	n.eventually(patience, "both calls' ends are posted", func() error {
		events = nil
		over := 0
		for i, p := range s.posts() {
			checkSignature(t, p, secret)
			var e hookEvent
			if err := json.Unmarshal([]byte(p.body), &e); err != nil {
				t.Fatalf("%v in %s", err, p.body)
			}
			if i < 2 { // refused
				continue
			}
			if e.Type == "call_hangup" {
				over++
			}
			events = append(events, e)
		}
		if over < 2 {
			return fmt.Errorf("%d ends in %d events", over, len(events))
		}
		return nil
	})
	calls := map[string][]hookEvent{}
	var seqs []uint64
	for _, e := range events {
		id, _ := e.Data["id"].(string)
		calls[id] = append(calls[id], e)
		seqs = append(seqs, e.Seq)
	}
	slices.Sort(seqs)
	for i, seq := range seqs {
		if seq != uint64(i+1) {
			t.Fatalf("events are numbered %v", seqs)
		}
	}
	for id, list := range calls {
		var types []string
		for i, e := range list {
			types = append(types, e.Type)
			if e.CallSeq != uint64(i+1) {
				t.Errorf("event %d of call %s, %s, is numbered %d", i+1, id, e.Type, e.CallSeq)
			}
		}
		want := "call_created call_ringing call_progressing call_hangup"
		if list[0].Data["direction"] == "outgoing" {
			want = "call_created call_dialing call_ringing call_progressing call_terminating call_hangup"
		}
		got := strings.Join(types, " ")
		if strings.ReplaceAll(got, " call_updated", "") != want {
			t.Errorf("%v call: %s, want %s", list[0].Data["direction"], got, want)
		}
		if end := list[len(list)-1].Data; end["status"] != "hangup" || end["hangup_reason"] != "normal" {
			t.Errorf("the last event says status %v, reason %v", end["status"], end["hangup_reason"])
		}
	}
	if len(calls) != 2 {
		t.Errorf("events of %d objects", len(calls))
	}
}

// checkSignature verifies the signatures of a posted event.
func checkSignature(t *testing.T, p posted, secret string) {
	t.Helper()
	mac := func(text string) string {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write([]byte(text))
		return hex.EncodeToString(m.Sum(nil))
	}
	stamp, sum, _ := strings.Cut(strings.TrimPrefix(p.header.Get("X-Tandem-Signature"), "t="), ",v1=")
	if sum != mac(stamp+"."+p.body) {
		t.Errorf("X-Tandem-Signature %q is wrong", p.header.Get("X-Tandem-Signature"))
	}
	var unix int64
	fmt.Sscan(stamp, &unix)
	if d := time.Since(time.Unix(unix, 0)); d < -time.Second || d > time.Minute {
		t.Errorf("signed %v ago", d)
	}
	if p.header.Get("X-VoIPBIN-Signature") != "sha256="+mac(p.body) {
		t.Errorf("X-VoIPBIN-Signature %q is wrong", p.header.Get("X-VoIPBIN-Signature"))
	}
	if !strings.HasPrefix(p.header.Get("Content-Type"), "application/json") || p.method != "POST" {
		t.Errorf("%s of type %q", p.method, p.header.Get("Content-Type"))
	}
}
