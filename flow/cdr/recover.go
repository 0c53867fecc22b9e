package cdr

import (
	"context"
	"time"

	"tandem/flow/event"
)

// closeOpen publishes the end of everything that was open when the node's last
// process ended. The time of the end is the last one at which anything shows
// the process alive.
func (r *Recorder) closeOpen(ctx context.Context) (int, error) {
	beat, err := r.store.LastBeat(ctx, r.o.Node)
	if err != nil {
		return 0, err
	}
	end := func(known ...event.Time) event.Time {
		last := beat
		for _, t := range known {
			if time.Time(t).After(last) {
				last = time.Time(t)
			}
		}
		return event.Time(last)
	}

	recordings, err := r.store.OpenRecordings(ctx, r.o.Node)
	if err != nil {
		return 0, err
	}
	for _, o := range recordings {
		rec := o.Object
		rec.Status, rec.Aborted = event.RecordingEnded, true
		rec.TMEnd = end(rec.TMUpdate, rec.TMStart, rec.TMCreate)
		rec.TMUpdate = rec.TMEnd
		if start := rec.TMStart; rec.Duration == 0 && !start.IsZero() {
			rec.Duration = time.Time(rec.TMEnd).Sub(time.Time(start)).Milliseconds()
		}
		call := ""
		if rec.ReferenceType == "call" {
			call = rec.ReferenceID
		}
		r.publish(event.TypeRecordingFinished, rec.CustomerID, call, o.CallSeq, &rec)
	}

	members, err := r.store.OpenConferencecalls(ctx, r.o.Node)
	if err != nil {
		return 0, err
	}
	for _, o := range members {
		m := o.Object
		m.Status = event.ConferencecallLeaved
		m.TMUpdate = end(m.TMUpdate, m.TMCreate)
		r.publish(event.TypeConferencecallLeaved, m.CustomerID, m.ReferenceID, o.CallSeq, &m)
	}

	conferences, err := r.store.OpenConferences(ctx, r.o.Node)
	if err != nil {
		return 0, err
	}
	for _, o := range conferences {
		c := o.Object
		c.Status, c.ConferencecallIDs, c.RecordingID = event.ConferenceTerminated, nil, ""
		c.TMEnd = end(c.TMUpdate, c.TMCreate)
		c.TMUpdate = c.TMEnd
		r.publish(event.TypeConferenceDeleted, c.CustomerID, "", 0, &c)
	}

	calls, err := r.store.OpenCalls(ctx, r.o.Node)
	if err != nil {
		return 0, err
	}
	for _, o := range calls {
		c := o.Object
		c.Status, c.Aborted = event.CallHangup, true
		c.HangupBy, c.HangupReason = "local", "failed"
		c.RecordingID = ""
		c.TMHangup = end(c.TMUpdate, c.TMProgressing, c.TMRinging, c.TMCreate)
		c.TMUpdate = c.TMHangup
		r.o.Log.Warn("call was up when the process died", "call", c.ID, "trunk", c.Trunk)
		r.publish(event.TypeCallHangup, c.CustomerID, c.ID, o.CallSeq, &c)
	}
	return len(calls), nil
}

// publish tells of the end of an object; a call's numbers go on behind seq.
func (r *Recorder) publish(typ, customer, call string, seq uint64, data any) {
	if call != "" {
		r.bus.Resume(call, seq)
	}
	r.bus.Publish(event.Event{Type: typ, Customer: customer, Call: call, Data: data})
}
