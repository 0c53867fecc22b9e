package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Limits of what is read, so that a wrong path given as a configuration is an
// error and not a hang.
const (
	maxFile  = 4 << 20
	maxFiles = 1000
	maxDepth = 100
	// maxNodes bounds what aliases may expand to.
	maxNodes = 1 << 18
)

// Load reads the configuration at path and everything it includes. env looks
// up environment variables (os.LookupEnv). The Config is never nil: where
// [Faulty] finds an error among the problems it holds what could be read, so
// that more faults may be looked for, and must not be run. The problems are in
// the order of files and lines.
func Load(path string, env func(string) (string, bool)) (*Config, []Problem) {
	l := &loader{cfg: Defaults(), env: env, flowKeys: map[string]bool{}}
	l.cfg.File = path
	l.cfg.settings = map[string]Pos{}
	l.file(path, true)
	l.cfg.check(l)
	l.cfg.warnListen(l)
	l.cfg.files = l.files
	l.cfg.Sort(l.problems)
	return l.cfg, slices.Compact(l.problems)
}

// Sort puts problems in the order of files and lines; of two in one place the
// warning comes last.
func (c *Config) Sort(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		order := cmp.Or(
			slices.Index(c.files, a.Pos.File)-slices.Index(c.files, b.Pos.File),
			a.Pos.Line-b.Pos.Line,
			a.Pos.Column-b.Pos.Column,
		)
		switch {
		case order != 0 || a.Warning == b.Warning:
			return order
		case a.Warning:
			return 1
		}
		return -1
	})
}

// Defaults is the configuration of an empty file.
func Defaults() *Config {
	c := &Config{}
	setDefaults(reflect.ValueOf(c).Elem())
	return c
}

// A loader reads files into one Config and gathers what is wrong.
type loader struct {
	cfg      *Config
	env      func(string) (string, bool)
	files    []string
	problems []Problem
	// flowKeys are the names that variable_set gives in any flow read so far.
	flowKeys map[string]bool
}

func (l *loader) add(pos Pos, path, format string, args ...any) {
	l.problems = append(l.problems, Problem{Pos: pos, Path: path, What: fmt.Sprintf(format, args...)})
}

func (l *loader) warn(pos Pos, path, format string, args ...any) {
	l.problems = append(l.problems, Problem{Pos: pos, Path: path, What: fmt.Sprintf(format, args...), Warning: true})
}

// file reads one file; main may include others.
func (l *loader) file(path string, main bool) {
	if slices.Contains(l.files, path) {
		return
	}
	l.files = append(l.files, path)
	data, err := readLimited(path, maxFile)
	if err != nil {
		l.add(Pos{File: path}, "", "%s", reason(err))
		return
	}
	d := &decoder{loader: l, file: path, dir: filepath.Dir(path), anchors: map[string]ast.Node{}, main: main}
	root, ok := d.parse(data)
	if !ok {
		return
	}
	d.structure(root, "", reflect.ValueOf(l.cfg).Elem())
	if main {
		for _, inc := range d.includes {
			l.include(inc, d)
		}
	}
}

// reason is an I/O error without the path, which stands before it already.
func reason(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Op + ": " + pe.Err.Error()
	}
	return err.Error()
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("not a file")
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %d MB", limit>>20)
	}
	return data, nil
}

// An include is one entry of the key include.
type include struct {
	glob string
	pos  Pos
}

// include reads the files that a glob names, in the order of their names.
func (l *loader) include(inc include, d *decoder) {
	glob := inc.glob
	if !filepath.IsAbs(glob) {
		glob = filepath.Join(d.dir, glob)
	}
	files, err := filepath.Glob(glob)
	if err != nil {
		l.add(inc.pos, "include", "bad glob %q; write one such as conf.d/*.yaml", inc.glob)
		return
	}
	if len(files) == 0 && !strings.ContainsAny(inc.glob, "*?[") {
		l.add(inc.pos, "include", "there is no file %s", glob)
		return
	}
	for _, f := range files {
		if len(l.files) >= maxFiles {
			l.add(inc.pos, "include", "more than %d files; include fewer", maxFiles)
			return
		}
		l.file(f, false)
	}
}

// parse gives the root of a file; nothing for an empty one.
func (d *decoder) parse(data []byte) (root ast.Node, ok bool) {
	// The parser is not ours; whatever it does with a broken file, the
	// operator gets a line and not a stack trace.
	defer func() {
		if r := recover(); r != nil {
			d.add(Pos{File: d.file}, "", "the YAML cannot be read: %v", r)
			root, ok = nil, false
		}
	}()
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	if line, column, what := readable(data); what != "" {
		d.add(d.pos(line, column), "", "%s", what)
		return nil, false
	}
	if depth(data) > maxDepth {
		d.add(Pos{File: d.file}, "", "nested deeper than %d levels", maxDepth)
		return nil, false
	}
	f, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil {
			d.add(d.pos(syntax.Token.Position.Line, syntax.Token.Position.Column), "", "%s", explain(syntax.Message))
		} else {
			d.add(Pos{File: d.file}, "", "%s", err)
		}
		return nil, false
	}
	var body ast.Node
	for _, doc := range f.Docs {
		switch b := doc.Body.(type) {
		case nil, *ast.NullNode, *ast.CommentGroupNode, *ast.DirectiveNode:
			continue
		default:
			if body != nil {
				d.add(d.nodePos(b), "", "a second document in the file; join them or use include")
				return body, true
			}
			body = b
		}
	}
	if body == nil {
		return nil, false
	}
	d.collectAnchors(body)
	d.collectFlowKeys(body)
	return body, true
}

// depth is at least how deep the parser would have to recurse into data: open
// brackets, and dashes and colons that begin a line.
func depth(data []byte) int {
	deepest, open := 0, 0
	for line := range strings.Lines(string(data)) {
		dashes := 0
		for f := range strings.FieldsSeq(line) {
			if f != "-" && f != "?" {
				break
			}
			dashes++
		}
		indent := 0
		for indent < len(line) && line[indent] == ' ' {
			indent++
		}
		deepest = max(deepest, dashes+indent/2)
		for _, c := range []byte(line) {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			}
			deepest = max(deepest, open)
		}
	}
	return deepest
}
