package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func sprint(v any) string {
	j, _ := json.Marshal(v)
	return fmt.Sprintf("%v %+v %#v %s", v, v, v, j)
}

// FuzzLoad: no panic, no hang, and every fault has a place in the file.
func FuzzLoad(f *testing.F) {
	seeds, _ := filepath.Glob("../examples/*.yaml")
	for _, s := range seeds {
		data, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, s := range []string{
		"", "a: &a [*a]", "trunks: &t {<<: *t}", "flows: {f: [{type: talk, option: {text: \"${X}\"}}]}", "? [a]\n: b", "!!str a: !!int b",
		"sip: {listen: udp://:5060}", "media: {ports: 1-2}", "include: [\"*\"]", "a: |\n  b\n", "%YAML 1.2\n---\nnode: x", "node: \"${\"", "api: {access_keys: {a: b}}",
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "tandem.yaml")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Skip()
		}
		c, ps := Load(path, noEnv)
		for _, p := range ps {
			if p.Pos.File == "" || p.What == "" || p.Pos.Line < 0 || p.Pos.Line > 0 && p.Pos.Column < 1 {
				t.Errorf("a problem without a place: %+v", p)
			}
		}
		for _, fl := range c.Flows {
			if fl.Actions != nil && !json.Valid(fl.Actions) {
				t.Errorf("flow is no JSON: %s", fl.Actions)
			}
		}
	})
}
