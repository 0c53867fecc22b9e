package worker

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// ErrSocketInUse says that a socket already belongs to a worker.
var ErrSocketInUse = errors.New("socket already belongs to a worker")

// ErrClosed says that a socket was closed.
var ErrClosed = errors.New("socket is closed")

// A Conn carries the datagrams of a socket that is not the kernel's.
type Conn interface {
	LocalAddr() netip.AddrPort
	// Send never blocks and does not keep pkt.
	Send(pkt []byte, to netip.AddrPort) error
	// OnReceive sets who gets what arrives, from any goroutine; pkt is valid
	// only during the call. nil drops it.
	OnReceive(fn func(pkt []byte, from netip.AddrPort))
	Close() error
}

// A Socket is a UDP socket that a worker receives from.
type Socket struct {
	fd     int
	conn   Conn
	closed atomic.Bool

	// These belong to the worker.
	mode   mode
	slot   int // in the poller
	worker *Worker
	recv   func(pkt []byte, from netip.AddrPort, now time.Time)

	// These are those of a socket that is swept.
	sweep, place int       // which sweep, and where in it
	idle         int       // looks since something was there
	looked       time.Time // when it was looked at last
	stamped      bool      // the kernel notes when a packet came

	to    sockaddr // where the last packet went
	local netip.AddrPort
}

// NewSocket makes a socket of c.
func NewSocket(c Conn) *Socket { return &Socket{fd: -1, conn: c, local: c.LocalAddr()} }

// LocalAddr is the address that the socket is bound to.
func (s *Socket) LocalAddr() netip.AddrPort { return s.local }

// Send sends one datagram at once; where the kernel has no room for it, it is
// lost and the error is [unix.EAGAIN]. It allocates nothing. Only whoever owns
// the socket may call it: the worker, once it has been added to one.
func (s *Socket) Send(pkt []byte, to netip.AddrPort) error {
	if s.conn != nil {
		return s.conn.Send(pkt, to)
	}
	return s.sendKernel(pkt, to)
}

// Close gives the socket back. It must not belong to a worker any more.
// Closing twice does nothing.
func (s *Socket) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	if s.conn != nil {
		return s.conn.Close()
	}
	return unix.Close(s.fd)
}

// deliver brings a packet of an in-memory network to the worker.
func (s *Socket) deliver(w *Worker, pkt []byte, from netip.AddrPort) {
	if len(pkt) > MaxPacket {
		w.stats.oversize.Add(1)
		return
	}
	pkt = append([]byte(nil), pkt...)
	w.Do(func() {
		if s.worker != w {
			return // removed while the packet waited
		}
		w.stats.packets.Add(1)
		s.recv(pkt, from, w.now)
	})
}
