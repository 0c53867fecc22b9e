package action

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"tandem/flow"
)

// A Problem is a fault of a flow's document.
type Problem struct {
	// Path leads to the fault: ints index lists, strings name keys.
	Path []any
	// Message says what is wrong and what to do.
	Message string
}

// Where is the path as text, such as [2].option.duration.
func (p Problem) Where() string {
	var b strings.Builder
	for _, e := range p.Path {
		switch e := e.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", e)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, e)
		}
	}
	return b.String()
}

// String gives path: message.
func (p Problem) String() string {
	if len(p.Path) == 0 {
		return p.Message
	}
	return p.Where() + ": " + p.Message
}

// Error makes a Problem an error.
func (p Problem) Error() string { return p.String() }

// maxActions bounds what one document can hold; flows have tens.
const maxActions = 100_000

// Validate says every fault of a flow: a decoded list of actions whose maps are
// map[string]any. Types, options, and the ids that actions name as targets are
// checked; options that hold a ${variable} pass, except for texts with a form of
// their own that hold none.
func Validate(doc any) []Problem {
	_, problems := Steps(doc)
	return problems
}

// Steps turns a decoded list of actions into the steps of a flow, or says what
// is wrong with it. Branches by index are resolved to ids.
func Steps(doc any) ([]flow.Step, []Problem) { return new(checker).steps(doc) }

func (k *checker) steps(doc any) ([]flow.Step, []Problem) {
	list, ok := doc.([]any)
	if !ok {
		if doc == nil {
			return nil, nil
		}
		k.add(nil, `want a list of actions, such as [{"type": "answer"}]`)
		return nil, k.problems
	}
	if len(list) > maxActions {
		k.add(nil, "%d actions; at most %d", len(list), maxActions)
		return nil, k.problems
	}
	steps := make([]flow.Step, len(list))
	checked := make([]values, len(list))
	for i, e := range list {
		steps[i], checked[i] = k.step([]any{i}, e)
	}
	k.resolveIndexes(steps, checked)
	k.targets(steps, checked)
	if len(k.problems) > 0 {
		return nil, k.problems
	}
	for i := range steps {
		steps[i].Settle()
	}
	return steps, nil
}

// Parse is Steps of a JSON text.
func Parse(text []byte) ([]flow.Step, []Problem) { return new(checker).parse(text) }

// ParsePart is Parse for actions that are done in the midst of others: an id
// that they name may be one of those around them.
func ParsePart(text []byte) ([]flow.Step, []Problem) { return (&checker{part: true}).parse(text) }

func (k *checker) parse(text []byte) ([]flow.Step, []Problem) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return nil, []Problem{{Message: "not JSON: " + err.Error()}}
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, []Problem{{Message: "not JSON: more follows the list of actions"}}
	}
	return k.steps(doc)
}

// step checks one entry of the list.
func (k *checker) step(path []any, x any) (flow.Step, values) {
	var s flow.Step
	m, ok := x.(map[string]any)
	if !ok {
		k.add(path, `want an action such as {"type": "answer"}`)
		return s, nil
	}
	for _, key := range sortedKeys(m) {
		at := append(path, key)
		switch v := m[key]; key {
		case "id", "next_id":
			id, ok := idText(v)
			if !ok && v != nil {
				k.add(at, "want an id")
			}
			if key == "id" {
				s.ID = id
			} else {
				s.NextID = id
			}
		case "type":
			t, ok := v.(string)
			if !ok {
				k.add(at, "want a text")
			}
			s.Type = strings.ToLower(t)
		case "option":
			o, ok := v.(map[string]any)
			if !ok && v != nil {
				k.add(at, "want an object")
			}
			s.Option = o
		case "tm_execute": // as it comes back from the API: of no meaning here
		default:
			k.add(at, "unknown key; have id, next_id, type, option")
		}
	}
	if _, ok := m["type"]; !ok {
		k.add(path, "type: missing")
		return s, nil
	}
	kind := lookup(s.Type)
	if kind == nil {
		if _, ok := m["type"].(string); ok {
			k.add(append(path, "type"), "unknown action %q; have %s", s.Type, strings.Join(Types(), ", "))
		}
		return s, nil
	}
	return s, k.options(append(path, "option"), kind.options, s.Option)
}

// resolveIndexes turns the targets that a branch names by their place in the
// list into ids.
func (k *checker) resolveIndexes(steps []flow.Step, checked []values) {
	for i := range steps {
		v := checked[i]
		if steps[i].Type != "branch" || !v.has("target_indexes") && !v.has("default_index") {
			continue
		}
		option := make(map[string]any, len(steps[i].Option))
		for key, x := range steps[i].Option {
			if key != "target_indexes" && key != "default_index" {
				option[key] = x
			}
		}
		ids := map[string]any{}
		for value, id := range v.targets("target_ids") {
			ids[value] = id
		}
		for value, index := range v.targets("target_indexes") {
			path := []any{i, "option", "target_indexes", value}
			if n, err := strconv.Atoi(index); err != nil || n < 0 || n >= len(steps) {
				k.add(path, "there is no action %s; count from 0 to %d", index, len(steps)-1)
			} else if _, ok := ids[value]; !ok {
				ids[value] = idOf(&steps[n])
			}
		}
		option["target_ids"] = ids
		if n := v.integer("default_index"); v.has("default_index") && v.text("default_target_id") == "" {
			if n >= len(steps) {
				k.add([]any{i, "option", "default_index"}, "there is no action %d; count from 0 to %d", n, len(steps)-1)
			} else {
				option["default_target_id"] = idOf(&steps[n])
			}
		}
		steps[i].Option = option
	}
}

// idOf is the id of a step, which gets one if it has none.
func idOf(s *flow.Step) string {
	if s.ID == "" || s.ID == flow.NilID {
		s.ID = uuid.NewString()
	}
	return s.ID
}

// targets checks that each id that an action names is that of an action, and
// that no two have the same.
func (k *checker) targets(steps []flow.Step, checked []values) {
	ids := make(map[string]int, len(steps))
	for i := range steps {
		id := steps[i].ID
		if id == "" || id == flow.NilID {
			continue
		}
		if first, ok := ids[id]; ok {
			k.add([]any{i, "id"}, "%q is the id of action %d already", id, first)
			continue
		}
		ids[id] = i
	}
	check := func(path []any, id string) {
		if id == "" || id == flow.NilID || isTemplate(id) {
			return
		}
		if _, ok := ids[id]; !ok && !k.part {
			k.add(path, "no action has the id %q", id)
		}
	}
	for i := range steps {
		check([]any{i, "next_id"}, steps[i].NextID)
		kind := lookup(steps[i].Type)
		if kind == nil {
			continue
		}
		for _, o := range kind.options {
			path := []any{i, "option", o.name}
			switch o.form {
			case aTarget:
				check(path, checked[i].text(o.name))
			case targetMap:
				targets := checked[i].targets(o.name)
				for _, value := range sortedTexts(targets) {
					check(append(path, value), targets[value])
				}
			}
		}
	}
}

func sortedTexts(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
