// Package transporttest is a network in memory for tests of everything that
// stands on sip/transport. All its waiting is on channels, so that it runs in a
// testing/synctest bubble.
package transporttest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"tandem/sip/transport"
)

// A Network is a transport.Network in memory: any address exists once somebody
// listens at it. The zero value is not ready; see [New].
type Network struct {
	// Delay is how long a datagram takes; set it before use. 0: it arrives at
	// once, in order.
	Delay time.Duration
	// Drop, where set, says which datagrams are lost; set it before use. Any
	// goroutine calls it.
	Drop func(from, to netip.AddrPort, data []byte) bool

	mu        sync.Mutex
	packets   map[netip.AddrPort]*PacketConn
	listeners map[netip.AddrPort]*listener
	port      uint16
	source    netip.Addr
}

// New makes an empty network. Streams that it dials come from 192.0.2.99; see
// [Network.Host].
func New() *Network {
	return &Network{
		packets: make(map[netip.AddrPort]*PacketConn), listeners: make(map[netip.AddrPort]*listener),
		port: 40000, source: netip.MustParseAddr("192.0.2.99"),
	}
}

var _ transport.Network = (*Network)(nil)

func (n *Network) nextPort() uint16 {
	n.port++
	return n.port
}

// ListenPacket opens a datagram socket.
func (n *Network) ListenPacket(addr netip.AddrPort) (net.PacketConn, error) { return n.Packet(addr) }

// Packet is ListenPacket with the type that tests want.
func (n *Network) Packet(addr netip.AddrPort) (*PacketConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if addr.Port() == 0 {
		addr = netip.AddrPortFrom(addr.Addr(), n.nextPort())
	}
	if n.packets[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Err: syscall.EADDRINUSE}
	}
	c := &PacketConn{net: n, addr: addr, in: make(chan packet, 4096), done: make(chan struct{})}
	n.packets[addr] = c
	return c, nil
}

// Source implements transport.Network.
func (n *Network) Source(netip.Addr) (netip.Addr, error) { return n.source, nil }

type packet struct {
	from netip.AddrPort
	data []byte
}

// A PacketConn is a datagram socket. What comes to a full one is lost.
type PacketConn struct {
	net  *Network
	addr netip.AddrPort
	in   chan packet
	done chan struct{}

	mu       sync.Mutex
	closed   bool
	deadline time.Time
}

// ReadFrom implements net.PacketConn.
func (c *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// ReadFromAddrPort is ReadFrom with another type of address.
func (c *PacketConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	c.mu.Lock()
	deadline := c.deadline
	c.mu.Unlock()
	var expired <-chan time.Time
	if !deadline.IsZero() {
		t := time.NewTimer(time.Until(deadline))
		defer t.Stop()
		expired = t.C
	}
	select {
	case p := <-c.in:
		return copy(b, p.data), p.from, nil
	case <-expired:
		return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
	case <-c.done:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

// WriteTo implements net.PacketConn.
func (c *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	ap := to.(*net.UDPAddr).AddrPort()
	return c.WriteToAddrPort(b, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()))
}

// WriteToAddrPort is WriteTo with another type of address.
func (c *PacketConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	if c.net.Drop != nil && c.net.Drop(c.addr, to, b) {
		return len(b), nil
	}
	c.net.mu.Lock()
	dst := c.net.packets[to]
	c.net.mu.Unlock()
	if dst == nil {
		return len(b), nil
	}
	p := packet{from: c.addr, data: append([]byte(nil), b...)}
	if c.net.Delay > 0 {
		time.AfterFunc(c.net.Delay, func() { dst.deliver(p) })
	} else {
		dst.deliver(p)
	}
	return len(b), nil
}

func (c *PacketConn) deliver(p packet) {
	select {
	case c.in <- p:
	default:
	}
}

// Close implements net.PacketConn.
func (c *PacketConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	close(c.done)
	c.net.mu.Lock()
	delete(c.net.packets, c.addr)
	c.net.mu.Unlock()
	return nil
}

// AddrPort is the socket's address.
func (c *PacketConn) AddrPort() netip.AddrPort { return c.addr }

// LocalAddr implements net.PacketConn.
func (c *PacketConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.addr) }

// SetDeadline implements net.PacketConn, for reads that begin after it.
func (c *PacketConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn, for reads that begin after it.
func (c *PacketConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	return nil
}

// SetWriteDeadline implements net.PacketConn; writes never wait.
func (c *PacketConn) SetWriteDeadline(time.Time) error { return nil }

// Listen opens a stream listener.
func (n *Network) Listen(addr netip.AddrPort) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if addr.Port() == 0 {
		addr = netip.AddrPortFrom(addr.Addr(), n.nextPort())
	}
	if n.listeners[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: syscall.EADDRINUSE}
	}
	ln := &listener{net: n, addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[addr] = ln
	return ln, nil
}

// Dial implements transport.Network.
func (n *Network) Dial(ctx context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	if !local.IsValid() {
		local = n.source
	}
	return n.DialFrom(ctx, local, remote)
}

// DialFrom opens a stream from the given host.
func (n *Network) DialFrom(ctx context.Context, host netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	n.mu.Lock()
	ln := n.listeners[remote]
	local := netip.AddrPortFrom(host, n.nextPort())
	n.mu.Unlock()
	if ln == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	a, b := net.Pipe()
	select {
	case ln.conns <- &conn{b, remote, local}:
		return &conn{a, local, remote}, nil
	case <-ln.done:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), a.Close())
	}
}

// conn is one end of a pipe with addresses.
type conn struct {
	net.Conn
	local, remote netip.AddrPort
}

func (c *conn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

type listener struct {
	net   *Network
	addr  netip.AddrPort
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.net.mu.Lock()
		delete(l.net.listeners, l.addr)
		l.net.mu.Unlock()
	})
	return nil
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

// A Host is a Network as one machine sees it: streams that it dials come from
// its address.
type Host struct {
	*Network
	Addr netip.Addr
}

// Host is the network as the machine with the given address sees it.
func (n *Network) Host(addr netip.Addr) *Host { return &Host{n, addr} }

// Source implements transport.Network.
func (h *Host) Source(netip.Addr) (netip.Addr, error) { return h.Addr, nil }

// Dial implements transport.Network.
func (h *Host) Dial(ctx context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	if !local.IsValid() {
		local = h.Addr
	}
	return h.DialFrom(ctx, local, remote)
}
