package rtp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"tandem/media/worker"
)

// ErrNoPorts says that every pair of the range is in use, here or by another
// program.
var ErrNoPorts = errors.New("no free RTP port")

// PortsOptions say how sockets are opened.
type PortsOptions struct {
	// RecvBuffer is SO_RCVBUF of each socket in bytes; 0 is 256 KiB.
	RecvBuffer int
	// Listen, where set, opens sockets in the kernel's place: those of an
	// in-memory network.
	Listen func(addr netip.AddrPort) (*worker.Socket, error)
}

// Ports are the port numbers that RTP may use, in pairs: RTP even, RTCP the
// next. They are given in an order that cannot be foretold (an attacker who
// knows his own port learns nothing of the next call's), and a port that was
// given back is used again as late as possible, so that late packets of an old
// call find nobody. All methods may be called from any goroutine.
type Ports struct {
	opts PortsOptions

	mu    sync.Mutex
	free  []uint16 // ring of the even ports that are not in use, oldest first
	head  int
	count int
	total int

	drops atomic.Uint64 // by the kernel
}

// NewPorts makes a pool of the ports from lo to hi, both included. It fails
// where not one pair fits between them.
func NewPorts(lo, hi int, opts PortsOptions) (*Ports, error) {
	if lo < 1 || hi > 65535 || lo > hi {
		return nil, fmt.Errorf("RTP ports %d-%d: not a range within 1-65535", lo, hi)
	}
	if opts.RecvBuffer == 0 {
		opts.RecvBuffer = 256 << 10
	}
	p := &Ports{opts: opts}
	if p.opts.Listen == nil {
		p.opts.Listen = p.listen
	}
	for port := lo + lo%2; port+1 <= hi; port += 2 {
		p.free = append(p.free, uint16(port))
	}
	p.count, p.total = len(p.free), len(p.free)
	if p.total == 0 {
		return nil, fmt.Errorf("RTP ports %d-%d: no even port with a next one", lo, hi)
	}
	rand.Shuffle(p.total, func(i, j int) { p.free[i], p.free[j] = p.free[j], p.free[i] })
	return p, nil
}

func (p *Ports) listen(addr netip.AddrPort) (*worker.Socket, error) {
	const expeditedForwarding = 46 // RFC 3246
	return worker.Listen(addr, worker.SocketOptions{RecvBuffer: p.opts.RecvBuffer, DSCP: expeditedForwarding})
}

// Open binds a pair at the given address. A pair of which a port is taken by
// another program is passed over. The error is [ErrNoPorts] when all are in
// use; another one when the address is not this machine's or no descriptor is
// left.
func (p *Ports) Open(bind netip.Addr) (*Pair, error) {
	var taken []uint16 // by other programs; given back when the search is over
	defer func() {
		for _, port := range taken {
			p.put(port)
		}
	}()
	for {
		port, ok := p.take()
		if !ok {
			return nil, ErrNoPorts
		}
		pair, err := p.open(bind, port)
		if err == nil {
			return pair, nil
		}
		taken = append(taken, port)
		if !errors.Is(err, unix.EADDRINUSE) && !errors.Is(err, unix.EACCES) {
			return nil, err
		}
	}
}

func (p *Ports) open(bind netip.Addr, port uint16) (*Pair, error) {
	rtp, err := p.opts.Listen(netip.AddrPortFrom(bind, port))
	if err != nil {
		return nil, err
	}
	rtcp, err := p.opts.Listen(netip.AddrPortFrom(bind, port+1))
	if err != nil {
		_ = rtp.Close() // that the second failed is what matters
		return nil, err
	}
	return &Pair{RTP: rtp, RTCP: rtcp, ports: p, port: port}, nil
}

// take takes one of the older half of the free ports.
func (p *Ports) take() (uint16, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == 0 {
		return 0, false
	}
	i := (p.head + rand.IntN((p.count+1)/2)) % p.total
	p.free[i], p.free[p.head] = p.free[p.head], p.free[i]
	port := p.free[p.head]
	p.head = (p.head + 1) % p.total
	p.count--
	return port, true
}

func (p *Ports) put(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free[(p.head+p.count)%p.total] = port
	p.count++
}

// InUse is how many pairs are open, Total how many there are.
func (p *Ports) InUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total - p.count
}

// Total is how many pairs the range has.
func (p *Ports) Total() int { return p.total }

// Drops is how many datagrams the kernel has dropped for want of room. An open
// pair's are counted with each RTCP report.
func (p *Ports) Drops() uint64 { return p.drops.Load() }

// A Pair is two bound sockets.
type Pair struct {
	RTP, RTCP *worker.Socket

	ports   *Ports
	port    uint16
	closed  atomic.Bool
	dropped atomic.Uint64 // by the kernel, as far as known
}

// LocalAddr is the address of the RTP socket.
func (p *Pair) LocalAddr() netip.AddrPort { return p.RTP.LocalAddr() }

// Close gives the sockets and the ports back; closing again does nothing. The
// sockets must not belong to a worker any more.
func (p *Pair) Close() {
	p.drops()
	if p.closed.Swap(true) {
		return
	}
	// Closing a UDP socket cannot fail in a way that leaves it open.
	_ = p.RTP.Close()
	_ = p.RTCP.Close()
	p.ports.put(p.port)
}

// drops is how many datagrams the kernel has dropped at the two sockets. Only
// the pair's owner calls it.
func (p *Pair) drops() uint64 {
	if p.closed.Load() {
		return p.dropped.Load()
	}
	n := uint64(p.RTP.Drops()) + uint64(p.RTCP.Drops())
	p.ports.drops.Add(n - p.dropped.Swap(n))
	return n
}
