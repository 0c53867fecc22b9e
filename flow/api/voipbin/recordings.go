package voipbin

import (
	"errors"
	"net/http"
	"os"
	"time"

	"tandem/flow/api"
	"tandem/flow/event"
	"tandem/flow/store"
)

// fileTime is how long the download of a recording may take.
const fileTime = 10 * time.Minute

// recordingFile gives the sound of a recording that is over; parts of it where
// the client asks for a range.
func (b Backend) recordingFile(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	rec, err := b.Store.Recording(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return api.NotFound("RECORDING")
	}
	if err != nil {
		return err
	}
	if rec.Status != event.RecordingEnded {
		return api.Conflict("RECORDING_ACTIVE", "the recording still runs")
	}
	types := map[string]string{"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}
	contentType, ok := types[rec.Format]
	if !ok || b.Recordings == nil {
		return api.NotFound("RECORDINGFILE")
	}
	name := rec.ID + "." + rec.Format
	f, err := b.Recordings.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return api.NotFound("RECORDINGFILE")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// A long file on a slow line needs more than the server's limit; where
	// the deadline cannot be moved, that limit holds.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(fileTime))
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	http.ServeContent(w, r, name, info.ModTime(), f)
	return nil
}
