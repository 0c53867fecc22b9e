package sqlite

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"tandem/flow/event"
)

// A row is an object with the columns beside it.
type row struct {
	id, customer, node, status string
	created, deleted           event.Time
	doc                        json.RawMessage
}

// errNoObject says that an event's data is nothing that could be kept.
var errNoObject = errors.New("no object with an id")

// rowOf makes the row of an event's object, which is kept as it came.
func rowOf(e *event.Event) (r row, err error) {
	doc, ok := e.Data.(json.RawMessage)
	if !ok {
		if doc, err = json.Marshal(e.Data); err != nil {
			return r, err
		}
	}
	r.doc = doc
	whole := eachMember(doc, func(key, value []byte) {
		var fault error
		switch string(key) {
		case "id":
			r.id, fault = unquote(value)
		case "customer_id":
			r.customer, fault = unquote(value)
		case "node":
			r.node, fault = unquote(value)
		case "status":
			r.status, fault = unquote(value)
		case "tm_create":
			r.created, fault = unquoteTime(value)
		case "tm_delete":
			r.deleted, fault = unquoteTime(value)
		}
		if fault != nil {
			err = fault
		}
	})
	if err == nil && (!whole || r.id == "" || r.id == event.NilID) {
		err = errNoObject
	}
	return r, err
}

func unquoteTime(value []byte) (event.Time, error) {
	s, err := unquote(value)
	if err != nil {
		return event.Time{}, err
	}
	return event.ParseTime(s)
}

// unquote gives the text of a JSON string.
func unquote(value []byte) (s string, err error) {
	if n := len(value); n >= 2 && value[0] == '"' && !bytes.ContainsRune(value, '\\') {
		return string(value[1 : n-1]), nil
	}
	err = json.Unmarshal(value, &s)
	return s, err
}

// eachMember gives the keys, without their quotes, and the values of an object
// that is valid JSON; it says false for what is no whole object. Records are
// written by the hundred and a few short members of each are wanted: decoding
// all of it takes longer than SQLite does to write it.
func eachMember(doc []byte, member func(key, value []byte)) bool {
	doc = trim(doc)
	if len(doc) < 2 || doc[0] != '{' {
		return false
	}
	for rest := trim(doc[1:]); len(rest) > 0; {
		switch rest[0] {
		case '}':
			return true
		case ',':
			rest = trim(rest[1:])
			continue
		case '"':
		default:
			return false
		}
		key := rest[:valueLen(rest)]
		rest = trim(rest[len(key):])
		if len(key) < 2 || len(rest) == 0 || rest[0] != ':' {
			return false
		}
		rest = trim(rest[1:])
		value := rest[:valueLen(rest)]
		if len(value) == 0 {
			return false
		}
		member(key[1:len(key)-1], value)
		rest = trim(rest[len(value):])
	}
	return false
}

func trim(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }

// valueLen is how long the JSON value is with which b begins.
func valueLen(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := textLen(b[i:])
			i += n - 1
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// textLen is how long the JSON string is with which b begins.
func textLen(b []byte) int {
	for i := 1; i < len(b); i++ {
		end := bytes.IndexByte(b[i:], '"')
		if end < 0 {
			break
		}
		i += end
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
	return len(b)
}

// A key names an object.
type key struct{ table, id string }

// latest gives the last state of each object in a batch: the others need not be
// written, and mostly not even be read.
func latest(events []event.Event) (map[key]row, []key) {
	table := tables()
	rows := map[key]row{}
	var order []key
	seen := map[string]bool{} // calls whose state is known
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		t, ok := table[e.Resource()]
		if !ok || t == "calls" && seen[e.Call] {
			continue
		}
		r, err := rowOf(e)
		if err != nil {
			continue // nothing that could be kept
		}
		k := key{t, r.id}
		if _, ok := rows[k]; ok {
			continue
		}
		if t == "calls" && e.Call == r.id {
			seen[e.Call] = true
		}
		rows[k] = r
		order = append(order, k)
	}
	slices.Reverse(order)
	return rows, order
}
