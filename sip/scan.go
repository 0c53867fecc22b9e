package sip

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// MaxMessage is the longest message in octets that is read or written: head
// and body together.
const MaxMessage = 65535

// Limits on the shape of a message. They are far above what carriers send, and
// far below what would cost a parser dear.
const (
	maxFields = 1000
	maxVias   = 100
	maxLine   = 16 << 10 // octets of one header field
)

// kind is a header field that the scanner looks at.
type kind uint8

const (
	kindOther kind = iota
	kindVia
	kindFrom
	kindTo
	kindCallID
	kindCSeq
	kindContact
	kindRoute
	kindRecordRoute
	kindMaxForwards
	kindContentLength
	kindContentType
	kinds
)

// kindOf knows a field by its name or its compact form, in any case.
func kindOf(name []byte) kind {
	is := func(s string) bool {
		for i := range len(s) {
			if name[i]|0x20 != s[i] { // s has letters and '-' only, which has the bit already
				return false
			}
		}
		return true
	}
	switch len(name) {
	case 1:
		switch name[0] | 0x20 {
		case 'v':
			return kindVia
		case 'f':
			return kindFrom
		case 't':
			return kindTo
		case 'i':
			return kindCallID
		case 'm':
			return kindContact
		case 'l':
			return kindContentLength
		case 'c':
			return kindContentType
		}
	case 2:
		if is("to") {
			return kindTo
		}
	case 3:
		if is("via") {
			return kindVia
		}
	case 4:
		if is("from") {
			return kindFrom
		}
		if is("cseq") {
			return kindCSeq
		}
	case 5:
		if is("route") {
			return kindRoute
		}
	case 7:
		if is("call-id") {
			return kindCallID
		}
		if is("contact") {
			return kindContact
		}
	case 12:
		if is("max-forwards") {
			return kindMaxForwards
		}
		if is("content-type") {
			return kindContentType
		}
		if is("record-route") {
			return kindRecordRoute
		}
	case 14:
		if is("content-length") {
			return kindContentLength
		}
	}
	return kindOther
}

// list says whether several values of k may share a field, with commas between.
func (k kind) list() bool {
	return k == kindVia || k == kindContact || k == kindRoute || k == kindRecordRoute
}

// field is a header field as it stands in a message.
type field struct {
	kind  kind
	name  []byte
	value []byte // without space round it; folded lines still hold CRLF
}

// nextLine cuts the first line off data. A line ends with CRLF; neither CR nor
// LF stands in it alone.
func nextLine(data []byte) (line, rest []byte, err error) {
	i := bytes.IndexByte(data, '\n')
	if i < 0 {
		return nil, nil, badRequest("No End of Headers")
	}
	if i == 0 || data[i-1] != '\r' {
		return nil, nil, badRequest("Line Without CRLF")
	}
	line = data[:i-1]
	if bytes.IndexByte(line, '\r') >= 0 {
		return nil, nil, badRequest("Stray CR")
	}
	return line, data[i+1:], nil
}

// nextField cuts the first header field off data, with its folded lines (RFC
// 3261 §7.3.1). done says that it was the empty line that ends the head.
func nextField(data []byte) (f field, rest []byte, done bool, err error) {
	line, rest, err := nextLine(data)
	if err != nil {
		return f, nil, false, err
	}
	if len(line) == 0 {
		return f, rest, true, nil
	}
	for len(rest) > 0 && isSpace(rest[0]) {
		_, more, err := nextLine(rest)
		if err != nil {
			return f, nil, false, err
		}
		rest = more
		line = data[:len(data)-len(rest)-2]
	}
	if len(line) > maxLine {
		return f, nil, false, refuse(413, "Header Too Large")
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return f, nil, false, badRequest("Header Without Colon")
	}
	name := line[:colon]
	for len(name) > 0 && isSpace(name[len(name)-1]) {
		name = name[:len(name)-1]
	}
	if len(name) == 0 {
		return f, nil, false, badRequest("Header Without Name")
	}
	for _, c := range name {
		if !tokenChars[c] {
			return f, nil, false, badRequest("Malformed Header Name")
		}
	}
	f = field{kind: kindOf(name), name: name, value: trimLWS(line[colon+1:])}
	if hasControl(f.value) {
		// A NUL and its like may stand in a quoted string behind a backslash
		// (RFC 3261 §25.1), and nowhere else.
		for i, c := range f.value {
			if c < ' ' && !isLWS(c) && (i == 0 || f.value[i-1] != '\\') {
				return f, nil, false, badRequest("Control Character in Header")
			}
		}
	}
	return f, rest, false, nil
}

// hasControl says whether there is an octet below space in b, eight at a time.
func hasControl(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		if x := binary.LittleEndian.Uint64(b); (x-ones*' ')&^x&tops != 0 {
			return true
		}
	}
	for _, c := range b {
		if c < ' ' {
			return true
		}
	}
	return false
}

// outline is what one walk over a message's head tells.
type outline struct {
	start   startLine
	count   [kinds]int
	fields  int
	head    int  // octets up to the body
	length  int  // Content-Length; -1: none
	rewrite bool // sipgo's parser needs it written more simply
}

// scan walks over the head of a message. Its errors are *[ReplyError].
func scan(data []byte) (o outline, err error) {
	o.length = -1
	line, rest, err := nextLine(data)
	if err != nil {
		return o, err
	}
	if o.start, err = parseStartLine(line); err != nil {
		return o, err
	}
	o.rewrite = o.start.odd
	for {
		f, more, done, err := nextField(rest)
		if err != nil {
			return o, err
		}
		rest = more
		if done {
			break
		}
		if o.fields++; o.fields > maxFields {
			return o, refuse(413, "Too Many Headers")
		}
		o.count[f.kind]++
		if f.kind == kindContentLength {
			if o.length, err = contentLength(f.value); err != nil {
				return o, err
			}
		}
		if f.kind.list() && bytes.IndexByte(f.value, ',') >= 0 {
			o.rewrite = true
		}
	}
	o.head = len(data) - len(rest)
	switch {
	case o.count[kindContentLength] > 1:
		return o, badRequest("Several Content-Length")
	case o.count[kindVia] > maxVias:
		return o, refuse(413, "Too Many Vias")
	}
	return o, nil
}

func contentLength(v []byte) (int, error) {
	if len(v) == 0 || len(v) > 20 {
		return 0, badRequest("Malformed Content-Length")
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, badRequest("Malformed Content-Length")
		}
	}
	n, err := strconv.ParseUint(string(v), 10, 64)
	if err != nil || n > 1<<31-1 {
		return 0, refuse(413, "Content-Length Too Large")
	}
	return int(n), nil
}

// startLine is the first line of a message, its parts as they stand there.
type startLine struct {
	request     bool
	method, uri []byte
	version     []byte
	status      int
	odd         bool // more than single spaces between the parts
}

// parseStartLine takes a request line or status line apart (RFC 3261 §7.1,
// §7.2). More than one space between the parts, or spaces at the end, do no
// harm and are allowed.
func parseStartLine(line []byte) (s startLine, err error) {
	if len(line) > maxLine {
		return s, refuse(414, "")
	}
	first, rest := cutSpace(line)
	if bytes.HasPrefix(first, []byte("SIP/")) || bytes.HasPrefix(first, []byte("sip/")) {
		s.version = first
		code, _ := cutSpace(rest)
		if !isSIP20(first) || len(code) != 3 {
			return s, badRequest("Malformed Status Line")
		}
		s.status, err = strconv.Atoi(string(code))
		if err != nil || s.status < 100 || s.status > 699 {
			return s, badRequest("Malformed Status Line")
		}
		// sipgo wants both spaces, also where there is no reason phrase.
		s.odd = len(line) < len("SIP/2.0 200 ") || string(first) != "SIP/2.0" || line[8] == ' ' || line[11] != ' '
		return s, nil
	}
	s.request = true
	s.method = first
	s.uri, rest = cutSpace(rest)
	s.version, rest = cutSpace(rest)
	if len(s.method) == 0 || len(s.uri) == 0 || len(s.version) == 0 || len(rest) != 0 {
		return s, badRequest("Malformed Request Line")
	}
	s.odd = len(line) != len(s.method)+1+len(s.uri)+1+len(s.version) || string(s.version) != "SIP/2.0"
	for _, c := range s.method {
		if !tokenChars[c] {
			return s, badRequest("Malformed Method")
		}
	}
	if !isSIP20(s.version) {
		if len(s.version) > 4 && bytes.EqualFold(s.version[:4], []byte("SIP/")) {
			return s, refuse(505, "")
		}
		return s, badRequest("Not a SIP Version")
	}
	return s, nil
}

func isSIP20(v []byte) bool { return bytes.EqualFold(v, []byte("SIP/2.0")) }

// cutSpace cuts the first part off a line, and the spaces after it.
func cutSpace(line []byte) (part, rest []byte) {
	i := bytes.IndexByte(line, ' ')
	if i < 0 {
		return line, nil
	}
	return line[:i], bytes.TrimLeft(line[i:], " ")
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }
func isLWS(c byte) bool   { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func trimLWS(b []byte) []byte {
	for len(b) > 0 && isLWS(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isLWS(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// rewrite writes the message more simply for sipgo's parser: single spaces in
// the start line, one value a field of Via, Contact, Route and Record-Route. It
// is called for messages that scan let pass.
func rewrite(data []byte, o outline) []byte {
	out := make([]byte, 0, len(data)+64)
	line, rest, _ := nextLine(data)
	if o.start.request {
		out = append(append(out, o.start.method...), ' ')
		out = append(append(out, o.start.uri...), ' ')
		out = append(out, "SIP/2.0"...)
	} else {
		_, reason := cutSpace(line)
		_, reason = cutSpace(reason)
		out = append(out, "SIP/2.0 "...)
		out = append(strconv.AppendInt(out, int64(o.start.status), 10), ' ')
		out = append(out, reason...)
	}
	out = append(out, "\r\n"...)
	for {
		before := rest
		f, more, done, _ := nextField(rest)
		rest = more
		if done {
			break
		}
		if !f.kind.list() || bytes.IndexByte(f.value, ',') < 0 {
			out = append(out, before[:len(before)-len(rest)]...)
			continue
		}
		for _, v := range splitList(string(f.value)) {
			out = append(append(out, f.name...), ": "...)
			out = append(out, trimLWS([]byte(v))...)
			out = append(out, "\r\n"...)
		}
	}
	out = append(out, "\r\n"...)
	return append(out, rest...)
}

// MayBeOurs says, without parsing it, whether a message may belong to a dialog
// or transaction that we have: it is a response, an ACK or a CANCEL, or its To
// has a tag. It is what a message of a stranger has to pass before any more
// work is spent on it.
func MayBeOurs(data []byte) bool {
	line, rest, err := nextLine(data)
	if err != nil {
		return false
	}
	switch method, _ := cutSpace(line); string(method) {
	case "SIP/2.0", "ACK", "CANCEL":
		return true
	}
	for {
		f, more, done, err := nextField(rest)
		if err != nil || done {
			return false
		}
		if rest = more; f.kind == kindTo {
			return bytes.Contains(f.value, []byte("tag")) || bytes.Contains(bytes.ToLower(f.value), []byte("tag"))
		}
	}
}
