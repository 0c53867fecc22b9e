package transaction

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/sip"
)

// TestInviteRefused walks proceeding, completed and confirmed.
func TestInviteRefused(t *testing.T) {
	run(t, func(r *rig) {
		var tx *Server
		var invite *sip.Request
		ends := 0
		r.onRequest = func(s *Server, req *sip.Request) {
			tx, invite = s, req
			tx.OnEnd(func(err error) {
				if ends++; err != nil {
					t.Errorf("ended with %v", err)
				}
			})
		}
		r.say(request("INVITE", "z9hG4bK1", ""))
		r.want("0s SIP/2.0 100 Trying")
		r.say(request("INVITE", "z9hG4bK1", ""))
		r.want("0s SIP/2.0 100 Trying")
		r.respond(tx, invite, 180)
		r.say(request("INVITE", "z9hG4bK1", ""))
		r.want("0s SIP/2.0 180 Ringing", "0s SIP/2.0 180 Ringing")
		r.at(70 * time.Second) // not given up on the way: once a minute
		r.want("1m0s SIP/2.0 180 Ringing")
		r.respond(tx, invite, 486)
		if tx.Respond(sip.NewResponse(invite, 200, "", "x")) != ErrState {
			t.Error("two final responses")
		}
		r.at(72 * time.Second)
		r.say(request("INVITE", "z9hG4bK1", ""))
		r.want("1m10s SIP/2.0 486 Busy Here", "1m10.5s SIP/2.0 486 Busy Here", "1m11.5s SIP/2.0 486 Busy Here", "1m12s SIP/2.0 486 Busy Here")
		r.say(request("ACK", "z9hG4bK1", ";tag=ourtag"))
		r.at(76 * time.Second)
		r.say(request("INVITE", "z9hG4bK1", "")) // absorbed by confirmed
		r.want()
		if r.acks != 0 {
			t.Error("the user saw the ACK of a refusal")
		}
		r.at(78 * time.Second) // Timer I
		if ends != 1 {
			t.Errorf("ended %d times", ends)
		}
	})
}

// TestInviteRefusedNoAck: Timer G doubles to T2, Timer H ends it.
func TestInviteRefusedNoAck(t *testing.T) {
	run(t, func(r *rig) {
		var end error
		r.onRequest = func(tx *Server, req *sip.Request) {
			tx.OnEnd(func(err error) { end = err })
			tx.Respond(sip.NewResponse(req, 404, "", "ourtag"))
		}
		r.say(request("INVITE", "z9hG4bK1", ""))
		r.at(time.Minute)
		var want []string
		for _, at := range []string{"0s", "500ms", "1.5s", "3.5s", "7.5s", "11.5s", "15.5s", "19.5s", "23.5s", "27.5s", "31.5s"} {
			want = append(want, at+" SIP/2.0 404 Not Found")
		}
		r.want(want...) // and no 100 before it
		if !errors.Is(end, ErrTimeout) {
			t.Errorf("ended with %v", end)
		}
	})
}

// TestInviteAnswered: the 2xx is repeated 0.5 s, doubling to 4 s, until the ACK.
func TestInviteAnswered(t *testing.T) {
	for _, acked := range []bool{true, false} {
		t.Run(fmt.Sprintf("ack %v", acked), func(t *testing.T) {
			run(t, func(r *rig) {
				given := time.Duration(0)
				var stop func()
				var tx *Server
				r.onRequest = func(s *Server, req *sip.Request) {
					tx = s
					tx.Respond(sip.NewResponse(req, 200, "", "ourtag"))
					stop = tx.Retransmit2xx(func() { given = time.Since(r.start) })
				}
				r.say(request("INVITE", "z9hG4bK1", ""))
				r.say(request("INVITE", "z9hG4bK1", "")) // RFC 6026: absorbed
				if !acked {
					r.at(time.Minute)
					var want []string
					for _, at := range []string{"0s", "500ms", "1.5s", "3.5s", "7.5s", "11.5s", "15.5s", "19.5s", "23.5s", "27.5s", "31.5s"} {
						want = append(want, at+" SIP/2.0 200 OK")
					}
					r.want(want...)
					if given != 32*time.Second {
						t.Errorf("given up after %v", given)
					}
					return
				}
				r.at(time.Second)
				r.say(request("ACK", "z9hG4bK2", ";tag=ourtag"))
				if r.acks != 1 {
					t.Fatalf("%d ACKs came to the user", r.acks)
				}
				r.do(stop)
				r.at(40 * time.Second)
				r.want("0s SIP/2.0 200 OK", "500ms SIP/2.0 200 OK")
				if given != 0 {
					t.Error("given up in spite of the ACK")
				}
			})
		})
	}
}

// TestAnsweredIsSmall: while Timer L runs an answered call holds no message.
func TestAnsweredIsSmall(t *testing.T) {
	run(t, func(r *rig) {
		var tx *Server
		r.onRequest = func(s *Server, req *sip.Request) {
			tx = s
			tx.OnCancel(func(*sip.Request) {})
			tx.Respond(sip.NewResponse(req, 200, "", "ourtag"))
			tx.Retransmit2xx(func() {})()
		}
		r.say(request("INVITE", "z9hG4bK1", ""))
		r.do(func() {
			if tx.req != nil || tx.last != nil || tx.onCancel != nil {
				t.Errorf("it holds req %v, %d octets, a func %v", tx.req != nil, len(tx.last), tx.onCancel != nil)
			}
		})
		h := &handler{}
		c := r.send("udp", ourRequest(sip.INVITE), h)
		r.reply(200, "bob")
		r.do(func() {
			if c.req != nil || c.data != nil {
				t.Error("the client's side holds its request")
			}
		})
	})
}

func TestCancel(t *testing.T) {
	for _, c := range []struct {
		name  string
		user  bool // sets OnCancel
		final int  // given before the CANCEL
		want  []string
	}{
		{name: "user", user: true, want: []string{"100 Trying", "200 OK", "487 Request Terminated"}},
		{name: "default", want: []string{"100 Trying", "200 OK", "487 Request Terminated"}},
		{name: "crossing 200", user: true, final: 200, want: []string{"100 Trying", "200 OK", "200 OK"}},
		{name: "crossing 486", user: true, final: 486, want: []string{"100 Trying", "486 Busy Here", "200 OK"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(r *rig) {
				var tx *Server
				cancels := 0
				r.onRequest = func(s *Server, req *sip.Request) {
					tx = s
					if c.user {
						tx.OnCancel(func(*sip.Request) {
							cancels++
							tx.Respond(sip.NewResponse(req, 487, "", tx.Tag()))
						})
					}
				}
				r.say(request("INVITE", "z9hG4bK1", ""))
				if c.final != 0 {
					r.respond(tx, tx.Request(), c.final)
				}
				r.say(request("CANCEL", "z9hG4bK1", ""))
				var tags []string
				for i, m := range r.raw {
					if !strings.HasPrefix(m, "SIP/2.0 "+c.want[i]) {
						t.Errorf("message %d is %.30q, want %s", i, m, c.want[i])
					}
					if _, tag, _ := strings.Cut(m, "To: <sip:100@192.0.2.1>;tag="); tag != "" {
						tags = append(tags, tag[:5])
					}
				}
				if len(r.raw) != len(c.want) || len(tags) != 2 || tags[0] != tags[1] {
					t.Errorf("%d messages, tags %v", len(r.raw), tags)
				}
				r.say(request("CANCEL", "z9hG4bK1", "")) // again: 200 again, nothing else
				if len(r.raw) != len(c.want)+1 || !strings.HasPrefix(r.raw[len(c.want)], "SIP/2.0 200") {
					t.Errorf("a repeated CANCEL drew %q", r.raw[len(c.want):])
				}
				if want := 0; c.user && c.final == 0 {
					if want = 1; cancels != want {
						t.Errorf("OnCancel ran %d times", cancels)
					}
				}
				r.say(request("ACK", "z9hG4bK1", ";tag=ourtag"))
			})
		})
	}
}

func TestCancelUnknown(t *testing.T) {
	run(t, func(r *rig) {
		r.say(request("CANCEL", "z9hG4bK9", ""))
		r.want("0s SIP/2.0 481 Call/Transaction Does Not Exist")
		r.known = false
		r.say(request("CANCEL", "z9hG4bK8", ""))
		r.want() // not a byte
	})
}

// TestOther walks the machine of requests that are not INVITE.
func TestOther(t *testing.T) {
	run(t, func(r *rig) {
		var tx *Server
		var req *sip.Request
		n := 0
		r.onRequest = func(s *Server, m *sip.Request) { tx, req, n = s, m, n+1 }
		r.say(request("OPTIONS", "z9hG4bK1", ""))
		r.say(request("OPTIONS", "z9hG4bK1", ""))
		r.want() // no 100, and a repetition waits too
		r.respond(tx, req, 200)
		r.at(20 * time.Second)
		r.say(request("OPTIONS", "z9hG4bK1", ""))
		r.want("0s SIP/2.0 200 OK", "20s SIP/2.0 200 OK")
		r.at(33 * time.Second) // Timer J
		r.say(request("OPTIONS", "z9hG4bK1", ""))
		if n != 2 {
			t.Errorf("the user saw %d requests, want 2", n)
		}
		r.respond(tx, req, 200)
	})
}

// TestMerged: the same request by another way (RFC 3261 §8.2.2.2), but not one
// that tries again where it was refused.
func TestMerged(t *testing.T) {
	run(t, func(r *rig) {
		var txs []*Server
		var first *sip.Request
		r.onRequest = func(tx *Server, req *sip.Request) {
			if txs = append(txs, tx); first == nil {
				first = req
			}
		}
		r.say(request("INVITE", "z9hG4bK1", ""))
		r.say(request("INVITE", "z9hG4bK2", ""))
		r.want("0s SIP/2.0 100 Trying", "0s SIP/2.0 482 Loop Detected")
		r.say(request("INVITE", "z9hG4bK3", ";tag=ourtag")) // in the dialog: no merge
		r.want("0s SIP/2.0 100 Trying")
		r.known = false
		r.say(request("INVITE", "z9hG4bK4", ""))
		r.want()
		r.known = true
		r.respond(txs[0], first, 503)
		r.say(request("INVITE", "z9hG4bK5", ""))
		r.want("0s SIP/2.0 503 Service Unavailable", "0s SIP/2.0 100 Trying")
		if len(txs) != 3 {
			t.Errorf("the user saw %d", len(txs))
		}
		r.do(func() {
			txs[1].Drop()
			txs[2].Drop()
		})
		r.say(request("ACK", "z9hG4bK1", ";tag=ourtag"))
		r.say(request("ACK", "z9hG4bK2", ";tag=x"))
	})
}

// TestOldBranches: peers of RFC 2543, and those with a bare cookie, are matched
// by what their requests say.
func TestOldBranches(t *testing.T) {
	for name, via := range map[string]string{
		"bare cookie": "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK\n",
		"none":        "Via: SIP/2.0/UDP 192.0.2.2:5060\n",
		"old":         "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=1\n",
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(r *rig) {
				n := 0
				r.onRequest = func(tx *Server, req *sip.Request) {
					n++
					tx.Respond(sip.NewResponse(req, 486, "", "ourtag"))
				}
				msg := func(method, callID, more string) string {
					m := strings.ReplaceAll(request(method, "x", more), "call@", callID+"@")
					return strings.Replace(m, "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=x\n", via, 1)
				}
				r.say(msg("INVITE", "a", ""))
				r.say(msg("INVITE", "b", ""))
				if n != 2 {
					t.Errorf("%d of two calls came", n)
				}
				r.say(msg("INVITE", "a", ""))
				if n != 2 {
					t.Error("a repetition is a new request")
				}
				r.want("0s SIP/2.0 486 Busy Here", "0s SIP/2.0 486 Busy Here", "0s SIP/2.0 486 Busy Here")
				r.say(msg("ACK", "a", ";tag=ourtag"))
				r.say(msg("ACK", "b", ";tag=ourtag"))
				r.at(20 * time.Second)
				r.want()
				if r.acks != 0 {
					t.Error("an ACK found no transaction")
				}
			})
		})
	}
}

// TestDrop gives strangers nothing.
func TestDrop(t *testing.T) {
	run(t, func(r *rig) {
		r.known = false
		n := 0
		r.onRequest = func(tx *Server, req *sip.Request) {
			n++
			if tx.Known() {
				t.Error("a stranger is known")
			}
			tx.Drop()
		}
		r.say(request("INVITE", "z9hG4bK1", ";tag=guess"))
		r.say(request("INVITE", "z9hG4bK1", ";tag=guess"))
		r.say(request("INVITE", "z9hG4bK2", "")) // not even handed up
		r.want()
		if n != 2 {
			t.Errorf("the user saw %d", n)
		}
	})
}

// TestLongTokens: branches and tags of every length (security row 26).
func TestLongTokens(t *testing.T) {
	run(t, func(r *rig) {
		r.onRequest = func(tx *Server, req *sip.Request) {
			tx.Respond(sip.NewResponse(req, 200, "", "ourtag"))
		}
		for n := 1; n < 14000; n += 1 + n/7 {
			long := strings.Repeat("b", n)
			msg := strings.ReplaceAll(request("OPTIONS", "z9hG4bK"+long, ""), "theirtag", long)
			msg = strings.ReplaceAll(msg, "call@", fmt.Sprint("call", n, "@"))
			r.say(msg)
			if res := r.last(); sip.FromTag(res) != long {
				t.Fatalf("a tag of %d came back with %d", n, len(sip.FromTag(res)))
			}
		}
	})
}
