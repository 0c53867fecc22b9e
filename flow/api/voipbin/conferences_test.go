package voipbin

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tandem/flow/event"
)

func TestConferenceCommands(t *testing.T) {
	g := newRig(t)
	open, over := id(1), id(2)
	g.rooms.open[open] = &event.Conference{ID: open, Status: event.ConferenceProgressing}
	g.put(event.TypeConferenceDeleted, event.Conference{ID: over, Status: event.ConferenceTerminated, TMCreate: at("2026-11-21 08:00:00.000000")})

	for _, tt := range []struct {
		method, path, body string
		code               int
		says               string
	}{
		{"GET", open, "", 200, `"progressing"`},
		{"GET", over, "", 200, `"terminated"`},
		{"GET", id(3), "", 404, "CONFERENCE_NOT_FOUND"},
		{"POST", open + "/recording_stop", "", 409, "RECORDING_NOT_ACTIVE"},
		{"POST", over + "/recording_start", "", 409, "CONFERENCE_STATE_INVALID"},
		{"POST", id(3) + "/recording_start", "", 404, "CONFERENCE_NOT_FOUND"},
		{"POST", "nonsense/recording_start", "", 400, "INVALID_ID"},
		{"POST", open + "/recording_start", `{"format":"flac"}`, 400, `"format"`},
		{"POST", open + "/recording_start", `{"duration":-1}`, 400, `"duration"`},
		{"POST", open + "/recording_start", `{"duration":"x"}`, 400, "INVALID_JSON_BODY"},
		{"POST", open + "/recording_start", `{"duration":60}`, 200, id(77)},
		{"POST", open + "/recording_start", "", 409, "RECORDING_ALREADY_ACTIVE"},
		{"POST", open + "/recording_stop", "", 200, open},
		{"DELETE", over, "", 200, `"terminated"`},
		{"DELETE", open, "", 200, `"terminating"`},
	} {
		w := g.do(tt.method, "/v1.0/conferences/"+tt.path, tt.body)
		if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s %s: %d %s, want %d with %s", tt.method, tt.path, tt.body, w.Code, w.Body, tt.code, tt.says)
		}
	}
	want := "record " + open + " 1m0s|stop " + open + "|end " + open
	if got := strings.Join(g.rooms.log, "|"); got != want {
		t.Errorf("the conferences were told %q, want %q", got, want)
	}
	if w := g.do(http.MethodPatch, "/v1.0/conferences/"+open, ""); w.Code != 405 {
		t.Errorf("PATCH: %d", w.Code)
	}
}
