package action_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tandem/flow"
	"tandem/flow/action"
)

// faults are documents and what is said about each.
var faults = []struct{ name, doc, want string }{
	{"nothing", `[]`, ""},
	{"null", `null`, ""},
	{"no list", `{"type":"answer"}`, `want a list of actions, such as [{"type": "answer"}]`},
	{"no JSON", `[{`, `not JSON: unexpected EOF`},
	{"two documents", `[] []`, `not JSON: more follows the list of actions`},
	{"no object", `["answer"]`, `[0]: want an action such as {"type": "answer"}`},
	{"no type", `[{}]`, `[0]: type: missing`},
	{"unknown type", `[{"type":"answer"},{"type":"dance"}]`, `[1].type: unknown action "dance"; have answer,`},
	{"empty type", `[{"type":""}]`, `[0].type: unknown action ""; have answer,`},
	{"unknown key", `[{"type":"answer","options":{}}]`, `[0].options: unknown key; have id, next_id, type, option`},
	{"unknown option", `[{"type":"talk","option":{"text":"x","lang":"en"}}]`, `[0].option.lang: unknown option; have text, language,`},
	{"unknown option where there are none", `[{"type":"answer","option":{"x":1}}]`, `[0].option.x: unknown option; have none`},
	{"option no object", `[{"type":"answer","option":[]}]`, `[0].option: want an object`},
	{"required", `[{"type":"talk"}]`, `[0].option: text: missing`},
	{"required and empty", `[{"type":"talk","option":{"text":""}}]`, `[0].option.text: want a text that is not empty`},
	{"duration", `[{"type":"sleep","option":{"duration":"5 s"}}]`, `[0].option.duration: want a whole number of milliseconds`},
	{"duration as text", `[{"type":"sleep","option":{"duration":"5000"}}]`, `[0].option.duration: want a whole number of milliseconds`},
	{"duration with a fraction", `[{"type":"sleep","option":{"duration":1.5}}]`, `[0].option.duration: want a whole number of milliseconds`},
	{"duration whole after all", `[{"type":"sleep","option":{"duration":1e3}}]`, ""},
	{"duration huge", `[{"type":"sleep","option":{"duration":1e400}}]`, `[0].option.duration: want a whole number of milliseconds`},
	{"duration of ages", `[{"type":"sleep","option":{"duration":9223372036854775807}},{"type":"echo","option":{"duration":1e15}}]`,
		`[0].option.duration: 9223372036854775807; want at most 9223372036854 milliseconds` + "\n" + `[1].option.duration: 1000000000000000; want at most 9223372036854 milliseconds`},
	{"duration negative", `[{"type":"sleep","option":{"duration":-5}}]`, `[0].option.duration: -5; want at least 0 milliseconds`},
	{"duration out of range", `[{"type":"digits_send","option":{"digits":"1","duration":50}}]`, `[0].option.duration: 50; want 100 to 1000 milliseconds`},
	{"digits", `[{"type":"digits_send","option":{"digits":"1x"}}]`, `[0].option.digits: "1x"; want digits 0-9, A-D, # and *`},
	{"too many digits", `[{"type":"digits_send","option":{"digits":"` + strings.Repeat("1", 101) + `"}}]`, `[0].option.digits: 101 characters; at most 100`},
	{"text as a number", `[{"type":"variable_set","option":{"key":"a","value":5}}]`, `[0].option.value: want a text; put 5 in quotes`},
	{"choice", `[{"type":"talk","option":{"text":"x","gender":"loud"}}]`, `[0].option.gender: "loud"; want one of male, female, neutral`},
	{"flag", `[{"type":"connect","option":{"destinations":[{"target":"+1"}],"early_media":"yes"}}]`, `[0].option.early_media: want true or false`},
	{"list", `[{"type":"play","option":{"stream_urls":"x"}}]`, `[0].option.stream_urls: want a list of texts`},
	{"list of others", `[{"type":"play","option":{"stream_urls":["x",1]}}]`, `[0].option.stream_urls[1]: want a text`},
	{"no address", `[{"type":"connect","option":{"destinations":["+1"]}}]`, `[0].option.destinations[0]: want an address such as`},
	{"no addresses", `[{"type":"connect","option":{"destinations":[]}}]`, `[0].option.destinations: want at least one address`},
	{"address field", `[{"type":"connect","option":{"destinations":[{"typ":"tel"}]}}]`, `[0].option.destinations[0].typ: unknown field; have type,`},
	{"address type", `[{"type":"connect","option":{"destinations":[{"type":"fax"}]}}]`, `[0].option.destinations[0].type: unknown type "fax"; have tel,`},
	{"weekday", `[{"type":"condition_datetime","option":{"condition":"==","weekdays":[7]}}]`, `[0].option.weekdays[0]: 7; want 0 to 6`},
	{"unknown target of goto", `[{"type":"goto","option":{"target_id":"x"}}]`, `[0].option.target_id: no action has the id "x"`},
	{"unknown target of branch", `[{"id":"y","type":"branch","option":{"target_ids":{"1":"x","2":"y"},"default_target_id":"z"}}]`,
		`[0].option.target_ids.1: no action has the id "x"` + "\n" + `[0].option.default_target_id: no action has the id "z"`},
	{"unknown target of a condition", `[{"type":"condition_variable","option":{"condition":"==","false_target_id":"x"}}]`, `[0].option.false_target_id: no action has the id "x"`},
	{"unknown next", `[{"type":"answer","next_id":"x"}]`, `[0].next_id: no action has the id "x"`},
	{"nil next", `[{"type":"answer","next_id":"00000000-0000-0000-0000-000000000000"}]`, ""},
	{"unknown index", `[{"type":"branch","option":{"target_indexes":{"1":1},"default_index":-1}}]`, `[0].option.default_index: -1; want at least 0` + "\n" + `[0].option.target_indexes.1: there is no action 1; count from 0 to 0`},
	{"id twice", `[{"id":"x","type":"answer"},{"id":"x","type":"answer"}]`, `[1].id: "x" is the id of action 0 already`},
	{"ids that look like numbers", `[{"id":1,"type":"goto","option":{"target_id":1}}]`, ""},
	{"variables", `[{"type":"sleep","option":{"duration":"${d}"}},{"type":"goto","option":{"target_id":"${x}"}},{"type":"hangup","option":{"reason":"${r}"}}]`, ""},
	{"method", `[{"type":"fetch","option":{"event_url":"http://x","event_method":"PO ST"}}]`, `[0].option.event_method: "PO ST"; want an HTTP method`},
	{"all faults at once", `[{"type":"sleep","option":{"duration":-1}},{"type":"nap"}]`, `[0].option.duration: -1; want at least 0 milliseconds` + "\n" + `[1].type: unknown action "nap"`},
}

func TestValidate(t *testing.T) {
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := action.Parse([]byte(tt.doc))
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			want := strings.Split(tt.want, "\n")
			if tt.want == "" {
				want = nil
			}
			if len(got) != len(want) {
				t.Fatalf("problems %q, want %q", got, want)
			}
			for i := range want {
				if !strings.HasPrefix(got[i], want[i]) {
					t.Errorf("problem %q, want %q", got[i], want[i])
				}
			}
		})
	}
}

// TestValidateDecoded takes the types that a YAML decoder gives.
func TestValidateDecoded(t *testing.T) {
	doc := []any{map[string]any{"type": "sleep", "option": map[string]any{"duration": uint64(5)}},
		map[string]any{"type": "condition_variable", "option": map[string]any{"condition": "==", "value_number": int64(-5)}}}
	if p := action.Validate(doc); len(p) > 0 {
		t.Error(p)
	}
}

func TestIndexesBecomeIDs(t *testing.T) {
	steps, problems := action.Parse([]byte(`[{"type":"branch","option":{"target_indexes":{"1":1,"2":2},"target_ids":{"2":"two"},"default_index":1}},{"type":"answer"},{"id":"two","type":"stop"}]`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	id := steps[1].ID
	if id == "" {
		t.Fatal("the target has no id")
	}
	want := map[string]any{"target_ids": map[string]any{"1": id, "2": "two"}, "default_target_id": id}
	if d := cmp.Diff(want, steps[0].Option); d != "" {
		t.Error(d)
	}
}

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name   string
		option map[string]any
		want   flow.Action
	}{
		{"digits_receive", map[string]any{"duration": 5000.0, "length": 1, "key": "#"}, &action.DigitsReceive{Duration: 5 * time.Second, Length: 1, Key: "#"}},
		{"Sleep", map[string]any{"duration": json.Number("20")}, &action.Sleep{Duration: 20 * time.Millisecond}},
		{"variable_set", map[string]any{"key": "Provider name", "value": "voipbin"}, &action.VariableSet{Key: "Provider name", Value: "voipbin"}},
		{"answer", nil, action.Answer{}},
	} {
		got, err := action.Decode(tt.name, tt.option)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
	for name, option := range map[string]map[string]any{"dance": nil, "sleep": {"duration": "1"}, "talk": nil} {
		if _, err := action.Decode(name, option); err == nil {
			t.Errorf("%s %v: no error", name, option)
		}
	}
	_, err := action.Decode("sleep", map[string]any{"duration": "x"})
	if want := "option.duration: want a whole number of milliseconds"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// reference are the examples of the reference for the actions there are.
const reference = `[
	{"id":"c3eb8e62-c524-11ec-94c5-abafec8af561","type":"answer"},
	{"type":"beep"},
	{"type":"branch","option":{"default_target_id":"c3eb8e62-c524-11ec-94c5-abafec8af561","target_ids":{"1":"c3eb8e62-c524-11ec-94c5-abafec8af561"}}},
	{"type":"condition_datetime","option":{"condition":">=","minute":0,"hour":8,"day":-1,"month":0,"weekdays":[],"false_target_id":"c3eb8e62-c524-11ec-94c5-abafec8af561"}},
	{"type":"condition_variable","option":{"condition":"==","variable":"voipbin.call.source.target","value_type":"string","value_string":"+821100000001","false_target_id":"c3eb8e62-c524-11ec-94c5-abafec8af561"}},
	{"type":"conference_join","option":{"conference_id":"367e0e7a-3a8c-11eb-bb08-f3c3f059cfbe"}},
	{"type":"connect","option":{"source":{"type":"tel","target":"+11111111111111"},"destinations":[{"type":"tel","target":"+222222222222222"}]}},
	{"type":"digits_receive","option":{"duration":10000,"length":3,"key":"#"}},
	{"type":"digits_send","option":{"digits":"1234567890","duration":500,"interval":500}},
	{"type":"echo","option":{"duration":30000}},
	{"type":"fetch","option":{"event_method":"POST","event_url":"https://webhook.site/e47c9b40-662c-4d20-a288-6777360fa211"}},
	{"type":"goto","option":{"target_id":"c3eb8e62-c524-11ec-94c5-abafec8af561","loop_count":2}},
	{"type":"Hangup_relay","option":{"reference_id":"b8573f30-b031-11ed-ac05-3bc9a62e64c3"}},
	{"type":"play","option":{"stream_urls":["https://github.com/pchero/asterisk-medias/raw/master/samples_codec/pcm_samples/example-mono_16bit_8khz_pcm.wav"]}},
	{"type":"recording_start","option":{"format":"wav"}},
	{"type":"recording_stop"},
	{"type":"sleep","option":{"duration":1000}},
	{"type":"stop"},
	{"type":"stream_echo","option":{"duration":10000}},
	{"type":"talk","option":{"text":"Hello.","gender":"female","language":"en-US","digits_handle":"next"}},
	{"type":"variable_set","option":{"key":"Provider name","value":"voipbin"}},
	{"type":"webhook_send","option":{"sync":true,"uri":"https://test.com","method":"POST","data_type":"application/json","data":"{\"a\": \"${voipbin.call.destination.target}\"}"}},
	{"id":"x","next_id":"00000000-0000-0000-0000-000000000000","type":"hangup","tm_execute":""}
]`

func TestReferenceExamples(t *testing.T) {
	if _, problems := action.Parse([]byte(reference)); len(problems) > 0 {
		t.Error(problems)
	}
}

// TestSchema: the schema is one, and takes and refuses what Validate does, but
// for what a schema cannot say.
func TestSchema(t *testing.T) {
	text, err := json.Marshal(action.Schema())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("flow.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("flow.json")
	if err != nil {
		t.Fatal(err)
	}
	beyond := []string{"no action has", "there is no action", "is the id of", "unknown type", "not empty", "not JSON"}
cases:
	for _, tt := range faults {
		for _, b := range beyond {
			if strings.Contains(tt.want, b) {
				continue cases
			}
		}
		inst, err := jsonschema.UnmarshalJSON(strings.NewReader(tt.doc))
		if err != nil || inst == nil || strings.Contains(tt.doc, "1e400") {
			continue
		}
		if err := schema.Validate(inst); (err != nil) != (tt.want != "") {
			t.Errorf("%s: %s: schema says %v, Validate %q", tt.name, tt.doc, err, tt.want)
		}
	}
	inst, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(reference, "Hangup_relay", "hangup_relay", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(inst); err != nil {
		t.Error(err)
	}
}

// TestTable: every line is complete.
func TestTable(t *testing.T) {
	docs := action.Docs()
	for i, d := range docs {
		if d.Text == "" || i > 0 && docs[i-1].Name >= d.Name {
			t.Errorf("%s: no text, or not in order", d.Name)
		}
		for _, o := range d.Options {
			if o.Text == "" {
				t.Errorf("%s.%s: no text", d.Name, o.Name)
			}
		}
	}
	if len(docs) != 23 {
		t.Errorf("%d actions", len(docs))
	}
}

func FuzzFlow(f *testing.F) {
	for _, tt := range faults {
		f.Add([]byte(tt.doc))
	}
	f.Add([]byte(reference))
	f.Fuzz(func(t *testing.T, text []byte) {
		steps, problems := action.Parse(text)
		if len(problems) > 0 {
			for _, p := range problems {
				if p.Message == "" {
					t.Errorf("a problem without words at %v", p.Path)
				}
			}
			if steps != nil {
				t.Error("steps of a faulty document")
			}
			return
		}
		// What passes can be made, or needs variables.
		env := &action.Env{}
		for _, s := range steps {
			if _, err := env.Make(s); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
			if _, err := action.Decode(s.Type, s.Option); err != nil && !strings.Contains(fmt.Sprint(s.Option), "${") {
				t.Errorf("%+v: %v", s, err)
			}
		}
	})
}
