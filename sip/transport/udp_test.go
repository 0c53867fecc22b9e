package transport_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"tandem/sip"
	"tandem/sip/transport"
)

// TestResponseRouting: RFC 3261 §18.2.1 and §18.2.2, RFC 3581.
func TestResponseRouting(t *testing.T) {
	for _, c := range []struct {
		via      string // sent-by and parameters
		from, to string // source of the request, where the response must arrive
		received string // in the Via that came up
		rport    string
	}{
		{via: "192.0.2.2:5060", from: "192.0.2.2:5060", to: "192.0.2.2:5060"},
		{via: "192.0.2.2", from: "192.0.2.2:5099", to: "192.0.2.2:5060"},
		{via: "192.0.2.2:5070", from: "192.0.2.2:5099", to: "192.0.2.2:5070"},
		{via: "192.0.2.2:5070;rport", from: "192.0.2.2:5099", to: "192.0.2.2:5099", received: "192.0.2.2", rport: "5099"},
		{via: "192.0.2.2:5070;rport=1", from: "192.0.2.2:5099", to: "192.0.2.2:5099", received: "192.0.2.2", rport: "5099"},
		{via: "10.0.0.1:5070;rport", from: "192.0.2.2:5099", to: "192.0.2.2:5099", received: "192.0.2.2", rport: "5099"},
		{via: "10.0.0.1:5070", from: "192.0.2.2:5099", to: "192.0.2.2:5070", received: "192.0.2.2"},
		{via: "phone.example.com", from: "192.0.2.2:5060", to: "192.0.2.2:5060", received: "192.0.2.2"},
		// Nothing in a Via sends a response to anybody but the sender.
		{via: "203.0.113.9:5060;received=203.0.113.9", from: "192.0.2.2:5060", to: "192.0.2.2:5060", received: "192.0.2.2"},
		{via: "192.0.2.2:5060;received=203.0.113.9", from: "192.0.2.2:5060", to: "192.0.2.2:5060"},
		{via: "192.0.2.2:5060;maddr=224.0.0.1;ttl=16", from: "192.0.2.2:5060", to: "192.0.2.2:5060"},
		{via: "255.255.255.255:5060", from: "192.0.2.2:5060", to: "192.0.2.2:5060", received: "192.0.2.2"},
	} {
		t.Run(c.via+" from "+c.from, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				from, to := netip.MustParseAddrPort(c.from), netip.MustParseAddrPort(c.to)
				src := r.packet(from)
				defer src.Close()
				dst := src
				if to != from {
					dst = r.packet(to)
					defer dst.Close()
				}
				victim := r.packet(stranger)
				defer victim.Close()
				src.say(options("UDP "+c.via, "x", "", ""))
				rec := r.one()
				params := rec.Msg.Via().Params
				if got, _ := params.Get("received"); got != c.received {
					t.Errorf("received is %q, want %q", got, c.received)
				}
				if got, _ := params.Get("rport"); got != c.rport {
					t.Errorf("rport is %q, want %q", got, c.rport)
				}
				if err := rec.Flow.Reply(answer(t, rec, ""), nil); err != nil {
					t.Fatal(err)
				}
				if m := dst.next(); !strings.HasPrefix(m, "SIP/2.0 200 OK") {
					t.Errorf("%v got %q", to, m)
				}
				if m := victim.next(); m != "" {
					t.Errorf("a third host got %q", m)
				}
			})
		})
	}
}

// TestStrangers get no byte back for anything, and nothing of theirs reaches
// the loops that could not be a dialog's.
func TestStrangers(t *testing.T) {
	invite := strings.ReplaceAll(options("UDP 203.0.113.9:5060", "x", "", ""), "OPTIONS", "INVITE")
	inDialog := strings.Replace(invite, "<sip:b@example.com>", "<sip:b@example.com>;tag=us", 1)
	for name, c := range map[string]struct {
		msg string
		up  bool
	}{
		"OPTIONS":             {options("UDP 203.0.113.9:5060", "x", "", ""), false},
		"INVITE":              {invite, false},
		"REGISTER":            {strings.ReplaceAll(invite, "INVITE", "REGISTER"), false},
		"unknown":             {strings.ReplaceAll(invite, "INVITE", "JUNK"), false},
		"malformed":           {strings.Replace(invite, "CSeq", "Cseq;", 1), false},
		"malformed in dialog": {strings.Replace(inDialog, "CSeq: 1", "CSeq: x", 1), false},
		"SIP/7.0":             {strings.Replace(inDialog, "SIP/2.0\r", "SIP/7.0\r", 1), false},
		"no Via":              {strings.Replace(inDialog, "Via:", "Vua:", 1), false},
		"junk":                {"\x00\x01\x02junk", false},
		"zeros":               {"\x00\x00\x00\x00", false},
		"ping":                {"\r\n\r\n", false},
		"in dialog":           {inDialog, true},
		"CANCEL":              {strings.ReplaceAll(invite, "INVITE", "CANCEL"), true},
		"ACK":                 {strings.ReplaceAll(invite, "INVITE", "ACK"), true},
		"response":            {strings.Replace(invite, "INVITE sip:100@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK", 1), true},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				s := r.packet(stranger)
				defer s.Close()
				s.say(c.msg)
				up := r.received()
				if (len(up) == 1) != c.up {
					t.Errorf("%d messages came up", len(up))
				}
				if c.up && up[0].Known {
					t.Error("a stranger is known")
				}
				if m := s.next(); m != "" {
					t.Errorf("it drew %q", m)
				}
				// The same by a stream.
				tcp := r.dial(stranger.Addr())
				tcp.Write([]byte(c.msg))
				if up := r.received(); (len(up) == 1) != c.up {
					t.Errorf("by TCP %d messages came up", len(up))
				}
				tcp.Close()
				if m := tcp.text(); m != "" {
					t.Errorf("by TCP it drew %q", m)
				}
			})
		})
	}
}

// TestStrangersRate: what could be a dialog's is let through at a rate.
func TestStrangersRate(t *testing.T) {
	run(t, func(c *transport.Config) { c.Limits.StrangerRate, c.Limits.StrangersRate = 50, 120 }, func(r *rig) {
		msg := strings.Replace(options("UDP 203.0.113.9:5060", "x", "", ""), "<sip:b@example.com>", "<sip:b@example.com>;tag=us", 1)
		count := func(sources, each int) int {
			for i := range sources {
				s := r.packet(netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i + 1)}), 5060))
				for range each {
					s.say(msg)
				}
				s.Close()
			}
			return len(r.received())
		}
		if n := count(1, 200); n != 50 {
			t.Errorf("%d of 200 from one source, want 50", n)
		}
		if n := count(50, 20); n > 120 {
			t.Errorf("%d in one second from all", n)
		}
		known := r.packet(theirs)
		defer known.Close()
		for range 300 {
			known.say(msg)
		}
		if n := len(r.received()); n != 300 {
			t.Errorf("%d of 300 of a known source", n)
		}
	})
}

// TestRefusals: requests that cannot be read are answered without state, never
// by more than they brought.
func TestRefusals(t *testing.T) {
	good := options("UDP 192.0.2.2:5060;rport", "x", "", "")
	for name, c := range map[string]struct{ msg, want string }{
		"CSeq":          {strings.Replace(good, "1 OPTIONS", "1 INVITE", 1), "SIP/2.0 400 CSeq of Another Method"},
		"version":       {strings.Replace(good, "192.0.2.1 SIP/2.0", "192.0.2.1 SIP/3.0", 1), "SIP/2.0 505 Version Not Supported"},
		"scheme":        {strings.Replace(good, "sip:100@", "urn:x:", 1), "SIP/2.0 416 Unsupported URI Scheme"},
		"no Call-ID":    {strings.Replace(good, "Call-ID: x\r\n", "", 1), "SIP/2.0 400 Missing Call-ID"},
		"two To":        {strings.Replace(good, "To:", "t: <sip:c@example.com>\r\nTo:", 1), "SIP/2.0 400 Several To"},
		"length":        {strings.Replace(good, "Length: 0", "Length: 1", 1), "SIP/2.0 400 Content-Length Too Large"},
		"ACK":           {strings.ReplaceAll(strings.Replace(good, "1 OPTIONS", "x OPTIONS", 1), "OPTIONS", "ACK"), ""},
		"response":      {"SIP/2.0 200 OK\r\n" + strings.Replace(good[strings.Index(good, "Via"):], "CSeq: 1", "CSeq: x", 1), ""},
		"Via of nobody": {strings.Replace(good, "UDP 192.0.2.2:5060", "UDP", 1), ""},
		"junk":          {"hello", ""},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				p := r.packet(theirs)
				defer p.Close()
				p.say(c.msg)
				m := p.next()
				line, _, _ := strings.Cut(m, "\r\n")
				if line != c.want {
					t.Errorf("got %q, want %q", line, c.want)
				}
				if len(r.received()) != 0 {
					t.Error("it came up")
				}
				if len(m) > len(c.msg)+100 {
					t.Errorf("%d octets drew %d", len(c.msg), len(m))
				}
				if r.tr.Stats().Malformed != 1 {
					t.Errorf("counted %+v", r.tr.Stats())
				}
			})
		})
	}
}

// TestOneDatagram: what stands behind the body is not another message.
func TestOneDatagram(t *testing.T) {
	run(t, nil, func(r *rig) {
		p := r.packet(theirs)
		defer p.Close()
		p.say(options("UDP 192.0.2.2", "x", "", "") + options("UDP 192.0.2.2", "y", "", ""))
		if rec := r.one(); sip.CallID(rec.Msg) != "x" || len(rec.Msg.Body()) != 0 {
			t.Errorf("came up as\n%s", rec.Msg)
		}
	})
}

// listenSystem opens a Layer on the machine's loopback.
func listenSystem(t *testing.T, listen ...string) (*transport.Layer, chan *transport.Received) {
	t.Helper()
	var cfg transport.Config
	for _, s := range listen {
		network, addr, _ := strings.Cut(s, " ")
		cfg.Listen = append(cfg.Listen, transport.Endpoint{Network: network, Addr: netip.MustParseAddrPort(addr)})
	}
	return layerOn(t, cfg)
}

// TestRightAddress: replies leave from the address that the request came to,
// also with several sockets and one peer, and by a socket of all addresses.
func TestRightAddress(t *testing.T) {
	tr, got := listenSystem(t, "udp 127.0.0.1:0", "udp 127.0.0.2:0", "udp 127.0.0.3:0", "udp 0.0.0.0:0", "tcp 127.0.0.1:0")
	es := tr.Endpoints()
	if len(es) != 5 {
		t.Fatalf("%d endpoints", len(es))
	}
	for _, e := range es {
		if e.Addr.Port() == 0 {
			t.Errorf("%v has no port", e)
		}
	}
	targets := []netip.AddrPort{es[0].Addr, es[1].Addr, es[2].Addr}
	for _, a := range []string{"127.0.0.1", "127.0.0.5", "127.0.0.6"} {
		targets = append(targets, netip.AddrPortFrom(netip.MustParseAddr(a), es[3].Addr.Port()))
	}
	peer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	buf := make([]byte, 65536)
	for round := range 3 {
		for i, target := range targets {
			id := fmt.Sprintf("%d-%d", round, i)
			if _, err := peer.WriteToUDPAddrPort([]byte(options("UDP 127.0.0.1:9;rport", id, "", "")), target); err != nil {
				t.Fatal(err)
			}
			rec := <-got
			if rec.Flow.Local() != target || sip.CallID(rec.Msg) != id {
				t.Fatalf("%s came to %v, not %v", sip.CallID(rec.Msg), rec.Flow.Local(), target)
			}
			if host, port := rec.Flow.SentBy(); host != target.Addr().String() || port != int(target.Port()) {
				t.Errorf("Contact would be %s:%d", host, port)
			}
			if err := rec.Flow.Reply(answer(t, rec, ""), nil); err != nil {
				t.Fatal(err)
			}
			_, from, err := peer.ReadFromUDPAddrPort(buf)
			if err != nil {
				t.Fatal(err)
			}
			if from != target {
				t.Errorf("asked %v, answered by %v", target, from)
			}
		}
	}
}

// TestLargeDatagrams: 60 kB go and come by UDP.
func TestLargeDatagrams(t *testing.T) {
	tr, got := listenSystem(t, "udp 127.0.0.1:0")
	peer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	buf := make([]byte, 65536)
	for _, size := range []int{1200, 1301, 4000, 60000} {
		body := strings.Repeat("x", size)
		peer.WriteToUDPAddrPort([]byte(options("UDP 127.0.0.1;rport", "x", "", body)), tr.Endpoints()[0].Addr)
		rec := <-got
		if len(rec.Msg.Body()) != size {
			t.Fatalf("%d of %d octets came", len(rec.Msg.Body()), size)
		}
		if err := rec.Flow.Reply(answer(t, rec, body), nil); err != nil {
			t.Fatalf("%d octets: %v", size, err)
		}
		n, err := peer.Read(buf)
		if err != nil || !strings.HasSuffix(string(buf[:n]), body) {
			t.Errorf("%d octets: %d came back, %v", size, n, err)
		}
	}
	f, err := tr.Dial("udp", peer.LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Send(make([]byte, 66000), nil); err == nil {
		t.Error("66,000 octets left in a datagram")
	}
}

// TestDial takes the right socket and refuses what is no host.
func TestDial(t *testing.T) {
	run(t, func(c *transport.Config) { c.Advertise = "sip.example.com:5066" }, func(r *rig) {
		f, err := r.tr.Dial("udp", theirs)
		if err != nil {
			t.Fatal(err)
		}
		if host, port := f.SentBy(); host != "sip.example.com" || port != 5066 || f.Local() != ours || f.Remote() != theirs || f.Reliable() {
			t.Errorf("%v sent by %s:%d from %v", f, host, port, f.Local())
		}
		for _, bad := range []string{"0.0.0.0:5060", "255.255.255.255:5060", "224.0.0.75:5060", "192.0.2.2:0", "[2001:db8::1]:5060"} {
			if _, err := r.tr.Dial("udp", netip.MustParseAddrPort(bad)); err == nil {
				t.Errorf("dialled %s", bad)
			}
		}
		if _, err := r.tr.Dial("sctp", theirs); err == nil {
			t.Error("dialled sctp")
		}
	})
	tr, _ := listenSystem(t, "udp 0.0.0.0:0", "udp 127.0.0.9:0", "udp [::1]:0")
	for remote, want := range map[string]string{"127.0.0.1:5060": "127.0.0.1", "[::1]:5060": "::1"} {
		f, err := tr.Dial("udp", netip.MustParseAddrPort(remote))
		if err != nil || f.Local().Addr().String() != want {
			t.Errorf("to %s from %v, %v", remote, f.Local(), err)
		}
	}
}

// TestBadConfig names what is wrong.
func TestBadConfig(t *testing.T) {
	run(t, nil, func(r *rig) {
		for want, cfg := range map[string]transport.Config{
			"no address to listen at": {},
			"listen udp://192.0.2.1:5060: listen udp: address already in use":     {Listen: []transport.Endpoint{{Network: "udp", Addr: ours}}},
			`listen sctp://192.0.2.1:5060: unknown network "sctp"; have udp, tcp`: {Listen: []transport.Endpoint{{Network: "sctp", Addr: ours}}},
			`advertise: bad host or port "a:b"`:                                   {Advertise: "a:b", Listen: []transport.Endpoint{{Network: "udp", Addr: theirs}}},
		} {
			cfg.Network = r.net
			if _, err := transport.New(cfg, nil, nil); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
}

// TestTap sees what is on the wire, both ways.
func TestTap(t *testing.T) {
	var seen []string
	run(t, func(c *transport.Config) {
		c.Tap = func(m transport.Tapped) {
			line, _, _ := strings.Cut(string(m.Data), "\r\n")
			seen = append(seen, fmt.Sprintf("%v %s %v %v %s", m.Sent, m.Network, m.Local, m.Remote, line))
		}
	}, func(r *rig) {
		p := r.packet(theirs)
		defer p.Close()
		p.say(options("UDP 192.0.2.2", "x", "", ""))
		rec := r.one()
		rec.Flow.Reply(answer(t, rec, ""), nil)
		want := "[false udp 192.0.2.1:5060 192.0.2.2:5060 OPTIONS sip:100@192.0.2.1 SIP/2.0 true udp 192.0.2.1:5060 192.0.2.2:5060 SIP/2.0 200 OK]"
		if got := fmt.Sprint(seen); got != want {
			t.Errorf("saw %s", got)
		}
	})
}
