package transport

import (
	"net/netip"
	"sync"
	"time"
)

// Routes are remembered for a while: asking the kernel costs three system
// calls, and calls go to the same few peers.
const (
	routeAge  = 5 * time.Second
	maxRoutes = 1024
)

// routes remembers the local address that packets to a remote one leave from.
type routes struct {
	mu    sync.Mutex
	known map[netip.Addr]route
}

type route struct {
	source netip.Addr
	until  time.Time
}

func (r *routes) source(n Network, remote netip.Addr) (netip.Addr, error) {
	now := time.Now()
	r.mu.Lock()
	e, ok := r.known[remote]
	r.mu.Unlock()
	if ok && now.Before(e.until) {
		return e.source, nil
	}
	source, err := n.Source(remote)
	if err != nil {
		return netip.Addr{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= maxRoutes {
		r.known = make(map[netip.Addr]route)
	}
	r.known[remote] = route{source, now.Add(routeAge)}
	return source, nil
}
