package sip

import (
	"slices"
	"strings"
)

// Abilities say what a user agent can do; requests are held against them (RFC
// 3261 §8.2). They are read by any goroutine and not changed.
type Abilities struct {
	// Methods are those it answers, as Allow lists them.
	Methods []RequestMethod
	// Extensions are the option tags it knows, as Supported lists them.
	Extensions []string
	// Types are the media types of the bodies it reads, as Accept lists them.
	Types []string
	// Answers are the media types of the bodies its responses to INVITE have.
	Answers []string
}

// Check holds a request against a in the order of RFC 3261 §8.2 and says how it
// is to be refused: 501 or 405 with Allow, 420 with Unsupported, 415 with
// Accept or Accept-Encoding, 406; nil if it can be handled. ACK and CANCEL are
// never refused.
func (a *Abilities) Check(req *Request) *ReplyError {
	if req.Method == ACK || req.Method == CANCEL {
		return nil
	}
	if e := a.CheckMethod(req); e != nil {
		return e
	}
	if e := a.CheckRequire(req); e != nil {
		return e
	}
	if e := a.CheckBody(req); e != nil {
		return e
	}
	return a.CheckAccept(req)
}

// CheckMethod refuses a method that is not in Methods: with 405 where SIP has
// such a method, with 501 else.
func (a *Abilities) CheckMethod(req *Request) *ReplyError {
	if slices.Contains(a.Methods, req.Method) {
		return nil
	}
	status := 501
	switch req.Method {
	case INVITE, ACK, CANCEL, BYE, REGISTER, OPTIONS, SUBSCRIBE, NOTIFY, REFER, INFO, MESSAGE, PRACK, UPDATE, PUBLISH:
		status = 405
	}
	return refuse(status, "", a.Allow())
}

// CheckRequire refuses option tags that are not in Extensions with 420.
func (a *Abilities) CheckRequire(req *Request) *ReplyError {
	var unsupported []string
	for _, tag := range list(req, "require") {
		if !slices.ContainsFunc(a.Extensions, func(e string) bool { return strings.EqualFold(e, tag) }) && CheckText(tag) == nil {
			unsupported = append(unsupported, tag)
		}
	}
	if unsupported == nil {
		return nil
	}
	return refuse(420, "", NewHeader("Unsupported", strings.Join(unsupported, ", ")))
}

// CheckBody refuses a body of an unknown type or encoding with 415, unless its
// Content-Disposition says that it may be ignored.
func (a *Abilities) CheckBody(req *Request) *ReplyError {
	if len(req.Body()) == 0 {
		return nil
	}
	for _, h := range req.GetHeaders("content-disposition") {
		if strings.Contains(strings.ToLower(strings.ReplaceAll(h.Value(), " ", "")), "handling=optional") {
			return nil
		}
	}
	for _, e := range append(list(req, "content-encoding"), list(req, "e")...) {
		if !strings.EqualFold(e, "identity") {
			return refuse(415, "", NewHeader("Accept-Encoding", "identity"))
		}
	}
	if t := ContentType(req); !slices.Contains(a.Types, t) {
		return refuse(415, "", a.Accept())
	}
	return nil
}

// Reads says whether req has a body of one of Types: another that CheckBody lets
// pass is to be ignored.
func (a *Abilities) Reads(req *Request) bool {
	return len(req.Body()) > 0 && slices.Contains(a.Types, ContentType(req))
}

// CheckAccept refuses an INVITE whose sender reads none of Answers with 406
// (RFC 3261 §20.1).
func (a *Abilities) CheckAccept(req *Request) *ReplyError {
	if req.Method != INVITE || len(req.GetHeaders("accept")) == 0 {
		return nil
	}
	ranges := list(req, "accept")
	for _, r := range ranges {
		r, _, _ = strings.Cut(r, ";")
		r = strings.ToLower(strings.TrimSpace(r))
		if r == "*/*" || slices.Contains(a.Answers, r) {
			return nil
		}
		if kind, ok := strings.CutSuffix(r, "*"); ok {
			for _, t := range a.Answers {
				if strings.HasPrefix(t, kind) {
					return nil
				}
			}
		}
	}
	return refuse(406, "")
}

// CheckHops refuses a request that may not be passed on with 483: Max-Forwards
// is 0.
func CheckHops(req *Request) *ReplyError {
	if h := req.MaxForwards(); h != nil && *h == 0 {
		return refuse(483, "")
	}
	return nil
}

// Hops is the Max-Forwards of the request that a leg sends on behalf of req:
// one less, at most 70.
func Hops(req *Request) int {
	if h := req.MaxForwards(); h != nil {
		return max(min(int(*h), 71)-1, 0)
	}
	return 69
}

// Allow is the Allow header.
func (a *Abilities) Allow() Header {
	ms := make([]string, len(a.Methods))
	for i, m := range a.Methods {
		ms[i] = string(m)
	}
	return NewHeader("Allow", strings.Join(ms, ", "))
}

// Accept is the Accept header.
func (a *Abilities) Accept() Header { return NewHeader("Accept", strings.Join(a.Types, ", ")) }

// Supported is the Supported header.
func (a *Abilities) Supported() Header {
	return NewHeader("Supported", strings.Join(a.Extensions, ", "))
}

// ContentType is the media type of m's body in lower case, without parameters;
// empty where the header is missing.
func ContentType(m Message) string {
	for _, name := range []string{"content-type", "c"} {
		if hs := m.GetHeaders(name); len(hs) > 0 {
			t, _, _ := strings.Cut(hs[0].Value(), ";")
			return strings.ToLower(strings.Trim(t, " \t"))
		}
	}
	return ""
}

// list is the elements of all of m's headers of a name, without space and
// empty ones; at most 64, which is more than anybody needs.
func list(m Message, name string) []string {
	var out []string
	for _, h := range m.GetHeaders(name) {
		for _, v := range splitList(h.Value()) {
			if v = strings.Trim(v, " \t"); v != "" && len(out) < 64 {
				out = append(out, v)
			}
		}
	}
	return out
}

// List is the elements of all of m's headers of a name: the option tags of
// Supported and Require, the methods of Allow.
func List(m Message, name string) []string { return list(m, name) }

// FromTag is the tag of the From header; empty where there is none.
func FromTag(m Message) string {
	if h := m.From(); h != nil {
		tag, _ := h.Params.Get("tag")
		return tag
	}
	return ""
}

// ToTag is the tag of the To header; empty where there is none.
func ToTag(m Message) string {
	if h := m.To(); h != nil {
		tag, _ := h.Params.Get("tag")
		return tag
	}
	return ""
}

// CallID is the Call-ID; empty where there is none.
func CallID(m Message) string {
	if h := m.CallID(); h != nil {
		return string(*h)
	}
	return ""
}
