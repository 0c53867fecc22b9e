package flow

import (
	"errors"
	"fmt"
	"maps"
	"strings"
)

// Limits of a call's variables: what a flow, or an application that feeds one,
// can make a call hold.
const (
	MaxVariables     = 1000
	MaxVariableSize  = 32 << 10  // bytes of one value
	MaxVariablesSize = 256 << 10 // bytes of all names and values
	maxExpanded      = 1 << 20   // bytes of one option after substitution
)

var errTooLong = errors.New("text is over 1 MB once its variables are put in")

// Variables are the strings a call's flow reads and writes by name. They belong
// to the call's goroutine.
type Variables struct {
	values map[string]string
	size   int
}

// NewVariables makes an empty set.
func NewVariables() *Variables { return &Variables{values: map[string]string{}} }

// Get is the value of the named variable, "" where there is none.
func (v *Variables) Get(name string) string { return v.values[name] }

// Lookup is like Get and says whether there is such a variable.
func (v *Variables) Lookup(name string) (string, bool) {
	s, ok := v.values[name]
	return s, ok
}

// Set gives the named variable a value. A value or a total over the limits is
// an error, and nothing changes.
func (v *Variables) Set(name, value string) error {
	if name == "" {
		return errors.New("a variable needs a name")
	}
	if len(value) > MaxVariableSize {
		return fmt.Errorf("variable %.60q: %d bytes; at most %d", name, len(value), MaxVariableSize)
	}
	old, had := v.values[name]
	size := v.size + len(value) - len(old)
	if !had {
		size += len(name)
		if len(v.values) >= MaxVariables {
			return fmt.Errorf("variable %.60q: there are %d already", name, MaxVariables)
		}
	}
	if size > MaxVariablesSize {
		return fmt.Errorf("variable %.60q: all variables together would be over %d bytes", name, MaxVariablesSize)
	}
	v.values[name], v.size = value, size
	return nil
}

// put is Set without limits, for what the call itself stores: a flow that has
// filled its variables still gets its digits.
func (v *Variables) put(name, value string) {
	old, had := v.values[name]
	if !had {
		v.size += len(name)
	}
	v.size += len(value) - len(old)
	v.values[name] = value
}

// Delete removes the named variable.
func (v *Variables) Delete(name string) {
	if old, ok := v.values[name]; ok {
		v.size -= len(name) + len(old)
		delete(v.values, name)
	}
}

// All is a copy of every variable.
func (v *Variables) All() map[string]string { return maps.Clone(v.values) }

// Expand replaces every ${name} in s by the variable's value; a name that is
// not known by nothing. A name ends at the first }; values are not looked
// through again.
func (v *Variables) Expand(s string) (string, error) {
	if !strings.Contains(s, "${") {
		return s, nil
	}
	var b strings.Builder
	for {
		start := strings.Index(s, "${")
		if start < 0 {
			break
		}
		end := strings.IndexByte(s[start:], '}')
		if end < 0 {
			break
		}
		b.WriteString(s[:start])
		b.WriteString(v.values[s[start+2:start+end]])
		s = s[start+end+1:]
		if b.Len() > maxExpanded {
			return "", errTooLong
		}
	}
	b.WriteString(s)
	return b.String(), nil
}

// ExpandAll replaces variables in every string of a decoded document, however
// deep; names of keys and all that is not a string stay as they are. doc is not
// changed.
func (v *Variables) ExpandAll(doc any) (any, error) {
	switch d := doc.(type) {
	case string:
		return v.Expand(d)
	case map[string]any:
		out := make(map[string]any, len(d))
		for k, e := range d {
			x, err := v.ExpandAll(e)
			if err != nil {
				return nil, err
			}
			out[k] = x
		}
		return out, nil
	case []any:
		out := make([]any, len(d))
		for i, e := range d {
			x, err := v.ExpandAll(e)
			if err != nil {
				return nil, err
			}
			out[i] = x
		}
		return out, nil
	}
	return doc, nil
}
