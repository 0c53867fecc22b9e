package sip

import sipgo "github.com/emiago/sipgo/sip"

// Messages: sipgo's types, see there for their methods. A message belongs to one
// goroutine.
type (
	// Message is a Request or a Response.
	Message = sipgo.Message
	// Request is a request; its Recipient is the Request-URI.
	Request = sipgo.Request
	// Response is a response.
	Response = sipgo.Response
	// RequestMethod is a method, in the case in which it came.
	RequestMethod = sipgo.RequestMethod
)

// Parts of messages.
type (
	// Uri is a URI; one of another scheme than sip and sips has only its Raw
	// part.
	Uri = sipgo.Uri
	// Params are parameters of a URI or header; see [Param].
	Params = sipgo.HeaderParams
	// Header is any header. Those below are read while parsing, the others by
	// who wants them.
	Header = sipgo.Header
	// ViaHeader is a hop; an IPv6 Host has brackets.
	ViaHeader = sipgo.ViaHeader
	// FromHeader is who asks; its DisplayName has escapes, see [Escape].
	FromHeader = sipgo.FromHeader
	// ToHeader is who is asked; its DisplayName has escapes.
	ToHeader = sipgo.ToHeader
	// ContactHeader is where somebody is reached; its DisplayName has escapes.
	ContactHeader = sipgo.ContactHeader
	// CallIDHeader is a Call-ID.
	CallIDHeader = sipgo.CallIDHeader
	// CSeqHeader is a CSeq, its number below 2³¹.
	CSeqHeader = sipgo.CSeqHeader
	// RouteHeader is a hop to take.
	RouteHeader = sipgo.RouteHeader
	// RecordRouteHeader is a hop that wants to be on the way.
	RecordRouteHeader = sipgo.RecordRouteHeader
	// MaxForwardsHeader is how many hops are left, 0 to 255.
	MaxForwardsHeader = sipgo.MaxForwardsHeader
	// ContentTypeHeader is a body's type with its parameters.
	ContentTypeHeader = sipgo.ContentTypeHeader
	// ContentLengthHeader is a body's length in octets.
	ContentLengthHeader = sipgo.ContentLengthHeader
	// ReferToHeader is where a REFER sends its receiver.
	ReferToHeader = sipgo.ReferToHeader
	// ReferredByHeader is on whose behalf a request comes.
	ReferredByHeader = sipgo.ReferredByHeader
)

// Methods (RFC 3261 and its extensions).
const (
	INVITE    = sipgo.INVITE
	ACK       = sipgo.ACK
	CANCEL    = sipgo.CANCEL
	BYE       = sipgo.BYE
	REGISTER  = sipgo.REGISTER
	OPTIONS   = sipgo.OPTIONS
	SUBSCRIBE = sipgo.SUBSCRIBE
	NOTIFY    = sipgo.NOTIFY
	REFER     = sipgo.REFER
	INFO      = sipgo.INFO
	MESSAGE   = sipgo.MESSAGE
	PRACK     = sipgo.PRACK
	UPDATE    = sipgo.UPDATE
	PUBLISH   = sipgo.PUBLISH
)

// magicCookie starts the branch of a peer that follows RFC 3261 §8.1.1.7.
const magicCookie = "z9hG4bK"

// NewRequest makes a request without headers.
func NewRequest(method RequestMethod, to Uri) *Request { return sipgo.NewRequest(method, to) }

// NewHeader makes a header of any name. Values from outside have to pass
// [CheckHeader] first.
func NewHeader(name, value string) Header { return sipgo.NewHeader(name, value) }

// CloneHeader copies h deeply.
func CloneHeader(h Header) Header { return sipgo.HeaderClone(h) }

// NewResponse makes the response to req with the headers that RFC 3261 §8.2.6
// says are copied: Via, From, To, Call-ID, CSeq, and Record-Route where the
// response makes a dialog. toTag is added to To unless the request has one or
// the status is 100; one dialog uses one tag for all its responses. An empty
// reason stands for the status's usual one.
func NewResponse(req *Request, status int, reason, toTag string) *Response {
	if reason == "" {
		reason = ReasonPhrase(status)
	}
	res := sipgo.NewResponse(status, reason)
	dialog := status > 100 && status < 300 &&
		(req.Method == INVITE || req.Method == SUBSCRIBE || req.Method == REFER || req.Method == NOTIFY)
	for _, h := range req.Headers() {
		switch h := h.(type) {
		case *ViaHeader, *FromHeader, *CallIDHeader, *CSeqHeader:
			res.AppendHeader(sipgo.HeaderClone(h))
		case *ToHeader:
			to := sipgo.HeaderClone(h).(*ToHeader)
			if status != 100 && toTag != "" && !to.Params.Has("tag") {
				to.Params.Add("tag", toTag)
			}
			res.AppendHeader(to)
		case *RecordRouteHeader:
			if dialog {
				res.AppendHeader(sipgo.HeaderClone(h))
			}
		default:
			if status == 100 && h.Name() == "Timestamp" {
				res.AppendHeader(sipgo.HeaderClone(h))
			}
		}
	}
	res.SetBody(nil)
	return res
}
