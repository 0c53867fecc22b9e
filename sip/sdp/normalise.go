package sdp

import (
	"bytes"
	"strings"
)

// normalised is a description cut into what matters: the text that pion/sdp is
// given, with at most one media section, and all m= lines as they came.
type normalised struct {
	text     string
	origin   string
	sections []Section
	audio    int // the section that text holds; -1: none
}

// block is the lines of the session part or of one media section.
type block struct {
	connection string   // the last c= line's value
	attributes []string // a= values in order
}

// normalise puts a description into the form the grammar asks for. What it
// repairs, all seen from carriers and phones:
//
//   - lines that end in LF or CR alone, blank lines, no end to the last line,
//     spaces before or after a line;
//   - o= with spaces in the user name, or numbers that fit no integer; o= is
//     only compared, so it is kept apart and pion/sdp gets a stand-in;
//   - no s=, no t=, lines in another order;
//   - b=, k=, i= and whatever else says nothing to us, known or not;
//   - media of a kind or protocol that pion/sdp does not know (m=image, T.38).
func normalise(body []byte) (*normalised, error) {
	if len(body) > MaxSize {
		return nil, &SyntaxError{0, "longer than 65535 bytes"}
	}
	if bytes.IndexByte(body, 0) >= 0 {
		return nil, &SyntaxError{0, "contains a NUL"}
	}
	n := &normalised{audio: -1}
	var session, ours block
	current := &session // nil: a section that is set aside
	attributes, seen, version := 0, 0, false

	for rest := string(body); rest != ""; {
		var line string
		line, rest = cutLine(rest)
		seen++
		line = strings.TrimSpace(line)
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		kind, value := line[0], strings.TrimSpace(line[2:])
		if !version {
			if kind != 'v' {
				return nil, &SyntaxError{seen, "does not begin with v="}
			}
			if value != "0" {
				return nil, &SyntaxError{seen, "unknown version"}
			}
			version = true
			continue
		}
		switch kind {
		case 'o':
			n.origin = value
		case 'm':
			if len(n.sections) == MaxMedia {
				return nil, &SyntaxError{seen, "too many m= lines"}
			}
			s, err := parseSection(value)
			if err != "" {
				return nil, &SyntaxError{seen, err}
			}
			n.sections = append(n.sections, s)
			current = nil
			if s.usable() && (n.audio < 0 || n.sections[n.audio].Port == 0 && s.Port != 0) {
				// The first audio stream that is not refused is ours.
				n.audio = len(n.sections) - 1
				ours = block{attributes: ours.attributes[:0]}
				current = &ours
			}
		case 'c':
			if current != nil {
				current.connection = value
			}
		case 'a':
			if attributes++; attributes > MaxAttributes {
				return nil, &SyntaxError{seen, "too many a= lines"}
			}
			if current != nil && value != "" {
				current.attributes = append(current.attributes, value)
			}
		}
	}
	if !version {
		return nil, &SyntaxError{0, "no v= line"}
	}
	n.text = n.print(&session, &ours, len(body))
	return n, nil
}

// cutLine cuts s after its first line end: CR LF, LF or CR.
func cutLine(s string) (line, rest string) {
	i := strings.IndexAny(s, "\r\n")
	if i < 0 {
		return s, ""
	}
	if s[i] == '\r' && i+1 < len(s) && s[i+1] == '\n' {
		return s[:i], s[i+2:]
	}
	return s[:i], s[i+1:]
}

// maxFormats is how many formats of an m= line are looked at: twice as many as
// there are payload types.
const maxFormats = 256

// parseSection reads the value of an m= line. what says what is wrong with it.
func parseSection(value string) (s Section, what string) {
	f := make([]string, 0, 16)
	for field := range strings.FieldsSeq(value) {
		if f = append(f, field); len(f) == 3+maxFormats {
			break
		}
	}
	if len(f) < 3 {
		return s, "m= line with too few fields"
	}
	port, _, _ := strings.Cut(f[1], "/") // "/2" asks for more ports than we use
	p, ok := parseUint(port, 65535)
	if !ok {
		return s, "bad port " + quote(port)
	}
	return Section{
		Kind: strings.ToLower(f[0]), Port: p, Proto: f[2],
		Formats: strings.Join(f[3:], " "),
	}, ""
}

// usable says whether we can run the stream.
func (s *Section) usable() bool {
	return s.Kind == "audio" && (s.Proto == "RTP/AVP" || s.Proto == "RTP/AVPF")
}

func (n *normalised) print(session, ours *block, size int) string {
	var b strings.Builder
	b.Grow(size + 64)
	b.WriteString("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\n")
	b.WriteString("t=0 0\r\n")
	writeAttributes(&b, session.attributes)
	if n.audio < 0 {
		return b.String()
	}
	s := &n.sections[n.audio]
	b.WriteString("m=audio ")
	b.WriteString(itoa(s.Port))
	b.WriteByte(' ')
	b.WriteString(s.Proto)
	b.WriteByte(' ')
	if s.Formats == "" {
		b.WriteString("127") // the grammar wants one; nobody knows this one
	}
	b.WriteString(s.Formats)
	b.WriteString("\r\n")
	connection := ours.connection
	if connection == "" {
		connection = session.connection
	}
	if connection != "" {
		b.WriteString("c=")
		b.WriteString(strings.Join(strings.Fields(connection), " "))
		b.WriteString("\r\n")
	}
	writeAttributes(&b, ours.attributes)
	return b.String()
}

func writeAttributes(b *strings.Builder, attributes []string) {
	for _, a := range attributes {
		b.WriteString("a=")
		b.WriteString(a)
		b.WriteString("\r\n")
	}
}
