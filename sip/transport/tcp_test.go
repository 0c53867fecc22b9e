package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/sip"
	"tandem/sip/transport"
)

// TestFraming cuts streams however they are cut on the way.
func TestFraming(t *testing.T) {
	one := options("TCP 192.0.2.2", "one", "", "")
	two := options("TCP 192.0.2.2", "two", "", "body\r\n\r\nOPTIONS not a message")
	big := options("TCP 192.0.2.2", "big", "", strings.Repeat("x", 60000))
	none := strings.Replace(options("TCP 192.0.2.2", "none", "", ""), "Content-Length: 0\r\n", "", 1)
	all := "\r\n\r\n\r\n" + one + "\r\n" + two + none + big + one
	for _, step := range []int{1, 7, 100, 4096, len(all)} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			run(t, nil, func(r *rig) {
				c := r.dial(theirs.Addr())
				defer c.Close()
				for s := all; s != ""; {
					n := min(step, len(s))
					c.Write([]byte(s[:n]))
					s = s[n:]
				}
				ids := map[string]int{}
				for _, rec := range r.received() {
					ids[sip.CallID(rec.Msg)] += 1 + len(rec.Msg.Body())
				}
				if got := fmt.Sprint(ids); got != "map[big:60001 none:1 one:2 two:30]" {
					t.Errorf("came up: %s", got)
				}
				if got := c.text(); step > 1 && got != "\r\n" { // one ping in front
					t.Errorf("it drew %q", got)
				}
			})
		})
	}
}

// TestStreamLost: what cannot be followed is answered and closed.
func TestStreamLost(t *testing.T) {
	good := options("TCP 192.0.2.2", "x", "", "")
	for name, c := range map[string]struct{ msg, want string }{
		"negative length": {strings.Replace(good, "Length: 0", "Length: -999", 1), "SIP/2.0 400 Malformed Content-Length"},
		"two lengths":     {strings.Replace(good, "Content-Length: 0", "Content-Length: 0\r\nl: 5", 1), "SIP/2.0 400 Several Content-Length"},
		"2 GB":            {strings.Replace(good, "Length: 0", "Length: 2000000000", 1), "SIP/2.0 513 Message Too Large"},
		"64 kB":           {strings.Replace(good, "Length: 0", "Length: 65536", 1), "SIP/2.0 513 Message Too Large"},
		"endless head":    {good[:len(good)-2] + "X: " + strings.Repeat("y", 70000), "SIP/2.0 513 Message Too Large"},
		"no colon":        {strings.Replace(good, "CSeq:", "CSeq", 1), "SIP/2.0 400 Header Without Colon"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				p := r.dial(theirs.Addr())
				defer p.Close()
				go p.Write([]byte(good + c.msg)) // it may never all be read
				rec := r.one()
				time.Sleep(500 * time.Millisecond)
				line, _, _ := strings.Cut(p.text(), "\r\n")
				if line != c.want {
					t.Errorf("it drew %q, want %q", line, c.want)
				}
				// What came before is still answered.
				if err := rec.Flow.Reply(answer(t, rec, ""), nil); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
				if got := p.text(); !p.closed() || strings.Count(got, "SIP/2.0 200 OK") != 1 {
					t.Errorf("closed %v, got %q", p.closed(), got)
				}
			})
		})
	}
}

// TestSlowSender: a message that is begun has to be complete in time, and a
// stranger that says nothing is not kept.
func TestSlowSender(t *testing.T) {
	run(t, nil, func(r *rig) {
		slow := r.dial(theirs.Addr())
		go func() {
			for _, b := range []byte(options("TCP 192.0.2.2", "x", "", "")) {
				time.Sleep(time.Second)
				if _, err := slow.Write([]byte{b}); err != nil {
					return
				}
			}
		}()
		short := r.dial(theirs.Addr())
		short.Write([]byte(strings.Replace(options("TCP 192.0.2.2", "y", "", ""), "Length: 0", "Length: 10", 1)))
		idle := r.dial(stranger.Addr())
		quiet := r.dial(theirs.Addr())
		time.Sleep(45 * time.Second)
		for name, c := range map[string]struct {
			c     *conn
			after time.Duration
		}{
			"byte by byte": {slow, 21 * time.Second},
			"half a body":  {short, 20 * time.Second},
			"stranger":     {idle, 30 * time.Second},
			"known":        {quiet, 0},
		} {
			if closed := c.c.closed(); closed != (c.after != 0) || c.c.end != c.after {
				t.Errorf("%s: closed %v after %v, want %v", name, closed, c.c.end, c.after)
			}
			if got := c.c.text(); got != "" {
				t.Errorf("%s drew %q", name, got)
			}
			c.c.Close()
		}
	})
}

// TestStrangersStreams: thousands of silent connections do not stop a peer.
func TestStrangersStreams(t *testing.T) {
	run(t, func(c *transport.Config) {
		c.Limits.StrangerStreams, c.Limits.StrangerStreamsEach = 100, 30
	}, func(r *rig) {
		var conns []*conn
		open := func() (n int) {
			for _, c := range conns {
				if !c.closed() {
					n++
				}
			}
			return n
		}
		for range 100 {
			conns = append(conns, r.dial(stranger.Addr()))
		}
		if n := open(); n != 30 {
			t.Errorf("one stranger has %d", n)
		}
		for i := range 1000 {
			a := stranger.Addr().As4()
			a[3] = byte(i)
			conns = append(conns, r.dial(netip.AddrFrom4(a)))
		}
		if n := open(); n != 100 {
			t.Errorf("strangers have %d", n)
		}
		known := r.dial(theirs.Addr())
		known.Write([]byte(options("TCP 192.0.2.2", "x", "", "")))
		r.one()
		known.Close()
		time.Sleep(31 * time.Second)
		if n := open(); n != 0 || r.tr.Stats().Streams != 0 {
			t.Errorf("later %d are open, %+v", n, r.tr.Stats())
		}
	})
}

// TestReuse: a reply takes the connection of its request, a request one that is
// open, and one that broke is dialled again.
func TestReuse(t *testing.T) {
	run(t, nil, func(r *rig) {
		ln, err := r.net.Listen(theirs)
		if err != nil {
			t.Fatal(err)
		}
		accepted := make(chan *conn, 10)
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				accepted <- r.conn(c)
			}
		}()
		defer ln.Close()
		failed := func(err error) { t.Errorf("failed: %v", err) }

		f1, err1 := r.tr.Dial("tcp", theirs)
		f2, err2 := r.tr.Dial("tcp", theirs)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		f1.Send([]byte("a"), failed)
		f2.Send([]byte("b"), failed)
		first := <-accepted
		if got := first.text(); got != "ab" || len(accepted) != 0 {
			t.Errorf("%q by the first, %d more connections", got, len(accepted))
		}
		if host, port := f1.SentBy(); host != "192.0.2.1" || port != 5060 || !f1.Reliable() || f1.Transport() != "TCP" {
			t.Errorf("sent by %s:%d", host, port)
		}
		// The peer asks by the connection that we dialled.
		first.Write([]byte(options("TCP 192.0.2.2", "x", "", "")))
		rec := r.one()
		rec.Flow.Reply([]byte("c"), failed)
		if got := first.text(); got != "abc" {
			t.Errorf("reply: %q", got)
		}
		first.Close()
		synctest.Wait()
		if f1.Alive() {
			t.Error("alive after the peer closed it")
		}
		f1.Send([]byte("d"), failed)
		f2.Send([]byte("e"), failed)
		rec.Flow.Reply([]byte("f"), failed)
		second := <-accepted
		if got := second.text(); got != "def" || len(accepted) != 0 {
			t.Errorf("after the break %q", got)
		}
		second.Close()

		// By a connection of the peer's: the reply finds it gone and dials the
		// port of the Via; a request of ours is refused, since nobody listens
		// at the port the connection came from.
		third := r.dial(theirs.Addr())
		third.Write([]byte(options("TCP 192.0.2.2:5060", "x", "", "")))
		rec = r.one()
		if !rec.Flow.Alive() {
			t.Error("not alive")
		}
		third.Close()
		synctest.Wait()
		if err := rec.Flow.Send([]byte("g"), nil); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Send: %v", err)
		}
		rec.Flow.Reply([]byte("h"), failed)
		if got := (<-accepted).text(); got != "h" {
			t.Errorf("reply after the break %q", got)
		}
	})
}

// TestNobodyListens tells every message that waited.
func TestNobodyListens(t *testing.T) {
	run(t, nil, func(r *rig) {
		f, err := r.tr.Dial("tcp", theirs)
		if err != nil {
			t.Fatal(err)
		}
		errs := make(chan error, 10)
		for range 3 {
			if err := f.Send([]byte("x"), func(err error) { errs <- err }); err != nil {
				errs <- err
			}
		}
		synctest.Wait()
		if len(errs) != 3 {
			t.Fatalf("%d of 3 failed", len(errs))
		}
		if err := <-errs; !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%v", err)
		}
	})
}

// TestPeerDoesNotRead: the queue is bounded, and the connection given up.
func TestPeerDoesNotRead(t *testing.T) {
	run(t, func(c *transport.Config) { c.Limits.StreamQueue = 10_000 }, func(r *rig) {
		c, err := r.net.Dial(context.Background(), theirs.Addr(), ours)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte(options("TCP 192.0.2.2", "x", "", "")))
		rec := r.one()
		failed := make(chan error, 100)
		full := 0
		for range 30 {
			if err := rec.Flow.Send(make([]byte, 1000), func(err error) { failed <- err }); errors.Is(err, transport.ErrFull) {
				full++
			} else if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if full < 15 {
			t.Errorf("%d of 30 kB were refused", full)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if rec.Flow.Alive() || len(failed) != 30-full {
			t.Errorf("alive %v, %d of %d told", rec.Flow.Alive(), len(failed), 30-full)
		}
	})
}

// TestPing: two CRLF are answered with one (RFC 5626 §4.4.1).
func TestPing(t *testing.T) {
	run(t, nil, func(r *rig) {
		c := r.dial(theirs.Addr())
		for i := 1; i <= 3; i++ {
			c.Write([]byte("\r\n\r\n"))
			if got := c.text(); got != strings.Repeat("\r\n", i) {
				t.Errorf("ping %d: %q", i, got)
			}
		}
		c.Write([]byte("\r\n")) // a pong: not answered
		if got := c.text(); len(got) != 6 {
			t.Errorf("a pong drew %q", got[6:])
		}
		c.Close()
	})
}

// TestCloseEnds: Close ends streams that dial, wait and read; goleak watches.
func TestCloseEnds(t *testing.T) {
	run(t, nil, func(r *rig) {
		c := r.dial(theirs.Addr())
		defer c.Close()
		c.Write([]byte("OPTIONS half"))
		synctest.Wait()
		r.tr.Close()
		synctest.Wait()
		if !c.closed() {
			t.Error("the stream is open")
		}
		if f, err := r.tr.Dial("tcp", theirs); err == nil {
			t.Errorf("dialled %v", f)
		}
	})
}

// TestDialLocal: connections leave from the address that we listen at, as
// datagrams do.
func TestDialLocal(t *testing.T) {
	for _, c := range []struct{ listen, from string }{
		{"tcp 127.0.0.7:0", "127.0.0.7"},
		{"tcp 0.0.0.0:0", "127.0.0.1"},
	} {
		tr, _ := listenSystem(t, c.listen)
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f, err := tr.Dial("tcp", ln.Addr().(*net.TCPAddr).AddrPort())
		if err != nil {
			t.Fatal(err)
		}
		f.Send([]byte("x"), func(err error) { t.Error(err) })
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
		got := conn.RemoteAddr().(*net.TCPAddr).IP.String()
		host, port := f.SentBy()
		if got != c.from || host != c.from || port != int(tr.Endpoints()[0].Addr.Port()) {
			t.Errorf("%s: from %s, sent by %s:%d", c.listen, got, host, port)
		}
		conn.Close()
		ln.Close()
	}
}
