package guard

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	for _, tt := range []struct {
		addr string
		want bool
	}{
		{"8.8.8.8", true}, {"2606:4700:4700::1111", true}, {"172.32.0.1", true}, {"100.128.0.1", true},
		{"64:ff9b::8.8.8.8", true}, {"2002:808:808::1", true}, {"::ffff:8.8.8.8", true},
		{"127.0.0.1", false}, {"127.255.255.254", false}, {"0.0.0.0", false}, {"0.1.2.3", false},
		{"10.0.0.1", false}, {"172.16.0.1", false}, {"172.31.255.255", false}, {"192.168.1.1", false},
		{"169.254.169.254", false}, {"100.64.0.1", false}, {"192.0.0.8", false}, {"198.18.0.1", false},
		{"224.0.0.1", false}, {"240.0.0.1", false}, {"255.255.255.255", false}, {"192.0.2.1", false},
		{"::", false}, {"::1", false}, {"::127.0.0.1", false}, {"::ffff:127.0.0.1", false}, {"::ffff:169.254.169.254", false},
		{"fe80::1", false}, {"fe80::1%eth0", false}, {"fc00::1", false}, {"fd00:ec2::254", false}, {"fec0::1", false},
		{"ff02::1", false}, {"64:ff9b::10.0.0.1", false}, {"64:ff9b::127.0.0.1", false}, {"64:ff9b:1::1", false},
		{"2002:7f00:1::1", false}, {"2002:a9fe:a9fe::", false}, {"2001:0:1::1", false}, {"2001:db8::1", false},
	} {
		if got := Public(netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("%s: %v", tt.addr, got)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// server answers on loopback, in place of what must not be reached.
func server(t *testing.T, h http.HandlerFunc) (*httptest.Server, string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return s, port
}

func TestClientRefuses(t *testing.T) {
	_, port := server(t, func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	c := Client(Options{})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "127.1.2.3", "169.254.169.254", "10.0.0.1", "[64:ff9b::7f00:1]"} {
		res, err := c.Get("http://" + host + ":" + port + "/")
		if err == nil {
			res.Body.Close()
		}
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	// Spellings of 127.0.0.1 that some resolvers take: refused, or unknown.
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1"} {
		if res, err := c.Get("http://" + host + ":" + port + "/"); err == nil {
			res.Body.Close()
			t.Errorf("%s: reached", host)
		}
	}
	for _, u := range []string{"file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "unix:///run/x"} {
		if res, err := c.Get(u); err == nil {
			res.Body.Close()
			t.Errorf("%s: reached", u)
		}
	}
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:"+port)
	if _, err := c.Get("http://10.1.1.1/"); !errors.Is(err, ErrRefused) {
		t.Errorf("with a proxy in the environment: %v", err)
	}
}

func TestClientAllows(t *testing.T) {
	s, port := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/other" {
			http.Redirect(w, r, "http://127.0.0.2:"+r.URL.Query().Get("port")+"/", http.StatusFound)
		}
		if r.URL.Path == "/loop" {
			http.Redirect(w, r, "/loop", http.StatusFound)
		}
	})
	c := Client(Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Redirects: 3})
	res, err := c.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if _, err := c.Get(s.URL + "/other?port=" + port); !errors.Is(err, ErrRefused) {
		t.Errorf("a redirect to what may not be reached: %v", err)
	}
	if _, err := c.Get(s.URL + "/loop"); err == nil || !strings.Contains(err.Error(), "more than 3 redirects") {
		t.Errorf("a redirect to itself: %v", err)
	}
}
