// Package guard makes HTTP clients for URLs that strangers have chosen: such a
// client reaches public addresses only. The address is looked at when the
// connection is made, after the name was resolved, and so again at every
// redirect: a name that resolves to another address each time gains nothing.
package guard

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Options say what a client may do.
type Options struct {
	// Allow are networks that may be reached although they are not public.
	Allow []netip.Prefix
	// Redirects is how many are followed; 0: 5, negative: none.
	Redirects int
	// Connect is how long a connection may take; 0: 5 s.
	Connect time.Duration
	// Timeout is how long a request may take in all, its body included; 0: as
	// the request's context says.
	Timeout time.Duration
}

// ErrRefused says that an address may not be reached.
var ErrRefused = errors.New("address may not be reached")

// Client makes a client. It uses no proxy, as a proxy would reach for it what
// it may not.
func Client(o Options) *http.Client {
	if o.Redirects == 0 {
		o.Redirects = 5
	}
	if o.Connect == 0 {
		o.Connect = 5 * time.Second
	}
	dialer := &net.Dialer{Timeout: o.Connect, Control: Control(o.Allow)}
	return &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    o.Connect,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           64,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > o.Redirects {
				return fmt.Errorf("more than %d redirects", max(o.Redirects, 0))
			}
			return nil
		},
	}
}

// Control is a [net.Dialer]'s Control that refuses addresses which are neither
// public nor in allow, with [ErrRefused].
func Control(allow []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	allow = slices.Clone(allow)
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", ErrRefused, address)
		}
		addr := at.Addr().Unmap().WithZone("")
		if Public(addr) || slices.ContainsFunc(allow, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			return nil
		}
		return fmt.Errorf("%w: %s is not public (network.allow_private)", ErrRefused, addr)
	}
}

// special are networks that are not the public internet, beyond those that
// [netip.Addr] knows (IANA special-purpose address registries).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // shared by carriers' NAT
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
	netip.MustParsePrefix("::/96"),           // IPv4-compatible, loopback
	netip.MustParsePrefix("64:ff9b:1::/48"),  // local NAT64
	netip.MustParsePrefix("100::/64"),        // discard
	netip.MustParsePrefix("2001::/23"),       // Teredo and other protocols
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("3fff::/20"),       // documentation
	netip.MustParsePrefix("5f00::/16"),       // segment routing
	netip.MustParsePrefix("fec0::/10"),       // site-local
}

var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4 = netip.MustParsePrefix("2002::/16")
)

// Public says whether addr is an address of the public internet. One that
// carries an IPv4 address is what that is.
func Public(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return false
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr):
		return Public(netip.AddrFrom4([4]byte(b[12:])))
	case sixTo4.Contains(addr):
		return Public(netip.AddrFrom4([4]byte(b[2:6])))
	}
	// Global unicast is neither unspecified, loopback, link-local, multicast
	// nor broadcast.
	return addr.IsGlobalUnicast() && !addr.IsPrivate() &&
		!slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(addr) })
}
