package main

import (
	"fmt"
	"io"
	"os"

	"tandem/config"
	"tandem/flow/route"
)

type routeCmd struct {
	Config string `short:"c" default:"/etc/tandem/tandem.yaml" help:"Configuration file; ${default} where none is given." placeholder:"FILE"`
	Trunk  string `help:"Trunk the call would come from." placeholder:"NAME"`
	From   string `help:"Caller." placeholder:"NUMBER"`
	To     string `required:"" help:"Number called." placeholder:"NUMBER"`
}

// Run prints where a call would go, and why, rule by rule.
func (r *routeCmd) Run(out io.Writer) error {
	cfg, _, _, err := mustLoad(r.Config, os.Stderr)
	if err != nil {
		return err
	}
	if _, ok := cfg.Trunks[r.Trunk]; !ok && r.Trunk != "" && r.Trunk != config.Users {
		return fmt.Errorf("%s has no trunk %q", r.Config, r.Trunk)
	}
	matched := false
	for _, l := range route.Explain(rules(cfg), route.Call{Trunk: r.Trunk, From: r.From, To: r.To}) {
		mark := " "
		if l.Matched {
			mark, matched = "→", true
		}
		fmt.Fprintf(out, "%s %s: route %d: %s\n", mark, cfg.Pos(fmt.Sprintf("routes[%d]", l.Rule)), l.Rule+1, l.Text)
	}
	if !matched {
		fmt.Fprintln(out, "no route matches: the call is refused with 404")
		return exitError{exitRuntime, nil}
	}
	return nil
}
