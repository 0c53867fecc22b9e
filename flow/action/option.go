package action

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/flow"
)

// A form is what an option's value can be.
type form int

const (
	aText      form = iota // a string
	aChoice                // one of a few strings
	aDuration              // whole milliseconds or seconds
	anInteger              // a whole number
	aNumber                // any number
	aFlag                  // true or false
	aTarget                // the id of an action
	someTexts              // a list of strings
	someInts               // a list of whole numbers
	targetMap              // value to id of an action
	indexMap               // value to place of an action in the list
	anAddress              // {type, target, …}
	someAddrs              // a list of these
	actionList             // actions
)

// An option is what a line of the table says about one of its options. Checking,
// decoding and the schema all follow it.
type option struct {
	name     string
	form     form
	doc      string
	required bool
	unit     time.Duration // of aDuration: time.Millisecond or time.Second
	choices  []string      // of aChoice; "" is always one
	min, max float64       // of numbers and durations, in their unit; max 0: no limit
	pattern  *regexp.Regexp
	want     string // what pattern asks for, in words
	maxLen   int    // of texts; 0: no limit
}

// longest is the longest duration there is, in the option's unit.
func (o *option) longest() int64 { return math.MaxInt64 / int64(o.unit) }

// values are the options of one action, checked.
type values map[string]any

func (v values) has(name string) bool       { _, ok := v[name]; return ok }
func (v values) text(name string) string    { s, _ := v[name].(string); return s }
func (v values) flag(name string) bool      { b, _ := v[name].(bool); return b }
func (v values) integer(name string) int    { n, _ := v[name].(int64); return int(n) }
func (v values) number(name string) float64 { f, _ := v[name].(float64); return f }
func (v values) texts(name string) []string { s, _ := v[name].([]string); return s }
func (v values) ints(name string) []int     { s, _ := v[name].([]int); return s }
func (v values) address(n string) flow.Address {
	a, _ := v[n].(flow.Address)
	return a
}
func (v values) addresses(n string) []flow.Address { a, _ := v[n].([]flow.Address); return a }
func (v values) targets(n string) map[string]string {
	m, _ := v[n].(map[string]string)
	return m
}
func (v values) duration(name string) time.Duration { d, _ := v[name].(time.Duration); return d }

// textOr is the text, or what stands for an empty one.
func (v values) textOr(name, none string) string {
	if s := v.text(name); s != "" {
		return s
	}
	return none
}

// A checker collects what is wrong with a document.
type checker struct {
	problems []Problem
	// lenient takes texts that hold a number for one: they were variables.
	lenient bool
	// part is for actions among others, whose ids are not known.
	part bool
}

func (k *checker) add(path []any, format string, args ...any) {
	k.problems = append(k.problems, Problem{Path: slices.Clone(path), Message: fmt.Sprintf(format, args...)})
}

// isTemplate says that s holds a variable, so that what it will be is not known
// yet.
func isTemplate(s string) bool { return strings.Contains(s, "${") }

// options checks the options of one action against the table. Templates pass,
// but are not in the values.
func (k *checker) options(path []any, opts []option, raw map[string]any) values {
	v := values{}
	for i := range opts {
		o := &opts[i]
		x, ok := raw[o.name]
		if !ok || x == nil {
			if o.required {
				k.add(path, "%s: missing", o.name)
			}
			continue
		}
		if s, ok := x.(string); ok && isTemplate(s) && o.form != aText {
			continue
		}
		if val, ok := k.value(append(path, o.name), o, x); ok {
			v[o.name] = val
		}
	}
	for _, name := range sortedKeys(raw) {
		if !slices.ContainsFunc(opts, func(o option) bool { return o.name == name }) {
			k.add(append(path, name), "unknown option; have %s", names(opts))
		}
	}
	return v
}

func names(opts []option) string {
	if len(opts) == 0 {
		return "none"
	}
	list := make([]string, len(opts))
	for i, o := range opts {
		list[i] = o.name
	}
	return strings.Join(list, ", ")
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// value checks one value.
func (k *checker) value(path []any, o *option, x any) (any, bool) {
	switch o.form {
	case aText:
		s, ok := x.(string)
		if !ok {
			k.add(path, "want a text; put %s in quotes", k.show(x))
			return nil, false
		}
		return k.checkText(path, o, s)
	case aChoice:
		s, ok := x.(string)
		if !ok || s != "" && !slices.Contains(o.choices, s) {
			k.add(path, "%s; want one of %s", k.show(x), strings.Join(o.choices, ", "))
			return nil, false
		}
		return s, true
	case aDuration:
		n, ok := k.whole(x)
		if !ok {
			k.add(path, "want a whole number of %s", unitName(o.unit))
			return nil, false
		}
		if !k.inRange(path, o, float64(n), unitName(o.unit)) {
			return nil, false
		}
		if most := o.longest(); n > most {
			k.add(path, "%s; want at most %d %s", k.show(n), most, unitName(o.unit))
			return nil, false
		}
		return time.Duration(n) * o.unit, true
	case anInteger:
		n, ok := k.whole(x)
		if !ok {
			k.add(path, "want a whole number")
			return nil, false
		}
		return n, k.inRange(path, o, float64(n), "")
	case aNumber:
		f, ok := k.float(x)
		if !ok {
			k.add(path, "want a number")
			return nil, false
		}
		return f, k.inRange(path, o, f, "")
	case aFlag:
		b, ok := x.(bool)
		if s, isText := x.(string); isText && k.lenient {
			v, err := strconv.ParseBool(s)
			b, ok = v, err == nil
		}
		if !ok {
			k.add(path, "want true or false")
		}
		return b, ok
	case aTarget:
		s, ok := idText(x)
		if !ok {
			k.add(path, "want the id of an action")
		}
		return s, ok
	case someTexts:
		list, ok := x.([]any)
		if !ok {
			k.add(path, "want a list of texts")
			return nil, false
		}
		out := make([]string, 0, len(list))
		for i, e := range list {
			s, ok := e.(string)
			if !ok {
				k.add(append(path, i), "want a text")
				return nil, false
			}
			out = append(out, s)
		}
		return out, true
	case someInts:
		list, ok := x.([]any)
		if !ok {
			k.add(path, "want a list of whole numbers")
			return nil, false
		}
		out := make([]int, 0, len(list))
		for i, e := range list {
			if s, ok := e.(string); ok && isTemplate(s) {
				continue
			}
			n, ok := k.whole(e)
			if !ok {
				k.add(append(path, i), "want a whole number")
				return nil, false
			}
			if !k.inRange(append(path, i), o, float64(n), "") {
				return nil, false
			}
			out = append(out, int(n))
		}
		return out, true
	case targetMap, indexMap:
		m, ok := x.(map[string]any)
		if !ok {
			k.add(path, "want an object whose keys are values and whose values name actions")
			return nil, false
		}
		out := make(map[string]string, len(m))
		for _, key := range sortedKeys(m) {
			s, ok := idText(m[key])
			if !ok {
				k.add(append(path, key), "want the id of an action")
				return nil, false
			}
			out[key] = s
		}
		return out, true
	case anAddress:
		return k.address(path, x)
	case someAddrs:
		list, ok := x.([]any)
		if !ok {
			k.add(path, "want a list of addresses")
			return nil, false
		}
		if o.required && len(list) == 0 {
			k.add(path, "want at least one address")
			return nil, false
		}
		out := make([]flow.Address, 0, len(list))
		for i, e := range list {
			a, ok := k.address(append(path, i), e)
			if !ok {
				return nil, false
			}
			out = append(out, a.(flow.Address))
		}
		return out, true
	}
	return nil, false
}

func (k *checker) checkText(path []any, o *option, s string) (any, bool) {
	if isTemplate(s) {
		return s, true
	}
	if o.maxLen > 0 && len(s) > o.maxLen {
		k.add(path, "%d characters; at most %d", len(s), o.maxLen)
		return nil, false
	}
	if o.required && s == "" {
		k.add(path, "want a text that is not empty")
		return nil, false
	}
	if o.pattern != nil && s != "" && !o.pattern.MatchString(s) {
		k.add(path, "%s; want %s", k.show(s), o.want)
		return nil, false
	}
	return s, true
}

func (k *checker) inRange(path []any, o *option, f float64, unit string) bool {
	if unit != "" {
		unit = " " + unit
	}
	switch {
	case f < o.min && o.max > 0, o.max > 0 && f > o.max:
		k.add(path, "%s; want %s to %s%s", k.show(f), show(o.min), show(o.max), unit)
		return false
	case f < o.min:
		k.add(path, "%s; want at least %s%s", k.show(f), show(o.min), unit)
		return false
	}
	return true
}

// address reads an address. Fields that are not known are an error.
func (k *checker) address(path []any, x any) (any, bool) {
	m, ok := x.(map[string]any)
	if !ok {
		k.add(path, `want an address such as {"type": "tel", "target": "+46701234567"}`)
		return nil, false
	}
	var a flow.Address
	fields := map[string]*string{"type": &a.Type, "target": &a.Target, "target_name": &a.TargetName, "name": &a.Name, "detail": &a.Detail}
	for _, key := range sortedKeys(m) {
		to := fields[key]
		if to == nil {
			k.add(append(path, key), "unknown field; have type, target, target_name, name, detail")
			return nil, false
		}
		s, ok := m[key].(string)
		if !ok && m[key] != nil {
			k.add(append(path, key), "want a text; put %s in quotes", k.show(m[key]))
			return nil, false
		}
		*to = s
	}
	switch a.Type {
	case "", flow.TypeTel, flow.TypeSIP, flow.TypeExtension, flow.TypeAgent, flow.TypeConference, "endpoint", "line":
	default:
		if !isTemplate(a.Type) {
			k.add(append(path, "type"), "unknown type %q; have tel, sip, extension, agent", a.Type)
			return nil, false
		}
	}
	return a, true
}

// whole reads a whole number from any of the types that JSON and YAML give it.
func (k *checker) whole(x any) (int64, bool) {
	switch n := x.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case uint64:
		return int64(n), n <= math.MaxInt64
	case float64:
		const exact = 1 << 53
		return int64(n), n == math.Trunc(n) && math.Abs(n) <= exact
	case json.Number:
		if i, err := n.Int64(); err == nil {
			return i, true
		}
		f, err := n.Float64()
		if err != nil {
			return 0, false
		}
		return k.whole(f)
	case string:
		if !k.lenient {
			return 0, false
		}
		i, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
		return i, err == nil
	}
	return 0, false
}

func (k *checker) float(x any) (float64, bool) {
	switch n := x.(type) {
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	case string:
		if !k.lenient {
			return 0, false
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
		return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	n, ok := k.whole(x)
	return float64(n), ok
}

// idText reads an id; YAML makes a number of one that looks like it.
func idText(x any) (string, bool) {
	if s, ok := x.(string); ok {
		return s, true
	}
	var k checker
	if n, ok := k.whole(x); ok {
		return strconv.FormatInt(n, 10), true
	}
	return "", false
}

func unitName(unit time.Duration) string {
	if unit == time.Second {
		return "seconds"
	}
	return "milliseconds"
}

// show is a value as a message cites it. One that was a variable is not cited:
// it may be what the caller has typed.
func (k *checker) show(x any) string {
	if k.lenient {
		return "this value"
	}
	return show(x)
}

// show is a value as a message cites it.
func show(x any) string {
	switch x := x.(type) {
	case string:
		if len(x) > 40 {
			x = x[:40] + "…"
		}
		return strconv.Quote(x)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case map[string]any, []any:
		return "that"
	}
	s := fmt.Sprint(x)
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return s
}
