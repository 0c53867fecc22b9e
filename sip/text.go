package sip

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

// ErrHeader says that a header's name or value could not be written on one
// line of a message, so that it might smuggle another one in.
var ErrHeader = errors.New("not allowed in a header")

// CheckHeader says whether a header that comes from outside (an API, an
// application, a flow) may be put into a message: its name is a token, and its
// value has no line break and no other control character but tab. The error
// wraps [ErrHeader].
func CheckHeader(name, value string) error {
	if name == "" {
		return fmt.Errorf("empty header name: %w", ErrHeader)
	}
	for i := range len(name) {
		if !isToken(name[i]) {
			return fmt.Errorf("header name %q: character %q: %w", name, name[i], ErrHeader)
		}
	}
	return CheckText(value)
}

// CheckText says whether s may stand in a header, a display name or a URI that
// we write. The error wraps [ErrHeader].
func CheckText(s string) error {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("character %q: %w", c, ErrHeader)
		}
	}
	return nil
}

// Quote makes s a quoted string (RFC 3261 §25.1). Control characters become
// spaces.
func Quote(s string) string { return `"` + Escape(s) + `"` }

// Escape is [Quote] without the quotes around it. It is what a display name
// of a From, To or Contact has to be: sipgo puts the quotes around it.
func Escape(s string) string {
	clean := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f || c == '"' || c == '\\' {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f:
			b.WriteByte(' ')
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Unquote takes the quotes and escapes of a quoted string away; a string
// without quotes is returned as it is.
func Unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return Unescape(s[1 : len(s)-1])
}

// Unescape takes the escapes of a quoted string's inside away. Display names
// that came in are in this form.
func Unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// NewTag makes a From or To tag: 65 random bits, more than RFC 3261 §19.3 asks.
func NewTag() string { return random(13) }

// NewBranch makes a Via branch (RFC 3261 §8.1.1.7) that nobody guesses.
func NewBranch() string { return magicCookie + random(20) }

// NewCallID makes a Call-ID. It holds no address of ours.
func NewCallID() string { return random(24) }

// random gives n characters of five random bits each.
func random(n int) string {
	var raw [15]byte
	var out [24]byte
	rand.Read(raw[:])
	lower.Encode(out[:], raw[:])
	return string(out[:n])
}

var lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// isToken says whether c may stand in a token (RFC 3261 §25.1).
func isToken(c byte) bool { return tokenChars[c] }

// tokenChars is built once and never changed.
var tokenChars = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~") {
		t[c] = true
	}
	return t
}()

// splitList splits a header's value at the commas between its elements.
func splitList(s string) []string { return splitOutside(s, ',') }

// splitOutside splits s at sep where it stands outside quotes and <>.
func splitOutside(s string, sep byte) []string {
	var parts []string
	start, quoted, bracket := 0, false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			bracket = true
		case c == '>':
			bracket = false
		case c == sep && !bracket:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}
