package sip

import (
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// parser is sipgo's with our header parsers; it is only read.
var parser = func() *sipgo.Parser {
	p := sipgo.NewParser(sipgo.WithHeadersParsers(headerParsers()))
	p.MaxMessageLength = 2 * MaxMessage // ours may grow while it is rewritten
	return p
}()

// Parse reads one message out of data: a datagram, or what a [Framer] found.
// Octets behind the body that Content-Length gives are ignored; without that
// field all the rest is the body (RFC 3261 §18.3). Nothing of data is kept.
//
// An error is a *[ReplyError]: 400 for what breaks the grammar, for a field
// that must be there once and is not, and for a CSeq of another method; 413 for
// too many or too long fields, 416 for a Request-URI that is neither SIP nor
// tel, 505 for another version than 2.0. Responses with such faults are to be
// dropped. What a user agent decides (405, 415, 420, 483 …) is not looked at;
// see [Abilities].
func Parse(data []byte) (Message, error) {
	if len(data) > MaxMessage {
		return nil, refuse(513, "")
	}
	o, err := scan(data)
	if err != nil {
		return nil, err
	}
	end := len(data)
	if o.length >= 0 {
		if o.length > end-o.head {
			return nil, badRequest("Content-Length Too Large")
		}
		end = o.head + o.length
	}
	if err := o.mandatory(); err != nil {
		return nil, err
	}
	var target Uri
	if o.start.request {
		if err := requestURI(string(o.start.uri), &target); err != nil {
			return nil, err
		}
	}
	if data = data[:end]; o.rewrite {
		data = rewrite(data, o)
	}
	msg, _, err := parser.Parse(data, false)
	if err != nil {
		return nil, AsReply(err)
	}
	if id := string(*msg.CallID()); strings.ContainsAny(id, " \t") {
		return nil, badRequest("Malformed Call-ID")
	}
	switch m := msg.(type) {
	case *Request:
		// sipgo writes methods in capitals, but RE%47IST%45R and invite are
		// not REGISTER and INVITE (RFC 3261 §7.1).
		m.Method, m.Recipient = RequestMethod(o.start.method), target
		if m.CSeq().MethodName != m.Method {
			return nil, badRequest("CSeq of Another Method")
		}
	case *Response:
		if m.CSeq().MethodName == ACK {
			return nil, badRequest("Response to ACK")
		}
	}
	return msg, nil
}

// mandatory says which field is missing or there twice (RFC 3261 §8.1.1).
func (o *outline) mandatory() error {
	for _, f := range [...]struct {
		kind kind
		name string
	}{{kindVia, "Via"}, {kindFrom, "From"}, {kindTo, "To"}, {kindCallID, "Call-ID"}, {kindCSeq, "CSeq"}} {
		if o.count[f.kind] == 0 {
			return badRequest("Missing " + f.name)
		}
		if o.count[f.kind] > 1 && f.kind != kindVia {
			return badRequest("Several " + f.name)
		}
	}
	if o.count[kindMaxForwards] > 1 {
		return badRequest("Several Max-Forwards")
	}
	if o.count[kindContentType] > 1 {
		return badRequest("Several Content-Type")
	}
	return nil
}

// requestURI reads a Request-URI. Headers are not allowed in it (RFC 3261
// §19.1.1, table 1).
func requestURI(s string, u *Uri) error {
	scheme, _, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || s[0] == '<' {
		return badRequest("Malformed Request-URI")
	}
	switch strings.ToLower(scheme) {
	case "sip", "sips", "tel":
	default:
		for i := range len(scheme) {
			if c := scheme[i]; !tokenChars[c] {
				return badRequest("Malformed Request-URI")
			}
		}
		return refuse(416, "")
	}
	if parseURI(s, u) != nil || len(u.Headers) > 0 {
		return badRequest("Malformed Request-URI")
	}
	return nil
}
