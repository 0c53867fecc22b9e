package flow

import (
	"tandem/media"
	"tandem/media/mixer"
	"tandem/media/worker"
)

// Mixer makes bridges of package mixer on the workers of p.
func Mixer(p *worker.Pool) Media { return pool{p} }

type pool struct{ *worker.Pool }

// Bridge implements [Media].
func (p pool) Bridge(kind BridgeKind, near media.Port) Bridge {
	var w *worker.Worker
	if on, ok := near.(interface{ Worker() *worker.Worker }); ok {
		w = on.Worker()
	}
	if w == nil {
		w = p.Next()
	}
	o := mixer.Options{RelayAllowed: true, PassDigits: true}
	if kind == RoomBridge {
		o = mixer.Options{}
	}
	return mixed{mixer.NewBridge(w, o)}
}

type mixed struct{ *mixer.Bridge }

func (b mixed) Join(port media.Port) Participant { return member{b.Bridge.Join(port)} }

type member struct{ *mixer.Participant }

func (m member) Move(to Bridge) {
	if b, ok := to.(mixed); ok {
		m.Participant.Move(b.Bridge)
	}
}
