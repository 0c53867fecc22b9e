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
	Config string `short:"c" default:"/etc/tandem/tandem.yaml" help:"Configuration file." placeholder:"FILE"`
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
		return exitError{exitBadConfig, fmt.Errorf("%s: %d faults", c.Config, faults)}
	}
	fmt.Fprintf(out, "%s: good; %d trunks, %d routes, %d flows, %d warnings\n", c.Config, len(cfg.Trunks), len(cfg.Routes), len(cfg.Flows), warnings)
	return nil
}

// load reads a configuration and its flows. The flows are those without
// faults; problems are all that was found, in the order of files and lines
// first for what config sees, then for the flows.
func load(file string) (*config.Config, map[string][]flow.Step, []config.Problem) {
	cfg, problems := config.Load(file, os.LookupEnv)
	flows := make(map[string][]flow.Step, len(cfg.Flows))
	for _, name := range slices.Sorted(maps.Keys(cfg.Flows)) {
		f := cfg.Flows[name]
		steps, faults := action.Parse(f.Actions)
		for _, p := range faults {
			problems = append(problems, f.Problem(p.Where(), p.Message))
		}
		if len(faults) == 0 {
			flows[name] = steps
		}
	}
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
