package config

import (
	"path/filepath"
	"strings"
)

// expand replaces ${NAME}, ${env:NAME}, ${file:PATH} and ${credential:NAME} in
// the scalar's text: an environment variable, the content of a file without its
// last newline (relative paths from the folder of the configuration file), and
// a file that systemd's LoadCredential provides. $${ stands for ${ as it is.
func (d *decoder) expand(s *scalar, path string) (string, bool) {
	return d.replace(s, path, func(name string, at int) (string, replaced) { return d.lookup(name, s.at(at), path) }, true)
}

// expandFlow replaces in a flow's text, where ${…} also stands for the flow's
// own variables: a prefix, or a name in capitals that the environment has and
// no variable_set gives, is the configuration's; everything else is left.
func (d *decoder) expandFlow(s *scalar, path string) (string, bool) {
	return d.replace(s, path, func(name string, at int) (string, replaced) {
		if !strings.HasPrefix(name, "env:") && !strings.HasPrefix(name, "file:") && !strings.HasPrefix(name, "credential:") {
			if !isCapital(name) || d.flowKeys[name] {
				return "", left
			}
			if v, ok := d.env(name); ok {
				return v, done
			}
			d.warn(s.at(at), path, "${%s} is neither in the environment nor given by a variable_set; it will be empty where nothing else gives it", name)
			return "", left
		}
		return d.lookup(name, s.at(at), path)
	}, false)
}

// What a replacement came to.
type replaced int

const (
	done replaced = iota
	left
	failed
)

func (d *decoder) replace(s *scalar, path string, get func(name string, at int) (string, replaced), escapes bool) (string, bool) {
	rest, ok := s.text, true
	var b strings.Builder
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			b.WriteString(rest)
			return b.String(), ok
		}
		if escapes && i > 0 && rest[i-1] == '$' {
			b.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		at := len(s.text) - len(rest) + i
		name, after, closed := strings.Cut(rest[i+2:], "}")
		if !closed {
			if escapes {
				d.add(s.at(at), path, "${ without its }; write $${ for the characters themselves")
				ok = false
			}
			b.WriteString(rest)
			return b.String(), ok
		}
		v, how := get(name, at)
		switch how {
		case done:
			b.WriteString(rest[:i] + v)
		case left:
			b.WriteString(rest[:len(rest)-len(after)])
		case failed:
			b.WriteString(rest[:i])
			ok = false
		}
		rest = after
	}
}

// lookup gives the value of one name.
func (d *decoder) lookup(name string, pos Pos, path string) (string, replaced) {
	switch kind, arg, _ := strings.Cut(name, ":"); {
	case kind == "file" && arg != "":
		if !filepath.IsAbs(arg) {
			arg = filepath.Join(d.dir, arg)
		}
		return d.content(arg, name, pos, path)
	case kind == "credential" && arg != "":
		dir, ok := d.env("CREDENTIALS_DIRECTORY")
		if !ok {
			d.add(pos, path, "${%s}: systemd gives no credentials here; add LoadCredential=%s to the unit", name, arg)
			return "", failed
		}
		if arg != filepath.Base(arg) {
			d.add(pos, path, "${%s}: the name of a credential has no folder", name)
			return "", failed
		}
		return d.content(filepath.Join(dir, arg), name, pos, path)
	case kind == "env":
		name = arg
	}
	if !isName(name) {
		d.add(pos, path, "bad reference ${%s}; write ${NAME}, ${file:PATH} or ${credential:NAME}", name)
		return "", failed
	}
	v, ok := d.env(name)
	if !ok {
		d.add(pos, path, "environment variable %s is not set; set it, or write the value here", name)
		return "", failed
	}
	return v, done
}

// content reads a file that a reference names.
func (d *decoder) content(file, name string, pos Pos, path string) (string, replaced) {
	data, err := readLimited(file, 64<<10)
	if err != nil {
		d.add(pos, path, "${%s}: %s: %s", name, file, reason(err))
		return "", failed
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), done
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func isCapital(s string) bool { return isName(s) && strings.ToUpper(s) == s }
