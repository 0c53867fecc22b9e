package flow

import "tandem/sip"

// A Reason is why a call ended, as its record says it.
type Reason string

// The reasons of a call's end.
const (
	ReasonNormal   Reason = "normal"
	ReasonFailed   Reason = "failed"
	ReasonBusy     Reason = "busy"
	ReasonCancel   Reason = "cancel"   // by the caller, before the answer
	ReasonTimeout  Reason = "timeout"  // the longest a call may be
	ReasonNoAnswer Reason = "noanswer" // the far end's time
	ReasonDialout  Reason = "dialout"  // our ring limit
	ReasonAMD      Reason = "amd"
)

// Reasons are all reasons, in the order of the documentation.
func Reasons() []Reason {
	return []Reason{ReasonNormal, ReasonFailed, ReasonBusy, ReasonCancel, ReasonTimeout, ReasonNoAnswer, ReasonDialout, ReasonAMD}
}

// Who ended a call.
const (
	ByLocal  = "local"
	ByRemote = "remote"
)

// refused says what a final status means for a call that we placed, and what an
// unanswered caller is told when that call's end is relayed to him. What is not
// listed is failed, is relayed as it is, and makes the next trunk worth trying.
//
// The reasons are those of the compatibility table (voipbin.md §12), the
// relayed statuses §4.5. Challenges are never relayed: the caller would answer
// them with his own password (RFC 3261 §22.3 asks proxies to, but we are the
// user agent that was challenged).
var refused = []struct {
	status, cause int // SIP status, Q.850 cause
	reason        Reason
	relay         int
	last          bool // no other trunk can do better
}{
	{486, 17, ReasonBusy, 486, true},
	{600, 17, ReasonBusy, 600, true},
	{603, 21, ReasonNoAnswer, 603, true},
	{480, 19, ReasonNoAnswer, 480, true},
	{480, 18, ReasonNoAnswer, 480, false},
	{408, 102, ReasonNoAnswer, 480, false}, // nobody answered the INVITE: another trunk may
	{483, 25, ReasonNoAnswer, 483, false},
	{487, 31, ReasonNoAnswer, 480, true},
	{404, 1, ReasonFailed, 404, false},
	{404, 2, ReasonFailed, 404, false},
	{404, 3, ReasonFailed, 404, false},
	{410, 22, ReasonFailed, 410, false},
	{484, 28, ReasonFailed, 484, false},
	{488, 58, ReasonFailed, 488, false},
	{502, 27, ReasonFailed, 502, false},
	{501, 29, ReasonFailed, 501, false},
	{503, 34, ReasonFailed, 503, false},
	{503, 42, ReasonFailed, 503, false},
	{503, 41, ReasonFailed, 503, false},
	{500, 38, ReasonFailed, 500, false},
	{403, 21, ReasonFailed, 403, true},
	{401, 21, ReasonFailed, 403, false}, // our password is wrong there: another trunk may know us
	{407, 21, ReasonFailed, 403, false},
	{0, 16, ReasonNoAnswer, 480, true},
	{0, 26, ReasonNoAnswer, 480, true},
}

// ends says which status refuses an unanswered caller where we end his call for
// the given reason, and the Q.850 cause that goes with it.
var ends = map[Reason]struct{ status, cause int }{
	ReasonNormal:   {603, 16},
	ReasonCancel:   {603, 16},
	ReasonTimeout:  {603, 16},
	ReasonAMD:      {603, 16},
	ReasonBusy:     {486, 17},
	ReasonNoAnswer: {480, 19},
	ReasonDialout:  {480, 19},
	ReasonFailed:   {408, 16},
}

// RefusalReason is the reason of a call that we placed and that was refused or
// lost before it was answered.
func RefusalReason(c sip.Cause) Reason {
	for _, r := range refused {
		if c.Status != 0 && r.status == c.Status || c.Status == 0 && r.cause == c.Q850 {
			return r.reason
		}
	}
	return ReasonFailed
}

// FinalAttempt says that after such an end no other trunk is tried: the called
// party has spoken (causes 16, 17, 19, 21 and 26 of Q.850).
func FinalAttempt(c sip.Cause) bool {
	if c.Status != 0 {
		for _, r := range refused {
			if r.status == c.Status {
				return r.last
			}
		}
		return false
	}
	switch c.Q850 {
	case sip.NormalClearing, sip.UserBusy, sip.NoAnswer, sip.CallRejected, 26:
		return true
	}
	return false
}

// EndCause is how a call is ended for the given reason: the status an
// unanswered caller gets and the Q.850 cause.
func EndCause(r Reason) sip.Cause {
	e, ok := ends[r]
	if !ok {
		e = ends[ReasonNormal]
	}
	return sip.Cause{Status: e.status, Q850: e.cause, By: sip.Local}
}

// RelayCause is how an unanswered caller is refused with the end of the call
// that was placed for him.
func RelayCause(c sip.Cause) sip.Cause {
	out := sip.Cause{Status: c.Status, Q850: c.Q850, Reason: c.Reason, By: sip.Local}
	for _, r := range refused {
		if c.Status != 0 && r.status == c.Status || c.Status == 0 && r.cause == c.Q850 {
			if r.relay != c.Status {
				out.Reason = ""
			}
			out.Status = r.relay
			return out
		}
	}
	if c.Status < 400 || c.Status > 699 {
		out.Status, out.Reason = 480, ""
	}
	return out
}
