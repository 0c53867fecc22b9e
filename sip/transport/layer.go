package transport

import (
	"net/netip"

	"tandem/sip/loop"
)

// Limits bound what peers can make us hold.
type Limits struct{}

// A Layer is all SIP sockets of one program.
type Layer struct{}

// New opens the sockets and starts reading. h may be called before New returns.
func New(cfg Config, g *loop.Group, h Handler) (*Layer, error) { panic("soon") }

// Dial gives a flow to remote. network is "udp" or "tcp". It never blocks: a
// stream is reused where there is one to remote, else dialled in the background
// while messages wait; should that fail, their failed func says so.
func (l *Layer) Dial(network string, remote netip.AddrPort) (*Flow, error) { panic("soon") }

// Endpoints are the addresses listened at, with the ports that were taken.
func (l *Layer) Endpoints() []Endpoint { panic("soon") }

// Close closes all sockets and waits until every goroutine has ended.
func (l *Layer) Close() error { panic("soon") }
