//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// do sends a request to the API and returns the status and the body.
func (n *node) do(method, path, body, authorization string) (int, map[string]any) {
	n.t.Helper()
	req, err := http.NewRequest(method, "http://"+n.api+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		n.t.Fatalf("%s %s: %v in %q", method, path, err, text)
	}
	return res.StatusCode, doc
}

// place places a call over the API and returns its id.
func (n *node) place(body string) string {
	n.t.Helper()
	status, doc := n.do("POST", "/v1.0/calls", body, "Bearer "+key)
	calls, _ := doc["calls"].([]any)
	if status != 200 || len(calls) != 1 {
		n.t.Fatalf("POST /v1.0/calls: %d, %v", status, doc)
	}
	c := calls[0].(map[string]any)
	if c["direction"] != "outgoing" || c["status"] == "hangup" {
		n.t.Errorf("the new call: %v", c)
	}
	return c["id"].(string)
}

const nilID = "00000000-0000-0000-0000-000000000000"

// checkCall fails the test unless doc has every key of a call that the reference
// shows, in its form.
func checkCall(t *testing.T, when string, doc map[string]any) {
	t.Helper()
	id := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	stamp := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$`)
	for _, k := range []string{"id", "flow_id", "master_call_id", "recording_id"} {
		if s, _ := doc[k].(string); !id.MatchString(s) {
			t.Errorf("%s: %s is %v, want an id", when, k, doc[k])
		}
	}
	for _, k := range []string{"tm_create", "tm_update", "tm_progressing", "tm_ringing", "tm_hangup"} {
		if s, _ := doc[k].(string); !stamp.MatchString(s) {
			t.Errorf("%s: %s is %v, want a time such as 2022-05-01 15:10:44.781000", when, k, doc[k])
		}
	}
	for _, k := range []string{"type", "status", "direction", "hangup_by", "hangup_reason"} {
		if _, ok := doc[k].(string); !ok {
			t.Errorf("%s: %s is %v, want text", when, k, doc[k])
		}
	}
	for _, k := range []string{"chained_call_ids", "recording_ids"} {
		if _, ok := doc[k].([]any); !ok {
			t.Errorf("%s: %s is %v, want a list", when, k, doc[k])
		}
	}
	for _, k := range []string{"source", "destination"} {
		a, _ := doc[k].(map[string]any)
		for _, part := range []string{"type", "target", "target_name", "name", "detail"} {
			if _, ok := a[part].(string); !ok {
				t.Errorf("%s: %s.%s is %v, want text", when, k, part, a[part])
			}
		}
	}
	a, _ := doc["action"].(map[string]any)
	for _, part := range []string{"id", "next_id", "type", "tm_execute"} {
		if _, ok := a[part].(string); !ok {
			t.Errorf("%s: action.%s is %v, want text", when, part, a[part])
		}
	}
}

// TestAPIPlacesCall: a call is placed over the API; the phone that answers hears
// what the actions say; the call shows itself while it is up and after.
func TestAPIPlacesCall(t *testing.T) {
	t.Parallel()
	p := newPhone(t, phoneOptions{Codecs: "gsm", Say: source(t, low), Answer: true})
	n := start(t, "routes: []")
	id := n.place(fmt.Sprintf(`{"source":{"type":"tel","target":"+46850000000","target_name":"Test & Söner"},"destinations":[{"type":"sip","target":%q}],
		"actions":[{"type":"recording_start","option":{"format":"wav"}},{"type":"talk","option":{"text":"This call was placed over the API.","language":"en-GB"}},{"id":"44444444-4444-4444-4444-444444444444","type":"sleep","option":{"duration":1500}}]}`,
		strings.TrimPrefix(p.uri(), "sip:")))
	p.waitLog("Call established", patience)
	status := map[string]bool{}
	n.eventually(15*time.Second, "the talk is over", func() error {
		code, doc := n.do("GET", "/v1.0/calls/"+id, "", "Bearer "+key)
		if code != 200 {
			t.Fatalf("GET: %d %v", code, doc)
		}
		checkCall(t, "up", doc)
		status[doc["status"].(string)] = true
		if a := doc["action"].(map[string]any); a["id"] != "44444444-4444-4444-4444-444444444444" || doc["recording_id"] == nilID {
			return fmt.Errorf("%v", a)
		}
		return nil
	})
	if !status["progressing"] {
		t.Errorf("the call was %v", status)
	}
	p.waitLog("terminated", patience)
	if got := p.heard().activeFor(); got < 1 {
		t.Errorf("the phone heard %.1f s of speech", got)
	}
	c := n.records(1)[0]
	if c.HangupBy != "local" || c.HangupReason != "normal" || c.Destination.Target != strings.TrimPrefix(p.uri(), "sip:") || c.Source.Target != "+46850000000" {
		t.Errorf("record: %+v", c)
	}
	_, doc := n.do("GET", "/v1.0/calls/"+id, "", "Bearer "+key)
	checkCall(t, "ended", doc)
	if doc["status"] != "hangup" || doc["recording_id"] != nilID || doc["action"].(map[string]any)["type"] != "sleep" {
		t.Errorf("after its end: %v", doc)
	}
	if !strings.Contains(p.log.String(), "+46850000000") {
		t.Error("the phone was not shown who calls")
	}

	// The recording is listed, and is to be had.
	rec := c.RecordingIDs[0]
	n.eventually(patience, "the recording is listed", func() error {
		if code, doc := n.do("GET", "/v1.0/recordings/"+rec, "", "Bearer "+key); code != 200 || doc["reference_id"] != id || doc["status"] != "ended" {
			return fmt.Errorf("%d %v", code, doc)
		}
		return nil
	})
	res, err := http.Get("http://" + n.api + "/v1.0/recordingfiles/" + rec + "?accesskey=" + key)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, _ := io.ReadAll(res.Body)
	if want := readFile(t, filepath.Join(n.dir, "recordings", rec+".wav")); res.StatusCode != 200 || !bytes.Equal(got, []byte(want)) {
		t.Errorf("the recording's file: %s, %d bytes; want %d", res.Status, len(got), len(want))
	}
	n.idle()
}

// TestAPIHangup: calls are hung up over the API: one that is up by BYE, one that
// rings by CANCEL; one that is over cannot be.
func TestAPIHangup(t *testing.T) {
	t.Parallel()
	callee := newWire(t, "127.0.0.1")
	n := start(t, "routes: []")
	body := fmt.Sprintf(`{"source":{"type":"tel","target":"1"},"destinations":[{"type":"sip","target":"x@%s"}],"actions":[{"type":"sleep","option":{"duration":60000}}]}`, callee.host())
	hangup := func(id string, want int) map[string]any {
		t.Helper()
		code, doc := n.do("POST", "/v1.0/calls/"+id+"/hangup", "", "Bearer "+key)
		if code != want {
			t.Errorf("hangup: %d %v, want %d", code, doc, want)
		}
		return doc
	}

	up := n.place(body)
	s := callee.served()
	s.answer(newVoice(t, "127.0.0.1").sdp("0"))
	n.eventually(patience, "the call is up", func() error {
		if _, doc := n.do("GET", "/v1.0/calls/"+up, "", "Bearer "+key); doc["status"] != "progressing" {
			return fmt.Errorf("%v", doc["status"])
		}
		return nil
	})
	if doc := hangup(up, 200); doc["status"] != "terminating" && doc["status"] != "hangup" {
		t.Errorf("after hangup the call is %v", doc["status"])
	}
	s.ended()

	rings := n.place(body)
	s = callee.served()
	s.respond(180, "Ringing", "", "")
	hangup(rings, 200)
	callee.respond(callee.expect("CANCEL"), 200, "OK", s.tag, "", "")
	s.refuse(487, "Request Terminated", "")

	for _, c := range n.records(2) {
		want := "normal"
		if c.ID == rings {
			want = "cancel"
		}
		if c.HangupReason != want || c.HangupBy != "local" {
			t.Errorf("record: %s by %s, want %s by local", c.HangupReason, c.HangupBy, want)
		}
	}
	n.idle()
	hangup(up, 409)
	hangup("01020304-0102-4102-8102-010203040506", 404)
	hangup("x", 400)
}

// TestAPIRefuses: without the key there is nothing to see, and a bad body draws
// an error that names the field.
func TestAPIRefuses(t *testing.T) {
	t.Parallel()
	n := start(t, "routes: []\nflows: {f: [{type: hangup}]}")
	for _, authorization := range []string{"", "Bearer wrong", "Bearer ", "Basic " + key, key, "Bearer " + key[:len(key)-1], "Bearer " + key + "x"} {
		for _, request := range []string{"GET /v1.0/calls", "GET /v1.0/calls/" + nilID, "POST /v1.0/calls", "GET /v1.0/recordings", "GET /v1.0/sip/refusals", "GET /v1.0/nothing"} {
			method, path, _ := strings.Cut(request, " ")
			if code, doc := n.do(method, path, "{}", authorization); code != 401 {
				t.Errorf("%s with %q: %d %v, want 401", request, authorization, code, doc)
			}
		}
	}
	const ok = `"source":{"type":"tel","target":"1"},"destinations":[{"type":"sip","target":"x@127.0.0.1:9"}]`
	for body, want := range map[string]struct {
		code  int
		field string
	}{
		``:                               {400, ""},
		`{`:                              {400, ""},
		`[]`:                             {400, ""},
		`{}`:                             {400, "destinations"},
		`{"destinations":"x"}`:           {400, "destinations"},
		`{"destinations":[]}`:            {400, "destinations"},
		`{"destinations":[{"type":7}]}`:  {400, "destinations.type"},
		`{"destinations":[{"type":""}]}`: {400, "destinations[0].target"},
		`{"source":{"target":"a\r\nX-Evil: 1"},"destinations":[{"target":"1"}]}`: {400, "source.target"},
		`{` + ok + `}`:                                                                     {400, "actions"},
		`{` + ok + `,"actions":{}}`:                                                        {400, "actions"},
		`{` + ok + `,"actions":[{"type":"answr"}]}`:                                        {400, "actions[0].type"},
		`{` + ok + `,"actions":[{"type":"talk"}]}`:                                         {400, "actions[0].option"},
		`{` + ok + `,"actions":[{"type":"goto","option":{}}]}`:                             {400, "actions[0].option"},
		`{` + ok + `,"flow_id":"01020304-0102-4102-8102-010203040506"}`:                    {404, "flow_id"},
		`{` + ok + `,"flow_id":"f","actions":[{"type":"answer"}]}`:                         {400, "actions"},
		`{"destinations":[{"type":"tel","target":"+461"}],"actions":[{"type":"answer"}]}`:  {400, "destinations"},
		`{"destinations":[{"type":"moon","target":"x"}],"actions":[{"type":"answer"}]}`:    {400, "destinations"},
		`{"destinations":[{"type":"sip","target":"a b@x"}],"actions":[{"type":"answer"}]}`: {400, "destinations"},
		`{"actions":"` + strings.Repeat("x", 3<<20) + `"}`:                                 {413, ""},
	} {
		code, doc := n.do("POST", "/v1.0/calls", body, "Bearer "+key)
		e, _ := doc["error"].(map[string]any)
		details, _ := e["details"].(map[string]any)
		field, _ := details["field"].(string)
		if len(body) > 100 {
			body = body[:100]
		}
		if code != want.code || field != want.field {
			t.Errorf("%s: %d, field %q, want %d, %q (%v)", body, code, field, want.code, want.field, doc["message"])
		}
		if doc["message"] == "" || e["message"] != doc["message"] || e["status"] == "" {
			t.Errorf("%s: no envelope: %v", body, doc)
		}
	}
	n.records(0)
	n.idle()
}
