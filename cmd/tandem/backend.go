package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"tandem/flow"
	"tandem/flow/action"
	"tandem/flow/api"
	"tandem/flow/api/voipbin"
	"tandem/flow/conference"
	"tandem/flow/event"
)

// backend is the node's calls as the REST API commands them. It implements
// [voipbin.Calls].
type backend node

// List implements [voipbin.Calls]. Calls that have just ended are among them,
// until their records are written.
func (b *backend) List() []*event.Call { return append(b.calls.List(), b.calls.Ended()...) }

// Create implements [voipbin.Calls].
func (b *backend) Create(_ context.Context, n voipbin.NewCall) ([]event.Call, error) {
	// Actions that come over the API reach what fetched ones do, not what
	// those of the configuration may.
	ctrl := &action.Flow{Env: b.starter.Env.Fetched}
	id := event.NilID
	if n.FlowID != "" {
		steps, known, ok := (*node)(b).flow(n.FlowID)
		if !ok {
			return nil, &api.Error{Code: http.StatusNotFound, Status: "NOT_FOUND", Reason: "FLOW_NOT_FOUND", Message: "there is no flow " + n.FlowID, Field: "flow_id"}
		}
		ctrl, id = &action.Flow{Steps: steps, Env: b.starter.Env}, known
	} else {
		steps, faults := action.Parse(n.Actions)
		if len(faults) > 0 {
			return nil, api.BadRequest("actions"+faults[0].Where(), "actions%s", faults[0].String())
		}
		ctrl.Steps = steps
	}
	var made []event.Call
	var errs []error
	for _, to := range n.Destinations {
		c, err := b.calls.Dial(nil, flow.Target{Source: n.Source, Destination: withType(to), FlowID: id}, ctrl)
		if err != nil {
			b.log.Info("call not placed", "to", to.Target, "err", err)
			errs = append(errs, err)
			continue
		}
		if s := c.Snapshot(); s != nil {
			made = append(made, *s)
		}
	}
	if len(made) > 0 {
		return made, nil
	}
	if err := errors.Join(errs...); errors.Is(err, flow.ErrDraining) {
		return nil, &api.Error{Code: http.StatusServiceUnavailable, Status: "UNAVAILABLE", Reason: "DRAINING", Message: err.Error()}
	}
	return nil, api.BadRequest("destinations", "no destination can be called: %v", errors.Join(errs...))
}

// withType infers the type that some clients leave out.
func withType(a flow.Address) flow.Address {
	if a.Type == "" {
		a.Type = "sip"
		if isNumber(a.Target) {
			a.Type = "tel"
		}
	}
	return a
}

// Hangup implements [voipbin.Calls].
func (b *backend) Hangup(_ context.Context, id string) (event.Call, error) {
	c := b.calls.Get(id)
	if c == nil {
		return event.Call{}, voipbin.ErrNotLive
	}
	if err := c.Do(func(c *flow.Call) error { c.Hangup(flow.ReasonNormal); return nil }); err != nil && !errors.Is(err, flow.ErrHangup) {
		return event.Call{}, err
	}
	if s := c.Snapshot(); s != nil {
		return *s, nil
	}
	return event.Call{}, voipbin.ErrNotLive
}

// rooms are the node's conferences as the REST API commands them. It implements
// [voipbin.Conferences].
type rooms struct{ *conference.Rooms }

// Conference implements [voipbin.Conferences].
func (r rooms) Conference(id string) *event.Conference {
	if room := r.Get(id); room != nil {
		return room.Snapshot()
	}
	return nil
}

// Record implements [voipbin.Conferences].
func (r rooms) Record(ctx context.Context, id string, duration time.Duration) error {
	room := r.Get(id)
	if room == nil {
		return api.NotFound("CONFERENCE")
	}
	if _, err := room.Record(ctx, duration); err != nil {
		return api.Conflict("CONFERENCE_STATE_INVALID", err.Error())
	}
	return nil
}

// StopRecording implements [voipbin.Conferences].
func (r rooms) StopRecording(id string) {
	if room := r.Get(id); room != nil {
		room.StopRecording()
	}
}

// End implements [voipbin.Conferences].
func (r rooms) End(id string) {
	if room := r.Get(id); room != nil {
		room.End()
	}
}
