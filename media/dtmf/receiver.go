package dtmf

import "time"

// Limits of what a peer may send. A person dials some ten digits a second, a
// machine with the shortest tones of ITU-T Q.24 twelve.
const (
	maxRate  = 25 // digits a second, lasting
	maxBurst = 25 // digits at once
)

// history is the number of events that are remembered, so that a packet that
// was long under way or repeated is known to belong to a digit already
// reported. It outlasts the burst that the limit lets through.
const history = 64

// A Receiver turns telephone-event packets into digits: one digit an event,
// however many of its packets are lost, repeated or reordered.
//
// An event is known by its RTP timestamp, which all its packets share (RFC 4733
// §2.2.1), and by nothing else: the marker bit goes missing with the first
// packet, durations repeat. It is reported with the first of its packets that
// arrives, be that its last.
//
// The zero value is not ready; see [NewReceiver]. A Receiver allocates nothing
// and is used by one goroutine.
type Receiver struct {
	clock   uint32
	seen    [history]seenEvent
	next    int
	current seenEvent // the newest event
	tokens  float64   // digits that may be reported now
	filled  time.Time // when tokens was reckoned

	// Dropped counts the events that were no digits, or were one too many.
	Dropped uint64
}

// seenEvent is an event of which a packet came.
type seenEvent struct {
	set   bool
	ended bool
	code  uint8
	// segment is the timestamp of the segment heard last; an event longer
	// than 65535 units goes on under a new one.
	segment uint32
}

// NewReceiver makes a receiver for events whose RTP clock runs at clockRate Hz.
func NewReceiver(clockRate int) *Receiver {
	return &Receiver{clock: uint32(max(clockRate, 1)), tokens: maxBurst}
}

// SetClock changes the rate in Hz of the events' clock.
func (r *Receiver) SetClock(clockRate int) { r.clock = uint32(max(clockRate, 1)) }

// Held says whether the newest event has not ended, as far as has been heard.
func (r *Receiver) Held() bool { return r.current.set && !r.current.ended }

// Receive takes a packet's payload and timestamp, and says whether it is the
// first of a digit. now is the time of its arrival, for the limit of digits a
// second; the Leg of the digit is left for the caller to fill in.
func (r *Receiver) Receive(payload []byte, timestamp uint32, now time.Time) (Digit, bool) {
	e, ok := ParseEvent(payload)
	if !ok {
		r.Dropped++
		return Digit{}, false
	}
	if i := r.find(timestamp, e.Code); i >= 0 {
		r.seen[i].ended = r.seen[i].ended || e.End
		if r.current.segment == timestamp && r.current.code == e.Code {
			r.current.ended = r.current.ended || e.End
		}
		return Digit{}, false
	}
	// An event longer than the duration field can say is cut into segments,
	// each beginning where the field of the one before ran out (§2.5.1.3).
	cont := r.current.set && !r.current.ended && r.current.code == e.Code &&
		timestamp == r.current.segment+0xffff
	r.remember(seenEvent{set: true, ended: e.End, code: e.Code, segment: timestamp})
	if cont {
		return Digit{}, false
	}
	char, ok := CharOf(e.Code)
	if !ok || !r.take(now) {
		r.Dropped++
		return Digit{}, false
	}
	return Digit{
		Char:     char,
		Duration: time.Duration(e.Duration) * time.Second / time.Duration(r.clock),
		Source:   RFC4733,
	}, true
}

func (r *Receiver) find(timestamp uint32, code uint8) int {
	for i := range r.seen {
		if s := &r.seen[i]; s.set && s.segment == timestamp && s.code == code {
			return i
		}
	}
	return -1
}

func (r *Receiver) remember(e seenEvent) {
	r.seen[r.next] = e
	r.next = (r.next + 1) % history
	// A packet that was overtaken by those of a later event must not be taken
	// for the event that is going on.
	if !r.current.set || int32(e.segment-r.current.segment) > 0 || r.current.ended {
		r.current = e
	}
}

// take says whether one more digit may be reported now.
func (r *Receiver) take(now time.Time) bool {
	if !r.filled.IsZero() {
		if d := now.Sub(r.filled).Seconds(); d > 0 {
			r.tokens = min(maxBurst, r.tokens+d*maxRate)
		}
	}
	r.filled = now
	if r.tokens < 1 {
		return false
	}
	r.tokens--
	return true
}
