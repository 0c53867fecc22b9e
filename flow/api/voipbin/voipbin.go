// Package voipbin is the native REST API under /v1.0, in the VoIPBIN
// vocabulary: it translates requests into calls of the core and objects into
// JSON, and nothing else.
package voipbin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/google/uuid"

	"tandem/flow/api"
	"tandem/flow/event"
	"tandem/flow/store"
)

// A NewCall asks for calls to be placed.
type NewCall struct {
	Source       event.Address
	Destinations []event.Address
	// FlowID is the flow to run when a call is answered; where it is empty,
	// Actions is: a JSON array of actions.
	FlowID  string
	Actions json.RawMessage
}

// Calls are the calls that live on this node. Errors that are an [*api.Error]
// are shown to the client, others are internal.
type Calls interface {
	// List gives those that are up, in any order; those that have just ended
	// may follow.
	List() []*event.Call
	// Create places a call to each destination and returns without waiting
	// for their outcome. Destinations that cannot be called are left out;
	// none left is an error.
	Create(ctx context.Context, n NewCall) ([]event.Call, error)
	// Hangup begins to end a call and gives its state after that.
	// ErrNotLive says that it is not up here.
	Hangup(ctx context.Context, id string) (event.Call, error)
}

// ErrNotLive is the error of commands to a call that is not up.
var ErrNotLive = errors.New("the call is not up")

// A Backend is what the API shows and commands.
type Backend struct {
	Store store.Store
	Calls Calls
	// Conferences are those that are open.
	Conferences Conferences
	Refusals    *api.Refusals
	// Recordings is the folder with the files; nil where there is none.
	Recordings *os.Root
	// Customer is the id of the implicit customer.
	Customer string
}

// Mount registers the paths.
func Mount(s *api.Server, b Backend) {
	s.Handle("GET /v1.0/me", b.me)

	s.Handle("GET /v1.0/calls", b.listCalls)
	s.Handle("POST /v1.0/calls", b.createCalls)
	s.Handle("GET /v1.0/calls/{id}", b.getCall)
	s.Handle("POST /v1.0/calls/{id}/hangup", b.hangupCall)

	s.Handle("GET /v1.0/conferences", list(b.Store.Conferences, func(c *event.Conference) (event.Time, string) { return c.TMCreate, c.ID }))
	s.Handle("GET /v1.0/conferences/{id}", b.getConference)
	s.Handle("DELETE /v1.0/conferences/{id}", b.endConference)
	s.Handle("POST /v1.0/conferences/{id}/recording_start", b.recordConference)
	s.Handle("POST /v1.0/conferences/{id}/recording_stop", b.stopConferenceRecording)
	s.Handle("GET /v1.0/conferencecalls", list(b.Store.Conferencecalls, func(c *event.Conferencecall) (event.Time, string) { return c.TMCreate, c.ID }))
	s.Handle("GET /v1.0/conferencecalls/{id}", get("CONFERENCECALL", b.Store.Conferencecall))
	s.Handle("GET /v1.0/recordings", list(b.Store.Recordings, func(r *event.Recording) (event.Time, string) { return r.TMCreate, r.ID }))
	s.Handle("GET /v1.0/recordings/{id}", get("RECORDING", b.Store.Recording))
	s.Handle("GET /v1.0/recordingfiles/{id}", b.recordingFile)

	s.Handle("GET /v1.0/sip/refusals", b.listRefusals)
}

// list answers with a page of what load gives.
func list[T any](load func(context.Context, store.Page) ([]T, error), place func(*T) (event.Time, string)) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		page, err := api.ReadPage(r)
		if err != nil {
			return err
		}
		more := page
		more.Size++
		objs, err := load(r.Context(), more)
		if err != nil {
			return err
		}
		api.WriteJSON(w, http.StatusOK, api.MakeList(objs, page, place))
		return nil
	}
}

// get answers with one object.
func get[T any](resource string, load func(context.Context, string) (T, error)) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathID(r)
		if err != nil {
			return err
		}
		obj, err := load(r.Context(), id)
		if errors.Is(err, store.ErrNotFound) {
			return api.NotFound(resource)
		}
		if err != nil {
			return err
		}
		api.WriteJSON(w, http.StatusOK, obj)
		return nil
	}
}

// pathID reads the id in the path.
func pathID(r *http.Request) (string, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil || len(r.PathValue("id")) != 36 {
		return "", &api.Error{Code: http.StatusBadRequest, Status: "INVALID_ARGUMENT", Reason: "INVALID_ID", Message: "the id is no UUID", Field: "id"}
	}
	return id.String(), nil
}

// readJSON reads a body into v. Keys that v does not have are passed over:
// newer clients send more.
func readJSON(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	bad := func(field, format string, args ...any) error {
		return &api.Error{Code: http.StatusBadRequest, Status: "INVALID_ARGUMENT", Reason: "INVALID_JSON_BODY", Message: fmt.Sprintf(format, args...), Field: field}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return bad("", "the body is empty; send a JSON object")
	}
	err = json.Unmarshal(body, v)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return bad("", "the body is no JSON: byte %d: %s", syntax.Offset, err)
	case errors.As(err, &wrong):
		if wrong.Field == "" {
			return bad("", "want a JSON object, not %s", wrong.Value)
		}
		return bad(wrong.Field, "%s: want %s, not %s", wrong.Field, kind(wrong), wrong.Value)
	case err != nil:
		return bad("", "the body is no JSON: %s", err)
	}
	return nil
}

// kind says what a field wants in JSON's words.
func kind(e *json.UnmarshalTypeError) string {
	switch e.Type.Kind().String() {
	case "struct", "map":
		return "an object"
	case "slice", "array":
		return "an array"
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	}
	return "a number"
}

// me shows whose key it is; clients call it to try a key.
func (b Backend) me(w http.ResponseWriter, r *http.Request) error {
	key := api.KeyOf(r.Context())
	permission := 32 // admin
	if key.ReadOnly {
		permission = 0
	}
	id := b.Customer
	if id == "" {
		id = event.NilID
	}
	api.WriteJSON(w, http.StatusOK, map[string]any{
		"id": id, "customer_id": id, "username": key.Name, "name": key.Name, "detail": "access key", "permission": permission,
	})
	return nil
}

func (b Backend) listRefusals(w http.ResponseWriter, r *http.Request) error {
	page, err := api.ReadPage(r)
	if err != nil {
		return err
	}
	var objs []event.Refusal
	for _, f := range b.Refusals.List() {
		if len(objs) <= page.Size && before(f.TMCreate, f.ID, page.Before) {
			objs = append(objs, f)
		}
	}
	api.WriteJSON(w, http.StatusOK, api.MakeList(objs, page, func(f *event.Refusal) (event.Time, string) { return f.TMCreate, f.ID }))
	return nil
}
