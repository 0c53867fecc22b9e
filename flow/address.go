package flow

import "strings"

// NormalAddress gives a the form in which addresses are kept and compared: a
// type where none is given (sip where the target looks like a URI, else tel),
// tel targets as a leading + and digits (a target without any digit, such as
// "anonymous", is kept), the host of sip targets in lower case.
func NormalAddress(a Address) Address {
	a.Type = strings.ToLower(strings.TrimSpace(a.Type))
	a.Target = strings.TrimSpace(a.Target)
	if a.Type == "" {
		a.Type = TypeTel
		if strings.Contains(a.Target, "@") || strings.HasPrefix(strings.ToLower(a.Target), "sip:") ||
			strings.HasPrefix(strings.ToLower(a.Target), "sips:") {
			a.Type = TypeSIP
		}
	}
	switch a.Type {
	case TypeTel:
		a.Target = normalTel(a.Target)
	case TypeSIP:
		if at := strings.LastIndexByte(a.Target, '@'); at >= 0 {
			a.Target = a.Target[:at] + strings.ToLower(a.Target[at:])
		}
	}
	return a
}

// normalTel keeps a leading + and the digits of s, or all of s where it has no
// digit.
func normalTel(s string) string {
	s = strings.TrimPrefix(s, "tel:")
	var b strings.Builder
	for i, r := range s {
		if r >= '0' && r <= '9' || r == '+' && i == 0 {
			b.WriteRune(r)
		}
	}
	if strings.Trim(b.String(), "+") == "" {
		return s
	}
	return b.String()
}
