package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tandem/sip/loop"
)

// A Layer is all SIP sockets of one program.
type Layer struct {
	handler       Handler
	group         *loop.Group
	network       Network
	limits        Limits
	acceptSource  func(netip.AddrPort) bool
	tap           func(Tapped)
	log           *slog.Logger
	advertiseHost string
	advertisePort int

	sockets   []*socket
	listeners []net.Listener
	strangers brake
	routes    routes
	count     counters

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	all     map[*stream]struct{}
	streams map[netip.AddrPort]*stream // the newest to each address
	foreign map[netip.Addr]int         // open connections of strangers
	aliens  int                        // their sum
}

// New opens the sockets and starts reading. h may be called before New returns.
func New(cfg Config, g *loop.Group, h Handler) (*Layer, error) {
	l := &Layer{
		handler: h, group: g, network: cfg.Network, limits: cfg.Limits.orDefaults(),
		acceptSource: cfg.Accept, tap: cfg.Tap, log: cfg.Log,
		all: make(map[*stream]struct{}), streams: make(map[netip.AddrPort]*stream), foreign: make(map[netip.Addr]int),
	}
	if l.network == nil {
		l.network = System{}
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if l.advertiseHost, l.advertisePort, err = splitAdvertise(cfg.Advertise); err != nil {
		return nil, err
	}
	if len(cfg.Listen) == 0 {
		return nil, errors.New("no address to listen at")
	}
	l.strangers.init(l.limits.StrangerRate, l.limits.StrangersRate)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for _, e := range cfg.Listen {
		if err := l.open(e); err != nil {
			l.Close()
			return nil, fmt.Errorf("listen %s://%v: %w", e.Network, e.Addr, err)
		}
	}
	for _, s := range l.sockets {
		l.done.Go(s.read)
	}
	for _, ln := range l.listeners {
		l.done.Go(func() { l.listen(ln) })
	}
	return l, nil
}

func (l *Layer) open(e Endpoint) error {
	switch e.Network {
	case "udp":
		s, err := l.openSocket(e)
		if err == nil {
			l.sockets = append(l.sockets, s)
		}
		return err
	case "tcp":
		ln, err := l.network.Listen(e.Addr)
		if err == nil {
			l.listeners = append(l.listeners, ln)
		}
		return err
	}
	return fmt.Errorf("unknown network %q; have udp, tcp", e.Network)
}

// splitAdvertise takes "host", "host:port" and "[v6]:port" apart.
func splitAdvertise(s string) (host string, port int, err error) {
	if s == "" {
		return "", 0, nil
	}
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Is6() {
			s = "[" + s + "]"
		}
		return s, 0, nil
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasSuffix(s, "]") {
		return s, 0, nil
	}
	n, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil || n == 0 || i == 0 {
		return "", 0, fmt.Errorf("advertise: bad host or port %q", s)
	}
	return s[:i], int(n), nil
}

// Dial gives a flow to remote. network is "udp" or "tcp". It never blocks: a
// stream is reused where there is one to remote, else dialled in the background
// while messages wait; should that fail, their failed func says so.
//
// Over UDP it takes the socket that is bound to the address from which packets
// to remote leave, else one that is bound to all addresses, else the first of
// the family.
func (l *Layer) Dial(network string, remote netip.AddrPort) (*Flow, error) {
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if remote.Port() == 0 || !sendable(remote.Addr()) {
		return nil, fmt.Errorf("dial %s %v: not an address to send to", network, remote)
	}
	f := &Flow{layer: l, remote: remote, reply: remote}
	source, serr := l.routes.source(l.network, remote.Addr())
	switch network {
	case "udp":
		if f.socket = l.socketFor(remote.Addr(), source); f.socket == nil {
			return nil, fmt.Errorf("dial udp %v: no socket of that family", remote)
		}
		f.local = f.socket.bound
		if f.local.Addr().IsUnspecified() {
			if serr != nil {
				return nil, fmt.Errorf("dial udp %v: %w", remote, serr)
			}
			f.local = netip.AddrPortFrom(source, f.local.Port())
		}
		return f, nil
	case "tcp":
		s, err := l.streamTo(remote)
		if err != nil {
			return nil, fmt.Errorf("dial tcp %v: %w", remote, err)
		}
		f.dialled = true
		f.stream.Store(s)
		f.local = l.listenerFor(source)
		return f, nil
	}
	return nil, fmt.Errorf("dial %s: unknown network; have udp, tcp", network)
}

func (l *Layer) socketFor(remote, source netip.Addr) *socket {
	var best *socket
	for _, s := range l.sockets {
		b := s.bound.Addr()
		switch {
		case b.Is4() != remote.Is4():
		case b == source:
			return s
		case best == nil || b.IsUnspecified() && !best.bound.Addr().IsUnspecified():
			best = s
		}
	}
	return best
}

// listenerFor is the address at which peers reach us by TCP on the given local
// address.
func (l *Layer) listenerFor(source netip.Addr) netip.AddrPort {
	var best netip.AddrPort
	for _, ln := range l.listeners {
		a := addrPort(ln.Addr())
		switch {
		case a.Addr().Is4() != source.Is4():
		case a.Addr() == source:
			return a
		case a.Addr().IsUnspecified():
			best = netip.AddrPortFrom(source, a.Port())
		case !best.IsValid():
			best = a
		}
	}
	if !best.IsValid() {
		best = netip.AddrPortFrom(source, 5060)
	}
	return best
}

// boundTo is the one address that we listen at by TCP in the family of remote:
// connections then leave from it, as datagrams do. Invalid where we listen at
// several or at all.
func (l *Layer) boundTo(remote netip.Addr) (local netip.Addr) {
	for _, ln := range l.listeners {
		a := addrPort(ln.Addr()).Addr()
		if a.Is4() != remote.Is4() {
			continue
		}
		if local.IsValid() && local != a || a.IsUnspecified() {
			return netip.Addr{}
		}
		local = a
	}
	return local
}

// Endpoints are the addresses listened at, with the ports that were taken.
func (l *Layer) Endpoints() []Endpoint {
	var es []Endpoint
	for _, s := range l.sockets {
		es = append(es, Endpoint{"udp", s.bound})
	}
	for _, ln := range l.listeners {
		es = append(es, Endpoint{"tcp", addrPort(ln.Addr())})
	}
	return es
}

// Close closes all sockets and waits until every goroutine has ended. It must
// not be called on a loop, and before the loops are stopped.
func (l *Layer) Close() error {
	l.mu.Lock()
	l.closed = true
	streams := slices.Collect(maps.Keys(l.all))
	l.mu.Unlock()
	l.cancel()
	var errs []error
	for _, s := range l.sockets {
		errs = append(errs, s.conn.Close())
	}
	for _, ln := range l.listeners {
		errs = append(errs, ln.Close())
	}
	for _, s := range streams {
		s.close(ErrClosed)
	}
	l.done.Wait()
	return errors.Join(errs...)
}

func (l *Layer) accept(src netip.AddrPort) bool {
	return l.acceptSource == nil || l.acceptSource(src)
}

// addStream counts a stream in, with its reader and its writer; false where
// there are too many, or the layer is closed.
func (l *Layer) addStream(s *stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	stranger := !s.known && !s.dialled
	a := s.remote.Addr()
	switch {
	case l.closed:
		return false
	case len(l.all) >= l.limits.Streams,
		stranger && (l.aliens >= l.limits.StrangerStreams || l.foreign[a] >= l.limits.StrangerStreamsEach):
		l.count.refused.Add(1)
		return false
	}
	if stranger {
		l.aliens++
		l.foreign[a]++
	}
	l.all[s] = struct{}{}
	l.streams[s.remote] = s
	l.done.Add(2)
	return true
}

func (l *Layer) removeStream(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, s)
	if l.streams[s.remote] == s {
		delete(l.streams, s.remote)
	}
	if a := s.remote.Addr(); !s.known && !s.dialled {
		l.aliens--
		if l.foreign[a]--; l.foreign[a] == 0 {
			delete(l.foreign, a)
		}
	}
}

func (l *Layer) sent(network string, local, remote netip.AddrPort, data []byte) {
	l.count.sent.Add(1)
	if l.tap != nil {
		l.tap(Tapped{Sent: true, Network: network, Local: local, Remote: remote, Data: data, Time: time.Now()})
	}
}
