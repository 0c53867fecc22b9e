package flow

import (
	"context"

	"tandem/media"
	"tandem/media/record"
	"tandem/media/speech"
)

// Media makes bridges.
type Media interface {
	// Bridge makes a bridge of the given kind, where it can on the worker that
	// has near's sockets; near may be nil.
	Bridge(kind BridgeKind, near media.Port) Bridge
}

// A BridgeKind says what a bridge is for.
type BridgeKind int

const (
	// CallBridge joins the parties of a call: two with the same codec are
	// relayed where nobody listens, and digits pass between them.
	CallBridge BridgeKind = iota
	// RoomBridge is a conference: digits stay with who dialled them.
	RoomBridge
)

// A Bridge mixes its participants. Its methods may be called from any
// goroutine, do not block, and take effect between two ticks. A bridge without
// participants costs nothing and needs no end.
type Bridge interface {
	Join(port media.Port) Participant
	// Play plays src to everybody, mixed with what they say, until stop.
	Play(src media.Source, done func(error)) (stop func())
	// Tap shows fn every tick's mix, on the worker. cancel ends that.
	Tap(fn func(mix *media.Frame)) (cancel func())
	// Close ends the bridge when its room is over.
	Close()
}

// A Participant is a leg in a bridge. Its methods may be called from any
// goroutine, do not block, and take effect between two ticks.
type Participant interface {
	// Play makes p hear src instead of the mix. nil stops what plays. done is
	// called once, on the worker: nil at the end of src, an error where it
	// ended before.
	Play(src media.Source, done func(error))
	// Tap shows fn what p says and hears in every tick, on the worker. Taps
	// move with p.
	Tap(fn func(in, out *media.Frame)) (cancel func())
	// Mute cuts what p says (in) or hears (out).
	Mute(in, out bool)
	// Echo gives p its own voice back; EchoPackets its packets, digits too.
	Echo(on bool)
	EchoPackets(on bool)
	// Move takes p to another bridge without a gap.
	Move(to Bridge)
	// Leave takes p out; then, which may be nil, is called when its port is
	// free.
	Leave(then func())
}

// Prompts opens what can be played; *prompt.Library does.
type Prompts interface {
	Open(ctx context.Context, rate int, specs ...string) (media.Source, error)
}

// Speech speaks text; *speech.Speaker does.
type Speech interface {
	Speak(ctx context.Context, r speech.Request) (media.Source, error)
}

// Recordings starts recordings; [Desk] makes one of a *record.Desk.
type Recordings interface {
	// Start creates the file name and begins. It blocks on the disk.
	Start(name string, o record.Options) (Recorder, error)
}

// A Recorder is a recording that runs; *record.Recorder is one.
type Recorder interface {
	Tap(in, out *media.Frame)
	TapMix(mix *media.Frame)
	Stop()
}

// Desk lets calls record at d.
func Desk(d *record.Desk) Recordings { return desk{d} }

type desk struct{ d *record.Desk }

func (d desk) Start(name string, o record.Options) (Recorder, error) {
	r, err := d.d.Start(name, o)
	if err != nil {
		return nil, err
	}
	return r, nil
}
