package config

import (
	"fmt"
	"strings"
)

// A Pos is a place in a configuration file. Line and Column count from 1;
// both are 0 where the file as a whole is meant.
type Pos struct {
	File         string
	Line, Column int
}

// String gives FILE:LINE:COLUMN, or FILE alone.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// A Problem is one thing that is wrong with the configuration, or that the
// operator should know about it.
type Problem struct {
	Pos Pos
	// Path is the key at fault, such as trunks.acme.codecs; empty for the
	// file as a whole.
	Path string
	// What is wrong, and what to do about it after a semicolon.
	What string
	// Warning says that the configuration can be used all the same.
	Warning bool
}

// String gives FILE:LINE:COLUMN: path: what is wrong; what to do.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Pos.String())
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.What)
	return b.String()
}

// Error makes a Problem an error.
func (p Problem) Error() string { return p.String() }

// Faulty says whether one of the problems keeps the configuration from being
// used.
func Faulty(ps []Problem) bool {
	for i := range ps {
		if !ps[i].Warning {
			return true
		}
	}
	return false
}
