package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// bindable says why sockets for media cannot be bound to an address: known at
// the start, it need not be found out by the first caller. The zero address
// stands for one that is found for each peer.
func bindable(a netip.Addr) error {
	if !a.IsValid() {
		return nil
	}
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		return fmt.Errorf("%s is no address of this host; `ip address` lists them", a)
	}
	if err != nil {
		return err
	}
	return c.Close()
}

// taken adds what to do to the error of a socket that could not be opened.
func taken(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; another process has the port: `ss -lntup` says which", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w; this host has no such address: `ip address` lists those it has", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w; ports below 1024 want CAP_NET_BIND_SERVICE", err)
	}
	return err
}
