package transport

import (
	"context"
	"net"
	"net/netip"
)

// A Network opens sockets: [System] the machine's, transporttest.Network ones
// in memory.
type Network interface {
	// ListenPacket opens a datagram socket.
	ListenPacket(addr netip.AddrPort) (net.PacketConn, error)
	// Listen opens a stream listener.
	Listen(addr netip.AddrPort) (net.Listener, error)
	// Dial opens a stream, from the given local address if that is valid.
	Dial(ctx context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error)
	// Source is the local address that packets to remote leave from.
	Source(remote netip.Addr) (netip.Addr, error)
}

// System is the machine's network.
type System struct{}

// ListenPacket implements [Network].
func (System) ListenPacket(addr netip.AddrPort) (net.PacketConn, error) {
	return net.ListenUDP(udpNetwork(addr.Addr()), net.UDPAddrFromAddrPort(addr))
}

// Listen implements [Network].
func (System) Listen(addr netip.AddrPort) (net.Listener, error) {
	return net.ListenTCP("tcp"+family(addr.Addr()), net.TCPAddrFromAddrPort(addr))
}

// Dial implements [Network].
func (System) Dial(ctx context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	if local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	return d.DialContext(ctx, "tcp", remote.String())
}

// Source implements [Network]. It asks the kernel's routing table by connecting
// a datagram socket, which sends nothing.
func (System) Source(remote netip.Addr) (netip.Addr, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(remote, 9)))
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

func udpNetwork(a netip.Addr) string { return "udp" + family(a) }

// family is "4" or "6". A socket serves one family, so that an address has one
// form everywhere; who wants both listens twice.
func family(a netip.Addr) string {
	if a.Is4() {
		return "4"
	}
	return "6"
}
