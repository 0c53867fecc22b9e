package voipbin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"tandem/flow/api"
	"tandem/flow/event"
	"tandem/flow/store"
)

// Limits of one request for calls.
const (
	maxDestinations = 100
	maxAddress      = 256
)

// before says whether an object stands behind a place in a list.
func before(created event.Time, id string, p store.Place) bool {
	t := time.Time(created).UnixMicro()
	return p.IsZero() || t < p.Created || t == p.Created && id < p.ID
}

// listCalls shows records, and calls that are up as they are now: a record
// follows a moment later.
func (b Backend) listCalls(w http.ResponseWriter, r *http.Request) error {
	page, err := api.ReadPage(r)
	if err != nil {
		return err
	}
	more := page
	more.Size++
	// Live first: what ends in between is in the store or still to come there.
	live := map[string]event.Call{}
	for _, c := range b.Calls.List() {
		live[c.ID] = *c
	}
	calls, err := b.Store.Calls(r.Context(), more)
	if err != nil {
		return err
	}
	for i := range calls {
		if c, ok := live[calls[i].ID]; ok {
			if calls[i].Status != event.CallHangup { // the record cannot be ahead of the call but at its end
				calls[i] = c
			}
			delete(live, c.ID)
		}
	}
	full := len(calls) == more.Size
	var last event.Call
	if full {
		last = calls[len(calls)-1]
	}
	for _, c := range live {
		// Those on other pages are left out.
		if before(c.TMCreate, c.ID, page.Before) && (!full || newer(&c, &last)) {
			calls = append(calls, c)
		}
	}
	slices.SortFunc(calls, func(a, b event.Call) int {
		if d := time.Time(b.TMCreate).Compare(time.Time(a.TMCreate)); d != 0 {
			return d
		}
		return strings.Compare(b.ID, a.ID)
	})
	calls = calls[:min(len(calls), more.Size)]
	api.WriteJSON(w, http.StatusOK, api.MakeList(calls, page, func(c *event.Call) (event.Time, string) { return c.TMCreate, c.ID }))
	return nil
}

func newer(a, b *event.Call) bool {
	return before(b.TMCreate, b.ID, store.Place{Created: time.Time(a.TMCreate).UnixMicro(), ID: a.ID})
}

// find gives a call as it is now.
func (b Backend) find(r *http.Request) (event.Call, error) {
	id, err := pathID(r)
	if err != nil {
		return event.Call{}, err
	}
	for _, c := range b.Calls.List() {
		if c.ID == id {
			return *c, nil
		}
	}
	c, err := b.Store.Call(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return c, api.NotFound("CALL")
	}
	return c, err
}

func (b Backend) getCall(w http.ResponseWriter, r *http.Request) error {
	c, err := b.find(r)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, c)
	return nil
}

func (b Backend) hangupCall(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	c, err := b.Calls.Hangup(r.Context(), id)
	if errors.Is(err, ErrNotLive) {
		if _, err := b.find(r); err != nil {
			return err
		}
		return api.Conflict("CALL_ALREADY_HANGUP", "the call is over")
	}
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, c)
	return nil
}

// A callRequest is the body of POST /v1.0/calls.
type callRequest struct {
	Source       event.Address   `json:"source"`
	Destinations []event.Address `json:"destinations"`
	FlowID       string          `json:"flow_id"`
	Actions      json.RawMessage `json:"actions"`
}

// createCalls answers before the outcome; each call's events tell it.
func (b Backend) createCalls(w http.ResponseWriter, r *http.Request) error {
	var req callRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	n, err := req.check()
	if err != nil {
		return err
	}
	calls, err := b.Calls.Create(r.Context(), n)
	if err != nil {
		return err
	}
	if calls == nil {
		calls = []event.Call{}
	}
	api.WriteJSON(w, http.StatusOK, map[string]any{"calls": calls, "groupcalls": []any{}})
	return nil
}

func (req *callRequest) check() (NewCall, error) {
	n := NewCall{Source: req.Source, Destinations: req.Destinations, FlowID: req.FlowID}
	if len(req.Destinations) == 0 {
		return n, api.BadRequest("destinations", "destinations is empty; name at least one, such as {\"type\":\"tel\",\"target\":\"+4685001\"}")
	}
	if len(req.Destinations) > maxDestinations {
		return n, api.BadRequest("destinations", "more than %d destinations", maxDestinations)
	}
	if err := checkAddress("source", &req.Source); err != nil {
		return n, err
	}
	for i := range req.Destinations {
		d, field := &req.Destinations[i], fmt.Sprintf("destinations[%d]", i)
		if err := checkAddress(field, d); err != nil {
			return n, err
		}
		if d.Target == "" {
			return n, api.BadRequest(field+".target", "%s.target is empty", field)
		}
	}
	if req.FlowID == event.NilID {
		n.FlowID = ""
	}
	if actions := strings.TrimSpace(string(req.Actions)); actions != "" && actions != "null" {
		if actions[0] != '[' {
			return n, api.BadRequest("actions", "actions: want an array")
		}
		n.Actions = req.Actions
	}
	switch {
	case n.FlowID != "" && n.Actions != nil && string(n.Actions) != "[]":
		return n, api.BadRequest("actions", "give flow_id or actions, not both")
	case n.FlowID != "":
		n.Actions = nil
	case n.Actions == nil:
		return n, api.BadRequest("actions", "give flow_id or actions: what the calls do when they are answered")
	}
	return n, nil
}

// checkAddress keeps out what could break a header (CR, LF and the like).
func checkAddress(field string, a *event.Address) error {
	for _, part := range [...]struct{ name, text string }{
		{"type", a.Type}, {"target", a.Target}, {"target_name", a.TargetName}, {"name", a.Name}, {"detail", a.Detail},
	} {
		path := field + "." + part.name
		if len(part.text) > maxAddress {
			return api.BadRequest(path, "%s is longer than %d bytes", path, maxAddress)
		}
		if strings.ContainsFunc(part.text, unicode.IsControl) {
			return api.BadRequest(path, "%s has a control character", path)
		}
	}
	return nil
}
