// Package guard makes HTTP clients that keep to the public Internet: for URLs
// that come over the API, from applications or from fetched actions, which must
// not reach what only this host can reach.
//
// What is checked is the address that is connected to, after name resolution
// and after every redirect, so that neither a name that resolves to a private
// address, nor one that changes its mind between two look-ups, nor an odd way
// to write 127.0.0.1 gets through.
package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// ErrPrivate says that a URL leads to an address that is not public.
var ErrPrivate = errors.New("not a public address; network.allow_private can allow it")

const (
	// connectTimeout is how long a connection may take.
	connectTimeout = 5 * time.Second
	// maxRedirects is how many redirects are followed.
	maxRedirects = 5
)

// Client makes a client that connects to public addresses and those in allow
// only, and follows at most five redirects, to http and https alone. The time a
// request may take is the business of its context.
func Client(allow []netip.Prefix) *http.Client {
	allow = slices.Clone(allow)
	return client(func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
		if !Allowed(to.Addr(), allow) {
			return fmt.Errorf("%s: %w", to.Addr(), ErrPrivate)
		}
		return nil
	})
}

// Trusting makes a client of the same manners that connects anywhere: for URLs
// of the configuration.
func Trusting() *http.Client { return client(nil) }

func client(control func(network, address string, c syscall.RawConn) error) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout, Control: control}
	return &http.Client{
		Transport: &http.Transport{
			// No proxy: it would connect where we must not.
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, address)
			},
			TLSHandshakeTimeout:   connectTimeout,
			ResponseHeaderTimeout: 30 * time.Second,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       time.Minute,
			ForceAttemptHTTP2:     true,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			return checkScheme(req.URL)
		},
	}
}

func checkScheme(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("redirect to scheme %q", u.Scheme)
	}
	return nil
}

// Allowed says whether a may be connected to: it is in allow, or public.
func Allowed(a netip.Addr, allow []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	for _, p := range allow {
		if p.Contains(a) {
			return true
		}
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range special() {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// special are the networks that netip takes for global although nothing public
// is there (RFC 6890 and its updates), or that embed IPv4 addresses.
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("::/96"),
		netip.MustParsePrefix("64:ff9b::/96"),
		netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("100::/64"),
		netip.MustParsePrefix("2001::/23"),
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("3fff::/20"),
		netip.MustParsePrefix("5f00::/16"),
		netip.MustParsePrefix("fec0::/10"),
	}
}
