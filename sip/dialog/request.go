package dialog

import (
	"errors"
	"math/rand/v2"
	"strconv"

	"tandem/sip"
	"tandem/sip/transaction"
)

// An exchange is a request of ours within the dialog and its final response.
type exchange struct {
	d      *Dialog
	method sip.RequestMethod
	build  func(*sip.Request)
	done   func(*sip.Response, error)
	req    *sip.Request
	tx     *transaction.Client
	again  bool // a connection was lost before
	given  bool // given up: it is not sent again
}

// send sends a request, again with credentials where it is challenged. build
// adds headers and body; done, called once, gets the final response, or why
// there is none, perhaps before send returns.
func (d *Dialog) send(method sip.RequestMethod, build func(*sip.Request), done func(*sip.Response, error)) *exchange {
	x := &exchange{d: d, method: method, build: build, done: done}
	x.start()
	return x
}

// cancel gives an INVITE up (§9.1): done hears what comes of it.
func (x *exchange) cancel() {
	if x == nil {
		return
	}
	if x.given = true; x.tx != nil {
		x.tx.Cancel()
	}
}

func (x *exchange) start() {
	d := x.d
	f, err := d.hop()
	if err != nil {
		x.done(nil, err)
		return
	}
	x.req = d.request(x.method, d.nextSeq())
	if x.method == sip.INVITE {
		x.req.AppendHeader(contactHeader(d.contact, f))
		x.req.AppendHeader(d.set.allow)
	}
	x.build(x.req)
	if len(x.req.Body()) == 0 {
		x.req.SetBody(nil)
	}
	// Credentials go to the peer they are for and to nobody whom a Contact or
	// Record-Route may name.
	if f.Remote().Addr() == d.peer {
		if err := d.auth.Authorize(x.req); err != nil {
			x.done(nil, err)
			return
		}
	}
	x.tx = d.set.Tx.Request(x.req, f, x)
}

// Response implements [transaction.ClientHandler].
func (x *exchange) Response(res *sip.Response) {
	d := x.d
	switch status := res.StatusCode; {
	case status < 200:
		return
	case status == 401 || status == 407:
		if d.state != over && !x.given && d.auth.Challenged(res, x.req) == nil && x.peer() {
			x.start()
			return
		}
	case x.method == sip.INVITE && status < 300:
		if d.ack.seq == res.CSeq().SeqNo {
			d.repeatAck(res)
			return
		}
		d.auth.Settled()
	default:
		d.auth.Settled()
	}
	if done := x.done; done != nil {
		x.done = nil
		done(res, nil)
	}
}

// peer says whether the request went to whom the credentials are for.
func (x *exchange) peer() bool {
	f, err := x.d.hop()
	return err == nil && f.Remote().Addr() == x.d.peer
}

// End implements [transaction.ClientHandler]. A connection that was lost is no
// reason to lose the request: it goes out once more by another.
func (x *exchange) End(err error) {
	if errors.Is(err, transaction.ErrTransport) && !x.again && !x.given && x.d.state != over {
		x.again = true
		x.start()
		return
	}
	if done := x.done; done != nil {
		x.done = nil
		done(nil, err)
	}
}

// Send sends a request of the user's: its method, headers and body. done gets
// the final response, or why there is none. A response that says that there is
// no such dialog ends it (§12.2.1.2).
func (d *Dialog) Send(tmpl *sip.Request, done func(*sip.Response, error)) error {
	if d.state != confirmed && d.state != early && d.state != unacked {
		return ErrState
	}
	d.send(tmpl.Method, func(req *sip.Request) {
		for _, h := range tmpl.Headers() {
			req.AppendHeader(sip.CloneHeader(h))
		}
		if body := tmpl.Body(); len(body) > 0 {
			req.SetBody(body)
		}
	}, func(res *sip.Response, err error) {
		if done != nil {
			done(res, err)
		}
		if res != nil && res.StatusCode == 481 {
			d.lost()
		}
	})
	return nil
}

// lost ends a dialog that the other side does not know any more.
func (d *Dialog) lost() {
	if d.state == confirmed || d.state == unacked {
		c := sip.StatusCause(481, sip.Remote)
		d.Hangup(c)
	}
}

// incoming is a request within a dialog.
type incoming struct {
	d   *Dialog
	tx  *transaction.Server
	req *sip.Request
}

func (x *incoming) respond(status int, headers []sip.Header, body []byte) {
	_ = x.tx.Respond(x.d.response(x.req, status, "", headers, body))
}

func (x *incoming) refuse(e *sip.ReplyError) { x.respond(e.Status, e.Headers, nil) }

// Request takes a request with a To tag. One that belongs to no dialog gets
// 481, or nothing where it comes from a stranger.
func (s *Set) Request(tx *transaction.Server, req *sip.Request) {
	d := s.find(req)
	if d == nil {
		if !tx.Known() {
			tx.Drop()
			return
		}
		_ = tx.Respond(sip.NewResponse(req, 481, "", ""))
		return
	}
	x := &incoming{d, tx, req}
	if d.anySeq && req.CSeq().SeqNo <= d.remoteSeq { // out of order (§12.2.2)
		x.respond(500, retryAfter(), nil)
		return
	}
	d.remoteSeq, d.anySeq = req.CSeq().SeqNo, true
	if e := s.Abilities.CheckMethod(req); e != nil && req.Method != sip.PRACK && req.Method != sip.NOTIFY {
		x.refuse(e)
		return
	}
	if e := s.Abilities.CheckRequire(req); e != nil {
		x.refuse(e)
		return
	}
	if d.state == closing && req.Method != sip.BYE {
		x.respond(481, nil, nil)
		return
	}
	switch req.Method {
	case sip.BYE:
		if d.owner && d.state == early {
			x.respond(481, nil, nil) // only the caller may end an early dialog so (§15)
			return
		}
		d.byed(x)
		return
	case sip.OPTIONS:
		x.respond(200, []sip.Header{s.allow, s.Abilities.Accept(), s.supported}, nil)
	case sip.INVITE:
		d.reinvited(x)
	case sip.INFO:
		d.informed(x)
	default:
		// PRACK, NOTIFY: for what we never asked.
		x.respond(481, nil, nil)
	}
	if d.state != over {
		d.flow = tx.Flow()
	}
}

// retryAfter asks for another try in up to ten seconds (§14.2).
func retryAfter() []sip.Header {
	return []sip.Header{sip.NewHeader("Retry-After", strconv.Itoa(rand.IntN(11)))}
}
