// Package resolve finds where a SIP URI is to be sent: the addresses of a host,
// or of the servers that its SRV records name (RFC 3263 §4), in the order in
// which they are to be tried. A numeric host is answered at once; a name on a
// goroutine of its own, so that a slow name server holds up nobody.
package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/sip"
)

// Errors of finding a target.
var (
	// ErrNotFound says that the host has no address that we can send to.
	ErrNotFound = errors.New("no address")
	// ErrTransport says that the URI asks for a transport that we have not.
	ErrTransport = errors.New("unknown transport")
	// ErrBusy says that too many look-ups wait for name servers.
	ErrBusy = errors.New("too many look-ups")
)

// A Target is one place to send to.
type Target struct {
	// Network is "udp" or "tcp".
	Network string
	Addr    netip.AddrPort
}

// DNS is what is asked of a name server; *net.Resolver is one. Methods block
// until ctx ends.
type DNS interface {
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, records []*net.SRV, err error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Config is what a [Resolver] is made of; zero fields stand for the values in
// brackets.
type Config struct {
	DNS      DNS                // [net.DefaultResolver]
	Timeout  time.Duration      // of all look-ups for one URI [3 s]
	Parallel int                // URIs looked up at once [256]
	IPv6     bool               // addresses of version 6 are targets too
	Random   func(n uint64) int // a number below n, to spread load by SRV weights
}

// Bounds on what an answer can make us do.
const (
	maxRecords   = 16
	maxAddresses = 4 // of each host
)

// A Resolver finds targets.
type Resolver struct {
	cfg    Config
	slots  chan struct{}
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// New makes a resolver.
func New(cfg Config) *Resolver {
	if cfg.DNS == nil {
		cfg.DNS = net.DefaultResolver
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 3 * time.Second
	}
	if cfg.Parallel == 0 {
		cfg.Parallel = 256
	}
	if cfg.Random == nil {
		cfg.Random = func(n uint64) int { return int(rand.Uint64N(n)) }
	}
	r := &Resolver{cfg: cfg, slots: make(chan struct{}, cfg.Parallel)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Close ends all look-ups and waits for them.
func (r *Resolver) Close() {
	r.cancel()
	r.done.Wait()
}

// Resolve finds the targets of u, which stands in a Request-URI or Route. A
// numeric host is answered at once: ready is true and done is not called. Else
// done is called once, on another goroutine, before Close returns; it must not
// block. There is at least one target, or an error that wraps one of this
// package's or the name server's.
func (r *Resolver) Resolve(u *sip.Uri, done func([]Target, error)) (targets []Target, ready bool, err error) {
	host, port, network, err := parts(u)
	if err != nil {
		return nil, true, err
	}
	if addr, ok := sip.HostAddr(host); ok {
		if port == 0 {
			port = 5060
		}
		return []Target{{cmp.Or(network, "udp"), netip.AddrPortFrom(addr, port)}}, true, nil
	}
	select {
	case r.slots <- struct{}{}:
	default:
		return nil, true, fmt.Errorf("resolve %s: %w", host, ErrBusy)
	}
	r.done.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Timeout)
		targets, err := r.lookup(ctx, host, port, network)
		cancel()
		<-r.slots
		if err != nil {
			err = fmt.Errorf("resolve %s: %w", host, err)
		}
		done(targets, err)
	})
	return nil, false, nil
}

// parts takes what decides out of a URI: maddr stands for the host (RFC 3263
// §4), network is empty where the URI leaves it open.
func parts(u *sip.Uri) (host string, port uint16, network string, err error) {
	host = u.Host
	if maddr, ok := sip.Param(u.UriParams, "maddr"); ok && maddr != "" {
		host = maddr
	}
	if host == "" {
		return "", 0, "", fmt.Errorf("resolve %s: %w", u.String(), ErrNotFound)
	}
	switch t, _ := sip.Param(u.UriParams, "transport"); strings.ToLower(t) {
	case "":
	case "udp", "tcp":
		network = strings.ToLower(t)
	default:
		return "", 0, "", fmt.Errorf("resolve %s: transport %q: %w", host, t, ErrTransport)
	}
	if u.Scheme == "sips" {
		return "", 0, "", fmt.Errorf("resolve %s: sips: %w", host, ErrTransport)
	}
	return host, uint16(u.Port), network, nil
}

func (r *Resolver) lookup(ctx context.Context, host string, port uint16, network string) ([]Target, error) {
	if port != 0 {
		return r.addresses(ctx, cmp.Or(network, "udp"), host, port)
	}
	// Without a port SRV is asked first, for the network that is given or for
	// all that we have (RFC 3263 §4.1, §4.2).
	networks := []string{"udp", "tcp"}
	if network != "" {
		networks = []string{network}
	}
	for _, n := range networks {
		_, records, err := r.cfg.DNS.LookupSRV(ctx, "sip", n, host)
		if err != nil || len(records) == 0 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue
		}
		if len(records) == 1 && strings.TrimSuffix(records[0].Target, ".") == "" {
			continue // the service is decidedly not there (RFC 2782)
		}
		var targets []Target
		last := ErrNotFound
		for _, srv := range r.order(records) {
			ts, err := r.addresses(ctx, n, strings.TrimSuffix(srv.Target, "."), srv.Port)
			if err != nil {
				last = err
			}
			targets = append(targets, ts...)
		}
		if len(targets) == 0 {
			return nil, last
		}
		return targets, nil
	}
	return r.addresses(ctx, networks[0], host, 5060)
}

func (r *Resolver) addresses(ctx context.Context, network, host string, port uint16) ([]Target, error) {
	family := "ip4"
	if r.cfg.IPv6 {
		family = "ip"
	}
	addrs, err := r.cfg.DNS.LookupNetIP(ctx, family, host)
	if err != nil {
		return nil, err
	}
	var targets []Target
	for _, a := range addrs {
		if a = a.Unmap(); (a.Is4() || r.cfg.IPv6) && len(targets) < maxAddresses {
			targets = append(targets, Target{network, netip.AddrPortFrom(a, port)})
		}
	}
	if len(targets) == 0 {
		return nil, ErrNotFound
	}
	return targets, nil
}

// order sorts records by priority, and those of one priority at random by their
// weights (RFC 2782).
func (r *Resolver) order(records []*net.SRV) []*net.SRV {
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b *net.SRV) int {
		// Weight 0 first, so that it has a chance at all.
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Weight, b.Weight))
	})
	for start := 0; start < len(records); {
		end := start
		sum := uint64(0)
		for end < len(records) && records[end].Priority == records[start].Priority {
			sum += uint64(records[end].Weight)
			end++
		}
		for group := records[start:end]; len(group) > 1; group = group[1:] {
			pick, run := uint64(r.cfg.Random(sum+1)), uint64(0)
			for i, srv := range group {
				if run += uint64(srv.Weight); run >= pick {
					copy(group[1:i+1], group[:i])
					group[0] = srv
					break
				}
			}
			sum -= uint64(group[0].Weight)
		}
		start = end
	}
	return records[:min(len(records), maxRecords)]
}
