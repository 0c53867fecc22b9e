package sip

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// ParseURI reads a SIP, SIPS or any other URI (RFC 3261 §25.1, RFC 3966 for
// tel). Escapes stay as they are, see [User]; embedded headers
// (sip:a@b?Route=…) are kept in Headers for printing and are never applied.
func ParseURI(s string) (Uri, error) {
	var u Uri
	err := parseURI(s, &u)
	return u, err
}

var errURI = errors.New("malformed URI")

// parseURI fills u. sipgo's own reading of SIP URIs lets ports such as -5 and
// hosts with any character pass.
func parseURI(s string, u *Uri) error {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || rest == "" {
		return errURI
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' {
			return errURI
		}
	}
	switch {
	case strings.EqualFold(scheme, "sip"):
		u.Scheme = "sip"
	case strings.EqualFold(scheme, "sips"):
		u.Scheme = "sips"
	default:
		// sipgo alone can fill in the opaque part.
		if sipgo.ParseUri(s, u) != nil {
			return errURI
		}
		return nil
	}
	rest, u.HierarhicalSlashes = strings.CutPrefix(rest, "//")

	// The user part may hold ; ? : and / unescaped, so the @ is looked for
	// first.
	if i := strings.IndexByte(rest, '@'); i >= 0 {
		u.User, u.Password, _ = strings.Cut(rest[:i], ":")
		rest = rest[i+1:]
		if u.User == "" && strings.Contains(rest, "@") {
			return errURI // without the first @ it would read otherwise
		}
	}
	var err error
	if u.Host, u.Port, rest, err = hostPort(rest); err != nil {
		return err
	}
	if headers, ok := cutHeaders(&rest); ok {
		u.Headers = parseParams(headers, '&')
	}
	if rest == "" {
		return nil
	}
	if rest[0] != ';' {
		return errURI
	}
	u.UriParams = parseParams(rest[1:], ';')
	return nil
}

// cutHeaders cuts what stands behind the ? off.
func cutHeaders(s *string) (string, bool) {
	i := strings.IndexByte(*s, '?')
	if i < 0 {
		return "", false
	}
	headers := (*s)[i+1:]
	*s = (*s)[:i]
	return headers, true
}

// hostPort cuts host and port off s. An IPv6 address keeps its brackets.
func hostPort(s string) (host string, port int, rest string, err error) {
	i := 0
	if len(s) > 0 && s[0] == '[' {
		for i = 1; i < len(s) && isIPv6(s[i]); i++ {
		}
		if i < 3 || i >= len(s) || s[i] != ']' {
			return "", 0, "", errURI
		}
		i++
	} else {
		for i < len(s) && isHost(s[i]) {
			i++
		}
		if i == 0 {
			return "", 0, "", errURI
		}
	}
	host, rest = s[:i], s[i:]
	if rest == "" || rest[0] != ':' {
		return host, 0, rest, nil
	}
	rest = rest[1:]
	for i = 0; i < len(rest) && rest[i] >= '0' && rest[i] <= '9'; i++ {
	}
	n, err := strconv.ParseUint(rest[:i], 10, 16)
	if err != nil || n == 0 {
		return "", 0, "", errURI
	}
	return host, int(n), rest[i:], nil
}

func isHost(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

func isIPv6(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == ':' || c == '.'
}

// parseParams reads name=value pairs without quotes and space: those of a URI.
func parseParams(s string, sep byte) Params {
	ps := make(Params, 0, strings.Count(s, string(sep))+1)
	for s != "" {
		var p string
		if i := strings.IndexByte(s, sep); i >= 0 {
			p, s = s[:i], s[i+1:]
		} else {
			p, s = s, ""
		}
		k, v, _ := strings.Cut(p, "=")
		if k == "" {
			continue
		}
		ps = append(ps, sipgo.HeaderKV{K: knownParam(k), V: v})
	}
	return ps
}

// knownParam gives the names that are looked up in their usual lower case.
// Others are printed as they came.
func knownParam(k string) string {
	for i := range len(k) {
		if k[i] >= 'A' && k[i] <= 'Z' {
			switch l := strings.ToLower(k); l {
			case "tag", "branch", "received", "rport", "maddr", "ttl", "lr", "transport", "user", "method", "q", "expires", "ob":
				return l
			}
			return k
		}
	}
	return k
}

// User is the user part of u with its escapes resolved: the number or name that
// is meant. For a tel URI it is the number without parameters and visual
// separators (RFC 3966 §3). An escape that is none stays as it is.
func User(u *Uri) string {
	s := u.User
	if u.Scheme == "tel" {
		s, _, _ = strings.Cut(u.Raw(), ";")
		s = strings.Map(func(r rune) rune {
			if strings.ContainsRune("-.() ", r) {
				return -1
			}
			return r
		}, s)
	}
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// EscapeUser escapes what may not stand in the user part of a URI.
func EscapeUser(s string) string {
	const plain = "-_.!~*'()&=+$,;?/"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte("0123456789ABCDEF"[c>>4])
		b.WriteByte("0123456789ABCDEF"[c&15])
	}
	return b.String()
}

// HostAddr is the address a URI's or Via's host names, if it names one.
func HostAddr(host string) (netip.Addr, bool) {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}
