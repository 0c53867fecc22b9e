package config

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A decoder reads one file into the loader's Config.
type decoder struct {
	*loader
	file, dir string
	main      bool
	anchors   map[string]ast.Node
	includes  []include
	nodes     int // visited so far
	depth     int
}

// spend counts a node and says whether there may be more.
func (d *decoder) spend(n ast.Node) bool {
	d.nodes++
	if d.nodes == maxNodes {
		d.add(d.nodePos(n), "", "the file expands to more than %d values; use fewer aliases", maxNodes)
	}
	return d.nodes < maxNodes
}

// A field is what a struct field's tags say about a key.
type field struct {
	name, doc, def, note string
	hasDefault           bool
	enum, schemes        []string
	min                  *int
	required             bool
	short                bool // the struct may be written as this field alone
	merge                bool // lists of several files are joined
	index                int
	typ                  reflect.Type
}

// fieldsOf reads the table of keys of a struct.
func fieldsOf(t reflect.Type) []field {
	var fs []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name := sf.Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		f := field{
			name: name, doc: sf.Tag.Get("doc"), note: sf.Tag.Get("note"), index: i, typ: sf.Type,
			required: sf.Tag.Get("required") == "true", short: sf.Tag.Get("short") == "true", merge: sf.Tag.Get("merge") == "append",
		}
		f.def, f.hasDefault = sf.Tag.Lookup("default")
		if e, ok := sf.Tag.Lookup("enum"); ok {
			f.enum = strings.Split(e, ",")
		}
		if s, ok := sf.Tag.Lookup("schemes"); ok {
			f.schemes = strings.Split(s, ",")
		}
		if m, ok := sf.Tag.Lookup("min"); ok {
			if n, err := strconv.Atoi(m); err == nil {
				f.min = &n
			}
		}
		fs = append(fs, f)
	}
	return fs
}

// setDefaults fills a struct with the defaults of its tags.
func setDefaults(v reflect.Value) {
	d := &decoder{loader: &loader{cfg: &Config{settings: map[string]Pos{}}, env: noEnv}, anchors: map[string]ast.Node{}}
	for _, f := range fieldsOf(v.Type()) {
		fv := v.Field(f.index)
		switch {
		case f.typ.Kind() == reflect.Struct && isSection(f.typ):
			setDefaults(fv)
		case f.hasDefault && f.def != `""`:
			// The tags are part of the program; a test decodes them all.
			file, err := parser.ParseBytes([]byte(f.def), 0)
			if err == nil {
				d.value(file.Docs[0].Body, f.name, fv, &f)
			}
		}
	}
}

func noEnv(string) (string, bool) { return "", false }

// isSection says that a struct is a mapping and not a scalar of its own.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[Flow]() && !isScalar(t)
}

func isScalar(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[text]()) ||
		t == reflect.TypeFor[netip.Addr]() || t == reflect.TypeFor[netip.Prefix]() || t == reflect.TypeFor[time.Duration]()
}

// structure reads a mapping into a struct.
func (d *decoder) structure(n ast.Node, path string, v reflect.Value) {
	fs := fieldsOf(v.Type())
	if s, ok := d.scalar(n); ok {
		for _, f := range fs {
			if f.short {
				d.value(n, join(path, f.name), v.Field(f.index), &f)
				return
			}
		}
		d.add(s.pos, path, "want keys and values here, not %s", quoteShort(s.text))
		return
	}
	ms, ok := d.members(n, path)
	if !ok {
		d.add(d.nodePos(n), path, "want keys and values here, not a list")
		return
	}
	for _, m := range ms {
		i := slices.IndexFunc(fs, func(f field) bool { return f.name == m.name })
		if i < 0 {
			var known []string
			for _, f := range fs {
				known = append(known, f.name)
			}
			d.add(d.nodePos(m.key), join(path, m.name), "unknown key; %s", didYouMean(m.name, known))
			continue
		}
		f := &fs[i]
		if path == "" && f.name == "include" && !d.main {
			d.add(d.nodePos(m.key), f.name, "an included file includes no further ones; name them in the main file")
			continue
		}
		d.key(m, join(path, m.name), v.Field(f.index), f)
	}
	for _, f := range fs {
		if p := join(path, f.name); f.required && !d.cfg.Given(p) {
			d.add(d.nodePos(n), path, "%s is missing; %s", f.name, lowerFirst(f.doc))
		}
	}
}

// key reads one key of a struct.
func (d *decoder) key(m member, path string, v reflect.Value, f *field) {
	before, given := d.cfg.settings[path]
	container := f.merge || v.Kind() == reflect.Map || isSection(v.Type())
	if given && !container {
		d.add(d.nodePos(m.key), path, "given twice; the other is at %s", before)
		return
	}
	value := d.resolve(m.value)
	if value == nil {
		// "key:" with nothing behind it keeps the default.
		return
	}
	if !given {
		d.record(path, value)
	}
	d.value(value, path, v, f)
}

// record notes where the value of path is, and warns of a key that nothing
// acts on yet.
func (d *decoder) record(path string, n ast.Node) {
	d.cfg.settings[path] = d.nodePos(n)
	text := "given"
	switch v := n.(type) {
	case *ast.MappingNode:
		if len(v.Values) == 0 {
			return
		}
	case *ast.SequenceNode:
		if len(v.Values) == 0 {
			return
		}
	default:
		sc, _ := d.scalar(n)
		text = sc.text
	}
	if what, ok := stillPending(path, text); ok {
		d.warn(d.nodePos(n), path, "%s", what)
	}
}

// value reads any node into v.
func (d *decoder) value(n ast.Node, path string, v reflect.Value, f *field) {
	if !d.spend(n) {
		return
	}
	t := v.Type()
	switch {
	case t == reflect.TypeFor[Flow]():
		d.flow(n, path, v)
	case isScalar(t) || t.Kind() != reflect.Struct && t.Kind() != reflect.Map && t.Kind() != reflect.Slice && t.Kind() != reflect.Interface:
		d.scalarValue(n, path, v, f)
	case t.Kind() == reflect.Struct:
		d.structure(n, path, v)
	case t.Kind() == reflect.Map:
		d.mapping(n, path, v, f)
	case t.Kind() == reflect.Slice:
		d.list(n, path, v, f)
	default:
		v.Set(reflect.ValueOf(d.free(n, path)))
	}
}

// mapping reads a mapping of names into a map.
func (d *decoder) mapping(n ast.Node, path string, v reflect.Value, f *field) {
	ms, ok := d.members(n, path)
	if !ok {
		d.add(d.nodePos(n), path, "want names and values here")
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMapWithSize(v.Type(), len(ms)))
	}
	for _, m := range ms {
		p := join(path, m.name)
		if m.name == "" {
			d.add(d.nodePos(m.key), path, "a name must not be empty")
			continue
		}
		if before, ok := d.cfg.settings[p]; ok {
			d.add(d.nodePos(m.key), p, "given twice; the other is at %s", before)
			continue
		}
		ev := reflect.New(v.Type().Elem()).Elem()
		if isSection(ev.Type()) {
			setDefaults(ev)
		}
		value := d.resolve(m.value)
		d.cfg.settings[p] = d.nodePos(m.key)
		if value == nil {
			if isSection(ev.Type()) {
				value = &ast.MappingNode{BaseNode: &ast.BaseNode{}, Start: m.key.GetToken(), IsFlowStyle: true}
			} else if ev.Type() == reflect.TypeFor[Flow]() {
				d.add(d.nodePos(m.key), p, "the flow is empty; give it a list of actions")
				continue
			}
		}
		if value != nil {
			if _, ok := d.scalar(value); ok {
				d.record(p, value)
			}
			d.value(value, p, ev, f)
		}
		v.SetMapIndex(reflect.ValueOf(m.name), ev)
	}
}

// list reads a sequence; a single value stands for a list of one.
func (d *decoder) list(n ast.Node, path string, v reflect.Value, f *field) {
	items := []ast.Node{n}
	if s, ok := n.(*ast.SequenceNode); ok {
		items = s.Values
	} else if _, ok := d.scalar(n); !ok && !isSection(v.Type().Elem()) {
		d.add(d.nodePos(n), path, "want a list here, such as [a, b]")
		return
	}
	if s, ok := d.scalar(n); ok && s.text == "" {
		items = nil
	}
	out := v
	if !f.merge {
		out = reflect.MakeSlice(v.Type(), 0, len(items))
	}
	section := isSection(v.Type().Elem())
	for _, item := range items {
		item = d.resolve(item)
		if item == nil {
			d.add(d.nodePos(n), path, "an entry of the list is empty")
			continue
		}
		ev := reflect.New(v.Type().Elem()).Elem()
		p := path
		index := path + "[" + strconv.Itoa(out.Len()) + "]"
		d.record(index, item)
		if section {
			setDefaults(ev)
			p = index // entries that are scalars are told apart by their column
		}
		if path == "include" {
			if s, ok := d.scalar(item); ok {
				d.includes = append(d.includes, include{s.text, s.pos})
			}
		}
		before := len(d.problems)
		d.value(item, p, ev, f)
		if !section && len(d.problems) > before {
			continue // a list of names keeps the good ones
		}
		out = reflect.Append(out, ev)
	}
	v.Set(out)
}

// scalarValue reads a scalar into v.
func (d *decoder) scalarValue(n ast.Node, path string, v reflect.Value, f *field) {
	s, ok := d.scalar(n)
	if !ok {
		d.add(d.nodePos(n), path, "want a single value here, not %s", kindOf(n))
		return
	}
	text, ok := d.expand(&s, path)
	if !ok {
		return
	}
	if err := setScalar(v, text); err != nil {
		what := err.Error()
		if text != s.text && text != "" { // it may be a secret that a reference stands for
			what = strings.ReplaceAll(what, text, s.text)
		}
		d.add(s.pos, path, "%s", what)
		return
	}
	d.constrain(s, text, path, v, f)
}

// setScalar reads a scalar's text into v.
func setScalar(v reflect.Value, s string) error {
	if t, ok := v.Addr().Interface().(text); ok {
		return t.parse(s)
	}
	switch p := v.Addr().Interface().(type) {
	case *netip.Addr:
		if s == "" {
			*p = netip.Addr{}
			return nil
		}
		a, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("bad address %q; write an IP address such as 192.0.2.1", s)
		}
		*p = a
		return nil
	case *netip.Prefix:
		var err error
		*p, err = parsePrefix(s)
		return err
	case *time.Duration:
		var err error
		*p, err = parseDuration(s)
		return err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		if s != "true" && s != "false" {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		v.SetBool(s == "true")
	case reflect.Int:
		n, err := strconv.Atoi(s)
		if err != nil {
			return fmt.Errorf("bad number %q; write a whole number", s)
		}
		v.SetInt(int64(n))
	default:
		return fmt.Errorf("a %s cannot be read", v.Type())
	}
	return nil
}

// constrain checks what the tags ask of a scalar.
func (d *decoder) constrain(s scalar, text, path string, v reflect.Value, f *field) {
	if f == nil {
		return
	}
	if f.enum != nil && !slices.Contains(f.enum, text) {
		known := slices.DeleteFunc(slices.Clone(f.enum), func(s string) bool { return s == "" })
		d.add(s.pos, path, "unknown %s %q; have %s", lastName(path), s.text, strings.Join(known, ", "))
	}
	if f.min != nil && v.Kind() == reflect.Int && v.Int() < int64(*f.min) {
		d.add(s.pos, path, "%d is too small; write %d or more", v.Int(), *f.min)
	}
	if f.schemes != nil && text != "" {
		if u, err := url.Parse(text); err == nil && !slices.Contains(f.schemes, u.Scheme) {
			d.add(s.pos, path, "a URL with %s is of no use here; write one with %s", u.Scheme, strings.Join(f.schemes, ", "))
		}
	}
	if f.required && text == "" {
		d.add(s.pos, path, "must not be empty; %s", lowerFirst(f.doc))
	}
}

// free reads a value of no fixed form.
func (d *decoder) free(n ast.Node, path string) any {
	n = d.resolve(n)
	if n == nil || !d.spend(n) {
		return ""
	}
	d.depth++
	defer func() { d.depth-- }()
	if d.depth > maxDepth {
		d.add(d.nodePos(n), path, "nested deeper than %d levels", maxDepth)
		return ""
	}
	if s, ok := d.scalar(n); ok {
		text, _ := d.expand(&s, path)
		return typed(s, text)
	}
	if seq, ok := n.(*ast.SequenceNode); ok {
		list := []any{}
		for _, item := range seq.Values {
			list = append(list, d.free(item, path))
		}
		return list
	}
	m := map[string]any{}
	ms, _ := d.members(n, path)
	for _, mem := range ms {
		m[mem.name] = d.free(mem.value, join(path, mem.name))
	}
	return m
}

// typed gives a scalar its YAML type.
func typed(s scalar, text string) any {
	if s.plain && text == s.text {
		switch v := s.node.(type) {
		case *ast.BoolNode:
			return v.Value
		case *ast.IntegerNode:
			if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
				return n
			}
			return text // +46…, 007 and the like are numbers to dial
		case *ast.FloatNode:
			return v.Value
		}
	}
	return text
}

func kindOf(n ast.Node) string {
	if _, ok := n.(*ast.SequenceNode); ok {
		return "a list"
	}
	return "keys and values"
}

func keysOf[V any](m map[string]V) []string { return slices.Collect(maps.Keys(m)) }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// parent is the path around path.
func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

// lastName is the last key of a path, without an index.
func lastName(path string) string {
	path, _, _ = strings.Cut(path[strings.LastIndexByte(path, '.')+1:], "[")
	return path
}

func quoteShort(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strconv.Quote(s)
}

func lowerFirst(s string) string {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
