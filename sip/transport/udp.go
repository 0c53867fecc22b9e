package transport

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tandem/sip"
)

// receiveBuffer is what is asked of the kernel for a datagram socket. The usual
// 208 kB lose messages at 3,000 calls a second while nobody notices.
const receiveBuffer = 8 << 20

// A socket is one datagram socket and the goroutine that reads it.
type socket struct {
	layer *Layer
	conn  net.PacketConn
	udp   *net.UDPConn   // conn, where it is the kernel's
	bound netip.AddrPort // may be unspecified
	// any says that the socket is bound to all local addresses: which one a
	// message came to, and its reply has to leave from, is told and set by
	// control messages.
	any   bool
	drops atomic.Uint32 // datagrams that the kernel had no room for
}

func (l *Layer) openSocket(e Endpoint) (*socket, error) {
	conn, err := l.network.ListenPacket(e.Addr)
	if err != nil {
		return nil, err
	}
	s := &socket{layer: l, conn: conn, bound: addrPort(conn.LocalAddr())}
	s.udp, _ = conn.(*net.UDPConn)
	s.any = s.udp != nil && s.bound.Addr().IsUnspecified()
	if s.udp == nil {
		return s, nil
	}
	if err := s.setOptions(); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *socket) setOptions() error {
	raw, err := s.udp.SyscallConn()
	if err != nil {
		return err
	}
	// The kernel gives what net.core.rmem_max allows, and more where we are
	// privileged. A write must not wait either.
	if err := errors.Join(s.udp.SetReadBuffer(receiveBuffer), s.udp.SetWriteBuffer(receiveBuffer)); err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer)
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1) // drops are told
		switch {
		case failed != nil || !s.any:
		case s.bound.Addr().Is4():
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		default:
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		}
	})
	return errors.Join(err, failed)
}

// waited is how long a read takes at least that had to wait: one that finds a
// datagram is done in a few microseconds.
const waited = 50 * time.Microsecond

// read reads datagrams until the socket is closed.
func (s *socket) read() {
	buf := make([]byte, sip.MaxMessage+1)
	oob := make([]byte, 256)
	for {
		begun := time.Now()
		n, src, local, err := s.readOne(buf, oob)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.layer.log.Warn("read", "local", s.bound, "err", err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		s.layer.datagram(s, buf[:n], src, local, time.Since(begun) > waited)
	}
}

func (s *socket) readOne(buf, oob []byte) (n int, src netip.AddrPort, local netip.Addr, err error) {
	local = s.bound.Addr()
	if s.udp == nil {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return 0, src, local, err
		}
		return n, addrPort(from), local, nil
	}
	n, c, _, src, err := s.udp.ReadMsgUDPAddrPort(buf, oob)
	if err != nil {
		return 0, src, local, err
	}
	src = netip.AddrPortFrom(src.Addr().Unmap(), src.Port())
	s.control(oob[:c], &local)
	return n, src, local, nil
}

// control reads the control messages of a datagram: how many the kernel
// dropped so far, and which address it came to.
func (s *socket) control(oob []byte, local *netip.Addr) {
	for len(oob) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return
		}
		oob = rest
		switch {
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(data) >= 4:
			s.drops.Store(binary.NativeEndian.Uint32(data))
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			*local = netip.AddrFrom4([4]byte(data[8:12]))
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			*local = netip.AddrFrom16([16]byte(data[:16]))
		}
	}
}

// write sends a datagram from the given local address.
func (s *socket) write(data []byte, local netip.Addr, to netip.AddrPort) error {
	if to.Port() == 0 || !sendable(to.Addr()) {
		return &net.AddrError{Err: "not an address to send to", Addr: to.String()}
	}
	var err error
	switch {
	case s.udp == nil:
		_, err = s.conn.WriteTo(data, net.UDPAddrFromAddrPort(to))
	case s.any && !local.IsUnspecified() && !local.IsMulticast():
		_, _, err = s.udp.WriteMsgUDPAddrPort(data, sourceControl(local), to)
	default:
		_, err = s.udp.WriteToUDPAddrPort(data, to)
	}
	if err != nil {
		s.layer.count.failed.Add(1)
		return err
	}
	s.layer.sent("udp", netip.AddrPortFrom(local, s.bound.Port()), to, data)
	return nil
}

// sourceControl is the control message that makes a datagram leave from local.
func sourceControl(local netip.Addr) []byte {
	if local.Is4() {
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: local.As4()})
	}
	return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: local.As16()})
}

// sendable says whether one host has the address: a response must never go to
// a group of them.
func sendable(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
