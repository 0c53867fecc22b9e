package main

import (
	"encoding/json"
	"io"

	"tandem/config"
	"tandem/flow/action"
)

type schemaCmd struct {
	What string `arg:"" enum:"config,flow" help:"config or flow."`
}

// Run prints a JSON Schema (2020-12).
func (s *schemaCmd) Run(out io.Writer) error {
	doc := action.Schema()
	if s.What == "config" {
		doc = config.Schema(doc)
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(doc)
}
