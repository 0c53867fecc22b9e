package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"tandem/sip"
)

// Errors of sending.
var (
	// ErrClosed says that the connection, or the whole layer, is closed.
	ErrClosed = errors.New("closed")
	// ErrFull says that a peer does not read what waits for it.
	ErrFull = errors.New("send queue is full")
)

// A Flow is the way a message came and the way to answer it: a UDP socket, one
// of its local addresses and a remote address, or a stream connection. Its
// methods may be called from any goroutine.
type Flow struct {
	layer                *Layer
	socket               *socket // UDP
	stream               atomic.Pointer[stream]
	dialled              bool // a stream that we may dial again
	local, remote, reply netip.AddrPort
}

// Network is "udp" or "tcp".
func (f *Flow) Network() string {
	if f.socket != nil {
		return "udp"
	}
	return "tcp"
}

// Transport is the network as Via and URI parameters write it: "UDP", "TCP".
func (f *Flow) Transport() string {
	if f.socket != nil {
		return "UDP"
	}
	return "TCP"
}

// Reliable says whether the network delivers or tells (RFC 3261 §17).
func (f *Flow) Reliable() bool { return f.socket == nil }

// Local is our address: never the unspecified one. On a stream that we dialled
// the port is that of our listener.
func (f *Flow) Local() netip.AddrPort { return f.local }

// Remote is the peer's address.
func (f *Flow) Remote() netip.AddrPort { return f.remote }

// SentBy is the host and port that Via and Contact name on this flow: the
// advertised ones, else Local. IPv6 addresses stand in brackets.
func (f *Flow) SentBy() (host string, port int) {
	host, port = f.layer.advertiseHost, f.layer.advertisePort
	if host == "" {
		host = f.local.Addr().String()
		if f.local.Addr().Is6() {
			host = "[" + host + "]"
		}
	}
	if port == 0 {
		port = int(f.local.Port())
	}
	return host, port
}

// String is for logs: "udp 192.0.2.1:5060".
func (f *Flow) String() string { return f.Network() + " " + f.remote.String() }

// Alive says whether Send can work without a new connection. UDP flows are
// always alive; a stream may have been closed.
func (f *Flow) Alive() bool {
	s := f.stream.Load()
	return f.socket != nil || s != nil && s.open()
}

// Send sends data to Remote. It never blocks and keeps data. failed, where not
// nil, is called at most once, on any goroutine, when it turns out that data
// was not delivered; not if Send returns an error. A connection that we dialled
// and that was closed since is dialled again.
func (f *Flow) Send(data []byte, failed func(error)) error {
	if f.socket != nil {
		return f.socket.write(data, f.local.Addr(), f.remote)
	}
	s := f.stream.Load()
	if s != nil {
		if err := s.send(data, failed); !errors.Is(err, ErrClosed) {
			return err
		}
	}
	if !f.dialled {
		return fmt.Errorf("tcp %v: %w", f.remote, ErrClosed)
	}
	return f.redial(f.remote, data, failed)
}

// Reply sends a response to the request that came by this flow, to where RFC
// 3261 §18.2.2 and RFC 3581 say: over UDP to the source address, at the source
// port if the Via had rport, else at the port in it; on a stream the same way
// back, or, where it was closed, by a new one to the port in the Via. It is
// otherwise like Send.
func (f *Flow) Reply(data []byte, failed func(error)) error {
	if f.socket != nil {
		return f.socket.write(data, f.local.Addr(), f.reply)
	}
	if s := f.stream.Load(); s != nil {
		if err := s.send(data, failed); !errors.Is(err, ErrClosed) {
			return err
		}
	}
	return f.redial(f.reply, data, failed)
}

func (f *Flow) redial(to netip.AddrPort, data []byte, failed func(error)) error {
	s, err := f.layer.streamTo(to)
	if err != nil {
		return err
	}
	f.stream.Store(s)
	return s.send(data, failed)
}

// route writes into a request's top Via where it came from (RFC 3261 §18.2.1,
// RFC 3581 §4), and sets where its responses go. maddr is not honoured: it
// would let a sender point our responses at somebody else.
func (f *Flow) route(req *sip.Request) {
	via, src := req.Via(), f.remote
	port := uint16(5060)
	if via.Port > 0 {
		port = uint16(via.Port)
	}
	_, rport := via.Params.Get("rport")
	if rport {
		port = src.Port()
		via.Params.Add("rport", fmt.Sprint(port))
	}
	if host, ok := sip.HostAddr(via.Host); rport || !ok || host != src.Addr() {
		via.Params.Add("received", src.Addr().String())
	} else {
		via.Params.Remove("received")
	}
	f.reply = netip.AddrPortFrom(src.Addr(), port)
}
