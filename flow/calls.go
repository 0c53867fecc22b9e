package flow

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"tandem/flow/event"
	"tandem/media"
)

// Config is what the calls of a node have in common.
type Config struct {
	// Node is the host's name, in ids and records.
	Node string
	// Customer is the id of the implicit customer.
	Customer string
	// Clock is the time the calls live by; nil: the machine's.
	Clock media.Clock
	// Publisher is told what happens; nil: nobody is.
	Publisher Publisher
	// Services are what actions draw on.
	Services Services
	// MaxCall is the longest a call can be up; 0: no limit.
	MaxCall time.Duration
	// RingLimit is how long a call that we place may ring; 0: 60 s.
	RingLimit time.Duration
	// MaxSteps is how many actions may follow each other without media
	// moving; 0: 1000.
	MaxSteps int
	// Random is where ids take their randomness; nil: crypto/rand.
	Random io.Reader
	// Log gets a line when a call comes in and one when a call ends; nil:
	// nothing.
	Log *slog.Logger
}

// A Publisher is told what happens and never blocks; *event.Bus is one.
type Publisher interface{ Publish(event.Event) }

// ErrDraining says that no new calls are taken.
var ErrDraining = errors.New("no new calls are taken")

// Calls are the calls that live on a node: the one registry of them. All its
// methods may be called from any goroutine.
type Calls struct {
	cfg Config
	ids *IDs

	mu       sync.Mutex
	calls    map[string]*Call
	ended    []ended // the last ones, in the order in which they did
	draining bool
	idle     chan struct{} // closed when draining and empty
}

// An ended call is remembered for a while.
type ended struct {
	at   time.Time
	call *event.Call
}

// endedMemory is how long a call that has ended is remembered: longer than it
// takes to be found in the records.
const endedMemory = 3 * time.Second

// NewCalls makes the registry of a node.
func NewCalls(cfg Config) *Calls {
	if cfg.Clock == nil {
		cfg.Clock = media.SystemClock{}
	}
	if cfg.RingLimit <= 0 {
		cfg.RingLimit = 60 * time.Second
	}
	if cfg.MaxSteps <= 0 {
		cfg.MaxSteps = 1000
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Calls{
		cfg:   cfg,
		ids:   NewIDs(cfg.Node, cfg.Clock.Now, cfg.Random),
		calls: map[string]*Call{},
		idle:  make(chan struct{}),
	}
}

// NewID makes an id of this node.
func (n *Calls) NewID() string { return n.ids.New() }

// Node is the node's name.
func (n *Calls) Node() string { return n.cfg.Node }

// Customer is the id of the implicit customer.
func (n *Calls) Customer() string { return n.cfg.Customer }

// Clock is the time the calls live by.
func (n *Calls) Clock() media.Clock { return n.cfg.Clock }

// Services are what actions draw on.
func (n *Calls) Services() *Services { return &n.cfg.Services }

// Publish tells the outside about something that is no call's.
func (n *Calls) Publish(e event.Event) { n.publish(e) }

func (n *Calls) publish(e event.Event) {
	if n.cfg.Publisher != nil {
		n.cfg.Publisher.Publish(e)
	}
}

// Incoming says what a call is that came in.
type Incoming struct {
	// Type is one of the call types; empty: [TypeOfFlow].
	Type string
	// FlowID names the flow that runs, if one does.
	FlowID string
	// Source and Destination are the caller and the called number.
	Source, Destination Address
	// Customer is whose call it is; empty: the implicit customer's.
	Customer string
}

// Accept makes leg, an INVITE that nobody has answered, a call and starts its
// program. The leg's messages go to the call from now on.
func (n *Calls) Accept(leg Leg, in Incoming, ctrl Controller) (*Call, error) {
	c := n.newCall(ctrl)
	info := leg.Info()
	c.leg, c.hops = leg, info.Hops
	c.rec.Direction = DirIncoming
	if c.rec.FlowID = in.FlowID; in.Type != "" {
		c.rec.Type = in.Type
	}
	c.rec.Source, c.rec.Destination = NormalAddress(in.Source), NormalAddress(in.Destination)
	c.rec.Trunk, c.rec.SIPCallID = info.Trunk, info.CallID
	if in.Customer != "" {
		c.rec.CustomerID = in.Customer
	}
	if err := n.add(c, false); err != nil {
		return nil, err
	}
	c.begin(nil)
	leg.SetPost(c.Post)
	go c.run(nil)
	return c, nil
}

// maxHops is how many hops a call may take that is placed on behalf of no other
// (RFC 3261 §8.1.1.6).
const maxHops = 70

// newCall makes a call that is not in the registry yet.
func (n *Calls) newCall(ctrl Controller) *Call {
	c := &Call{
		id:    n.NewID(),
		calls: n,
		mbox:  newMailbox(),
		done:  make(chan struct{}),
		ctrl:  ctrl,
		hops:  maxHops,
		loops: map[string]int{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.rec = event.Call{
		ID: c.id, Type: TypeOfFlow, CustomerID: n.cfg.Customer, Node: n.cfg.Node,
		TMCreate: event.Time(n.cfg.Clock.Now()),
	}
	return c
}

// add registers c, while we drain only by force.
func (n *Calls) add(c *Call, force bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.draining && !force {
		c.cancel()
		return ErrDraining
	}
	n.calls[c.id] = c
	return nil
}

func (n *Calls) remove(c *Call) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.calls, c.id)
	n.forget()
	if s := c.Snapshot(); s != nil {
		n.ended = append(n.ended, ended{n.cfg.Clock.Now(), s})
	}
	if n.draining && len(n.calls) == 0 {
		n.closeIdle()
	}
}

// forget drops calls that ended a while ago. The lock is held.
func (n *Calls) forget() {
	old := 0
	for old < len(n.ended) && n.cfg.Clock.Now().Sub(n.ended[old].at) > endedMemory {
		old++
	}
	clear(n.ended[:old])
	n.ended = n.ended[old:]
}

// Ended are the last snapshots of calls that ended in the last seconds, in the
// order in which they did.
func (n *Calls) Ended() []*event.Call {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget()
	list := make([]*event.Call, 0, len(n.ended))
	for _, e := range n.ended {
		list = append(list, e.call)
	}
	return list
}

func (n *Calls) closeIdle() {
	select {
	case <-n.idle:
	default:
		close(n.idle)
	}
}

// Get is the call of the given id, nil where none lives here.
func (n *Calls) Get(id string) *Call {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls[id]
}

// List are snapshots of all calls, in no order.
func (n *Calls) List() []*event.Call {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]*event.Call, 0, len(n.calls))
	for _, c := range n.calls {
		if s := c.Snapshot(); s != nil {
			list = append(list, s)
		}
	}
	return list
}

// Len is how many calls there are.
func (n *Calls) Len() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.calls)
}

// Drain takes no new calls from now on. Calls that live may still place calls
// of their own. idle is closed when the last has ended.
func (n *Calls) Drain() (idle <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.draining = true
	if len(n.calls) == 0 {
		n.closeIdle()
	}
	return n.idle
}

// EndAll hangs all calls up because the node ends. Callers who are not answered
// get 503, so that they are sent to another gateway and not told that nobody
// wants them.
func (n *Calls) EndAll() {
	n.mu.Lock()
	all := make([]*Call, 0, len(n.calls))
	for _, c := range n.calls {
		all = append(all, c)
	}
	n.mu.Unlock()
	for _, c := range all {
		c.Post(endNow{ReasonNormal, 503})
	}
}

// begin gives the call its variables and publishes that it is there.
func (c *Call) begin(vars map[string]string) {
	if len(vars) > 0 {
		c.vars = NewVariables()
		for k, v := range vars {
			if err := c.vars.Set(k, v); err != nil {
				c.Log().Warn("variable", "err", err)
			}
		}
		c.setCallVariables()
	}
	c.newActiveflow()
	first := Ringing
	if c.rec.Direction == DirOutgoing {
		first = Dialing
	}
	c.rec.Status = string(first)
	if first == Ringing {
		c.rec.TMRinging = c.rec.TMCreate
	}
	c.publish(event.TypeCallCreated, first.event())
}

// Names of the variables that every call has.
const (
	VarDigits     = "voipbin.call.digits"
	varCall       = "voipbin.call."
	varActiveflow = "voipbin.activeflow.id"
)

func (c *Call) setCallVariables() {
	set := func(name, value string) { c.vars.put(varCall+name, value) }
	set("digits", "")
	set("id", c.id)
	set("direction", c.rec.Direction)
	master := c.rec.MasterCallID
	if master == "" {
		master = NilID
	}
	set("master_call_id", master)
	for _, a := range []struct {
		name string
		Address
	}{{"source.", c.rec.Source}, {"destination.", c.rec.Destination}} {
		set(a.name+"type", a.Type)
		set(a.name+"target", a.Target)
		set(a.name+"target_name", a.TargetName)
		set(a.name+"name", a.Name)
		set(a.name+"detail", a.Detail)
	}
	c.vars.put(varActiveflow, c.activeflow)
}

// newActiveflow gives the run of a flow that begins an id.
func (c *Call) newActiveflow() {
	c.activeflow = c.calls.NewID()
	if c.vars != nil {
		c.vars.put(varActiveflow, c.activeflow)
	}
}
