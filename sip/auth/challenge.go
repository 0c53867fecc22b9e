package auth

import (
	"strings"

	"github.com/icholy/digest"
)

// maxValue bounds what of a challenge is given back to the peer.
const maxValue = 1024

// parseChallenge reads one challenge. It is lenient where peers are: names in
// any case, tokens where strings should be, blanks anywhere. The result is nil
// when it is not digest, or nothing that we can answer.
func parseChallenge(value string) *digest.Challenge {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	if !strings.EqualFold(scheme, "digest") {
		return nil
	}
	c := &digest.Challenge{}
	for rest != "" {
		var name, v string
		name, v, rest = cutParam(rest)
		if len(v) > maxValue {
			return nil
		}
		switch strings.ToLower(name) {
		case "realm":
			c.Realm = v
		case "nonce":
			c.Nonce = v
		case "opaque":
			c.Opaque = v
		case "algorithm":
			c.Algorithm = v
		case "stale":
			c.Stale = strings.EqualFold(v, "true")
		case "userhash":
			c.Userhash = strings.EqualFold(v, "true")
		case "qop":
			for q := range strings.SplitSeq(v, ",") {
				c.QOP = append(c.QOP, strings.ToLower(strings.TrimSpace(q)))
			}
		}
	}
	if c.Nonce == "" || strength(c.Algorithm) == 0 || !plain(c) {
		return nil
	}
	if len(c.QOP) > 0 && !c.SupportsQOP("auth") && !c.SupportsQOP("auth-int") {
		return nil
	}
	return c
}

// plain says that nothing of c can break out of the quotes it is written into.
func plain(c *digest.Challenge) bool {
	for _, s := range [...]string{c.Realm, c.Nonce, c.Opaque} {
		for i := 0; i < len(s); i++ {
			if s[i] == '\\' {
				i++
				if i == len(s) {
					return false
				}
			} else if s[i] == '"' {
				return false
			}
			if s[i] < ' ' || s[i] == 0x7f {
				return false
			}
		}
	}
	return true
}

// strength orders the algorithms; 0 is one that we do not have. A challenge
// without algorithm means MD5 (RFC 7616 §3.3).
func strength(algorithm string) int {
	name, sess := cutSess(algorithm)
	s := 0
	switch name {
	case "", "MD5":
		s = 1
	case "SHA-256":
		s = 3
	case "SHA-512-256":
		s = 5
	}
	if s != 0 && sess {
		s++
	}
	return s
}

// cutSess splits "MD5-sess" into "MD5" and true.
func cutSess(algorithm string) (name string, sess bool) {
	return strings.CutSuffix(strings.ToUpper(algorithm), "-SESS")
}

// cutParam cuts name=value, with or without quotes, off the front of a list.
// Escapes in a quoted value stay as they are: it is hashed and given back as it
// came.
func cutParam(s string) (name, value, rest string) {
	s = strings.TrimLeft(s, " \t,")
	i := strings.IndexAny(s, "=,")
	if i < 0 || s[i] == ',' {
		if i < 0 {
			return s, "", ""
		}
		return s[:i], "", s[i+1:]
	}
	name, s = strings.TrimSpace(s[:i]), strings.TrimLeft(s[i+1:], " \t")
	if s == "" || s[0] != '"' {
		value, rest, _ = strings.Cut(s, ",")
		return name, strings.TrimSpace(value), rest
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return name, s[1:i], s[i+1:]
		}
	}
	return name, "", "" // a quote that does not end
}
