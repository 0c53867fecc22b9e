package action

// Schema is the JSON Schema (2020-12) of a flow: a list of actions.
func Schema() map[string]any {
	var kindsOf []any
	for _, k := range kinds() {
		kindsOf = append(kindsOf, k.schema())
	}
	return map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"$id":         "https://tandem.invalid/schema/flow.json",
		"title":       "flow",
		"description": "What a call does: a list of actions.",
		"type":        "array",
		"items": map[string]any{
			"type":       "object",
			"required":   []any{"type"},
			"properties": map[string]any{"type": map[string]any{"enum": anys(Types())}},
			"oneOf":      kindsOf,
		},
	}
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// schema is one action's.
func (k *kind) schema() map[string]any {
	options := map[string]any{}
	var required []any
	for i := range k.options {
		o := &k.options[i]
		s := o.schema()
		s["description"] = o.doc
		options[o.name] = s
		if o.required {
			required = append(required, o.name)
		}
	}
	option := map[string]any{"type": "object", "properties": options, "additionalProperties": false}
	must := []any{"type"}
	if required != nil {
		option["required"] = required
		must = append(must, "option")
	}
	id := map[string]any{"type": []any{"string", "integer", "null"}}
	return map[string]any{
		"title":       k.name,
		"description": k.doc,
		"type":        "object",
		"properties": map[string]any{
			"id": id, "next_id": id, "tm_execute": true,
			"type":   map[string]any{"const": k.name},
			"option": option,
		},
		"required":             must,
		"additionalProperties": false,
	}
}

// schema is one option's. What is not a text may also be a template.
func (o *option) schema() map[string]any {
	template := func(s map[string]any) map[string]any {
		return map[string]any{"anyOf": []any{s, map[string]any{"type": "string", "pattern": `\$\{`}}}
	}
	number := func(typ string) map[string]any {
		s := map[string]any{"type": typ}
		if o.min > -1e300 {
			s["minimum"] = o.min
		}
		switch {
		case o.max > 0:
			s["maximum"] = o.max
		case o.form == aDuration:
			s["maximum"] = o.longest()
		}
		return s
	}
	list := func(items map[string]any) map[string]any { return map[string]any{"type": "array", "items": items} }
	switch o.form {
	case aText:
		s := map[string]any{"type": "string"}
		if o.required {
			s["minLength"] = 1
		}
		if o.maxLen > 0 {
			s["maxLength"] = o.maxLen
		}
		if o.pattern != nil {
			s["pattern"] = o.pattern.String()
		}
		return template(s)
	case aChoice:
		return template(map[string]any{"enum": anys(append([]string{""}, o.choices...))})
	case aDuration, anInteger:
		return template(number("integer"))
	case aNumber:
		return template(number("number"))
	case aFlag:
		return template(map[string]any{"type": "boolean"})
	case aTarget:
		return map[string]any{"type": []any{"string", "integer"}}
	case someTexts:
		return template(list(map[string]any{"type": "string"}))
	case someInts:
		return template(list(number("integer")))
	case targetMap:
		return template(map[string]any{"type": "object", "additionalProperties": map[string]any{"type": []any{"string", "integer"}}})
	case indexMap:
		return template(map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "integer", "minimum": 0}})
	case anAddress:
		return template(addressSchema())
	case someAddrs:
		s := list(addressSchema())
		if o.required {
			s["minItems"] = 1
		}
		return template(s)
	}
	return map[string]any{}
}

func addressSchema() map[string]any {
	text := map[string]any{"type": "string"}
	return map[string]any{
		"type": "object",
		"properties": map[string]any{
			"type": text, "target": text, "target_name": text, "name": text, "detail": text,
		},
		"additionalProperties": false,
	}
}

// A Doc is an action's line in the documentation.
type Doc struct {
	Name, Text string
	// Fatal says that its failure ends the call.
	Fatal   bool
	Options []OptionDoc
}

// OptionDoc is an option's.
type OptionDoc struct {
	Name, Text string
	Required   bool
}

// Docs are what the documentation says about every action.
func Docs() []Doc {
	var docs []Doc
	for _, k := range kinds() {
		d := Doc{Name: k.name, Text: k.doc, Fatal: k.fatal}
		for _, o := range k.options {
			d.Options = append(d.Options, OptionDoc{Name: o.name, Text: o.doc, Required: o.required})
		}
		docs = append(docs, d)
	}
	return docs
}
