package conference

import (
	"context"

	"tandem/flow"
	"tandem/media/dtmf"
	"tandem/sip"
)

// changed wakes a call whose seat says something new.
type changed struct{ seat *Seat }

// Room is the room of the seat.
func (s *Seat) Room() *Room { return s.room }

// Leave gives the seat up. Any goroutine; more than once does nothing.
func (s *Seat) Leave() {
	if !s.room.todo.put(func() { s.room.left(s) }) {
		s.gone() // there is no room to leave
	}
}

// Steps is what a call does that comes to the room: the actions before, the
// stay itself, and the actions after. [Seat.Leave] is called when they are left.
func (s *Seat) Steps() *flow.Stack {
	sp := s.room.spec
	steps := append([]flow.Step{}, sp.Pre...)
	steps = append(steps, flow.Step{
		Type:   "confbridge_join",
		Option: map[string]any{"confbridge_id": sp.ID},
		Do:     flow.ActionFunc(s.stay),
	})
	return &flow.Stack{Steps: append(steps, sp.Post...), Make: sp.Make, Left: s.Leave}
}

// stay is the action of being in the room until the room or the API says
// otherwise.
func (s *Seat) stay(c *flow.Call) (flow.Outcome, error) {
	defer s.Leave()
	if s.kicked.Load() {
		return flow.Outcome{}, nil
	}
	pair := s.room.spec.Type == TypeConnect
	if !pair {
		if err := c.Answer(); err != nil {
			return flow.Outcome{}, err
		}
	} else if err := c.RingBack(); err != nil {
		return flow.Outcome{}, err
	}
	b, err := flow.Await(c, func(ctx context.Context) (flow.Bridge, error) {
		return ask(ctx, s.room, func() (flow.Bridge, error) { return s.room.joined(s) })
	}, nil)
	if err == ErrEnded {
		return flow.Outcome{}, nil
	}
	if err != nil {
		return flow.Outcome{}, err
	}
	if err := c.Join(b); err != nil {
		return flow.Outcome{}, err
	}
	defer c.Part()
	c.MediaMoved()
	for {
		// What the room says is in the seat; its message only wakes us, and
		// may have come while we waited for something else.
		if s.kicked.Load() {
			return flow.Outcome{}, nil
		}
		if s.paired.Load() {
			if err := c.Accept(sip.AnswerOptions{}); err != nil {
				return flow.Outcome{}, err
			}
		}
		_, err := c.Wait(flow.Forever, func(m flow.Msg) bool {
			switch m := m.(type) {
			case changed:
				return m.seat == s
			case dtmf.Digit:
				return true // pressed in a conference it is meant for nobody
			}
			return false
		})
		if err != nil {
			return flow.Outcome{}, err
		}
	}
}
