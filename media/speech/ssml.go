package speech

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A passage is text without markup and the silence after it.
type passage struct {
	text string
	// pause is what its end means: of a sentence or a paragraph. The last
	// passage has none.
	pause time.Duration
	// breaks is what <break> asks for beyond it.
	breaks time.Duration
}

// longestTag is the most octets a tag may have.
const longestTag = 4096

// longestBreak bounds the silence between two passages.
const longestBreak = 30 * time.Second

// elements are those of SSML 1.1 and the common additions. In text that is not
// marked as SSML only these are taken for tags, so that "a <b and c> d" is
// spoken.
var elements = regexp.MustCompile(`(?i)^(speak|break|p|s|prosody|emphasis|say-as|sub|phoneme|voice|lang|audio|desc|mark|w|token|lexicon|lookup|meta|metadata|media|par|seq|(amazon|google|mstts):[a-z-]+)$`)

var attribute = regexp.MustCompile(`([A-Za-z:_-]+)\s*=\s*("[^"]*"|'[^']*')`)

// parse takes the markup out of text. It is lenient: real SSML is often not
// well-formed ("&" for "&amp;", tags not closed), and a caller is better served
// by words than by an error. What it heeds is break, p, s, sub and the
// characters of say-as; of other elements the content is spoken.
func parse(text string, ssml bool) []passage {
	if begin := strings.TrimSpace(text); strings.HasPrefix(begin, "<speak") || strings.HasPrefix(begin, "<?xml") {
		ssml = true
	}
	p := parser{ssml: ssml}
	for text != "" {
		i := strings.IndexByte(text, '<')
		if i < 0 {
			p.words(text)
			break
		}
		p.words(text[:i])
		text = p.markup(text[i:])
	}
	p.flush(0)
	if n := len(p.out); n > 0 {
		p.out[n-1].pause = 0
	}
	return p.out
}

type parser struct {
	ssml  bool
	out   []passage
	text  strings.Builder
	skip  string // element whose content is not spoken
	spell bool   // inside say-as characters
}

// words adds text as it stands between tags.
func (p *parser) words(s string) {
	if p.skip != "" {
		return
	}
	if p.ssml {
		s = html.UnescapeString(s)
	}
	s = clean(s)
	if p.spell {
		s = spell(s)
	}
	// An empty line is a paragraph in plain text; in SSML it is only space.
	if !p.ssml {
		for {
			before, after, found := strings.Cut(s, "\n\n")
			p.text.WriteString(before)
			if !found {
				return
			}
			p.flush(paragraphPause)
			s = after
		}
	}
	p.text.WriteString(s)
}

// markup handles what begins at the "<" that text begins with, and returns what
// follows.
func (p *parser) markup(text string) string {
	for _, special := range []struct{ open, end string }{{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}, {"<!", ">"}} {
		body, ok := strings.CutPrefix(text, special.open)
		if !ok {
			continue
		}
		if !p.ssml {
			break
		}
		inside, rest, _ := strings.Cut(body, special.end)
		if special.open == "<![CDATA[" {
			p.text.WriteString(clean(inside))
		}
		return rest
	}
	end := strings.IndexByte(text[:min(len(text), longestTag)], '>')
	if end < 0 {
		// What would be a tag but for its end has been cut off.
		if name, _ := tagName(text[1:]); p.ssml && name != "" {
			return ""
		}
		p.words("< ")
		return text[1:]
	}
	tag := text[1:end]
	name, closing := tagName(tag)
	if name == "" || !p.ssml && !elements.MatchString(name) {
		p.words("< ")
		return text[1:]
	}
	p.element(strings.ToLower(name), tag, closing, strings.HasSuffix(tag, "/"))
	return text[end+1:]
}

// element acts on one tag. Every tag divides words.
func (p *parser) element(name, tag string, closing, empty bool) {
	if p.skip != "" {
		if closing && name == p.skip {
			p.skip = ""
		}
		return
	}
	p.text.WriteByte(' ')
	switch name {
	case "break":
		if !closing {
			p.flush(0)
			p.addBreak(breakTime(attributes(tag)))
		}
	case "p":
		p.flush(paragraphPause)
	case "s":
		p.flush(sentencePause)
	case "sub":
		if closing || empty {
			return
		}
		if alias := attributes(tag)["alias"]; alias != "" {
			p.words(alias)
			p.skip = name
		}
	case "desc", "metadata", "lexicon":
		if !closing && !empty {
			p.skip = name
		}
	case "say-as":
		p.spell = false
		if !closing && !empty {
			switch strings.ToLower(attributes(tag)["interpret-as"]) {
			case "characters", "spell-out", "digits", "telephone", "verbatim":
				p.spell = true
			}
		}
	}
}

// flush ends the passage. Where there are no words, the pause is the one
// before's: ends of elements that follow each other do not add up.
func (p *parser) flush(pause time.Duration) {
	text := strings.TrimSpace(p.text.String())
	p.text.Reset()
	if text != "" {
		p.out = append(p.out, passage{text: text, pause: pause})
	} else if n := len(p.out); n > 0 {
		p.out[n-1].pause = max(p.out[n-1].pause, pause)
	}
}

// addBreak adds silence after the last passage, or at the beginning.
func (p *parser) addBreak(d time.Duration) {
	if len(p.out) == 0 {
		p.out = append(p.out, passage{})
	}
	last := &p.out[len(p.out)-1]
	last.breaks = min(last.breaks+d, longestBreak)
}

// breakTime is the length of a <break>.
func breakTime(a map[string]string) time.Duration {
	if t := strings.TrimSpace(a["time"]); t != "" {
		unit := time.Second
		if v, ok := strings.CutSuffix(t, "ms"); ok {
			t, unit = v, time.Millisecond
		} else {
			t = strings.TrimSuffix(t, "s")
		}
		if n, err := strconv.ParseFloat(t, 64); err == nil && n >= 0 {
			return time.Duration(min(n*float64(unit), float64(longestBreak)))
		}
	}
	switch a["strength"] {
	case "none":
		return 0
	case "x-weak":
		return 100 * time.Millisecond
	case "weak":
		return 250 * time.Millisecond
	case "strong":
		return 750 * time.Millisecond
	case "x-strong":
		return time.Second
	}
	return 500 * time.Millisecond
}

// tagName is the name of the tag whose inside begins s; empty when s is none.
func tagName(s string) (name string, closing bool) {
	s, closing = strings.CutPrefix(s, "/")
	n := 0
	for n < len(s) && (s[n] == ':' || s[n] == '-' || s[n] == '_' || s[n] >= '0' && s[n] <= '9' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
		n++
	}
	if n == 0 || s[0] == '-' || s[0] >= '0' && s[0] <= '9' {
		return "", closing
	}
	if n < len(s) && s[n] != ' ' && s[n] != '/' && s[n] != '>' && s[n] != '\t' && s[n] != '\n' && s[n] != '\r' {
		return "", closing
	}
	return s[:n], closing
}

func attributes(tag string) map[string]string {
	out := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(tag, 16) {
		out[strings.ToLower(m[1])] = html.UnescapeString(m[2][1 : len(m[2])-1])
	}
	return out
}

// spell puts spaces between characters.
func spell(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsSpace(r) {
			// A pause between groups.
			b.WriteString(", ")
			continue
		}
		b.WriteRune(r)
		b.WriteByte(' ')
	}
	return b.String()
}

// clean takes out what engines read as commands or cannot say: control
// characters, invalid UTF-8 and espeak-ng's [[phonemes]].
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, " "), "\r\n", "\n")
	s = strings.NewReplacer("[", "(", "]", ")").Replace(s)
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200d' && r != '\u200c' {
			return ' '
		}
		return r
	}, s)
}
