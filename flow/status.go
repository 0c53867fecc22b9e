package flow

// A Status is where a call stands in its life.
type Status string

// The states of a call, in the order in which they can be reached.
const (
	Dialing     Status = "dialing"     // outgoing: INVITE sent
	Ringing     Status = "ringing"     // incoming: not answered yet; outgoing: 180 or 183 came
	Progressing Status = "progressing" // answered
	Terminating Status = "terminating" // our BYE or refusal is on its way
	Canceling   Status = "canceling"   // our CANCEL is on its way
	Ended       Status = "hangup"      // the dialog is over
)

// may lists the states that follow each state. Nothing else happens, and no
// call ever goes back.
var may = map[Status][]Status{
	"":          {Dialing, Ringing},
	Dialing:     {Ringing, Progressing, Terminating, Canceling, Ended},
	Ringing:     {Progressing, Terminating, Canceling, Ended},
	Progressing: {Terminating, Ended},
	Terminating: {Ended},
	Canceling:   {Ended},
	Ended:       {},
}

// May says whether a call may go from s to next.
func (s Status) May(next Status) bool {
	for _, n := range may[s] {
		if n == next {
			return true
		}
	}
	return false
}

// event is the type of the event that a call has come to s.
func (s Status) event() string { return "call_" + string(s) }

// Ending says whether nothing but the end can follow.
func (s Status) Ending() bool { return s == Terminating || s == Canceling || s == Ended }
