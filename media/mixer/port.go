package mixer

import (
	"tandem/media"
	"tandem/media/worker"
)

// Movable is a port that belongs to a worker. A bridge moves it to its own
// before it uses it.
type Movable interface {
	media.Port
	// Move hands the port to another worker and calls then there, also when it
	// is there already and when the port has been closed. Any goroutine.
	Move(to *worker.Worker, then func())
}

// A RelayNotifier is a relay whose answer to RelayTo may change while it is in
// a bridge, as with a re-INVITE that changes the codec.
type RelayNotifier interface {
	media.Relay
	// OnRelayChange sets what is called, on the worker, when it may have
	// changed; nil ends that. The port has left relaying by then.
	OnRelayChange(fn func())
}

// A DigitPasser is a port whose far end presses keys that are no audio.
type DigitPasser interface {
	media.Port
	// PassDigits makes the keys that are pressed at this port's far end be
	// pressed at that of to; nil ends that. Ports that to does not know how
	// to press keys at are left alone. On the worker that owns both.
	PassDigits(to media.Port)
}
