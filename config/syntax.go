package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// byteOrderMark is what some editors put before the first character.
const byteOrderMark = "\ufeff"

// readable says where data stops being text, and what stands there.
func readable(data []byte) (line, column int, what string) {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			what = fmt.Sprintf("the byte 0x%02x is no UTF-8; save the file as UTF-8", data[i])
		case r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f:
			what = fmt.Sprintf("the character %U is not text; remove it, or write it as \"\\x%02x\"", r, r)
		default:
			i += size
			continue
		}
		before := data[:i]
		start := bytes.LastIndexByte(before, '\n') + 1
		return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1, what
	}
	return 0, 0, ""
}

// A hint says what to do about a message of the YAML parser.
type hint struct{ message, advice string }

// hints are tried in order; the first whose message is part of the parser's
// counts.
func hints() []hint {
	const (
		indent  = "look at the indentation of this line and of those above"
		quotes  = "close the quotation mark that is opened here"
		reserve = "put the text in quotes"
	)
	return []hint{
		{"tab character", "indent with spaces"},
		{`found character '\t'`, "indent with spaces, not with tabs"},
		{"mapping value is not allowed", "put a text with a colon in quotes, and look at the indentation of the next line"},
		{"value is not allowed in this context", indent},
		{"block sequence entries are not allowed", indent},
		{"']' must be specified", "close the [ above, or write the comma that is missing"},
		{"'}' must be specified", "close the { above, or write the comma that is missing"},
		{"token ']' not found", "close the [ that is opened here"},
		{"token '}'", "close the { that is opened here"},
		{"could not find end character", quotes},
		{"non-map value is specified", "write a key, a colon, a space and a value; a text of several lines is indented"},
		{"unexpected key name", "write a key before the colon"},
		{"is a reserved character", reserve},
		{"unexpected directive", reserve},
		{"unknown escape character", `write \\ for a backslash, or use single quotes`},
		{"anchor", "put a text that begins with & in quotes"},
		{"alias", "put a text that begins with * in quotes"},
	}
}

// explain is the parser's message with what to do about it.
func explain(message string) string {
	message = strings.ReplaceAll(message, "\t", `\t`)
	for _, h := range hints() {
		if strings.Contains(message, h.message) {
			return message + "; " + h.advice
		}
	}
	return message
}
