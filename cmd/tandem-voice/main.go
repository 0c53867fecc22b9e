// Command tandem-voice carries the piper speech engine and its voices, and
// unpacks them for tandem, which runs it in the background when it starts.
//
// It is a program of its own because the engine holds parts under the GPL 3
// (espeak-ng), which tandem neither links nor embeds.
package main

import (
	"fmt"
	"os"
	"text/tabwriter"
)

// version is set by the Makefile.
var version = "dev"

const usage = `usage:
  tandem-voice unpack DIR   unpack the engine and the voices into DIR
  tandem-voice list         what is inside, and its licences
  tandem-voice version
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tandem-voice:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "unpack":
		lowPriority()
		return unpack(args[1], assets())
	case len(args) == 1 && args[0] == "list":
		return list()
	case len(args) == 1 && args[0] == "version":
		fmt.Println("tandem-voice", version)
		return nil
	case len(args) == 1 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help"):
		fmt.Print(usage)
		return nil
	}
	fmt.Fprint(os.Stderr, usage)
	os.Exit(2)
	return nil
}

func list() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tVERSION\tLANGUAGE\tGENDER\tLICENCE")
	for _, a := range assets() {
		d, err := a.describe()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", d.Name, d.Version, d.Language, d.Gender, d.License)
	}
	return w.Flush()
}
