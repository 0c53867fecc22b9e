package flow

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/flow/event"
	"tandem/media"
	"tandem/sip"
)

// Directions of a call.
const (
	DirIncoming = "incoming"
	DirOutgoing = "outgoing"
)

// Types of a call.
const (
	TypeOfFlow       = "flow"        // runs a flow
	TypeOfConference = "conference"  // its route leads straight to a conference
	TypeOfService    = "sip-service" // its route leads to a built-in service
)

// A Call is one leg, its program and its goroutine. The methods that say so may
// be called from any goroutine; all others belong to the call's own, that is to
// actions, programs, and the funcs handed to Do, Tell, On and Go.
type Call struct {
	id     string
	calls  *Calls
	parent *Call
	hops   int // that calls placed by this one may take
	ctx    context.Context
	cancel context.CancelFunc
	mbox   mailbox
	snap   atomic.Pointer[event.Call]
	done   chan struct{}

	// What follows is the goroutine's own.

	leg        Leg
	rec        event.Call
	vars       *Variables // nil until one is wanted
	ctrl       Controller
	activeflow string
	next       Controller // replaces ctrl: Wait says ErrReplaced
	gone       bool       // the leg is over, or being ended: Wait says ErrHangup
	legOver    bool       // the leg has said Hungup
	placing    bool       // the leg is being placed: the program has not begun
	trying     bool       // a leg's end is not the call's: there is another route
	acked      bool       // incoming: the ACK is in
	early      bool       // a provisional response with media has been sent
	rang       bool       // a provisional response has been sent
	steps      int        // steps since media last moved
	digits     []byte     // typed ahead
	shown      int        // which digit typed ahead the digits variable shows already, from 1; 0: none
	loops      map[string]int
	on         []*handler
	outer      []*outer
	ends       []func()
	holds      int // what the call waits for at its end
	chained    []*Call
	seat       seat
	rcd        *recording
	said       Progress    // what the parent was told last
	limit      media.Timer // the ring limit, then the longest a call can be
	cause      sip.Cause   // why the leg ended
	reason     Reason      // for what we end it; "" while we do not
}

// ID is the call's id. Any goroutine.
func (c *Call) ID() string { return c.id }

// Snapshot is the call as it stands, not to be changed. Any goroutine; it costs
// the call nothing.
func (c *Call) Snapshot() *event.Call { return c.snap.Load() }

// Done is closed when the call is over and its last event published. Any
// goroutine.
func (c *Call) Done() <-chan struct{} { return c.done }

// Calls are all calls of the node. Any goroutine.
func (c *Call) Calls() *Calls { return c.calls }

// Services are what the call's actions draw on. Any goroutine.
func (c *Call) Services() *Services { return &c.calls.cfg.Services }

// Log is the call's logger; most calls need none. Any goroutine.
func (c *Call) Log() *slog.Logger { return c.calls.cfg.Log.With("call", c.id) }

// Clock is the time the call lives by. Any goroutine.
func (c *Call) Clock() media.Clock { return c.calls.cfg.Clock }

// Context ends with the call. Any goroutine.
func (c *Call) Context() context.Context { return c.ctx }

// Post hands m to the call, which drops and counts it where the far end has
// sent more than the call can take. Any goroutine; it never blocks.
func (c *Call) Post(m Msg) { c.mbox.put(m) }

// Do runs fn on the call's goroutine, while an action waits, and returns its
// error: [ErrHangup] where the call is over, [ErrBusy] where too many wait
// already. fn must not block. Any goroutine but a call's, which uses
// [Call.Tell].
func (c *Call) Do(fn func(*Call) error) error {
	cmd := &command{fn: fn, reply: make(chan error, 1)}
	if !c.mbox.put(cmd) {
		return c.refused()
	}
	return <-cmd.reply
}

// Tell is like Do and does not wait for fn. Any goroutine.
func (c *Call) Tell(fn func(*Call)) error {
	if !c.mbox.put(&command{fn: func(c *Call) error { fn(c); return nil }}) {
		return c.refused()
	}
	return nil
}

func (c *Call) refused() error {
	select {
	case <-c.done:
		return ErrHangup
	default:
		return ErrBusy
	}
}

// End hangs the call up for the given reason. Any goroutine; unlike a command
// it is never refused for a full mailbox.
func (c *Call) End(r Reason) {
	c.Post(endNow{reason: r})
}

// endNow asks a call to end. It is a message of its own because the limit of
// commands does not hold for it. refuse, where set, is the status for a caller
// who is not answered, in place of the reason's.
type endNow struct {
	reason Reason
	refuse int
}

// Leg is the call's leg.
func (c *Call) Leg() Leg { return c.leg }

// Status is where the call stands.
func (c *Call) Status() Status { return Status(c.rec.Status) }

// Direction is [DirIncoming] or [DirOutgoing].
func (c *Call) Direction() string { return c.rec.Direction }

// Record is the call's record as it stands.
func (c *Call) Record() *event.Call { return &c.rec }

// Vars are the call's variables. Many calls never ask for one, and have none
// until they do.
func (c *Call) Vars() *Variables {
	if c.vars == nil {
		c.vars = NewVariables()
		c.setCallVariables()
	}
	return c.vars
}

// Now is the time.
func (c *Call) Now() time.Time { return c.calls.cfg.Clock.Now() }

// OnEnd has fn called when the call's program has ended, the last first. cancel
// takes that back.
func (c *Call) OnEnd(fn func()) (cancel func()) {
	c.ends = append(c.ends, fn)
	i := len(c.ends) - 1
	return func() {
		if i < len(c.ends) {
			c.ends[i] = nil
		}
	}
}

// Hold makes the end of the call wait, for a few seconds at most, until release
// is called, so that what it takes part in has taken note before the call's
// last event. release may be called from any goroutine, more than once.
func (c *Call) Hold() (release func()) {
	c.holds++
	return sync.OnceFunc(func() { c.Post(released{}) })
}

// released is a hold that is given up.
type released struct{}

// Replace drops the rest of the program: the action that runs is unwound by
// [ErrReplaced] and ctrl is started.
func (c *Call) Replace(ctrl Controller) { c.next = ctrl }

// MediaMoved says that something was heard, said or waited for: the guard
// against programs that run in circles starts anew.
func (c *Call) MediaMoved() { c.steps = 0 }

// Loops is the count that the step of the given id keeps while the program
// runs.
func (c *Call) Loops(id string) (n int, ok bool) { n, ok = c.loops[id]; return }

// SetLoops stores that count.
func (c *Call) SetLoops(id string, n int) { c.loops[id] = n }

// SetAction records the step the call is at.
func (c *Call) SetAction(a event.Action) {
	a.TMExecute = event.ExecTime(c.Now())
	c.rec.Action = a
	c.publish(event.TypeCallUpdated)
}

// maxChained is how many chained calls a call remembers. A flow that tries again
// and again forgets the oldest that are over.
const maxChained = 100

// Chain makes other end with c.
func (c *Call) Chain(other *Call) {
	if len(c.chained) >= maxChained {
		if i := slices.IndexFunc(c.chained, (*Call).ended); i >= 0 {
			c.chained = slices.Delete(c.chained, i, i+1)
		}
	}
	c.chained = append(c.chained, other)
	ids := make([]string, len(c.chained))
	for i, chained := range c.chained {
		ids[i] = chained.id
	}
	c.rec.ChainedCallIDs = ids
	c.publish(event.TypeCallUpdated)
}

// ended says whether the call is over. Any goroutine.
func (c *Call) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// publish stores a snapshot of the call and tells the outside that it has been
// through the events of the given types.
func (c *Call) publish(types ...string) { c.publishAt(event.Time(c.Now()), types...) }

func (c *Call) publishAt(now event.Time, types ...string) {
	c.rec.TMUpdate = now
	snap := c.rec
	c.snap.Store(&snap)
	for _, typ := range types {
		c.calls.publish(event.Event{Type: typ, Customer: c.rec.CustomerID, Call: c.id, Data: &snap, Time: time.Time(snap.TMUpdate)})
	}
}

// Publish tells the outside something about the call that is not its record,
// such as a recording.
func (c *Call) Publish(typ string, data any) {
	c.calls.publish(event.Event{Type: typ, Customer: c.rec.CustomerID, Call: c.id, Data: data, Time: c.Now()})
}

// setStatus moves the call on and publishes that. It says false, and changes
// nothing, where the call cannot go there.
func (c *Call) setStatus(s Status) bool {
	if !c.Status().May(s) {
		return false
	}
	now := event.Time(c.Now())
	c.rec.Status = string(s)
	switch s {
	case Ringing:
		c.rec.TMRinging = now
	case Progressing:
		c.rec.TMProgressing = now
		c.steps = 0
	case Ended:
		c.rec.TMHangup = now
	}
	c.publishAt(now, s.event())
	return true
}

// Parent is the call that placed this one, nil where none did. Any goroutine.
func (c *Call) Parent() *Call { return c.parent }

// ActiveflowID is the id of the run of the flow that the call is at.
func (c *Call) ActiveflowID() string { return c.activeflow }

// Chained is the record of a call of the given id that is chained to this one,
// nil where none is.
func (c *Call) Chained(id string) *event.Call {
	for _, other := range c.chained {
		if other.id == id {
			return other.Snapshot()
		}
	}
	return nil
}
