package ua_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/sip"
	"tandem/sip/siptest"
	"tandem/sip/ua"
)

// TestChaos: whatever a peer and a program do, in whatever order, a leg ends
// once, says nothing after that, and leaves no dialog, transaction or port.
func TestChaos(t *testing.T) {
	for seed := range uint64(200) {
		for _, from := range []sip.Direction{sip.Incoming, sip.Outgoing} {
			t.Run(fmt.Sprintf("%v/%d", from, seed), func(t *testing.T) {
				run(t, func(w *world) {
					c := &chaos{world: w, rnd: rand.New(rand.NewPCG(seed, uint64(from))), peer: w.caller()}
					if from == sip.Incoming {
						c.call = c.peer.NewCall("100")
						c.invite(offer(c.peer, "8 101"))
						c.leg = w.leg()
						w.must(c.leg.Ring(sip.Early{}))
						c.call.RemoteTag = c.peer.Expect("180").Tag("To")
					} else {
						c.leg = w.dial(func(o *ua.DialOptions) {
							if c.rnd.IntN(2) == 0 {
								o.Username, o.Password = "joe", "x"
							}
						})
						c.asked = c.peer.Expect("INVITE")
						c.call = c.peer.Answering(c.asked, "x")
					}
					for range 15 {
						time.Sleep(time.Duration(c.rnd.IntN(600)) * time.Millisecond)
						c.peerDoes(from)
						c.weDo()
						c.peerAnswers()
					}
					_ = c.leg.Hangup(sip.StatusCause(486, sip.Local)) // it may be over already
					for range 100 {
						time.Sleep(time.Second)
						c.peerAnswers()
					}
					c.check()
				})
			})
		}
	}
}

type chaos struct {
	*world
	rnd   *rand.Rand
	peer  *siptest.Peer
	call  *siptest.Call
	leg   *leg
	asked *siptest.Message // the last INVITE that the peer got
	seq   int              // of the last INVITE that the peer sent
	last  string           // what the peer sent last
}

func (c *chaos) send(method, body string, headers ...string) {
	c.last = c.call.Text(method, body, headers...)
	c.peer.SendRaw([]byte(c.last))
}

func (c *chaos) invite(body string) {
	c.send("INVITE", body)
	c.seq = c.call.Seq
}

func (c *chaos) ack(body string) {
	seq := c.call.Seq
	c.call.Seq = c.seq - 1
	c.send("ACK", body)
	c.call.Seq = seq
}

// description is one of several, good and bad.
func (c *chaos) description() string {
	all := []string{
		offer(c.peer, "8 101"), offer(c.peer, "0"), offer(c.peer, "8", "a=sendonly"), offer(c.peer, "8", "a=inactive"),
		strings.Replace(offer(c.peer, "8"), "4000", "0", 1), offer(c.peer, "18"), "", "v=0\nm=audio x\n", "garbage",
	}
	return all[c.rnd.IntN(len(all))]
}

// peerDoes is something of the peer's own doing.
func (c *chaos) peerDoes(from sip.Direction) {
	n := 14
	if from == sip.Incoming {
		n = 9
	}
	status := func(codes ...int) int { return codes[c.rnd.IntN(len(codes))] }
	reply := func(status int, tag, body string, headers ...string) {
		c.last = c.peer.Text(c.asked, status, tag, body, headers...)
		c.peer.SendRaw([]byte(c.last))
	}
	switch c.rnd.IntN(n) {
	case 0:
		c.invite(c.description())
	case 1:
		c.ack(c.description())
	case 2:
		if c.rnd.IntN(4) == 0 {
			c.send("BYE", "")
		}
	case 3:
		if c.rnd.IntN(4) == 0 && from == sip.Incoming {
			c.call.Cancel()
		}
	case 4:
		c.send("INFO", "Signal=5\nDuration=160\n", "Content-Type: application/dtmf-relay")
	case 5:
		methods := []string{"OPTIONS", "UPDATE", "PRACK", "NOTIFY", "MESSAGE", "REFER", "FOO"}
		c.send(methods[c.rnd.IntN(len(methods))], "")
	case 6:
		c.peer.SendRaw([]byte(c.last))
	case 7:
		c.call.Seq -= c.rnd.IntN(3)
		c.send("INFO", "")
	case 8:
		tag := c.call.RemoteTag
		c.call.RemoteTag = "guessed"
		c.send("BYE", "")
		c.call.RemoteTag = tag
	case 9, 10:
		reply(status(100, 180, 181, 183), []string{"", "x", "y"}[c.rnd.IntN(3)], c.description())
	case 11:
		reply(200, []string{"x", "y", "z"}[c.rnd.IntN(3)], c.description())
	case 12:
		reply(status(302, 404, 486, 503, 603), "x", "")
	case 13:
		reply(status(401, 407), "x", "", fmt.Sprintf(`WWW-Authenticate: Digest realm="r%d", nonce="n", qop="auth"`, c.rnd.IntN(3)))
	}
}

// weDo is something of the program's.
func (c *chaos) weDo() {
	l := c.leg
	switch c.rnd.IntN(12) {
	case 0:
		_ = l.Ring(sip.Early{Media: c.rnd.IntN(2) == 0})
	case 1, 2:
		_ = l.Answer(sip.AnswerOptions{})
	case 3:
		if c.rnd.IntN(3) == 0 {
			_ = l.Hangup(sip.StatusCause(486, sip.Local))
		}
	case 4:
		_ = l.Reinvite(sip.MediaOptions{Hold: c.rnd.IntN(2) == 0})
	case 5:
		_ = l.Reinvite(sip.MediaOptions{Codecs: []string{"gsm", "pcma"}})
	case 6:
		_ = l.Request(sip.NewRequest(sip.INFO, sip.Uri{}))
	case 7:
		_ = l.SendDigits("12", 100*time.Millisecond, 50*time.Millisecond)
	}
}

// peerAnswers is what the peer makes of what has come, if anything.
func (c *chaos) peerAnswers() {
	synctest.Wait()
	for m := c.peer.Poll(); m != nil; m = c.peer.Poll() {
		switch {
		case m.Method() == "INVITE":
			c.asked = m
			switch c.rnd.IntN(5) {
			case 0:
				c.peer.Reply(m, 200, "x", c.description())
			case 1:
				c.peer.Reply(m, []int{100, 180, 488, 491, 481, 500}[c.rnd.IntN(6)], "x", "")
			}
		case m.Method() == "ACK", m.Method() == "" && m.Status() < 200:
		case m.Method() != "":
			if c.rnd.IntN(4) != 0 {
				c.peer.Reply(m, []int{200, 200, 200, 481, 500}[c.rnd.IntN(5)], "x", "")
			}
		case strings.Contains(m.Get("CSeq"), "INVITE") && c.rnd.IntN(4) != 0:
			if m.Status() < 300 {
				c.ack("")
			} else {
				c.call.Ack(m, "")
			}
		}
	}
}

// check looks at what the leg has posted.
func (c *chaos) check() {
	c.t.Helper()
	ends := 0
	for len(c.leg.log) > 0 {
		m := <-c.leg.log
		if ends > 0 {
			c.t.Errorf("%T after the end", m)
		}
		if _, ok := m.(sip.Hungup); ok {
			ends++
		}
	}
	if ends != 1 {
		c.t.Errorf("%d ends", ends)
	}
}
