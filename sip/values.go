package sip

import (
	"errors"
	"strconv"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// headerParsers are sipgo's, with ours where sipgo's misread what RFC 3261
// allows: space round separators, quoted parameters, names in any case. Each
// gets one value of a list.
func headerParsers() sipgo.HeadersParser {
	ps := sipgo.HeadersParser{}
	for name, p := range sipgo.DefaultHeadersParser() {
		ps[name] = p
	}
	set := func(p sipgo.HeaderParser, names ...string) {
		for _, n := range names {
			ps[n] = p
		}
	}
	set(viaValue, "via", "v")
	set(func(_ []byte, s string) (Header, error) {
		h := &FromHeader{}
		return h, nameAddr(s, "From", false, &h.DisplayName, &h.Address, &h.Params)
	}, "from", "f")
	set(func(_ []byte, s string) (Header, error) {
		h := &ToHeader{}
		return h, nameAddr(s, "To", false, &h.DisplayName, &h.Address, &h.Params)
	}, "to", "t")
	set(func(_ []byte, s string) (Header, error) {
		h := &ContactHeader{}
		return h, nameAddr(s, "Contact", true, &h.DisplayName, &h.Address, &h.Params)
	}, "contact", "m")
	set(func(_ []byte, s string) (Header, error) {
		h := &ReferredByHeader{}
		return h, nameAddr(s, "Referred-By", false, &h.DisplayName, &h.Address, &h.Params)
	}, "referred-by", "b")
	set(func(_ []byte, s string) (Header, error) {
		h := &RouteHeader{}
		return h, nameAddr(s, "Route", false, nil, &h.Address, nil)
	}, "route")
	set(func(_ []byte, s string) (Header, error) {
		h := &RecordRouteHeader{}
		return h, nameAddr(s, "Record-Route", false, nil, &h.Address, nil)
	}, "record-route")
	set(func(_ []byte, s string) (Header, error) {
		h := &ReferToHeader{}
		return h, nameAddr(s, "Refer-To", false, nil, &h.Address, nil)
	}, "refer-to", "r")
	set(cseqValue, "cseq")
	set(maxForwardsValue, "max-forwards")
	return ps
}

// viaValue reads one Via (RFC 3261 §20.42): SIP / 2.0 / UDP host : port ; params.
// An IPv6 address keeps its brackets.
func viaValue(_ []byte, s string) (Header, error) {
	h := &ViaHeader{}
	name, s, ok1 := strings.Cut(s, "/")
	version, s, ok2 := strings.Cut(s, "/")
	h.ProtocolName, h.ProtocolVersion = strings.Trim(name, " \t"), strings.Trim(version, " \t")
	s = strings.TrimLeft(s, " \t")
	space := strings.IndexAny(s, " \t")
	if !ok1 || !ok2 || space <= 0 || !token(h.ProtocolName) || !token(h.ProtocolVersion) || !token(s[:space]) {
		return h, badRequest("Malformed Via")
	}
	h.Transport = s[:space]
	s = strings.TrimLeft(s[space:], " \t")

	end := strings.IndexByte(s, ';')
	if end < 0 {
		end = len(s)
	}
	sentBy := strings.TrimRight(s[:end], " \t")
	if i := strings.LastIndexByte(sentBy, ':'); i > 0 && strings.ContainsAny(sentBy, " \t") {
		sentBy = strings.TrimRight(sentBy[:i], " \t") + ":" + strings.TrimLeft(sentBy[i+1:], " \t")
	}
	var rest string
	var err error
	if h.Host, h.Port, rest, err = hostPort(sentBy); err != nil || rest != "" {
		return h, badRequest("Malformed Via")
	}
	if h.Params, err = headerParams(s[end:], true); err != nil {
		return h, badRequest("Malformed Via")
	}
	return h, nil
}

var errParam = errors.New("malformed parameter")

// headerParams reads what stands behind a value: ;name=value;name="quoted".
// Space may stand round ; and =. A quoted value with space in it is kept
// without its quotes, since sipgo prints those; any other with them. Strict
// allows no empty parameter. A second tag or branch is an error: who reads the
// other one would see another message.
func headerParams(s string, strict bool) (Params, error) {
	if s == "" {
		return nil, nil
	}
	ps := make(Params, 0, min(strings.Count(s, ";"), 16))
	s = strings.TrimLeft(s, " \t")
	for s != "" {
		if s[0] != ';' {
			return nil, errParam
		}
		s = strings.TrimLeft(s[1:], " \t")
		i := 0
		for i < len(s) && tokenChars[s[i]] {
			i++
		}
		if i == 0 {
			if strict || s != "" && s[0] != ';' {
				return nil, errParam
			}
			continue
		}
		name := knownParam(s[:i])
		s = strings.TrimLeft(s[i:], " \t")
		var value string
		if s != "" && s[0] == '=' {
			s = strings.TrimLeft(s[1:], " \t")
			if s != "" && s[0] == '"' {
				end := quotedEnd(s)
				if end < 0 {
					return nil, errParam
				}
				value = s[:end]
				if strings.ContainsAny(value, " \t") {
					value = value[1 : end-1]
				}
				s = s[end:]
			} else {
				for i = 0; i < len(s) && s[i] != ';' && s[i] != '"' && !isSpace(s[i]); i++ {
				}
				value, s = s[:i], s[i:]
			}
			s = strings.TrimLeft(s, " \t")
		}
		if (name == "tag" || name == "branch") && ps.Has(name) {
			return nil, errParam
		}
		ps = append(ps, sipgo.HeaderKV{K: name, V: value})
	}
	return ps, nil
}

// Param is the value of a header parameter or URI parameter, without quotes;
// its name may be in any case.
func Param(ps Params, name string) (string, bool) {
	for i := range ps {
		if strings.EqualFold(ps[i].K, name) {
			return Unquote(ps[i].V), true
		}
	}
	return "", false
}

// quotedEnd is the index behind the quoted string that s starts with; -1 if it
// does not end.
func quotedEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// nameAddr reads the value of From, To, Contact and their like (RFC 3261 §20):
// a name-addr or addr-spec, with parameters. The display name keeps its escapes
// and loses its quotes, as sipgo prints it. display and params may be nil.
func nameAddr(s, header string, star bool, display *string, u *Uri, params *Params) error {
	bad := badRequest
	what := "Malformed " + header
	s = strings.Trim(s, " \t")
	if star && s == "*" {
		u.Host, u.Wildcard = "*", true
		return nil
	}
	var name, spec, rest string
	open := strings.IndexByte(s, '<')
	if s != "" && s[0] == '"' {
		end := quotedEnd(s)
		if end < 0 {
			return bad(what)
		}
		name = s[1 : end-1]
		if s = strings.TrimLeft(s[end:], " \t"); s == "" || s[0] != '<' {
			return bad(what)
		}
		open = 0
	} else if open >= 0 {
		if strings.IndexByte(s[:open], ';') >= 0 {
			open = -1 // it stands in a parameter
		} else if name = strings.TrimRight(s[:open], " \t"); strings.ContainsAny(name, `"\`) {
			return bad(what)
		}
	}
	if open >= 0 {
		shut := strings.IndexByte(s[open:], '>')
		if shut < 0 {
			return bad(what)
		}
		spec, rest = s[open+1:open+shut], s[open+shut+1:]
	} else {
		end := strings.IndexAny(s, "; \t")
		if end < 0 {
			end = len(s)
		}
		spec, rest = s[:end], s[end:]
		// RFC 3261 §20.10: a URI with , ? or ; has to stand in <>.
		if strings.ContainsAny(spec, ",?") {
			return bad(what)
		}
	}
	if parseURI(spec, u) != nil {
		return bad(what)
	}
	ps, err := headerParams(rest, false)
	if err != nil {
		return bad(what)
	}
	if display != nil {
		*display = name
	}
	if params != nil {
		*params = ps
	}
	return nil
}

// cseqValue reads a CSeq (RFC 3261 §20.16): a number below 2³¹ and a method.
func cseqValue(_ []byte, s string) (Header, error) {
	h := &CSeqHeader{}
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return h, badRequest("Malformed CSeq")
	}
	n, err := strconv.ParseUint(s[:i], 10, 31)
	method := strings.TrimLeft(s[i:], " \t")
	if err != nil || !token(method) {
		return h, badRequest("Malformed CSeq")
	}
	h.SeqNo, h.MethodName = uint32(n), RequestMethod(method)
	return h, nil
}

// maxForwardsValue reads a Max-Forwards (RFC 3261 §20.22): 0 to 255.
func maxForwardsValue(_ []byte, s string) (Header, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	h := MaxForwardsHeader(n)
	if err != nil {
		return &h, badRequest("Malformed Max-Forwards")
	}
	return &h, nil
}

func token(s string) bool {
	for i := range len(s) {
		if !tokenChars[s[i]] {
			return false
		}
	}
	return s != ""
}
