package sip

import (
	"fmt"
	"strconv"
	"strings"
)

// By says which side ended a call.
type By int

// Local is this program, Remote the far end of the leg.
const (
	Local By = iota
	Remote
)

// String gives "local" or "remote".
func (b By) String() string {
	switch b {
	case Local:
		return "local"
	case Remote:
		return "remote"
	}
	return fmt.Sprintf("By(%d)", int(b))
}

// Q.850 causes that are used by name.
const (
	NoRoute           = 3 // to the destination
	Unallocated       = 1
	NormalClearing    = 16
	UserBusy          = 17
	NoUserResponding  = 18
	NoAnswer          = 19
	CallRejected      = 21
	NormalUnspecified = 31
	TemporaryFailure  = 41
	RecoveryOnTimer   = 102
	Interworking      = 127
)

// A Cause says why a leg ended or is to end.
type Cause struct {
	// Status is the SIP status of a call that was not answered, 400 to 699; 0
	// or 200 for one that was.
	Status int
	// Q850 is the ITU-T Q.850 cause, 1 to 127; 0: what Status maps to.
	Q850 int
	// Reason is the text that goes with it; empty for the usual one.
	Reason string
	// By says who ended the leg.
	By By
	// Headers go with the request or response that ends the leg.
	Headers []Header
}

// StatusCause is the cause for a SIP status, with the Q.850 cause it maps to.
func StatusCause(status int, by By) Cause {
	return Cause{Status: status, Q850: Q850FromStatus(status), Reason: ReasonPhrase(status), By: by}
}

// Cleared is the cause of a call that ended as calls do.
func Cleared(by By) Cause {
	return Cause{Status: 200, Q850: NormalClearing, Reason: "Normal Clearing", By: by}
}

// String gives the status and text, as they appear in errors and logs.
func (c Cause) String() string {
	reason := c.Reason
	if reason == "" {
		reason = ReasonPhrase(c.Status)
	}
	if c.Status == 0 || c.Status == 200 {
		q := c.Q850
		if q == 0 {
			q = NormalClearing
		}
		return fmt.Sprintf("Q.850 %d %s", q, reason)
	}
	return fmt.Sprintf("%d %s", c.Status, reason)
}

// ReasonHeader is the cause as a Reason header (RFC 3326), to go into BYE,
// CANCEL and final responses.
func (c Cause) ReasonHeader() Header {
	q := c.Q850
	if q == 0 {
		q = Q850FromStatus(c.Status)
	}
	v := "Q.850;cause=" + strconv.Itoa(q)
	if c.Reason != "" {
		v += ";text=" + Quote(c.Reason)
	}
	return NewHeader("Reason", v)
}

// CauseOf reads why the far end ended a leg out of its BYE, CANCEL or final
// response: the status of a response, else the first Reason header that names
// SIP or Q.850 (RFC 3326). A message without either is a normal clearing.
func CauseOf(m Message) Cause {
	c := Cleared(Remote)
	if res, ok := m.(*Response); ok && res.StatusCode >= 300 {
		c = StatusCause(res.StatusCode, Remote)
		if res.Reason != "" {
			c.Reason = res.Reason
		}
	}
	seenSIP, seenQ := c.Status >= 300, false
	for _, h := range m.GetHeaders("reason") {
		for _, v := range splitList(h.Value()) {
			proto, params, _ := strings.Cut(v, ";")
			code, text := reasonParams(params)
			switch strings.ToUpper(strings.TrimSpace(proto)) {
			case "SIP":
				if !seenSIP && code >= 200 && code <= 699 {
					seenSIP = true
					c.Status = code
					if !seenQ {
						c.Q850 = Q850FromStatus(code)
						c.Reason = ReasonPhrase(code)
					}
				}
			case "Q.850":
				if !seenQ && code >= 1 && code <= 127 {
					seenQ = true
					c.Q850 = code
				}
			default:
				continue
			}
			if text != "" {
				c.Reason = text
			}
		}
	}
	c.Reason = tame(c.Reason)
	return c
}

// maxReason is how many octets of a far end's reason are kept.
const maxReason = 128

// tame makes a far end's text fit to be passed on, to another leg and into
// records: without control characters, and not long.
func tame(s string) string {
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func reasonParams(s string) (code int, text string) {
	for _, p := range splitOutside(s, ';') {
		k, v, _ := strings.Cut(p, "=")
		switch strings.ToLower(strings.TrimSpace(k)) {
		case "cause":
			code, _ = strconv.Atoi(strings.TrimSpace(v))
		case "text":
			text = Unquote(strings.TrimSpace(v))
		}
	}
	return code, text
}

// StatusFromQ850 maps a Q.850 cause to a SIP status (RFC 3398 §7.2.4.1). Causes
// that the RFC does not name become 480, which is what their class asks for.
func StatusFromQ850(cause int) int {
	switch cause {
	case 1, 2, 3, 26:
		return 404
	case 17:
		return 486
	case 18:
		return 408
	case 16, 19, 20, 31:
		return 480
	case 21, 55, 57, 87:
		return 403
	case 22, 23:
		return 410
	case 25:
		return 483
	case 27:
		return 502
	case 28:
		return 484
	case 29, 79:
		return 501
	case 34, 38, 41, 42, 47, 58, 88:
		return 503
	case 65, 70:
		return 488
	case 102:
		return 504
	case 111, 127:
		return 500
	}
	return 480
}

// Q850FromStatus maps a SIP status to a Q.850 cause (RFC 3398 §8.2.6.1).
func Q850FromStatus(status int) int {
	switch status {
	case 0, 200, 202, 487:
		return NormalClearing
	case 401, 402, 403, 407, 603, 607, 608:
		return CallRejected
	case 404, 485, 604:
		return Unallocated
	case 405:
		return 63
	case 406, 415, 501:
		return 79
	case 408, 504:
		return RecoveryOnTimer
	case 410:
		return 22
	case 480:
		return NoUserResponding
	case 400, 481, 500, 503:
		return TemporaryFailure
	case 482, 483:
		return 25
	case 484:
		return 28
	case 486, 600:
		return UserBusy
	case 488, 606:
		return 65
	case 502:
		return 38
	case 580:
		return 47
	}
	switch {
	case status >= 200 && status < 300:
		return NormalClearing
	case status >= 300 && status < 400:
		return NormalUnspecified
	}
	return Interworking
}

// ReasonPhrase is the usual text for a status; of one that is not known, that
// of its class (RFC 3261 §21).
func ReasonPhrase(status int) string {
	switch status {
	case 100:
		return "Trying"
	case 180:
		return "Ringing"
	case 181:
		return "Call Is Being Forwarded"
	case 182:
		return "Queued"
	case 183:
		return "Session Progress"
	case 200:
		return "OK"
	case 202:
		return "Accepted"
	case 300:
		return "Multiple Choices"
	case 301:
		return "Moved Permanently"
	case 302:
		return "Moved Temporarily"
	case 305:
		return "Use Proxy"
	case 380:
		return "Alternative Service"
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 402:
		return "Payment Required"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 406:
		return "Not Acceptable"
	case 407:
		return "Proxy Authentication Required"
	case 408:
		return "Request Timeout"
	case 410:
		return "Gone"
	case 413:
		return "Request Entity Too Large"
	case 414:
		return "Request-URI Too Long"
	case 415:
		return "Unsupported Media Type"
	case 416:
		return "Unsupported URI Scheme"
	case 420:
		return "Bad Extension"
	case 421:
		return "Extension Required"
	case 422:
		return "Session Interval Too Small"
	case 423:
		return "Interval Too Brief"
	case 480:
		return "Temporarily Unavailable"
	case 481:
		return "Call/Transaction Does Not Exist"
	case 482:
		return "Loop Detected"
	case 483:
		return "Too Many Hops"
	case 484:
		return "Address Incomplete"
	case 485:
		return "Ambiguous"
	case 486:
		return "Busy Here"
	case 487:
		return "Request Terminated"
	case 488:
		return "Not Acceptable Here"
	case 491:
		return "Request Pending"
	case 493:
		return "Undecipherable"
	case 500:
		return "Server Internal Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Server Time-out"
	case 505:
		return "Version Not Supported"
	case 513:
		return "Message Too Large"
	case 580:
		return "Precondition Failure"
	case 600:
		return "Busy Everywhere"
	case 603:
		return "Decline"
	case 604:
		return "Does Not Exist Anywhere"
	case 606:
		return "Not Acceptable"
	}
	switch status / 100 {
	case 1:
		return "Session Progress"
	case 2:
		return "OK"
	case 3:
		return "Multiple Choices"
	case 4:
		return "Bad Request"
	case 5:
		return "Server Internal Error"
	}
	return "Busy Everywhere"
}
