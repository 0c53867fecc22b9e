package transport

import "net/netip"

// A Flow is the way a message came and the way to answer it: a UDP socket, one
// of its local addresses and a remote address, or a stream connection. Its
// methods may be called from any goroutine.
type Flow struct {
	layer                *Layer
	local, remote, reply netip.AddrPort
}

// Network is "udp" or "tcp".
func (f *Flow) Network() string { panic("soon") }

// Transport is the network as Via and URI parameters write it: "UDP", "TCP".
func (f *Flow) Transport() string { panic("soon") }

// Reliable says whether the network delivers or tells (RFC 3261 §17).
func (f *Flow) Reliable() bool { panic("soon") }

// Local is our address: never the unspecified one, where that can be known.
func (f *Flow) Local() netip.AddrPort { return f.local }

// Remote is the peer's address.
func (f *Flow) Remote() netip.AddrPort { return f.remote }

// SentBy is the host and port that Via and Contact name on this flow: the
// advertised ones, else Local. IPv6 addresses stand in brackets.
func (f *Flow) SentBy() (host string, port int) { panic("soon") }

// Alive says whether a message can be sent by this flow as it is. UDP flows are
// always alive; a stream may have been closed.
func (f *Flow) Alive() bool { panic("soon") }

// Send sends data to Remote. It never blocks and keeps data. failed, where not
// nil, is called at most once, on any goroutine, when it turns out that data
// was not delivered; not if Send returns an error.
func (f *Flow) Send(data []byte, failed func(error)) error { panic("soon") }

// Reply sends a response to the request that came by this flow, to where RFC
// 3261 §18.2.2 and RFC 3581 say. It is otherwise like Send.
func (f *Flow) Reply(data []byte, failed func(error)) error { panic("soon") }
