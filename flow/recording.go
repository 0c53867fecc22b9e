package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"tandem/flow/event"
	"tandem/media"
	"tandem/media/dtmf"
	"tandem/media/record"
)

// RecordOptions say what is recorded and what ends it.
type RecordOptions struct {
	// Format is wav.
	Format string
	// EndOfSilence ends the recording when the call has said nothing for so
	// long; 0: never.
	EndOfSilence time.Duration
	// EndOfKey ends it at a digit: "" or none, any, * or #.
	EndOfKey string
	// Duration is the longest it can be; 0: no limit of its own.
	Duration time.Duration
}

var (
	errRecording    = errors.New("the call is being recorded already")
	errNotAnswered  = errors.New("the call is not answered")
	errNoRecordings = errors.New("recording is not set up")
	errFormat       = errors.New("recordings are wav")
)

// recording is a call's recording that runs.
type recording struct {
	rec     event.Recording
	stop    func() // ends it; its file is then completed in the background
	stopped bool
}

// recordingDone says that a recording's file is complete.
type recordingDone struct {
	id     string
	result record.Result
}

// CanRecord says why the call cannot be recorded now, if it cannot.
func (c *Call) CanRecord() error {
	switch {
	case c.Services().Recordings == nil:
		return errNoRecordings
	case c.Status() != Progressing:
		return errNotAnswered
	case c.rcd != nil:
		return errRecording
	}
	return nil
}

// StartRecording records the call, the calling side left and the other right.
// It returns when the file is there and sound goes into it; the call's
// recording_id names it until the file is complete.
func (c *Call) StartRecording(o RecordOptions) error {
	desk := c.Services().Recordings
	if err := c.CanRecord(); err != nil {
		return err
	}
	if o.Format != "" && o.Format != "wav" {
		return errFormat
	}
	me, err := c.Participant()
	if err != nil {
		return err
	}
	id := c.calls.NewID()
	r := &recording{rec: event.Recording{
		ID: id, CustomerID: c.rec.CustomerID, ReferenceType: "call", ReferenceID: c.id,
		Status: event.RecordingInitiating, Format: "wav", Node: c.calls.cfg.Node,
		TMCreate: event.Time(c.Now()),
	}}
	c.rcd = r
	rate := c.Rate()
	var untap func()
	var off []func()
	end := func(res record.Result) {
		for _, cancel := range off {
			cancel()
		}
		untap()
		c.recorded(res)
	}
	var over *record.Result // it has ended before it could begin
	off = append(off, c.On(func(m Msg) bool {
		done, ok := m.(recordingDone)
		return ok && done.id == id
	}, func(m Msg) {
		res := m.(recordingDone).result
		if r.stop == nil {
			over = &res
			return
		}
		end(res)
	}))
	w, err := Await(c, func(context.Context) (Recorder, error) {
		return desk.Start(id+".wav", record.Options{
			Rate: rate, Channels: 2, MaxDuration: o.Duration, EndOfSilence: o.EndOfSilence,
			Done: func(res record.Result) { c.Post(recordingDone{id, res}) },
		})
	}, func(w Recorder) { w.Stop() })
	if err != nil {
		c.rcd = nil
		off[0]()
		return err
	}
	tap := w.Tap
	if c.rec.Direction == DirOutgoing { // the calling side is what this leg hears
		tap = func(in, out *media.Frame) { w.Tap(out, in) }
	}
	untap = me.Tap(tap)
	r.stop = func() {
		untap()
		w.Stop()
	}
	if key := o.EndOfKey; key != "" && key != "none" {
		off = append(off, c.On(IsDigit, func(m Msg) {
			if d := m.(dtmf.Digit); key == "any" || key == string(rune(d.Char)) {
				c.StopRecording()
			}
		}))
	}
	r.rec.Status = event.RecordingRecording
	r.rec.TMStart = event.Time(c.Now())
	r.publish(c, event.TypeRecordingStarted)
	c.rec.RecordingID = id
	c.rec.RecordingIDs = append(slices.Clip(c.rec.RecordingIDs), id)
	c.publish(event.TypeCallUpdated)
	if over != nil {
		end(*over)
	}
	return nil
}

// StopRecording ends the call's recording. It says false where there is none.
func (c *Call) StopRecording() bool {
	if c.rcd == nil || c.rcd.stopped || c.rcd.stop == nil {
		return false
	}
	c.rcd.stopped = true
	c.rcd.rec.Status = event.RecordingStopping
	c.rcd.stop()
	return true
}

// AwaitRecording waits until the recording that was stopped is complete, so
// that another can start.
func (c *Call) AwaitRecording() error {
	if c.rcd == nil {
		return nil
	}
	_, err := c.Wait(maxHold, func(Msg) bool { return c.rcd == nil })
	if err == ErrTimeout {
		return nil
	}
	return err
}

// recorded takes note that the file is complete.
func (c *Call) recorded(res record.Result) {
	r := c.rcd
	if r == nil {
		return
	}
	c.rcd = nil
	r.rec.Status = event.RecordingEnded
	r.rec.Duration = res.Duration.Milliseconds()
	r.rec.TMEnd = event.Time(c.Now())
	r.publish(c, event.TypeRecordingFinished)
	c.rec.RecordingID = ""
	c.publish(event.TypeCallUpdated)
	if res.Err != nil {
		c.Log().Warn("recording", "err", res.Err)
	}
}

func (r *recording) publish(c *Call, typ string) {
	r.rec.TMUpdate = event.Time(c.Now())
	snap := r.rec
	c.Publish(typ, &snap)
}
