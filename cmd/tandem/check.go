package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"tandem/config"
	"tandem/flow"
	"tandem/flow/action"
)

type checkCmd struct {
	Config string `short:"c" default:"/etc/tandem/tandem.yaml" help:"Configuration file; ${default} where none is given." placeholder:"FILE"`
}

// Run says every fault in the file.
func (c *checkCmd) Run(out io.Writer) error {
	cfg, _, problems := load(c.Config)
	faults, warnings := 0, 0
	for _, p := range problems {
		fmt.Fprintln(out, p)
		if p.Warning {
			warnings++
		} else {
			faults++
		}
	}
	if faults > 0 {
		return exitError{exitBadConfig, fmt.Errorf("%s: %s", c.Config, count(faults, "fault"))}
	}
	fmt.Fprintf(out, "%s: good; %s, %s, %s, %s\n", c.Config, count(len(cfg.Trunks), "trunk"),
		count(len(cfg.Routes), "route"), count(len(cfg.Flows), "flow"), count(warnings, "warning"))
	return nil
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// load reads a configuration and its flows. The flows are those without
// faults; problems are all that was found, in the order of files and lines.
func load(file string) (*config.Config, map[string][]flow.Step, []config.Problem) {
	cfg, problems := config.Load(file, os.LookupEnv)
	flows := make(map[string][]flow.Step, len(cfg.Flows))
	for _, name := range slices.Sorted(maps.Keys(cfg.Flows)) {
		f := cfg.Flows[name]
		if f.Actions == nil { // it is no list, which config has said
			continue
		}
		steps, faults := action.Parse(f.Actions)
		for _, p := range faults {
			problems = append(problems, f.Problem(p.Where(), p.Message))
		}
		problems = append(problems, unusable(cfg, &f)...)
		if len(faults) == 0 {
			flows[name] = steps
		}
	}
	cfg.Sort(problems)
	return cfg, flows, problems
}

// mustLoad is load for those who cannot go on with faults. Each is printed to
// w as the error that it is.
func mustLoad(file string, w io.Writer) (*config.Config, map[string][]flow.Step, []config.Problem, error) {
	cfg, flows, problems := load(file)
	if !config.Faulty(problems) {
		return cfg, flows, problems, nil
	}
	for _, p := range problems {
		if !p.Warning {
			fmt.Fprintln(w, p)
		}
	}
	return nil, nil, nil, exitError{exitBadConfig, errors.New("the configuration has faults; tandem check -c " + file + " says them with all warnings")}
}
