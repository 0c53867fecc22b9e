package mediatest

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"tandem/media"
	"tandem/media/worker"
)

// A Network carries datagrams between [Conn]s in memory. Every address is one
// of its own. Packets between two addresses arrive at once unless a link was
// set between them, and those that are due at the same time arrive in the order
// in which they were sent. All methods may be called from any goroutine.
type Network struct {
	clock media.Clock

	flight *flight

	mu    sync.Mutex
	conns map[netip.AddrPort]*Conn
	links map[path]*Link
	tap   func(from, to netip.AddrPort, pkt []byte)
	drops int
}

// A path is a direction between two hosts; the zero Addr is any.
type path struct{ from, to netip.Addr }

// NewNetwork makes a network on the given clock ([media.SystemClock] within a
// synctest bubble).
func NewNetwork(clock media.Clock) *Network {
	n := &Network{clock: clock, conns: make(map[netip.AddrPort]*Conn), links: make(map[path]*Link)}
	n.flight = newFlight(clock, func(d delivery) { n.deliver(d.from, d.to, d.Data) })
	return n
}

// Listen opens a conn. Port 0 chooses a free one from 40000. The error wraps
// [unix.EADDRINUSE], as that of the kernel does.
func (n *Network) Listen(addr netip.AddrPort) (*Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for port := uint16(40000); addr.Port() == 0; port++ {
		if a := netip.AddrPortFrom(addr.Addr(), port); n.conns[a] == nil {
			addr = a
		}
	}
	if n.conns[addr] != nil {
		return nil, fmt.Errorf("bind %s: %w", addr, unix.EADDRINUSE)
	}
	c := &Conn{network: n, local: addr}
	n.conns[addr] = c
	return c, nil
}

// Socket opens a conn as a socket of a worker; it is rtp.PortsOptions.Listen.
func (n *Network) Socket(addr netip.AddrPort) (*worker.Socket, error) {
	c, err := n.Listen(addr)
	if err != nil {
		return nil, err
	}
	return worker.NewSocket(c), nil
}

// SetLink puts a link on the way from one host to another; the zero Addr is any
// host that has none of its own. nil takes it away.
func (n *Network) SetLink(from, to netip.Addr, l *Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[path{from, to}] = l
}

// Tap sees every packet as it is sent, before any link.
func (n *Network) Tap(fn func(from, to netip.AddrPort, pkt []byte)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tap = fn
}

// Unreachable is how many packets arrived where nobody listened.
func (n *Network) Unreachable() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.drops
}

func (n *Network) link(from, to netip.Addr) *Link {
	for _, p := range [...]path{{from, to}, {from, netip.Addr{}}, {netip.Addr{}, to}, {}} {
		if l := n.links[p]; l != nil {
			return l
		}
	}
	return nil
}

func (n *Network) send(from, to netip.AddrPort, pkt []byte) {
	n.mu.Lock()
	tap := n.tap
	l := n.link(from.Addr(), to.Addr())
	if l != nil {
		for _, d := range l.Pass(n.clock.Now(), pkt) {
			source := from
			if d.NewPort {
				source = netip.AddrPortFrom(from.Addr(), from.Port()^0x4000)
			}
			n.flight.add(delivery{Delivery: d, from: source, to: to})
		}
	}
	n.mu.Unlock()
	if tap != nil {
		tap(from, to, pkt)
	}
	if l == nil {
		n.deliver(from, to, pkt)
	}
}

func (n *Network) deliver(from, to netip.AddrPort, pkt []byte) {
	n.mu.Lock()
	var receive func([]byte, netip.AddrPort)
	if c := n.conns[to]; c != nil {
		receive = c.receive
	}
	if receive == nil {
		n.drops++
	}
	n.mu.Unlock()
	if receive != nil {
		receive(pkt, from)
	}
}

// Close drops what is still under way.
func (n *Network) Close() { n.flight.close() }

// A Conn is one address of a [Network]. It implements [worker.Conn].
type Conn struct {
	network *Network
	local   netip.AddrPort
	receive func([]byte, netip.AddrPort) // guarded by network.mu
	closed  bool
}

// LocalAddr implements [worker.Conn].
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Send implements [worker.Conn].
func (c *Conn) Send(pkt []byte, to netip.AddrPort) error {
	c.network.mu.Lock()
	closed := c.closed
	c.network.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	c.network.send(c.local, to, pkt)
	return nil
}

// OnReceive implements [worker.Conn].
func (c *Conn) OnReceive(fn func(pkt []byte, from netip.AddrPort)) {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	c.receive = fn
}

// Close implements [worker.Conn].
func (c *Conn) Close() error {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	if !c.closed {
		c.closed = true
		delete(c.network.conns, c.local)
	}
	return nil
}

var _ worker.Conn = (*Conn)(nil)
