package sip

import sipgo "github.com/emiago/sipgo/sip"

// The message types. See package sipgo for their methods; a message belongs to
// one goroutine.
type (
	Message  = sipgo.Message
	Request  = sipgo.Request
	Response = sipgo.Response

	Uri           = sipgo.Uri
	Params        = sipgo.HeaderParams
	RequestMethod = sipgo.RequestMethod

	Header              = sipgo.Header
	ViaHeader           = sipgo.ViaHeader
	FromHeader          = sipgo.FromHeader
	ToHeader            = sipgo.ToHeader
	ContactHeader       = sipgo.ContactHeader
	CallIDHeader        = sipgo.CallIDHeader
	CSeqHeader          = sipgo.CSeqHeader
	RouteHeader         = sipgo.RouteHeader
	RecordRouteHeader   = sipgo.RecordRouteHeader
	MaxForwardsHeader   = sipgo.MaxForwardsHeader
	ContentTypeHeader   = sipgo.ContentTypeHeader
	ContentLengthHeader = sipgo.ContentLengthHeader
	ReferToHeader       = sipgo.ReferToHeader
	ReferredByHeader    = sipgo.ReferredByHeader
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
