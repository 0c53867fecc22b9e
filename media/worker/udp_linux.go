package worker

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SocketOptions are what a kernel socket is opened with.
type SocketOptions struct {
	// RecvBuffer is the size in bytes asked for with SO_RCVBUF; the kernel
	// gives at most net.core.rmem_max. 0 leaves the kernel's default.
	RecvBuffer int
	// DSCP is the differentiated services code point of what is sent, 0 to 63
	// (46 is expedited forwarding, RFC 3246).
	DSCP int
}

// Listen opens a UDP socket of the kernel at addr; port 0 lets the kernel
// choose. An IPv6 socket takes IPv6 packets only. The error wraps the
// [unix.Errno]. Any goroutine.
func Listen(addr netip.AddrPort, opts SocketOptions) (*Socket, error) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap().WithZone(""), addr.Port())
	family := unix.AF_INET6
	if addr.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, fmt.Errorf("open UDP socket: %w", err)
	}
	if addr, err = bind(fd, addr, opts); err != nil {
		_ = unix.Close(fd) // the bind error is what matters
		return nil, fmt.Errorf("bind UDP %s: %w", addr, err)
	}
	return &Socket{fd: fd, local: addr}, nil
}

func bind(fd int, addr netip.AddrPort, opts SocketOptions) (netip.AddrPort, error) {
	if opts.RecvBuffer > 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, opts.RecvBuffer); err != nil {
			return addr, err
		}
	}
	if addr.Addr().Is4() {
		if opts.DSCP > 0 {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, opts.DSCP<<2); err != nil {
				return addr, err
			}
		}
	} else {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return addr, err
		}
		if opts.DSCP > 0 {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, opts.DSCP<<2); err != nil {
				return addr, err
			}
		}
	}
	var sa sockaddr
	sa.set(addr)
	if _, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(sa.len)); errno != 0 {
		return addr, errno
	}
	if addr.Port() != 0 {
		return addr, nil
	}
	size := uint32(len(sa.raw))
	if _, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(unsafe.Pointer(&size))); errno != 0 {
		return addr, errno
	}
	return netip.AddrPortFrom(addr.Addr(), sa.addrPort().Port()), nil
}

// sendKernel uses RawSyscall: the call never blocks, and telling the scheduler
// of it would cost as much as a tenth of it.
func (s *Socket) sendKernel(pkt []byte, to netip.AddrPort) error {
	if len(pkt) == 0 {
		return unix.EINVAL
	}
	if s.closed.Load() {
		return ErrClosed // the descriptor may be another's by now
	}
	if s.to.addr != to {
		s.to.set(to)
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(pkt))), uintptr(len(pkt)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&s.to.raw)), uintptr(s.to.len))
	if errno != 0 {
		return errnoError(errno)
	}
	return nil
}

// stamp makes the kernel note when a packet comes.
func (s *Socket) stamp() {
	if s.stamped {
		return
	}
	s.stamped = true
	// Without it, the time at which a packet is received has to do.
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
}

// An incoming is where a worker's datagrams are received.
type incoming struct {
	buf  [MaxPacket]byte
	from sockaddr

	// These are for recvmsg.
	msg   unix.Msghdr
	iov   unix.Iovec
	stamp struct { // struct cmsghdr and its data
		head unix.Cmsghdr
		time unix.Timespec
	}
}

func (in *incoming) init() {
	in.iov.Base = &in.buf[0]
	in.iov.SetLen(len(in.buf))
	in.msg.Name = &in.from.raw[0]
	in.msg.Iov = &in.iov
	in.msg.SetIovlen(1)
	in.msg.Control = (*byte)(unsafe.Pointer(&in.stamp))
}

// receive takes one datagram off the socket. n is its true length, which may be
// more than there was room for; n < 0 says that there was none.
func (in *incoming) receive(fd int) (n int) {
	in.from.len = uint32(len(in.from.raw))
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(&in.buf)), uintptr(len(in.buf)), unix.MSG_DONTWAIT|unix.MSG_TRUNC,
		uintptr(unsafe.Pointer(&in.from.raw)), uintptr(unsafe.Pointer(&in.from.len)))
	if errno != 0 {
		return -1
	}
	return int(r)
}

// receiveStamped is receive for a socket that stamp was called for.
func (in *incoming) receiveStamped(fd int) (n int) {
	in.msg.Namelen = uint32(len(in.from.raw))
	in.msg.SetControllen(int(unsafe.Sizeof(in.stamp)))
	r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&in.msg)), unix.MSG_DONTWAIT|unix.MSG_TRUNC)
	if errno != 0 {
		return -1
	}
	return int(r)
}

// arrival is when the datagram that receiveStamped gave came, by the worker's
// clock: not after now, nor long before the last look at the socket, even if
// the machine's clock was set meanwhile.
func (in *incoming) arrival(now, before time.Time) time.Time {
	h := &in.stamp.head
	if in.msg.Controllen == 0 || h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_TIMESTAMPNS {
		return now
	}
	at := now.Add(time.Duration(in.stamp.time.Nano() - now.UnixNano()))
	if at.After(now) {
		return now
	}
	if earliest := before.Add(-sweepWidth); at.Before(earliest) {
		return earliest
	}
	return at
}

// deliver hands on a datagram of n bytes.
func (in *incoming) deliver(w *Worker, s *Socket, n int, at time.Time) {
	w.stats.packets.Add(1)
	if n > len(in.buf) {
		w.stats.oversize.Add(1)
		return
	}
	s.recv(in.buf[:n], in.from.addrPort(), at)
}

// Drops is how many datagrams the kernel has dropped at this socket because
// its receive buffer was full. Any goroutine, until Close.
func (s *Socket) Drops() uint32 {
	if s.conn != nil || s.closed.Load() {
		return 0
	}
	var info [unix.SK_MEMINFO_DROPS + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	if _, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0); errno != 0 {
		return 0
	}
	return info[unix.SK_MEMINFO_DROPS]
}

// errnoError makes an error of errno without allocating for those that a media
// socket meets.
func errnoError(errno unix.Errno) error {
	switch errno {
	case unix.EAGAIN:
		return errAgain
	case unix.ENETUNREACH:
		return errNetUnreach
	case unix.EHOSTUNREACH:
		return errHostUnreach
	case unix.EPERM:
		return errPerm
	case unix.EINVAL:
		return errInvalid
	}
	return errno
}

var (
	errAgain       error = unix.EAGAIN
	errNetUnreach  error = unix.ENETUNREACH
	errHostUnreach error = unix.EHOSTUNREACH
	errPerm        error = unix.EPERM
	errInvalid     error = unix.EINVAL
)

// A sockaddr is an address as the kernel takes it. unix.Sockaddr would
// allocate for each packet.
type sockaddr struct {
	addr netip.AddrPort
	len  uint32
	raw  [unix.SizeofSockaddrInet6]byte
}

// set encodes to: struct sockaddr_in and sockaddr_in6 of <netinet/in.h>.
func (a *sockaddr) set(to netip.AddrPort) {
	a.addr = to
	binary.BigEndian.PutUint16(a.raw[2:], to.Port())
	ip := to.Addr().Unmap()
	if ip.Is4() {
		binary.NativeEndian.PutUint16(a.raw[:], unix.AF_INET)
		b := ip.As4()
		copy(a.raw[4:], b[:])
		a.len = unix.SizeofSockaddrInet4
		return
	}
	binary.NativeEndian.PutUint16(a.raw[:], unix.AF_INET6)
	clear(a.raw[4:8])
	b := ip.As16()
	copy(a.raw[8:], b[:])
	clear(a.raw[24:])
	a.len = unix.SizeofSockaddrInet6
}

// addrPort decodes what the kernel has written.
func (a *sockaddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(a.raw[2:])
	if binary.NativeEndian.Uint16(a.raw[:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a.raw[4:])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(a.raw[8:])).Unmap(), port)
}
