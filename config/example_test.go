package config

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const example = "../examples/tandem.yaml"

// keys walks the table of keys: every field of every section, once.
func keys(t reflect.Type, path string, seen map[reflect.Type]bool, visit func(path string, f field)) {
	for t.Kind() == reflect.Map || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if !isSection(t) || seen[t] {
		return
	}
	seen[t] = true
	for _, f := range fieldsOf(t) {
		p := join(path, f.name)
		visit(p, f)
		keys(f.typ, p, seen, visit)
	}
}

func allKeys(visit func(path string, f field)) {
	keys(reflect.TypeFor[Config](), "", map[reflect.Type]bool{}, visit)
}

// TestExampleLoads: without an error, and what is not in this build yet is said.
func TestExampleLoads(t *testing.T) {
	c, ps := Load(example, noEnv)
	for _, p := range ps {
		if !p.Warning {
			t.Error(p)
		}
	}
	if len(c.Flows["reception"].Actions) == 0 || len(c.Routes) != 6 {
		t.Errorf("%+v", c)
	}
}

func TestDemoLoads(t *testing.T) {
	_, ps := Load("../examples/demo.yaml", noEnv)
	for _, p := range ps {
		t.Error(p)
	}
}

// TestExampleIsComplete: every key stands in the example, with its sentence and
// its default.
func TestExampleIsComplete(t *testing.T) {
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := Load(example, noEnv)
	// Indexes and names of entries do not matter: routes[3].reject is
	// routes.reject, trunks.acme.from trunks.from.
	given := map[string]bool{}
	index := regexp.MustCompile(`\[\d+\]`)
	names := regexp.MustCompile(`^(trunks|users|customers|api\.access_keys|jambonz\.accounts|jambonz\.applications|mediaservice)\.(cust\.example\.net|[^.]+)\.`)
	for path := range c.settings {
		given[names.ReplaceAllString(index.ReplaceAllString(path, ""), "$1.")] = true
	}
	comments := strings.Join(strings.Fields(regexp.MustCompile(`(?m)^\s*(- )?# ?`).ReplaceAllString(string(data), " ")), " ")
	allKeys(func(path string, f field) {
		// include is read before everything else and keeps no place when empty.
		if !given[path] {
			t.Errorf("%s is missing", path)
		}
		sentence := f.doc
		if strings.HasSuffix(path, "service") && path == "routes.service" {
			sentence = strings.TrimSuffix(sentence, ".")
		}
		if !strings.Contains(comments, sentence) {
			t.Errorf("%s: the sentence is missing: %s", path, f.doc)
		}
		if f.note != "" && !strings.Contains(comments, "Default: "+f.note+".") {
			t.Errorf("%s: the default is missing: Default: %s.", path, f.note)
		}
		if f.hasDefault && f.def != `""` && f.def != `[]` && !strings.Contains(string(data), "default: "+f.def) && !strings.Contains(string(data), f.name+": "+f.def) {
			t.Errorf("%s: the default is missing: %s", path, f.def)
		}
	})
}

// TestExampleDefaults: the example's sections that name nothing of their own
// have their defaults.
func TestExampleDefaults(t *testing.T) {
	c, _ := Load(example, noEnv)
	d := Defaults()
	d.File = c.File
	opts := []cmp.Option{
		cmpopts.EquateComparable(c.Media.Listen), cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Config{}, Flow{}),
		cmpopts.IgnoreFields(Config{}, "Trunks", "Outbound", "Routes", "Flows", "Users", "Customers", "Events", "Jambonz", "MediaService"),
		cmpopts.IgnoreFields(API{}, "AccessKeys"),
	}
	if diff := cmp.Diff(d, c, append(opts, cmp.Comparer(func(a, b Listen) bool { return a == b }))...); diff != "" {
		t.Error(diff)
	}
}

// TestTable: the tags of every key are in order: a sentence, a default that the
// parser takes.
func TestTable(t *testing.T) {
	allKeys(func(path string, f field) {
		if !strings.HasSuffix(f.doc, ".") {
			t.Errorf("%s: no sentence: %q", path, f.doc)
		}
		if !f.hasDefault || f.def == `""` {
			return
		}
		l := &loader{cfg: &Config{settings: map[string]Pos{}}, env: noEnv}
		d := &decoder{loader: l, file: path}
		root, ok := d.parse([]byte(f.def))
		if ok {
			d.value(root, path, reflect.New(f.typ).Elem(), &f)
		}
		if !ok || Faulty(l.problems) {
			t.Errorf("%s: default %s: %v", path, f.def, l.problems)
		}
	})
}

func schemaOf(t *testing.T) *jsonschema.Schema {
	t.Helper()
	b, err := json.Marshal(Schema(nil))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("tandem.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("tandem.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchema: the schema is valid, takes what the parser takes and refuses what
// it refuses.
func TestSchema(t *testing.T) {
	s := schemaOf(t)
	validate := func(text []byte) error {
		var v any
		if err := yaml.Unmarshal(text, &v); err != nil {
			return err
		}
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
		if err != nil {
			return err
		}
		return s.Validate(doc)
	}
	for _, file := range []string{example, "../examples/demo.yaml"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(data); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, good := range []string{
		"media: {ports: \"${RANGE}\", codecs: \"${CODEC}\"}\ndrain: 0\n", "trunks: {a: {from: 192.0.2.1, limits: {calls: \"${N}\"}}}",
		"api: {access_keys: {a: key, b: {key: k}}}", "routes: [{to: 600, service: echo}]",
	} {
		if err := validate([]byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"trunk: {}", "sip: {lisen: []}", "media: {codecs: [g729]}", "media: {ports: many}", "drain: soon", "trunks: {a: {limits: {calls: -1}}}",
		"routes: [{service: ecko}]", "outbound: [{trunks: [a]}]", "flows: {a: {type: answer}}", "flows: {a: [{id: x}]}", "api: {access_keys: {b: {scope: all}}}",
		"speech: {tts: [festival]}", "trunks: {a: {register: maybe}}",
	} {
		if err := validate([]byte(bad)); err == nil {
			t.Errorf("the schema takes %s", bad)
		}
	}
}

func ExampleProblem() {
	fmt.Println(Problem{Pos: Pos{"tandem.yaml", 14, 13}, Path: "trunks.acme.codecs", What: `unknown codec "g729"; have pcmu, pcma, gsm, g722`})
	// Output: tandem.yaml:14:13: trunks.acme.codecs: unknown codec "g729"; have pcmu, pcma, gsm, g722
}
