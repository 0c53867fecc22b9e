package voipbin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"tandem/flow/api"
	"tandem/flow/event"
	"tandem/flow/store"
)

// Conferences are the conferences that are open on this node. Errors that are
// an [*api.Error] are shown to the client, others are internal.
type Conferences interface {
	// Conference is the state of one that is open, nil where it is not.
	Conference(id string) *event.Conference
	// Record starts a recording of the mix, no longer than duration; 0 is no
	// limit. StopRecording ends it; where there is none it does nothing.
	Record(ctx context.Context, id string, duration time.Duration) error
	StopRecording(id string)
	// End takes everybody out and closes the conference.
	End(id string)
}

// maxRecording is the longest recording that can be asked for.
const maxRecording = 24 * time.Hour

// conference gives a conference as it is now, open or over.
func (b Backend) conference(r *http.Request) (c event.Conference, open bool, err error) {
	id, err := pathID(r)
	if err != nil {
		return c, false, err
	}
	if live := b.Conferences.Conference(id); live != nil {
		return *live, true, nil
	}
	c, err = b.Store.Conference(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return c, false, api.NotFound("CONFERENCE")
	}
	return c, false, err
}

// openConference is conference for commands to one that must be open.
func (b Backend) openConference(r *http.Request) (event.Conference, error) {
	c, open, err := b.conference(r)
	if err == nil && !open {
		err = api.Conflict("CONFERENCE_STATE_INVALID", "the conference is over")
	}
	return c, err
}

func (b Backend) getConference(w http.ResponseWriter, r *http.Request) error {
	c, _, err := b.conference(r)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, c)
	return nil
}

// recordConference starts a recording and answers with the conference.
func (b Backend) recordConference(w http.ResponseWriter, r *http.Request) error {
	c, err := b.openConference(r)
	if err != nil {
		return err
	}
	var req struct {
		Format   string `json:"format"`
		Duration int    `json:"duration"` // seconds
	}
	if r.ContentLength != 0 {
		if err := readJSON(r, &req); err != nil {
			return err
		}
	}
	switch {
	case req.Format != "" && req.Format != "wav":
		return api.BadRequest("format", "format is %q; have wav", req.Format)
	case req.Duration < 0 || time.Duration(req.Duration) > maxRecording/time.Second:
		return api.BadRequest("duration", "duration is %d; want 0 to %d seconds", req.Duration, int(maxRecording.Seconds()))
	case c.RecordingID != "" && c.RecordingID != event.NilID:
		return api.Conflict("RECORDING_ALREADY_ACTIVE", "the conference is being recorded")
	}
	if err := b.Conferences.Record(r.Context(), c.ID, time.Duration(req.Duration)*time.Second); err != nil {
		return err
	}
	return b.getConference(w, r)
}

func (b Backend) stopConferenceRecording(w http.ResponseWriter, r *http.Request) error {
	c, err := b.openConference(r)
	if err != nil {
		return err
	}
	if c.RecordingID == "" || c.RecordingID == event.NilID {
		return api.Conflict("RECORDING_NOT_ACTIVE", "the conference is not being recorded")
	}
	b.Conferences.StopRecording(c.ID)
	return b.getConference(w, r)
}

// endConference ends a conference and answers with its last state.
func (b Backend) endConference(w http.ResponseWriter, r *http.Request) error {
	c, open, err := b.conference(r)
	if err != nil {
		return err
	}
	if open {
		b.Conferences.End(c.ID)
		c.Status = event.ConferenceTerminating
	}
	api.WriteJSON(w, http.StatusOK, c)
	return nil
}
