package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A Flow is a list of actions as it stands in the file. What the actions mean,
// and whether they are right, is for package flow to say; a fault that it finds
// at a path in the document is reported with [Flow.Problem].
type Flow struct {
	// Name is the flow's key under flows.
	Name string
	// Actions is the document as JSON: an array of objects, with the
	// configuration's own references replaced and the flow's variables as
	// they are.
	Actions json.RawMessage

	path   string
	pos    Pos
	places map[string]Pos
}

// Path is where the flow is in the configuration, such as flows.reception.
func (f *Flow) Path() string { return f.path }

// Pos turns a path in the document, such as "[2].option.duration" (or
// "2.option.duration", "/2/option/duration"), into its place in the file. A
// path that is not in the document gives the nearest place around it.
func (f *Flow) Pos(path string) Pos {
	parts := segments(path)
	for n := len(parts); n > 0; n-- {
		if p, ok := f.places[strings.Join(parts[:n], ".")]; ok {
			return p
		}
	}
	return f.pos
}

// Problem makes a fault of the document one of the configuration.
func (f *Flow) Problem(path, what string) Problem {
	full := f.path
	for i, part := range segments(path) {
		if _, err := strconv.Atoi(part); err == nil && (i == 0 || isIndex(path, part)) {
			full += "[" + part + "]"
		} else {
			full += "." + part
		}
	}
	return Problem{Pos: f.Pos(path), Path: full, What: what}
}

func isIndex(path, part string) bool { return strings.Contains(path, "["+part+"]") }

// segments splits any of the ways to write a path.
func segments(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]/", r) })
}

// flow reads a flow: its document is converted, not understood.
func (d *decoder) flow(n ast.Node, path string, v reflect.Value) {
	_, name, _ := strings.Cut(path, ".")
	f := Flow{Name: name, path: path, pos: d.nodePos(n), places: map[string]Pos{}}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.add(f.pos, path, "want a list of actions, such as - {type: answer}")
		return
	}
	var b bytes.Buffer
	d.document(seq, path, nil, &f, &b)
	f.Actions = b.Bytes()
	v.Set(reflect.ValueOf(f))
}

// document writes a node of a flow as JSON and notes where it is.
func (d *decoder) document(n ast.Node, path string, at []string, f *Flow, b *bytes.Buffer) {
	place := d.nodePos(n)
	n = d.resolve(n)
	if n == nil || !d.spend(n) || len(at) > maxDepth {
		b.WriteString("null")
		return
	}
	if len(at) > 0 {
		f.places[strings.Join(at, ".")] = place
	}
	at = at[:len(at):len(at)]
	switch v := n.(type) {
	case *ast.SequenceNode:
		b.WriteByte('[')
		for i, item := range v.Values {
			if i > 0 {
				b.WriteByte(',')
			}
			d.document(item, path+"["+strconv.Itoa(i)+"]", append(at, strconv.Itoa(i)), f, b)
		}
		b.WriteByte(']')
	case *ast.MappingNode, *ast.MappingValueNode:
		ms, _ := d.members(n, path)
		b.WriteByte('{')
		for i, m := range ms {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, m.name)
			b.WriteByte(':')
			d.document(m.value, join(path, m.name), append(at, m.name), f, b)
			if key := strings.Join(append(at, m.name), "."); f.places[key] == (Pos{}) {
				f.places[key] = d.nodePos(m.key)
			}
		}
		b.WriteByte('}')
	default:
		s, ok := d.scalar(n)
		if !ok {
			d.add(place, path, "want a value here")
			b.WriteString("null")
			return
		}
		text, _ := d.expandFlow(&s, path)
		writeJSON(b, typed(s, text))
	}
}

// writeJSON writes a scalar; what JSON has no number for is text.
func writeJSON(b *bytes.Buffer, v any) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		b.WriteString("null")
		return
	}
	b.Truncate(b.Len() - 1) // Encode's newline
}

// collectFlowKeys notes the variables that flows set themselves.
func (d *decoder) collectFlowKeys(n ast.Node) {
	ast.Walk(visitor(func(n ast.Node) {
		v, ok := n.(*ast.MappingValueNode)
		if !ok || v.Key == nil || v.Value == nil || v.Key.GetToken().Value != "key" {
			return
		}
		if s, ok := d.scalar(v.Value); ok {
			d.flowKeys[s.text] = true
		}
	}), n)
}
