package flowtest

import (
	"fmt"
	"strings"
	"sync"

	"tandem/flow"
	"tandem/flow/event"
	"tandem/media"
	"tandem/sip"
)

// A World is a node of paper: its calls, everything that they stand on, and what
// they did and published.
type World struct {
	Calls      *flow.Calls
	Clock      media.Clock
	Log        *Log
	Events     *Events
	Dialer     *Dialer
	Prompts    *Prompts
	Speech     *Speech
	Recordings *Recordings

	mu   sync.Mutex
	legs int
}

// New makes a world that lives by clock (nil: the machine's) and whose calls are
// configured by change, which may be nil.
func New(clock media.Clock, change func(*flow.Config)) *World {
	if clock == nil {
		clock = media.SystemClock{}
	}
	log := &Log{}
	w := &World{
		Clock: clock, Log: log, Events: &Events{},
		Dialer:     &Dialer{Log: log},
		Prompts:    &Prompts{Clock: clock},
		Speech:     &Speech{Clock: clock},
		Recordings: &Recordings{Clock: clock, Log: log},
	}
	cfg := flow.Config{
		Node: "test", Clock: clock, Publisher: w.Events,
		Services: flow.Services{
			Media: &Media{Clock: clock, Log: log}, Prompts: w.Prompts, Speech: w.Speech,
			Recordings: w.Recordings, Dialer: w.Dialer,
		},
	}
	if change != nil {
		change(&cfg)
	}
	w.Calls = flow.NewCalls(cfg)
	return w
}

// Caller makes a leg that calls us, named "a", "a2" and so on.
func (w *World) Caller() *Leg {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.legs++
	name := "a"
	if w.legs > 1 {
		name = fmt.Sprintf("a%d", w.legs)
	}
	return NewLeg(name, sip.Incoming, w.Log)
}

// Call lets a caller call us, and ctrl decide what becomes of it.
func (w *World) Call(ctrl flow.Controller) (*flow.Call, *Leg) {
	return w.CallFrom(w.Caller(), ctrl)
}

// CallFrom is Call by a leg that was made before.
func (w *World) CallFrom(leg *Leg, ctrl flow.Controller) (*flow.Call, *Leg) {
	c, err := w.Calls.Accept(leg, flow.Incoming{
		Source:      flow.Address{Type: flow.TypeTel, Target: "+46700000001"},
		Destination: flow.Address{Type: flow.TypeTel, Target: "+46850000000"},
	}, ctrl)
	if err != nil {
		panic(err) // a world does not drain by itself
	}
	return c, leg
}

// A Dialer places legs named after whom they call and hands each to Callee.
type Dialer struct {
	Log *Log
	// Trunks are the ways to tel destinations; none: one that is named test.
	Trunks []string
	// Callee plays the called party, on a goroutine of its own; nil: it does
	// nothing.
	Callee func(*Leg, flow.Route)
	// Fails is the error of dialling by a trunk.
	Fails map[string]error

	callees sync.WaitGroup

	mu    sync.Mutex
	count map[string]int
	legs  []*Leg
	asked []flow.DialOptions
}

// Routes implements flow.Dialer.
func (d *Dialer) Routes(to flow.Address) ([]flow.Route, error) {
	if to.Target == "+nowhere" || to.Type == flow.TypeAgent {
		return nil, fmt.Errorf("no route to %s", to.Target)
	}
	if to.Type != flow.TypeTel || len(d.Trunks) == 0 {
		return []flow.Route{{Trunk: "test", To: to}}, nil
	}
	var routes []flow.Route
	for _, t := range d.Trunks {
		routes = append(routes, flow.Route{Trunk: t, To: to})
	}
	return routes, nil
}

// Dial implements flow.Dialer.
func (d *Dialer) Dial(by flow.Route, o flow.DialOptions) (flow.Leg, error) {
	if err := d.Fails[by.Trunk]; err != nil {
		return nil, err
	}
	d.mu.Lock()
	if d.count == nil {
		d.count = map[string]int{}
	}
	name := strings.TrimPrefix(by.To.Target, "+")
	if d.count[name]++; d.count[name] > 1 {
		name = fmt.Sprintf("%s#%d", name, d.count[name])
	}
	leg := NewLeg(name, sip.Outgoing, d.Log)
	leg.info.Trunk = by.Trunk
	d.legs = append(d.legs, leg)
	d.asked = append(d.asked, o)
	d.mu.Unlock()
	d.Log.Add(name, "invite by "+by.Trunk)
	leg.SetPost(o.Post)
	if d.Callee != nil {
		d.callees.Go(func() { d.Callee(leg, by) })
	}
	return leg, nil
}

// Wait waits until all called parties have played their part.
func (d *Dialer) Wait() { d.callees.Wait() }

// Legs are all legs placed so far.
func (d *Dialer) Legs() []*Leg {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]*Leg{}, d.legs...)
}

// Asked is how the legs were to be placed, in the order of Legs.
func (d *Dialer) Asked() []flow.DialOptions {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]flow.DialOptions{}, d.asked...)
}

// Events keeps what was published.
type Events struct {
	mu   sync.Mutex
	list []event.Event
}

// Publish implements flow.Publisher.
func (e *Events) Publish(ev event.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

// All are the events so far.
func (e *Events) All() []event.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]event.Event{}, e.list...)
}

// Types are the types of the events of a call, or with "" of all, joined by
// blanks; those named in without are left out.
func (e *Events) Types(call string, without ...string) string {
	var types []string
next:
	for _, ev := range e.All() {
		if call != "" && ev.Call != call {
			continue
		}
		for _, w := range without {
			if ev.Type == w {
				continue next
			}
		}
		types = append(types, ev.Type)
	}
	return strings.Join(types, " ")
}

// Calls are the records of a call that were published, in order.
func (e *Events) Calls(call string) []*event.Call {
	var list []*event.Call
	for _, ev := range e.All() {
		if c, ok := ev.Data.(*event.Call); ok && c.ID == call {
			list = append(list, c)
		}
	}
	return list
}
