package sip

import "strings"

// Match says whether s is what pattern describes: * stands for any characters,
// none included, all others for themselves. Routes, outbound lines and types of
// events are chosen by such patterns.
func Match(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, first)
	for ok && rest != "" {
		var part string
		if part, rest, star = strings.Cut(rest, "*"); !star {
			return strings.HasSuffix(s, part)
		}
		_, s, ok = strings.Cut(s, part)
	}
	return ok
}
