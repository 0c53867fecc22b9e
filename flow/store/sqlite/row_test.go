package sqlite

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"tandem/flow/event"
)

func TestRowOf(t *testing.T) {
	const id = "00000000-0000-8000-8000-000000000001"
	for name, tt := range map[string]struct {
		doc    string
		status string
		fault  bool
	}{
		"plain":          {doc: `{"id":"` + id + `","status":"hangup"}`, status: "hangup"},
		"spaces":         {doc: " {\n \"id\" : \"" + id + "\" , \"status\":\"hangup\"\t} ", status: "hangup"},
		"nested":         {doc: `{"action":{"id":"x","status":["}",{"a":"\\"}]},"id":"` + id + `","media":null,"n":-1e3,"status":"hangup"}`, status: "hangup"},
		"escaped":        {doc: `{"id":"` + id + `","note":"a\\\"b","status":"h\u0061ngup"}`, status: "hangup"},
		"no id":          {doc: `{"status":"hangup"}`, fault: true},
		"nil id":         {doc: `{"id":"` + event.NilID + `"}`, fault: true},
		"no text":        {doc: `{"id":7}`, fault: true},
		"bad time":       {doc: `{"id":"` + id + `","tm_create":"yesterday"}`, fault: true},
		"no object":      {doc: `"text"`, fault: true},
		"nothing":        {doc: ``, fault: true},
		"cut off":        {doc: `{"id":"` + id + `","status":"hang`, fault: true},
		"cut off behind": {doc: `{"id":"` + id + `"`, fault: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := rowOf(&event.Event{Data: json.RawMessage(tt.doc)})
			if (err != nil) != tt.fault || err == nil && (r.id != id || r.status != tt.status) {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

// FuzzMembers: what is found in an object is what encoding/json finds.
func FuzzMembers(f *testing.F) {
	f.Add(`{"id":"a","b":{"c":[1,2,"}"]},"d":"\\\"","e":null}`)
	f.Add(` { } `)
	f.Add(`{"a":1,"a":2}`)
	f.Add(`{"a`)
	f.Add(`{"a":"\`)
	f.Fuzz(func(t *testing.T, doc string) {
		got := map[string]json.RawMessage{}
		whole := eachMember([]byte(doc), func(key, value []byte) { got[string(key)] = value })
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(doc), &want); err != nil || want == nil {
			return // only it must end
		}
		for key := range want {
			if strings.ContainsFunc(key, func(r rune) bool { return r == unicode.ReplacementChar || r == '\\' || r == '"' || r < ' ' }) {
				return // keys that are written with escapes are not ours
			}
		}
		if strings.Contains(doc, `\u`) {
			return
		}
		if d := cmp.Diff(want, got); d != "" || !whole {
			t.Errorf("%q: whole %v, %s", doc, whole, d)
		}
	})
}
