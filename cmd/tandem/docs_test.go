package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tandem/flow/action"
)

func readDoc(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestFlowsAreDocumented: docs/flows.md has every action, and every option of
// it in its line.
func TestFlowsAreDocumented(t *testing.T) {
	var schema struct {
		Items struct {
			OneOf []struct {
				Properties struct {
					Type   struct{ Const string }
					Option struct{ Properties map[string]any }
				}
			}
		}
	}
	text, err := json.Marshal(action.Schema())
	if err == nil {
		err = json.Unmarshal(text, &schema)
	}
	if err != nil || len(schema.Items.OneOf) == 0 {
		t.Fatalf("no actions in the schema: %v", err)
	}
	doc := readDoc(t, "docs/flows.md")
	for _, a := range schema.Items.OneOf {
		_, line, found := strings.Cut(doc, "\n| `"+a.Properties.Type.Const+"` |")
		if !found {
			t.Errorf("%s is not there", a.Properties.Type.Const)
			continue
		}
		line, _, _ = strings.Cut(line, "\n")
		for name := range a.Properties.Option.Properties {
			if !strings.Contains(line, "`"+name+"`") {
				t.Errorf("%s: its option %s is not there", a.Properties.Type.Const, name)
			}
		}
	}
}

// TestMetricsOfTheDocs: what operations.md tells to watch is there.
func TestMetricsOfTheDocs(t *testing.T) {
	known := map[string]bool{}
	name := regexp.MustCompile(`"(tandem_[a-z_]+)"`)
	for _, dir := range []string{".", "../../flow", "../../media"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range name.FindAllStringSubmatch(string(text), -1) {
				known[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	watched := regexp.MustCompile("`(tandem_[a-z_]+)`").FindAllStringSubmatch(readDoc(t, "docs/operations.md"), -1)
	if len(watched) == 0 {
		t.Fatal("nothing is watched")
	}
	for _, m := range watched {
		if !known[m[1]] {
			t.Errorf("%s is no metric", m[1])
		}
	}
}

// TestLinks: the pages that the docs name are there.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([a-z/._-]+)(?:#[a-z-]+)?\)`)
	for _, path := range []string{"docs/architecture.md", "docs/flows.md", "docs/operations.md", "docs/api.md"} {
		for _, m := range link.FindAllStringSubmatch(readDoc(t, path), -1) {
			if _, err := os.Stat(filepath.Join("../..", filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}
