package sip

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
)

// A ReplyError is an error that has an answer: the status that a request is to
// be refused with.
type ReplyError struct {
	// Status is the SIP status, 400 to 699.
	Status int
	// Reason is the reason phrase; it names what is wrong and never quotes the
	// request.
	Reason string
	// Headers go with the response.
	Headers []Header
}

// Error gives status and reason.
func (e *ReplyError) Error() string { return fmt.Sprintf("%d %s", e.Status, e.Reason) }

// AsReply is the answer to an error of [Parse] or a [Framer]: the ReplyError in
// it, else a 400.
func AsReply(err error) *ReplyError {
	var e *ReplyError
	if errors.As(err, &e) {
		return e
	}
	return badRequest("Malformed Message")
}

func refuse(status int, reason string, headers ...Header) *ReplyError {
	if reason == "" {
		reason = ReasonPhrase(status)
	}
	return &ReplyError{Status: status, Reason: reason, Headers: headers}
}

func badRequest(what string) *ReplyError { return refuse(400, what) }

// Response is the refusal of req.
func (e *ReplyError) Response(req *Request, toTag string) *Response {
	res := NewResponse(req, e.Status, e.Reason, toTag)
	for _, h := range e.Headers {
		res.AppendHeader(h)
	}
	return res
}

// Refusal makes the response to a request that [Parse] refused with e, out of
// the headers as they stand in the raw message: all Via, and the first From,
// To, Call-ID and CSeq, as far as they are there. to is where it goes: the
// source address, at the port that the top Via asks for. ok is false where
// nothing may be answered: to responses, ACK, and requests without a Via of
// which the port can be known.
func Refusal(data []byte, e *ReplyError, src netip.AddrPort) (reply []byte, to netip.AddrPort, ok bool) {
	line, rest, err := nextLine(data)
	if err != nil {
		return nil, to, false
	}
	first, _ := cutSpace(line)
	if len(first) == 0 || bytes.HasPrefix(bytes.ToUpper(first), []byte("SIP/")) || string(first) == "ACK" {
		return nil, to, false
	}
	for _, c := range first {
		if !tokenChars[c] {
			return nil, to, false
		}
	}
	out := make([]byte, 0, 512)
	out = append(out, "SIP/2.0 "...)
	out = strconv.AppendInt(out, int64(e.Status), 10)
	out = append(append(out, ' '), e.Reason...)
	out = append(out, "\r\n"...)
	var seen [kinds]bool
	for len(rest) > 0 {
		f, more, done, err := nextField(rest)
		if err != nil {
			// Skip the line that cannot be read; what follows may help.
			if _, more, err = nextLine(rest); err != nil {
				break
			}
			rest = more
			continue
		}
		if done {
			break
		}
		rest = more
		var name string
		switch f.kind {
		case kindVia:
			name = "Via"
		case kindFrom:
			name = "From"
		case kindTo:
			name = "To"
		case kindCallID:
			name = "Call-ID"
		case kindCSeq:
			name = "CSeq"
		default:
			continue
		}
		if seen[f.kind] && f.kind != kindVia {
			continue
		}
		value := unfold(f.value)
		switch {
		case f.kind == kindVia && !seen[kindVia]:
			if value, to, ok = rawVia(value, src); !ok {
				return nil, to, false
			}
		case f.kind == kindTo && !bytes.Contains(bytes.ToLower(value), []byte("tag=")):
			value = append(append(value, ";tag="...), NewTag()...)
		}
		seen[f.kind] = true
		out = append(append(out, name...), ": "...)
		out = append(append(out, value...), "\r\n"...)
	}
	for _, h := range e.Headers {
		out = append(append(out, h.Name()...), ": "...)
		out = append(append(out, h.Value()...), "\r\n"...)
	}
	out = append(out, "Content-Length: 0\r\n\r\n"...)
	return out, to, seen[kindVia]
}

// unfold copies a value with its folded lines joined.
func unfold(v []byte) []byte {
	out := make([]byte, 0, len(v)+48)
	for i := 0; i < len(v); i++ {
		if v[i] != '\r' && v[i] != '\n' {
			out = append(out, v[i])
		}
	}
	return out
}

// rawVia reads out of a Via value, however malformed behind its sent-by, where
// the response goes, and writes received and rport into it (RFC 3581 §4).
func rawVia(v []byte, src netip.AddrPort) (value []byte, to netip.AddrPort, ok bool) {
	end := bytes.IndexAny(v, ";,")
	if end < 0 {
		end = len(v)
	}
	sentBy := v[:end]
	if bytes.Count(sentBy, []byte{'/'}) != 2 {
		return nil, to, false
	}
	sentBy = trimLWS(sentBy[bytes.LastIndexByte(sentBy, '/')+1:])
	space := bytes.LastIndexAny(sentBy, " \t")
	if space < 0 {
		return nil, to, false
	}
	host := sentBy[space+1:]
	port := uint64(5060)
	if colon := bytes.LastIndexByte(host, ':'); colon >= 0 && bytes.LastIndexByte(host, ']') < colon {
		var err error
		if port, err = strconv.ParseUint(string(host[colon+1:]), 10, 16); err != nil || port == 0 {
			return nil, to, false
		}
	}
	var rest []byte
	params := v[end:]
	if comma := bytes.IndexByte(params, ','); comma >= 0 {
		params, rest = params[:comma], params[comma:]
	}
	value = append(value, v[:end]...)
	for i, p := range bytes.Split(params, []byte{';'}) {
		if i == 0 && len(p) == 0 {
			continue
		}
		name, _, _ := bytes.Cut(p, []byte{'='})
		switch string(bytes.ToLower(trimLWS(name))) {
		case "received":
			continue
		case "rport":
			port = uint64(src.Port())
			p = strconv.AppendUint([]byte("rport="), port, 10)
		}
		value = append(append(value, ';'), p...)
	}
	value = append(append(value, ";received="...), src.Addr().String()...)
	return append(value, rest...), netip.AddrPortFrom(src.Addr(), uint16(port)), true
}
