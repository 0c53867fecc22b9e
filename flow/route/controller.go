package route

import (
	"fmt"

	"tandem/flow"
	"tandem/flow/action"
	"tandem/flow/event"
)

// A Starter turns decisions into what calls do.
type Starter struct {
	// Env is what the actions of stored flows draw on.
	Env *action.Env
	// Flow finds a flow by its name in the configuration or its id.
	Flow func(name string) (steps []flow.Step, id string, ok bool)
}

// Controller gives what a call so routed does, and the type and flow id of its
// record. The dialects' kinds are not known here.
func (s *Starter) Controller(d Decision) (flow.Controller, flow.Incoming, error) {
	in := flow.Incoming{Type: d.CallType()}
	switch d.Kind {
	case Flow:
		steps, id, ok := s.Flow(d.Name)
		if !ok {
			return nil, in, fmt.Errorf("there is no flow %q", d.Name)
		}
		in.FlowID = id
		return &action.Flow{Steps: steps, Env: s.Env}, in, nil
	case Conference:
		in.FlowID = event.NilID
		return &action.Flow{Env: s.Env, Steps: []flow.Step{
			{Type: "answer"},
			{Type: "conference_join", Option: map[string]any{"conference_id": d.Name}},
		}}, in, nil
	case Service:
		steps := service(d.Name)
		if steps == nil {
			return nil, in, fmt.Errorf("there is no service %q; have %v", d.Name, Services())
		}
		return &action.Flow{Env: s.Env, Steps: steps}, in, nil
	}
	return nil, in, fmt.Errorf("calls cannot be sent to %s here", d)
}
