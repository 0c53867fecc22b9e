package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// An Error is an answer that is not what was asked for.
type Error struct {
	// Code is the HTTP status.
	Code int
	// Status is the class, such as INVALID_ARGUMENT, Reason the case, such as
	// INVALID_ID; programs read them.
	Status, Reason string
	// Message is for people.
	Message string
	// Field is the part of the request at fault, such as
	// destinations[0].target; empty for none.
	Field string
}

func (e *Error) Error() string { return e.Message }

// BadRequest says that a part of the request is wrong.
func BadRequest(field, format string, args ...any) *Error {
	return &Error{Code: http.StatusBadRequest, Status: "INVALID_ARGUMENT", Reason: "INVALID_ARGUMENT", Message: fmt.Sprintf(format, args...), Field: field}
}

// NotFound says that there is no such object; resource is CALL and the like.
func NotFound(resource string) *Error {
	return &Error{Code: http.StatusNotFound, Status: "NOT_FOUND", Reason: resource + "_NOT_FOUND", Message: "there is no such " + lower(resource)}
}

// Conflict says that the object's state does not allow it.
func Conflict(reason, message string) *Error {
	return &Error{Code: http.StatusConflict, Status: "FAILED_PRECONDITION", Reason: reason, Message: message}
}

// Unavailable says that it may work later.
func Unavailable(message string) *Error {
	return &Error{Code: http.StatusServiceUnavailable, Status: "UNAVAILABLE", Reason: "UNAVAILABLE", Message: message}
}

// Internal says nothing of what went wrong; the log does.
func Internal() *Error {
	return &Error{Code: http.StatusInternalServerError, Status: "INTERNAL", Reason: "INTERNAL", Message: "internal error"}
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

type requestIDKey struct{}

// writeError writes err in the envelope that clients know; the message stands
// at top level too, where some look for it.
func (s *Server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	var e *Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &tooLarge):
		e = &Error{Code: http.StatusRequestEntityTooLarge, Status: "INVALID_ARGUMENT", Reason: "BODY_TOO_LARGE", Message: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	default:
		s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
		e = Internal()
	}
	type details struct {
		Field string `json:"field"`
	}
	type inner struct {
		Status    string   `json:"status"`
		Reason    string   `json:"reason"`
		Message   string   `json:"message"`
		RequestID string   `json:"request_id"`
		Details   *details `json:"details,omitempty"`
	}
	id, _ := r.Context().Value(requestIDKey{}).(string)
	body := struct {
		Error   inner  `json:"error"`
		Message string `json:"message"`
	}{inner{Status: e.Status, Reason: e.Reason, Message: e.Message, RequestID: id}, e.Message}
	if e.Field != "" {
		body.Error.Details = &details{e.Field}
	}
	if e.Code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tandem"`)
	}
	WriteJSON(w, e.Code, body)
}

// WriteJSON writes v with a status.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		// Our own objects always encode; a foreign option in one may not.
		status, b = http.StatusInternalServerError, []byte(`{"message":"internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n')) // the client may be gone: nothing to be done
}
