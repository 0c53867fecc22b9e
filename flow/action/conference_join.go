package action

import (
	"errors"

	"tandem/flow"
)

func conferenceJoin() kind {
	return kind{
		name:  "conference_join",
		doc:   "Joins a conference until the call is sent out of it or the conference ends.",
		fatal: true,
		options: []option{
			{name: "conference_id", form: aText, required: true, maxLen: 256, doc: "Its id, or the name of one of the configuration, which is made on first use."},
		},
		make: func(v values, _ flow.Step, e *Env) flow.Action {
			return &ConferenceJoin{Conference: v.text("conference_id"), env: e}
		},
	}
}

// ConferenceJoin takes a call into a conference.
type ConferenceJoin struct {
	Conference string
	env        *Env
}

var errNoRooms = errors.New("conferences are not set up")

// Run implements [flow.Action].
func (a *ConferenceJoin) Run(c *flow.Call) (flow.Outcome, error) {
	if a.env.Rooms == nil {
		return flow.Outcome{}, errNoRooms
	}
	room, err := a.env.Rooms.Room(a.Conference)
	if err != nil {
		return flow.Outcome{}, err
	}
	seat, err := room.Enter(c)
	if err != nil {
		return flow.Outcome{}, err
	}
	return flow.Outcome{Push: seat.Steps()}, nil
}
