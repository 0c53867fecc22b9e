package transaction

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/sip"
)

func TestClientTimeout(t *testing.T) {
	for _, c := range []struct {
		method sip.RequestMethod
		at     []string
	}{
		{sip.INVITE, []string{"0s", "500ms", "1.5s", "3.5s", "7.5s", "15.5s", "31.5s"}},
		{sip.BYE, []string{"0s", "500ms", "1.5s", "3.5s", "7.5s", "11.5s", "15.5s", "19.5s", "23.5s", "27.5s", "31.5s"}},
	} {
		t.Run(string(c.method), func(t *testing.T) {
			run(t, func(r *rig) {
				h := &handler{}
				r.send("udp", ourRequest(c.method), h)
				r.at(31900 * time.Millisecond)
				if len(h.ended) != 0 {
					t.Error("ended too soon")
				}
				r.at(40 * time.Second)
				var want []string
				for _, at := range c.at {
					want = append(want, fmt.Sprintf("%s %s sip:bob@192.0.2.2 SIP/2.0", at, c.method))
				}
				r.want(want...)
				if len(h.ended) != 1 || !errors.Is(h.ended[0], ErrTimeout) {
					t.Errorf("ended with %v", h.ended)
				}
			})
		})
	}
}

// TestRequestShape looks at what Request adds.
func TestRequestShape(t *testing.T) {
	run(t, func(r *rig) {
		h := &handler{}
		r.send("udp", ourRequest(sip.OPTIONS), h)
		req := r.last().(*sip.Request)
		via := req.Via()
		branch, _ := via.Params.Get("branch")
		_, rport := via.Params.Get("rport")
		if via.Host != "192.0.2.1" || via.Port != 5060 || via.Transport != "UDP" || len(branch) < 20 || !rport {
			t.Errorf("Via is %s", via.Value())
		}
		if req.MaxForwards() == nil || *req.MaxForwards() != 70 || req.ContentLength() == nil {
			t.Errorf("incomplete:\n%s", req)
		}
		r.reply(200, "x")
		if fmt.Sprint(h.statuses) != "[200]" || len(h.ended) != 0 {
			t.Errorf("%v, %v", h.statuses, h.ended)
		}
	})
}

// TestClientRefused: the ACK is made by the transaction, again for every
// repetition, with the branch of the INVITE.
func TestClientRefused(t *testing.T) {
	run(t, func(r *rig) {
		h := &handler{}
		req := ourRequest(sip.INVITE)
		route, _ := sip.ParseURI("sip:proxy.example.com;lr")
		req.AppendHeader(&sip.RouteHeader{Address: route})
		r.send("udp", req, h)
		invite := r.last().(*sip.Request)
		r.replyTo(invite, 100, "")
		r.at(10 * time.Second) // no repetition after a provisional, no Timer B
		r.replyTo(invite, 486, "bob")
		r.replyTo(invite, 486, "bob")
		r.want("0s INVITE sip:bob@192.0.2.2 SIP/2.0", "10s ACK sip:bob@192.0.2.2 SIP/2.0", "10s ACK sip:bob@192.0.2.2 SIP/2.0")
		ack := r.last().(*sip.Request)
		if ack.Via().Value() != invite.Via().Value() || sip.ToTag(ack) != "bob" || ack.CSeq().SeqNo != 7 || ack.Route() == nil {
			t.Errorf("the ACK is\n%s", ack)
		}
		r.at(100 * time.Second)
		r.replyTo(invite, 486, "bob") // after Timer D
		r.want()
		if fmt.Sprint(h.statuses) != "[100 486]" || len(h.ended) != 0 || r.strays != 1 {
			t.Errorf("%v, %v, %d strays", h.statuses, h.ended, r.strays)
		}
	})
}

// TestForked: every 2xx is handed up, also a second fork's and repetitions;
// none is acknowledged here, and after Timer M they are strays.
func TestForked(t *testing.T) {
	run(t, func(r *rig) {
		h := &handler{}
		tx := r.send("udp", ourRequest(sip.INVITE), h)
		invite := r.last().(*sip.Request)
		for i := range 20 { // sipgo gave up after ten
			r.replyTo(invite, 183, fmt.Sprint("fork", i%2))
		}
		r.replyTo(invite, 200, "fork0")
		r.replyTo(invite, 200, "fork1")
		r.replyTo(invite, 200, "fork0")
		r.replyTo(invite, 180, "fork2")
		r.want("0s INVITE sip:bob@192.0.2.2 SIP/2.0")
		if got := fmt.Sprint(h.tags[20:]); got != "[fork0 fork1 fork0]" || len(h.statuses) != 23 {
			t.Errorf("forks %s, %d responses", got, len(h.statuses))
		}
		later := &handler{}
		r.do(func() { tx.Handle(later) })
		r.at(31 * time.Second)
		r.replyTo(invite, 200, "fork1")
		r.at(33 * time.Second)
		r.replyTo(invite, 200, "fork1")
		if fmt.Sprint(later.tags) != "[fork1]" || r.strays != 1 || len(h.ended)+len(later.ended) != 0 {
			t.Errorf("later %v, %d strays", later.tags, r.strays)
		}
	})
}

func TestClientCancel(t *testing.T) {
	cancelLine := "CANCEL sip:bob@192.0.2.2 SIP/2.0"
	t.Run("before provisional", func(t *testing.T) {
		run(t, func(r *rig) {
			h := &handler{}
			tx := r.send("udp", ourRequest(sip.INVITE), h)
			r.do(func() { tx.Cancel(sip.NewHeader("Reason", "Q.850;cause=16")); tx.Cancel() })
			r.want("0s INVITE sip:bob@192.0.2.2 SIP/2.0")
			invite := r.last().(*sip.Request)
			r.at(100 * time.Millisecond)
			r.replyTo(invite, 180, "bob")
			r.want("100ms " + cancelLine)
			cancel := r.last().(*sip.Request)
			if cancel.Via().Value() != invite.Via().Value() || sip.ToTag(cancel) != "" || cancel.CSeq().SeqNo != 7 ||
				cancel.CSeq().MethodName != sip.CANCEL || len(cancel.GetHeaders("reason")) != 1 {
				t.Errorf("the CANCEL is\n%s", cancel)
			}
			r.replyTo(cancel, 200, "bob")
			r.replyTo(invite, 487, "bob")
			r.want("100ms ACK sip:bob@192.0.2.2 SIP/2.0")
			if fmt.Sprint(h.statuses) != "[180 487]" || len(h.ended) != 0 {
				t.Errorf("%v %v", h.statuses, h.ended)
			}
		})
	})
	t.Run("crossing 200", func(t *testing.T) {
		run(t, func(r *rig) {
			h := &handler{}
			tx := r.send("udp", ourRequest(sip.INVITE), h)
			invite := r.last().(*sip.Request)
			r.replyTo(invite, 180, "bob")
			r.do(func() { tx.Cancel() })
			cancel := r.last().(*sip.Request)
			r.replyTo(invite, 200, "bob")
			r.replyTo(cancel, 481, "bob")
			r.do(func() { tx.Cancel() })
			r.want("0s INVITE sip:bob@192.0.2.2 SIP/2.0", "0s "+cancelLine)
			if fmt.Sprint(h.statuses) != "[180 200]" {
				t.Errorf("%v", h.statuses)
			}
		})
	})
	t.Run("no final", func(t *testing.T) {
		run(t, func(r *rig) {
			h := &handler{}
			tx := r.send("udp", ourRequest(sip.INVITE), h)
			r.reply(180, "bob")
			r.at(time.Second)
			r.do(func() { tx.Cancel() })
			r.reply(200, "bob")
			r.at(32 * time.Second)
			if len(h.ended) != 0 {
				t.Error("too soon")
			}
			r.at(34 * time.Second)
			if len(h.ended) != 1 || !errors.Is(h.ended[0], ErrTimeout) {
				t.Errorf("ended with %v", h.ended)
			}
		})
	})
	t.Run("other method", func(t *testing.T) {
		run(t, func(r *rig) {
			tx := r.send("udp", ourRequest(sip.BYE), &handler{})
			r.do(func() { tx.Cancel() })
			r.reply(200, "bob")
			r.want("0s BYE sip:bob@192.0.2.2 SIP/2.0")
		})
	})
}

// TestClientRefusedConnection: nobody listens.
func TestClientRefusedConnection(t *testing.T) {
	run(t, func(r *rig) {
		h := &handler{}
		r.send("tcp", ourRequest(sip.INVITE), h)
		synctest.Wait()
		if len(h.ended) != 1 || !errors.Is(h.ended[0], ErrTransport) || time.Since(r.start) != 0 {
			t.Errorf("ended with %v after %v", h.ended, time.Since(r.start))
		}
	})
}

// TestReliable: over a stream nothing is repeated, and what is over is over.
func TestReliable(t *testing.T) {
	run(t, func(r *rig) {
		ln, err := r.net.Listen(theirs)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		got := make(chan string, 10)
		go func() {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			buf := make([]byte, 65536)
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				m, err := sip.Parse(buf[:n])
				if err != nil {
					t.Error(err)
					return
				}
				got <- string(m.(*sip.Request).Method)
				if req := m.(*sip.Request); req.Method == sip.INVITE {
					time.Sleep(10 * time.Second)
					out, _ := sip.Append(nil, sip.NewResponse(req, 603, "", "bob"))
					c.Write(out)
				}
			}
		}()
		h := &handler{}
		r.send("tcp", ourRequest(sip.INVITE), h)
		r.at(11 * time.Second)
		if a, b := <-got, <-got; a != "INVITE" || b != "ACK" || len(got) != 0 || fmt.Sprint(h.statuses) != "[603]" {
			t.Errorf("%s, %s and %d more; %v", a, b, len(got), h.statuses)
		}
		r.do(func() {
			if s, c := r.layer.Len(); s+c != 0 {
				t.Errorf("%d and %d transactions wait for nothing", s, c)
			}
		})
	})
}

// TestInjection: text of an application never becomes a header.
func TestInjection(t *testing.T) {
	run(t, func(r *rig) {
		for _, evil := range []sip.Header{
			sip.NewHeader("X-A", "1\r\nX-Evil: 1"),
			sip.NewHeader("X-A\r\nX-Evil", "1"),
			&sip.ContactHeader{DisplayName: "x\"\r\nX-Evil: 1", Address: sip.Uri{Host: "h"}},
			&sip.ContactHeader{Address: sip.Uri{User: "a\nX-Evil: 1", Host: "h"}},
		} {
			h := &handler{}
			req := ourRequest(sip.OPTIONS)
			req.AppendHeader(evil)
			r.send("udp", req, h)
			if len(h.ended) != 1 || !errors.Is(h.ended[0], sip.ErrLineBreak) {
				t.Errorf("%q: %v", evil.Value(), h.ended)
			}
		}
		r.want()
	})
}

// TestNotOurs: a response with two Via, a branch nobody has, and a 2xx's ACK.
func TestNotOurs(t *testing.T) {
	run(t, func(r *rig) {
		h := &handler{}
		r.send("udp", ourRequest(sip.INVITE), h)
		req := r.last().(*sip.Request)
		two := strings.Replace(r.raw[0], "Via:", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKother\r\nVia:", 1)
		m, err := sip.Parse([]byte(two))
		if err != nil {
			t.Fatal(err)
		}
		r.replyTo(m.(*sip.Request), 200, "bob")
		other, _ := sip.Parse([]byte(r.raw[0]))
		other.Via().Params.Add("branch", "z9hG4bKguessed")
		r.replyTo(other.(*sip.Request), 200, "bob")
		if len(h.statuses) != 0 || r.strays != 1 {
			t.Errorf("%v, %d strays", h.statuses, r.strays)
		}
		r.replyTo(req, 500, "bob")
		r.want("0s INVITE sip:bob@192.0.2.2 SIP/2.0", "0s ACK sip:bob@192.0.2.2 SIP/2.0")

		ack := ourRequest(sip.ACK)
		f, _ := r.tr.Dial("udp", netip.MustParseAddrPort("192.0.2.2:5060"))
		r.do(func() {
			data, err := r.layer.Send(ack, f)
			if err != nil || !strings.HasPrefix(string(data), "ACK ") {
				t.Errorf("%q, %v", data, err)
			}
			f.Send(data, nil)
		})
		r.want("0s ACK sip:bob@192.0.2.2 SIP/2.0", "0s ACK sip:bob@192.0.2.2 SIP/2.0")
	})
}
