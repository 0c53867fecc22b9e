package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"

	"tandem/codec"
)

type versionCmd struct {
	Output string `short:"o" enum:"text,json" default:"text" help:"text or json."`
}

// Run prints what this binary is.
func (v *versionCmd) Run(out io.Writer) error {
	var codecs []string
	for _, c := range codec.Table() {
		codecs = append(codecs, c.Name)
	}
	if v.Output == "json" {
		return json.NewEncoder(out).Encode(map[string]any{
			"version": version, "commit": commit, "go": runtime.Version(), "codecs": codecs,
		})
	}
	_, err := fmt.Fprintf(out, "tandem %s (commit %s, %s)\ncodecs: %s\n", version, commit, runtime.Version(), strings.Join(codecs, ", "))
	return err
}
