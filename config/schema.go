package config

import (
	"net/netip"
	"reflect"
	"time"

	"github.com/goccy/go-yaml"
)

// Schema gives the JSON Schema (2020-12) of the configuration, made from the
// same table as the parser. flow is the schema of one flow, a list of actions;
// nil stands for a list of objects with a type.
func Schema(flow map[string]any) map[string]any {
	if flow == nil {
		flow = map[string]any{
			"type": "array",
			"items": map[string]any{
				"type": "object", "required": []any{"type"},
				"properties": map[string]any{"type": map[string]any{"type": "string"}},
			},
		}
	}
	s := structSchema(reflect.TypeFor[Config]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "tandem configuration"
	s["$defs"] = map[string]any{
		"flow":      flow,
		"reference": map[string]any{"type": "string", "pattern": `\$\{[^}]+\}`, "description": "Replaced when the file is read: ${NAME}, ${file:PATH}, ${credential:NAME}."},
	}
	return s
}

func structSchema(t reflect.Type) map[string]any {
	props := map[string]any{}
	var required []any
	short := false
	for _, f := range fieldsOf(t) {
		p := typeSchema(f.typ, f.enum)
		p["description"] = describe(f)
		if f.hasDefault {
			var v any
			if yaml.Unmarshal([]byte(f.def), &v) == nil {
				p["default"] = v
			}
		}
		if f.min != nil {
			bound(p, *f.min)
		}
		if f.required {
			required = append(required, f.name)
		}
		short = short || f.short
		props[f.name] = p
	}
	s := map[string]any{"type": "object", "properties": props, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	if short {
		return map[string]any{"anyOf": []any{map[string]any{"type": "string"}, s}}
	}
	return s
}

func describe(f field) string {
	if f.note == "" {
		return f.doc
	}
	return f.doc + " Default: " + f.note + "."
}

// bound sets the least value of a number that may also be a reference.
func bound(p map[string]any, least int) {
	for _, alt := range p["anyOf"].([]any) {
		if m, ok := alt.(map[string]any); ok && m["type"] == "integer" {
			m["minimum"] = least
		}
	}
}

func typeSchema(t reflect.Type, enum []string) map[string]any {
	if s, ok := reflect.Zero(t).Interface().(schematic); ok {
		return orReference(s.schema())
	}
	switch t {
	case reflect.TypeFor[Flow]():
		return map[string]any{"$ref": "#/$defs/flow"}
	case reflect.TypeFor[time.Duration]():
		return orReference(map[string]any{"type": []any{"string", "integer"}, "pattern": `^(0|([0-9.]+(ns|us|µs|ms|s|m|h))+)$`})
	case reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.Prefix](), reflect.TypeFor[Date](), reflect.TypeFor[Secret](), reflect.TypeFor[Pattern]():
		return map[string]any{"type": []any{"string", "integer"}}
	}
	switch t.Kind() {
	case reflect.Struct:
		return structSchema(t)
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return map[string]any{"type": []any{"object", "null"}}
		}
		elem := typeSchema(t.Elem(), nil)
		if elem["type"] == "object" { // a name with nothing behind it has all defaults
			elem["type"] = []any{"object", "null"}
		}
		return map[string]any{"type": []any{"object", "null"}, "additionalProperties": elem}
	case reflect.Slice:
		elem := typeSchema(t.Elem(), enum)
		list := map[string]any{"type": "array", "items": elem}
		if isSection(t.Elem()) {
			return list
		}
		return map[string]any{"anyOf": []any{list, elem}}
	case reflect.Bool:
		return orReference(map[string]any{"type": "boolean"})
	case reflect.Int:
		return orReference(map[string]any{"type": "integer"})
	}
	if enum != nil {
		var values []any
		for _, e := range enum {
			values = append(values, e)
		}
		return orReference(map[string]any{"type": "string", "enum": values})
	}
	return map[string]any{"type": []any{"string", "integer"}}
}

func orReference(s map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{s, map[string]any{"$ref": "#/$defs/reference"}}}
}
