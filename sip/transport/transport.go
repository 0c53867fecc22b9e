// Package transport moves SIP messages: it owns the sockets, cuts streams into
// messages, and hands each message to the loop of its Call-ID, so that messages
// of one call stay in the order in which they came.
//
//	UDP socket ─ one reader ──┐
//	                          ├─ source known? rate ─ sip.Parse ─ Via ─▶ loop.Post(Handler)
//	TCP conn ─ reader ─ Frame ┘        │                 │ 400, 413, 416, 505
//	           writer ◀─ bounded queue ┘ silence         └▶ stateless reply (known sources only)
//
// A reply leaves by the socket, and from the local address, that its request
// came to. Nothing is kept about a UDP peer.
package transport

import (
	"log/slog"
	"net/netip"
	"time"

	"tandem/sip"
	"tandem/sip/loop"
)

// An Endpoint is an address to listen at.
type Endpoint struct {
	// Network is "udp" or "tcp".
	Network string
	// Addr is the address; port 0 takes any free one, the unspecified address
	// all local ones.
	Addr netip.AddrPort
}

// Received is a message that passed [sip.Parse].
type Received struct {
	Msg sip.Message
	// Flow is the way it came.
	Flow *Flow
	// Known says that Config.Accept knows the source. What a stranger sends
	// must not draw a single byte unless it belongs to a dialog or transaction
	// of ours. Requests of strangers without a To tag never get here, but for
	// CANCEL and ACK.
	Known bool
	// At is when it was read from the socket.
	At time.Time
}

// A Handler is called on the loop of the message's Call-ID, in the order in
// which the messages of one source came.
type Handler func(l *loop.Loop, r *Received)

// Config is what a [Layer] is made of.
type Config struct {
	// Listen are the endpoints, at least one.
	Listen []Endpoint
	// Advertise is the host, or host:port, that Via and Contact name; empty:
	// the local address of the flow.
	Advertise string
	// Accept says whether a source may be answered outside dialogs. Any
	// goroutine calls it, for every message. Nil: everybody.
	Accept func(src netip.AddrPort) bool
	// Network opens sockets; nil: [System].
	Network Network
	Limits  Limits
	// Tap sees every message that comes and goes, as it is on the wire; data is
	// valid only during the call. Any goroutine calls it.
	Tap func(t Tapped)
	Log *slog.Logger
}

// Tapped is a message on the wire.
type Tapped struct {
	Sent          bool // by us
	Network       string
	Local, Remote netip.AddrPort
	Data          []byte
	Time          time.Time
}
