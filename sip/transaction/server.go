package transaction

import (
	"time"

	"tandem/sip"
	"tandem/sip/loop"
	"tandem/sip/transport"
)

// repeatProvisional is how often a provisional response is sent again while an
// INVITE waits, so that nobody on the way gives up (RFC 3261 §13.3.1.1).
const repeatProvisional = time.Minute

// A Server is a server transaction (RFC 3261 §17.2). Once the final response is
// given it holds no more than its key, the response's bytes and a timer.
//
//	             1xx                         ACK
//	INVITE ──▶ proceeding ──3xx-6xx──▶ completed ──▶ confirmed ──I──▶ over
//	               │                       └──H: ErrTimeout──▶ over
//	               └──2xx──▶ accepted ──L──▶ over
//
//	other ───▶ proceeding ──2xx-6xx──▶ completed ──J──▶ over
type Server struct {
	layer  *Layer
	key    serverKey
	merge  mergeKey // zero: the request has a To tag
	flow   *transport.Flow
	req    *sip.Request // nil after the final response
	known  bool
	invite bool
	state  state
	status int    // of the last response
	last   []byte // the last response
	toTag  string

	cancelled bool
	onCancel  func(*sip.Request)
	onEnd     func(error)

	repeat   *loop.Timer   // G; of a provisional while proceeding
	interval time.Duration // of G
	end      *loop.Timer   // H, I, J or L
}

type state int

const (
	proceeding state = iota // client: a provisional has come
	calling                 // client only: nothing has come
	completed
	confirmed
	accepted
	over
)

func (l *Layer) newServer(key serverKey, req *sip.Request, r *transport.Received) *Server {
	tx := &Server{layer: l, key: key, flow: r.Flow, req: req, known: r.Known, invite: req.Method == sip.INVITE}
	l.servers[key] = tx
	return tx
}

// Request is the request; nil once a final response was given.
func (tx *Server) Request() *sip.Request { return tx.req }

// Flow is the way the request came.
func (tx *Server) Flow() *transport.Flow { return tx.flow }

// Known says whether the request's source is one that may be answered outside
// dialogs.
func (tx *Server) Known() bool { return tx.known }

// Respond sends a response: any number of provisional ones, then one final. A
// 2xx to an INVITE may be given again. The error is ErrState, or
// sip.ErrLineBreak; what goes wrong on the way is told by OnEnd.
func (tx *Server) Respond(res *sip.Response) error {
	switch tx.state {
	case proceeding:
	case accepted:
		if !res.IsSuccess() {
			return ErrState
		}
	default:
		return ErrState
	}
	data, err := tx.layer.print(res)
	if err != nil {
		return err
	}
	if tag := sip.ToTag(res); tag != "" {
		tx.toTag = tag
	}
	again := tx.state == accepted
	tx.last, tx.status = data, res.StatusCode
	if res.StatusCode >= 200 && !again {
		tx.final()
	} else if tx.invite && res.StatusCode > 100 && tx.repeat == nil {
		tx.repeat = tx.layer.loop.AfterFunc(repeatProvisional, tx.repeatProvisional)
	}
	tx.send()
	return nil
}

// refuse gives a final response that the user is not asked about; to strangers
// nothing.
func (tx *Server) refuse(status int) {
	if !tx.known {
		tx.Drop()
		return
	}
	tx.answer(status, sip.NewTag())
}

// answer gives a response of our own making. What a request that was parsed
// holds can be printed again, and the state allows it, so that nothing can go
// wrong but on the way; should it, the transaction is over.
func (tx *Server) answer(status int, tag string) {
	if err := tx.Respond(sip.NewResponse(tx.req, status, "", tag)); err != nil {
		tx.terminate(err)
	}
}

func (tx *Server) tag() string {
	if tx.toTag == "" {
		tx.toTag = sip.NewTag()
	}
	return tx.toTag
}

// Tag is a To tag for the responses to this request: that of the last response,
// or a new one.
func (tx *Server) Tag() string { return tx.tag() }

// final moves to the state behind a final response.
func (tx *Server) final() {
	l, t := tx.layer, &tx.layer.timers
	tx.repeat.Stop()
	tx.repeat, tx.req, tx.onCancel = nil, nil, nil
	if tx.status >= 300 {
		// Who was refused here may try another of our addresses with the same
		// request (RFC 3263 §4.3): that is no merge.
		tx.unmerge()
	}
	reliable := tx.flow.Reliable()
	switch {
	case tx.invite && tx.status < 300:
		tx.state = accepted
		tx.end = l.loop.About(t.timeout(), func() { tx.terminate(nil) }) // L
	case tx.invite:
		tx.state = completed
		if !reliable {
			tx.interval = t.T1
			tx.repeat = l.loop.AfterFunc(tx.interval, tx.repeatFinal) // G
		}
		tx.end = l.loop.About(t.timeout(), func() { tx.terminate(ErrTimeout) }) // H
	case reliable:
		tx.state = completed
		tx.end = l.loop.AfterFunc(0, func() { tx.terminate(nil) }) // J is 0
	default:
		tx.state = completed
		tx.end = l.loop.About(t.timeout(), func() { tx.terminate(nil) }) // J
	}
}

func (tx *Server) repeatProvisional() {
	tx.send()
	tx.repeat.Reset(repeatProvisional)
}

func (tx *Server) repeatFinal() {
	tx.send()
	tx.interval = min(2*tx.interval, tx.layer.timers.T2)
	tx.repeat.Reset(tx.interval)
}

// repeated handles a repetition of the request: what was answered last is
// answered again, but for 2xx, which the dialog repeats (RFC 6026 §7.1).
func (tx *Server) repeated(f *transport.Flow) {
	if !tx.flow.Alive() {
		tx.flow = f // by a new connection
	}
	if tx.last != nil && tx.state != accepted && tx.state != confirmed {
		tx.send()
	}
}

// ack handles the ACK for a final response other than 2xx.
func (tx *Server) ack() {
	if tx.state != completed {
		return
	}
	tx.state = confirmed
	tx.repeat.Stop()
	tx.end.Stop()
	tx.last = nil
	i := tx.layer.timers.T4
	if tx.flow.Reliable() {
		i = 0
	}
	tx.end = tx.layer.loop.About(i, func() { tx.terminate(nil) }) // I
}

func (tx *Server) send() {
	if err := tx.flow.Reply(tx.last, tx.layer.later(tx.flow, tx.failed)); err != nil {
		// Not at once: who responds is not told in the midst of it.
		tx.layer.loop.Post(func() { tx.failed(err) })
	}
}

// failed handles an error of the transport. An accepted INVITE lives on to
// absorb repetitions (RFC 6026 §7.1); its user hears of it.
func (tx *Server) failed(err error) {
	if tx.state == over {
		return
	}
	if tx.state == accepted {
		if end := tx.onEnd; end != nil {
			tx.onEnd = nil
			end(transportError(err))
		}
		return
	}
	tx.terminate(transportError(err))
}

// Drop forgets the transaction without an answer: what strangers get.
func (tx *Server) Drop() {
	tx.onEnd = nil
	tx.terminate(nil)
}

// OnCancel sets what is done when the INVITE is cancelled: the CANCEL has been
// answered, the INVITE is to be answered, with 487 as a rule. Without it the
// transaction does that. It is called at most once.
func (tx *Server) OnCancel(fn func(cancel *sip.Request)) {
	if tx.state == proceeding {
		tx.onCancel = func(req *sip.Request) {
			tx.cancelled = true
			fn(req)
		}
	}
}

// OnEnd sets what is done when the transaction is over: err is nil if it ended
// as it should, ErrTimeout if a final response to an INVITE other than 2xx was
// never acknowledged, or wraps ErrTransport. An answered INVITE is over after
// 64*T1: nil takes fn back, so that nothing it holds is kept that long.
func (tx *Server) OnEnd(fn func(err error)) { tx.onEnd = fn }

func (tx *Server) terminate(err error) {
	if tx.state == over {
		return
	}
	tx.state = over
	tx.repeat.Stop()
	tx.end.Stop()
	l := tx.layer
	if l.servers[tx.key] == tx {
		delete(l.servers, tx.key)
	}
	tx.unmerge()
	tx.req, tx.last, tx.onCancel = nil, nil, nil
	if end := tx.onEnd; end != nil {
		tx.onEnd = nil
		end(err)
	}
}

func (tx *Server) unmerge() {
	if tx.layer.merged[tx.merge] == tx {
		delete(tx.layer.merged, tx.merge)
	}
}

// Retransmit2xx repeats the 2xx that was given last at T1, doubling to T2 (RFC
// 3261 §13.3.1.4), by any transport, until stop is called, which is to be done
// when the ACK comes. If that has not happened after 64*T1, unacknowledged is
// called: the dialog is then to be ended with BYE.
func (tx *Server) Retransmit2xx(unacknowledged func()) (stop func()) {
	l, data, flow := tx.layer, tx.last, tx.flow
	interval := l.timers.T1
	var repeat, end *loop.Timer
	repeat = l.loop.AfterFunc(interval, func() {
		_ = flow.Reply(data, nil) // the next one may get through
		interval = min(2*interval, l.timers.T2)
		repeat.Reset(interval)
	})
	stop = func() {
		repeat.Stop()
		end.Stop()
		tx.last = nil
	}
	end = l.loop.About(l.timers.timeout(), func() {
		stop()
		unacknowledged()
	})
	return stop
}
