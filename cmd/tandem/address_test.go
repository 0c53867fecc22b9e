package main

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

func TestBindable(t *testing.T) {
	for _, a := range []string{"", "127.0.0.1", "0.0.0.0"} {
		addr, _ := netip.ParseAddr(a)
		if err := bindable(addr); err != nil {
			t.Errorf("%q: %v", a, err)
		}
	}
	// RFC 5737: no host's.
	if err := bindable(netip.MustParseAddr("192.0.2.77")); err == nil || !strings.Contains(err.Error(), "no address of this host") {
		t.Errorf("another host's address: %v", err)
	}
}

func TestTaken(t *testing.T) {
	for err, want := range map[error]string{
		syscall.EADDRINUSE:    "ss -lntup",
		syscall.EADDRNOTAVAIL: "ip address",
		syscall.EACCES:        "CAP_NET_BIND_SERVICE",
	} {
		if got := taken(fmt.Errorf("listen: %w", err)).Error(); !strings.HasPrefix(got, "listen: "+err.Error()) || !strings.Contains(got, want) {
			t.Errorf("%v: %s", err, got)
		}
	}
}
