package guard

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestAllowed(t *testing.T) {
	for _, s := range []string{
		"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "10.1.2.3", "172.16.0.1", "192.168.1.1",
		"169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fc00::1", "fd12::1", "224.0.0.1", "ff02::1", "255.255.255.255",
		"100.64.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.9", "240.0.0.1", "64:ff9b::7f00:1", "::7f00:1", "::10.0.0.1", "3fff::1", "5f00::1", "2002:7f00:1::", "2001:db8::1",
	} {
		if Allowed(netip.MustParseAddr(s), nil) {
			t.Errorf("%s may be reached", s)
		}
	}
	for _, s := range []string{"8.8.8.8", "93.184.215.14", "2606:4700::1111", "100.63.255.255", "172.32.0.1"} {
		if !Allowed(netip.MustParseAddr(s), nil) {
			t.Errorf("%s may not be reached", s)
		}
	}
	if !Allowed(netip.MustParseAddr("10.1.2.3"), []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}) {
		t.Error("an allowed private address may not be reached")
	}
}

func TestClient(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://[::1]:1/", http.StatusFound)
		}
	}))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())

	closed := Client(nil)
	// Every way to write this host's address ends at the same connect.
	for _, host := range []string{"127.0.0.1", "localhost", "0", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]"} {
		res, err := closed.Get("http://" + host + ":" + port + "/")
		if err == nil {
			res.Body.Close()
			t.Errorf("%s was reached", host)
		}
	}
	if _, err := closed.Get(s.URL); !errors.Is(err, ErrPrivate) {
		t.Errorf("error %v, want ErrPrivate", err)
	}
	open := Client([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	if res, err := open.Get(s.URL); err != nil {
		t.Error(err)
	} else {
		res.Body.Close()
	}
	if _, err := open.Get(s.URL + "/away"); !errors.Is(err, ErrPrivate) {
		t.Errorf("redirect to a private address: %v, want ErrPrivate", err)
	}
}
