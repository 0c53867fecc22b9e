// Command tandem is a SIP B2BUA with the media engine inside.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// Set by the linker.
var version, commit = "dev", "unknown"

// Exit codes of the contract.
const (
	exitOK        = 0
	exitRuntime   = 1
	exitBadConfig = 2
)

// An exitError ends the process with a code of its own. Its text, where there
// is any, has not been printed yet.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// cli is the command line.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run a node until a signal ends it."`
	Check   checkCmd   `cmd:"" help:"Say every fault in a configuration file."`
	Call    callCmd    `cmd:"" help:"Place one test call and report."`
	Route   routeCmd   `cmd:"" help:"Print where a call would go, rule by rule, without placing it."`
	Schema  schemaCmd  `cmd:"" help:"Print a JSON Schema for editors."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// helpFor says which --help tells more about what is wrong with the command
// line.
func helpFor(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if cmd := parse.Context.Selected(); cmd != nil {
			return "tandem " + cmd.Name + " --help lists its flags"
		}
	}
	return "tandem --help lists the commands"
}

// run is the program: it returns the exit code.
func run(args []string, stdout, stderr io.Writer) (code int) {
	var c cli
	exited := false
	parser, err := kong.New(&c, kong.Name("tandem"),
		kong.Description("A SIP B2BUA with the media engine inside."),
		kong.UsageOnError(), kong.Writers(stdout, stderr),
		kong.Exit(func(n int) { exited, code = true, n }),
		kong.BindTo(stdout, (*io.Writer)(nil)))
	if err != nil {
		fmt.Fprintln(stderr, "tandem:", err)
		return exitRuntime
	}
	ctx, err := parser.Parse(args)
	if exited { // --help
		return code
	}
	if err != nil {
		fmt.Fprintln(stderr, "tandem:", err)
		fmt.Fprintln(stderr, helpFor(err))
		return exitRuntime
	}
	err = ctx.Run()
	var e exitError
	switch {
	case errors.As(err, &e):
		if e.err != nil {
			fmt.Fprintln(stderr, "tandem:", e.err)
		}
		return e.code
	case err != nil:
		fmt.Fprintln(stderr, "tandem:", err)
		return exitRuntime
	}
	return exitOK
}
