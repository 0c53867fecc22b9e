// Package flowtest has what a call stands on, made of paper: legs, a dialer,
// bridges, prompts, speech and recordings that write down what a flow does and
// take the time it would. They live by the clock they are given, so that the
// simulator runs flows on them as tests do.
package flowtest

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"tandem/media"
	"tandem/media/dtmf"
	"tandem/sip"
)

// A Leg writes down what it is told. Its far end does what the methods whose
// names begin with Far say. All methods may be called from any goroutine.
type Leg struct {
	id   string
	info sip.LegInfo
	port *Port
	log  *Log

	mu       sync.Mutex
	post     func(any)
	waiting  []any
	answered bool
	over     bool
	silent   bool
	noAck    bool
}

// NewLeg makes a leg that writes to log under its id.
func NewLeg(id string, dir sip.Direction, log *Log) *Leg {
	l := &Leg{id: id, log: log, port: &Port{Name: id}}
	l.info = sip.LegInfo{Direction: dir, CallID: id + "@test", Trunk: "test", Remote: netip.MustParseAddrPort("192.0.2.1:5060"), Hops: 69}
	return l
}

// SetHops says how many hops the leg's INVITE has left.
func (l *Leg) SetHops(n int) { l.info.Hops = n }

// Silent makes the leg not report its end when it is hung up.
func (l *Leg) Silent() { l.mu.Lock(); l.silent = true; l.mu.Unlock() }

// NoAck makes the caller not acknowledge the answer.
func (l *Leg) NoAck() { l.mu.Lock(); l.noAck = true; l.mu.Unlock() }

// ID implements flow.Leg; so do the methods below.
func (l *Leg) ID() string { return l.id }

// Info implements flow.Leg.
func (l *Leg) Info() sip.LegInfo { return l.info }

// Port implements flow.Leg.
func (l *Leg) Port() media.Port { return l.port }

// SetPost implements flow.Leg.
func (l *Leg) SetPost(post func(any)) {
	l.mu.Lock()
	waiting := l.waiting
	l.post, l.waiting = post, nil
	l.mu.Unlock()
	for _, m := range waiting {
		post(m)
	}
}

// send posts m, or keeps it until somebody listens.
func (l *Leg) send(m any) {
	l.mu.Lock()
	post := l.post
	if post == nil {
		l.waiting = append(l.waiting, m)
	}
	l.mu.Unlock()
	if post != nil {
		post(m)
	}
}

func (l *Leg) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// Ring implements flow.Leg.
func (l *Leg) Ring(e sip.Early) error {
	if l.ended() {
		return fmt.Errorf("the leg is over")
	}
	what := "ring"
	if e.Media {
		what = "early media"
	}
	l.log.Add(l.id, fmt.Sprintf("%s %d", what, e.Status))
	return nil
}

// Answer implements flow.Leg.
func (l *Leg) Answer(sip.AnswerOptions) error {
	l.mu.Lock()
	over, ack := l.over, !l.noAck
	l.answered = true
	l.mu.Unlock()
	if over {
		return fmt.Errorf("the leg is over")
	}
	l.log.Add(l.id, "answer")
	if ack {
		l.send(sip.Answered{Leg: l.id})
	}
	return nil
}

// Hangup implements flow.Leg.
func (l *Leg) Hangup(c sip.Cause) error {
	if err := sip.CheckText(c.Reason); err != nil {
		return err
	}
	l.mu.Lock()
	over, silent, answered := l.over, l.silent, l.answered
	l.over = l.over || !silent
	l.mu.Unlock()
	if over {
		return fmt.Errorf("the leg is over")
	}
	switch {
	case answered:
		l.log.Add(l.id, "bye")
	case l.info.Direction == sip.Outgoing:
		l.log.Add(l.id, "cancel")
	default:
		l.log.Add(l.id, fmt.Sprintf("refuse %d", c.Status))
	}
	if !silent {
		c.By = sip.Local
		l.send(sip.Hungup{Leg: l.id, Cause: c})
	}
	return nil
}

// Reinvite implements flow.Leg.
func (l *Leg) Reinvite(o sip.MediaOptions) error {
	l.log.Add(l.id, fmt.Sprintf("reinvite hold=%v", o.Hold))
	return nil
}

// Refer implements flow.Leg.
func (l *Leg) Refer(o sip.ReferOptions) error {
	l.log.Add(l.id, "refer "+o.To)
	return nil
}

// Request implements flow.Leg.
func (l *Leg) Request(r *sip.Request) error {
	l.log.Add(l.id, "request "+string(r.Method))
	return nil
}

// SendDigits implements flow.Leg.
func (l *Leg) SendDigits(digits string, duration, gap time.Duration) error {
	if l.ended() {
		return fmt.Errorf("the leg is over")
	}
	l.log.Add(l.id, fmt.Sprintf("digits %s %d/%d", digits, duration.Milliseconds(), gap.Milliseconds()))
	return nil
}

// FarRings sends a provisional response.
func (l *Leg) FarRings(status int, early bool) {
	l.send(sip.Ringing{Leg: l.id, Status: status, Media: early})
}

// FarAnswers accepts the call, or acknowledges our answer.
func (l *Leg) FarAnswers() {
	l.mu.Lock()
	l.answered = true
	l.mu.Unlock()
	l.send(sip.Answered{Leg: l.id})
}

// FarHangsUp sends a BYE or CANCEL.
func (l *Leg) FarHangsUp() { l.end(sip.Cleared(sip.Remote)) }

// FarRefuses sends a final response.
func (l *Leg) FarRefuses(status int) { l.end(sip.StatusCause(status, sip.Remote)) }

// Fails ends the leg by itself, as where no ACK comes.
func (l *Leg) Fails(status int) { l.end(sip.StatusCause(status, sip.Local)) }

func (l *Leg) end(c sip.Cause) {
	l.mu.Lock()
	over := l.over
	l.over = true
	l.mu.Unlock()
	if !over {
		l.send(sip.Hungup{Leg: l.id, Cause: c})
	}
}

// FarPresses presses keys, one after the other without a pause.
func (l *Leg) FarPresses(digits string) {
	for i := range len(digits) {
		l.send(dtmf.Digit{Leg: l.id, Char: digits[i], Source: dtmf.RFC4733})
	}
}

// FarPressesByInfo presses a key that comes as a SIP INFO.
func (l *Leg) FarPressesByInfo(digit byte) {
	l.send(dtmf.Digit{Leg: l.id, Char: digit, Source: dtmf.Info})
}

// Over says whether the leg has ended.
func (l *Leg) Over() bool { return l.ended() }

// A Port is the audio of a leg: silence.
type Port struct{ Name string }

// ReadFrame implements media.Port.
func (p *Port) ReadFrame(f *media.Frame) error { f.Silent = true; return nil }

// WriteFrame implements media.Port.
func (p *Port) WriteFrame(*media.Frame) error { return nil }

// Rate implements media.Port.
func (p *Port) Rate() int { return 8000 }

// A Log is what happened, in order.
type Log struct {
	mu    sync.Mutex
	lines []string
}

// Add writes down that who did what.
func (l *Log) Add(who, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, who+": "+what)
}

// Lines is what happened so far.
func (l *Log) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.lines...)
}

// Of is what one did, joined by "; ".
func (l *Log) Of(who string) string {
	var mine []string
	for _, line := range l.Lines() {
		if what, ok := strings.CutPrefix(line, who+": "); ok {
			mine = append(mine, what)
		}
	}
	return strings.Join(mine, "; ")
}

// String is everything, a line each.
func (l *Log) String() string { return strings.Join(l.Lines(), "\n") }
