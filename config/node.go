package config

import (
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A member is one key of a mapping with its value.
type member struct {
	name  string
	key   ast.Node
	value ast.Node
}

func (d *decoder) pos(line, column int) Pos {
	return Pos{File: d.file, Line: line, Column: max(column, 1)}
}

// nodePos is where n begins.
func (d *decoder) nodePos(n ast.Node) Pos {
	switch v := n.(type) {
	case nil:
		return Pos{File: d.file}
	case *ast.MappingNode:
		if !v.IsFlowStyle && len(v.Values) > 0 {
			return d.nodePos(v.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return d.nodePos(v.Key)
	case *ast.MappingKeyNode:
		return d.nodePos(v.Value)
	}
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return Pos{File: d.file}
	}
	return d.pos(t.Position.Line, t.Position.Column)
}

// resolve follows aliases and takes anchors and tags off; nil is null.
func (d *decoder) resolve(n ast.Node) ast.Node {
	for range maxDepth {
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.TagNode:
			n = v.Value
		case *ast.AliasNode:
			name := v.Value.GetToken().Value
			target, ok := d.anchors[name]
			if !ok {
				d.add(d.nodePos(v), "", "unknown alias *%s; %s", name, didYouMean(name, keysOf(d.anchors)))
				return nil
			}
			n = target
		case *ast.NullNode, *ast.CommentGroupNode:
			return nil
		default:
			return n
		}
	}
	d.add(d.nodePos(n), "", "an alias stands for itself")
	return nil
}

// collectAnchors finds the anchors of a file.
func (d *decoder) collectAnchors(n ast.Node) {
	ast.Walk(visitor(func(n ast.Node) {
		if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil && a.Value != nil {
			d.anchors[a.Name.GetToken().Value] = a.Value
		}
	}), n)
}

type visitor func(ast.Node)

func (v visitor) Visit(n ast.Node) ast.Visitor {
	v(n)
	return v
}

// members gives the keys of a mapping in order, merge keys (<<) expanded behind
// the mapping's own. A key given twice is a fault; its first value counts.
func (d *decoder) members(n ast.Node, path string) ([]member, bool) {
	var values []*ast.MappingValueNode
	switch v := n.(type) {
	case *ast.MappingNode:
		values = v.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{v}
	default:
		return nil, false
	}
	var all, merged []member
	seen := map[string]Pos{}
	for _, v := range values {
		if !d.spend(v) {
			return all, true
		}
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			merged = append(merged, d.mergeSources(v.Value, path)...)
			continue
		}
		name, ok := d.keyText(v.Key)
		if !ok {
			d.add(d.nodePos(v.Key), path, "a key must be text")
			continue
		}
		if first, ok := seen[name]; ok {
			d.add(d.nodePos(v.Key), join(path, name), "given twice; the first is in line %d", first.Line)
			continue
		}
		seen[name] = d.nodePos(v.Key)
		all = append(all, member{name, v.Key, v.Value})
	}
	for _, m := range merged {
		if _, ok := seen[m.name]; !ok {
			seen[m.name] = Pos{}
			all = append(all, m)
		}
	}
	return all, true
}

func (d *decoder) mergeSources(n ast.Node, path string) []member {
	n = d.resolve(n)
	sources := []ast.Node{n}
	if s, ok := n.(*ast.SequenceNode); ok {
		sources = s.Values
	}
	var all []member
	d.depth++
	defer func() { d.depth-- }()
	for _, s := range sources {
		if d.depth > maxDepth {
			return all
		}
		s = d.resolve(s)
		if s == nil {
			continue
		}
		ms, ok := d.members(s, path)
		if !ok {
			d.add(d.nodePos(s), path, "<< wants a mapping")
			continue
		}
		all = append(all, ms...)
	}
	return all
}

func (d *decoder) keyText(k ast.Node) (string, bool) {
	if mk, ok := k.(*ast.MappingKeyNode); ok {
		k = mk.Value
	}
	switch k := d.resolve(k).(type) {
	case nil:
		return "", false
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return "", false
	case *ast.StringNode:
		return k.Value, true
	case ast.ScalarNode:
		return k.GetToken().Value, true
	}
	return "", false
}

// A scalar is the text of a node and where a place in the text is in the file.
type scalar struct {
	text string
	pos  Pos
	// quote is 1 where pos is an opening quote's.
	quote int
	// line says that the text stands in one line as it is, so that offsets in
	// it are columns.
	line bool
	// plain says that it was written without quotes, so that it may be a
	// number, a boolean or null.
	plain bool
	node  ast.Node
}

// at is the place of the i-th byte of the text.
func (s *scalar) at(i int) Pos {
	p := s.pos
	if s.line {
		p.Column += s.quote + i
	}
	return p
}

// scalar gives the text of n, which resolve has been through.
func (d *decoder) scalar(n ast.Node) (scalar, bool) {
	s := scalar{pos: d.nodePos(n), node: n}
	switch v := n.(type) {
	case *ast.LiteralNode:
		s.text = v.Value.Value
	case *ast.StringNode:
		s.text = v.Value
		quoted := v.Token.Type == token.SingleQuoteType || v.Token.Type == token.DoubleQuoteType
		s.plain = !quoted
		s.line = isASCIILine(v.Value) && v.Token.Value == v.Value
		if quoted && s.line {
			s.quote = 1
		}
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return s, false
	case ast.ScalarNode:
		s.text = v.GetToken().Value
		s.line, s.plain = true, true
	default:
		return s, false
	}
	return s, true
}

func isASCIILine(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
