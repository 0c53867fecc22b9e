package sip

import "testing"

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"100", "100", true}, {"100", "1001", false}, {"", "", true}, {"", "1", false},
		{"*", "", true}, {"*", "anything", true}, {"+46*", "+46", true}, {"+46*", "+4670", true}, {"+46*", "+45", false},
		{"*00", "100", true}, {"*00", "0", false}, {"*46", "0046x", false}, {"8*8", "88", true}, {"8*8", "8", false},
		{"a*b*c", "abc", true}, {"a*b*c", "axxbxxc", true}, {"a*b*c", "acb", false}, {"a**c", "ac", true}, {"**", "x", true},
		{"*1*", "212", true}, {"*1*", "22", false}, {"1*1*1", "11", false}, {"a*a", "a", false},
		{"*b*", "abc", true}, {"*ab*ab*", "abab", true}, {"*ab*ab*", "aba", false},
	} {
		if got := Match(c.pattern, c.s); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.s, got)
		}
	}
}
