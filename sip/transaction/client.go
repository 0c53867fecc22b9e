package transaction

import (
	"time"

	"tandem/sip"
	"tandem/sip/loop"
	"tandem/sip/transport"
)

// A ClientHandler gets what comes of a request.
type ClientHandler interface {
	// Response is every provisional response, every 2xx to an INVITE with its
	// repetitions and forks (different To tags), and the one final response
	// else.
	Response(res *sip.Response)
	// End says that no final response will come; err wraps ErrTimeout,
	// ErrTransport or sip.ErrLineBreak. It comes at most once, and never
	// before Request has returned.
	End(err error)
}

// A Client is a client transaction (RFC 3261 §17.1). After the final response
// it holds no more than its key, its handler and a timer; an INVITE's the bytes
// of its ACK.
//
//	INVITE: calling ──1xx──▶ proceeding ──3xx-6xx: ACK──▶ completed ──D──▶ over
//	           │ A: again        └──2xx──▶ accepted ──M──▶ over
//	           └──B: ErrTimeout──▶ over
//	other:  calling ──1xx──▶ proceeding ──2xx-6xx──▶ completed ──K──▶ over
//	           └──────── E: again, F: ErrTimeout ──▶ over
type Client struct {
	layer  *Layer
	key    clientKey
	flow   *transport.Flow
	h      ClientHandler
	invite bool
	state  state
	req    *sip.Request // until the final response
	data   []byte       // until a response
	ack    []byte       // of a final response other than 2xx

	repeat   *loop.Timer   // A or E
	interval time.Duration // of A or E
	end      *loop.Timer   // B, D, F, K or M

	cancel     bool // asked for
	cancelSent bool
	headers    []sip.Header // of the CANCEL
}

// Request sends req by f and gives its responses to h. A Via with a new branch
// is put on top, and Max-Forwards and Content-Length added where they are
// missing; the rest of req must be complete, and must not be changed any more.
// Not for the ACK of a 2xx: see Send.
func (l *Layer) Request(req *sip.Request, f *transport.Flow, h ClientHandler) *Client {
	return l.start(addVia(req, f), req, f, h)
}

func (l *Layer) start(branch string, req *sip.Request, f *transport.Flow, h ClientHandler) *Client {
	tx := &Client{
		layer: l, key: clientKey{branch, req.Method}, flow: f, h: h,
		invite: req.Method == sip.INVITE, state: calling, req: req,
	}
	var err error
	if tx.data, err = l.print(req); err != nil {
		l.loop.Post(func() { tx.terminate(err) })
		return tx
	}
	l.clients[tx.key] = tx
	t := &l.timers
	if !f.Reliable() {
		tx.interval = t.T1
		tx.repeat = l.loop.AfterFunc(tx.interval, tx.again) // A, E
	}
	tx.end = l.loop.About(t.timeout(), func() { tx.terminate(ErrTimeout) }) // B, F
	tx.send(tx.data)
	return tx
}

func (tx *Client) send(data []byte) {
	if err := tx.flow.Send(data, tx.layer.later(tx.flow, tx.failed)); err != nil {
		tx.layer.loop.Post(func() { tx.failed(err) })
	}
}

// failed handles an error of the transport: it ends a transaction that waits
// for a final response. For the others it is a lost ACK.
func (tx *Client) failed(err error) {
	if tx.state == calling || tx.state == proceeding {
		tx.terminate(transportError(err))
	}
}

// again repeats the request: an INVITE with doubled intervals, another up to T2,
// and at T2 once a provisional response came.
func (tx *Client) again() {
	tx.send(tx.data)
	tx.interval *= 2
	if !tx.invite {
		tx.interval = min(tx.interval, tx.layer.timers.T2)
		if tx.state == proceeding {
			tx.interval = tx.layer.timers.T2
		}
	}
	tx.repeat.Reset(tx.interval)
}

func (tx *Client) receive(res *sip.Response) {
	switch tx.state {
	case calling, proceeding:
		switch {
		case res.StatusCode < 200:
			tx.provisional(res)
		case tx.invite && res.StatusCode < 300:
			tx.enter(accepted, tx.layer.timers.timeout()) // M
			tx.h.Response(res)
		default:
			tx.final(res)
		}
	case accepted:
		// Another fork's 2xx, or the same again because our ACK was lost.
		if res.IsSuccess() {
			tx.h.Response(res)
		}
	case completed:
		if tx.ack != nil && res.StatusCode >= 300 {
			tx.send(tx.ack)
		}
	}
}

func (tx *Client) provisional(res *sip.Response) {
	if tx.invite && tx.state == calling {
		tx.repeat.Stop()
		tx.end.Stop() // from here the user decides how long it may ring
		tx.data = nil
	}
	tx.state = proceeding
	if tx.cancel && !tx.cancelSent {
		tx.sendCancel()
	}
	tx.h.Response(res)
}

func (tx *Client) final(res *sip.Response) {
	wait := tx.layer.timers.T4 // K
	if tx.invite {
		wait = tx.layer.timers.D
		if ack, err := tx.layer.print(tx.makeAck(res)); err == nil {
			tx.ack = ack
		}
	}
	if tx.flow.Reliable() {
		wait = 0
	}
	tx.enter(completed, wait)
	if tx.ack != nil {
		tx.send(tx.ack)
	}
	tx.h.Response(res)
	if tx.state != accepted {
		tx.h = nil // nothing more comes
	}
}

// enter moves to a state behind the final response, for a time.
func (tx *Client) enter(s state, wait time.Duration) {
	tx.state = s
	tx.repeat.Stop()
	tx.end.Stop()
	tx.req, tx.data, tx.headers = nil, nil, nil
	tx.end = tx.layer.loop.About(wait, func() { tx.terminate(nil) })
}

// makeAck is the ACK for a final response other than 2xx (RFC 3261 §17.1.1.3):
// the same Via as the INVITE's.
func (tx *Client) makeAck(res *sip.Response) *sip.Request {
	ack := tx.follow(sip.ACK)
	for _, h := range ack.Headers() {
		if to, ok := h.(*sip.ToHeader); ok {
			if tag := sip.ToTag(res); tag != "" {
				to.Params.Add("tag", tag)
			}
		}
	}
	return ack
}

// follow makes a request that belongs to the INVITE hop by hop: ACK or CANCEL
// (RFC 3261 §9.1, §17.1.1.3).
func (tx *Client) follow(method sip.RequestMethod) *sip.Request {
	req := sip.NewRequest(method, tx.req.Recipient)
	via := false
	for _, h := range tx.req.Headers() {
		switch h := h.(type) {
		case *sip.ViaHeader:
			if !via {
				req.AppendHeader(h.Clone())
				via = true
			}
		case *sip.RouteHeader, *sip.FromHeader, *sip.ToHeader, *sip.CallIDHeader:
			req.AppendHeader(sip.CloneHeader(h))
		case *sip.CSeqHeader:
			req.AppendHeader(&sip.CSeqHeader{SeqNo: h.SeqNo, MethodName: method})
		}
	}
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	return req
}

// Cancel asks the peer to give up an INVITE (RFC 3261 §9.1): once a provisional
// response has come, a CANCEL with the given headers is sent in a transaction
// of its own. The INVITE's own final response still comes, a 2xx perhaps; if
// none does in 64*T1 after the CANCEL, End(ErrTimeout). After a final response,
// and a second time, nothing happens.
func (tx *Client) Cancel(headers ...sip.Header) {
	if !tx.invite || tx.cancel || tx.state != calling && tx.state != proceeding {
		return
	}
	tx.cancel, tx.headers = true, headers
	if tx.state == proceeding {
		tx.sendCancel()
	}
}

func (tx *Client) sendCancel() {
	tx.cancelSent = true
	req := tx.follow(sip.CANCEL)
	for _, h := range tx.headers {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	tx.layer.start(tx.key.branch, req, tx.flow, ignore{})
	tx.end.Stop()
	tx.end = tx.layer.loop.About(tx.layer.timers.timeout(), func() { tx.terminate(ErrTimeout) })
}

// ignore is the handler of a CANCEL: what counts is the INVITE's response.
type ignore struct{}

func (ignore) Response(*sip.Response) {}
func (ignore) End(error)              {}

// Handle gives all further responses to another handler, so that the old one
// can be forgotten while the transaction waits out its timers.
func (tx *Client) Handle(h ClientHandler) { tx.h = h }

func (tx *Client) terminate(err error) {
	if tx.state == over {
		return
	}
	tx.state = over
	tx.repeat.Stop()
	tx.end.Stop()
	if tx.layer.clients[tx.key] == tx {
		delete(tx.layer.clients, tx.key)
	}
	h := tx.h
	tx.req, tx.data, tx.ack, tx.h, tx.headers = nil, nil, nil, nil, nil
	if err != nil && h != nil {
		h.End(err)
	}
}
