package ua_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"tandem/sip"
	"tandem/sip/ua"
)

// TestAddressFoundLater: the INVITE leaves when the host's address is known.
func TestAddressFoundLater(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(func(o *ua.DialOptions) {
			o.Remotes = nil
			o.Find = func(found func(string, []netip.AddrPort, error)) {
				time.AfterFunc(300*time.Millisecond, func() { found("udp", []netip.AddrPort{p.Local()}, nil) })
			}
		})
		begin := time.Now()
		m := p.Expect("INVITE")
		if d := time.Since(begin); d < 300*time.Millisecond {
			t.Errorf("INVITE after %v", d)
		}
		p.Reply(m, 486, "callee", "")
		p.Expect("ACK")
		l.hungup(486, sip.Remote)
	})
}

// TestAddressNotFound: a leg without an address ends, and says why.
func TestAddressNotFound(t *testing.T) {
	run(t, func(w *world) {
		l := w.dial(func(o *ua.DialOptions) {
			o.Remotes = nil
			o.Find = func(found func(string, []netip.AddrPort, error)) { go found("", nil, errors.New("no such host")) }
		})
		if c := l.hungup(503, sip.Local); c.Q850 != sip.NoRoute || c.Reason != "no such host" {
			t.Errorf("cause %+v", c)
		}
	})
}

// TestHangupWhileLookedFor: a leg that is hung up meanwhile sends nothing.
func TestHangupWhileLookedFor(t *testing.T) {
	run(t, func(w *world) {
		p := w.caller()
		l := w.dial(func(o *ua.DialOptions) {
			o.Remotes = nil
			o.Find = func(found func(string, []netip.AddrPort, error)) {
				time.AfterFunc(time.Second, func() { found("udp", []netip.AddrPort{p.Local()}, nil) })
			}
		})
		w.must(l.Hangup(sip.Cleared(sip.Local)))
		l.hungup(200, sip.Local)
		p.Silence(2 * time.Second)
	})
}
