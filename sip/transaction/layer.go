// Package transaction holds the four state machines of RFC 3261 §17, as
// corrected by RFC 6026. They live on a loop: every method is called there,
// every callback comes there; there is no goroutine and no lock.
//
// sipgo's own machines are not used: they block on a channel under a lock, want
// a goroutine for each transaction and keep their timers in package variables.
package transaction

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem/sip"
	"tandem/sip/loop"
	"tandem/sip/transport"
)

// Errors that end a transaction.
var (
	// ErrTimeout says that no final response came in 64*T1 (Timer B or F), or
	// no ACK (Timer H).
	ErrTimeout = errors.New("no response")
	// ErrTransport says that a message could not be delivered; it is wrapped
	// together with the reason.
	ErrTransport = errors.New("transport")
	// ErrState says that the transaction is past what is asked of it.
	ErrState = errors.New("transaction is over")
)

// Timers are the times of RFC 3261 §17.1.1.1. A zero field stands for the value
// of the RFC.
type Timers struct {
	T1 time.Duration // round trip estimate: 500 ms
	T2 time.Duration // longest interval between repetitions: 4 s
	T4 time.Duration // longest life of a message in the network: 5 s
	D  time.Duration // wait for repeated final responses to INVITE: 64*T1
}

func (t Timers) orDefaults() Timers {
	if t.T1 == 0 {
		t.T1 = 500 * time.Millisecond
	}
	if t.T2 == 0 {
		t.T2 = 4 * time.Second
	}
	if t.T4 == 0 {
		t.T4 = 5 * time.Second
	}
	if t.D == 0 {
		t.D = 64 * t.T1
	}
	return t
}

// timeout is the length of Timers B, F, H, J, L and M.
func (t *Timers) timeout() time.Duration { return 64 * t.T1 }

// A User is what stands above the transactions: it is told of everything that
// belongs to none.
type User interface {
	// Request is a new request: not ACK, not CANCEL, not a repetition. Nothing
	// has been sent; if the user has not answered an INVITE when Request
	// returns, nor dropped it, a 100 goes out at once.
	Request(tx *Server, req *sip.Request, f *transport.Flow)
	// Ack is the ACK for a 2xx, or one that belongs to nothing.
	Ack(req *sip.Request, f *transport.Flow)
	// Stray is a response that belongs to no transaction: a 2xx that is
	// repeated after Timer M, mostly.
	Stray(res *sip.Response, f *transport.Flow)
}

// A Layer is the transactions of one loop.
type Layer struct {
	loop    *loop.Loop
	user    User
	timers  Timers
	servers map[serverKey]*Server
	clients map[clientKey]*Client
	merged  map[mergeKey]*Server
	scratch []byte // messages are printed here and then copied to their size
}

// NewLayer makes the transactions of l. It may be called on any goroutine,
// before the loop has anything to do.
func NewLayer(l *loop.Loop, u User, t Timers) *Layer {
	return &Layer{
		loop: l, user: u, timers: t.orDefaults(),
		servers: make(map[serverKey]*Server),
		clients: make(map[clientKey]*Client),
		merged:  make(map[mergeKey]*Server),
	}
}

// Len says how many transactions live; for tests and metrics.
func (l *Layer) Len() (server, client int) { return len(l.servers), len(l.clients) }

// Receive takes a message from the transport; it is to be called from the
// transport's Handler, on the loop.
func (l *Layer) Receive(r *transport.Received) {
	switch m := r.Msg.(type) {
	case *sip.Request:
		l.request(m, r)
	case *sip.Response:
		l.response(m, r.Flow)
	}
}

func (l *Layer) response(res *sip.Response, f *transport.Flow) {
	if vias(res) != 1 {
		return // another element's (RFC 3261 §8.1.3.3)
	}
	branch, _ := res.Via().Params.Get("branch")
	if tx := l.clients[clientKey{branch, res.CSeq().MethodName}]; tx != nil {
		tx.receive(res)
		return
	}
	l.user.Stray(res, f)
}

func vias(m *sip.Response) (n int) {
	for _, h := range m.Headers() {
		if _, ok := h.(*sip.ViaHeader); ok {
			n++
		}
	}
	return n
}

func (l *Layer) request(req *sip.Request, r *transport.Received) {
	key := makeServerKey(req)
	switch req.Method {
	case sip.ACK:
		key.method = sip.INVITE
		if tx := l.servers[key]; tx != nil && tx.state != accepted {
			tx.ack()
			return
		}
		l.user.Ack(req, r.Flow)
		return
	}
	if tx := l.servers[key]; tx != nil {
		tx.repeated(r.Flow)
		return
	}
	if req.Method == sip.CANCEL {
		l.cancel(key, req, r)
		return
	}
	tx := l.newServer(key, req, r)
	if sip.ToTag(req) == "" {
		mk := mergeKey{sip.CallID(req), sip.FromTag(req), req.CSeq().SeqNo, req.Method}
		if l.merged[mk] != nil {
			// The same request by another way (RFC 3261 §8.2.2.2).
			tx.refuse(482)
			return
		}
		l.merged[mk], tx.merge = tx, mk
	}
	l.user.Request(tx, req, r.Flow)
	if tx.invite && tx.state == proceeding && tx.last == nil {
		tx.answer(100, "")
	}
}

// cancel handles a CANCEL (RFC 3261 §9.2).
func (l *Layer) cancel(key serverKey, req *sip.Request, r *transport.Received) {
	tx := l.newServer(key, req, r)
	key.method = sip.INVITE
	invite := l.servers[key]
	if invite == nil {
		tx.refuse(481)
		return
	}
	tx.answer(200, invite.tag())
	if invite.state != proceeding {
		return
	}
	if cancelled := invite.onCancel; cancelled != nil {
		invite.onCancel = nil
		cancelled(req)
		return
	}
	if !invite.cancelled {
		invite.answer(487, invite.tag())
	}
}

// Send sends an ACK for a 2xx, which is a transaction of its own without state
// (RFC 3261 §13.2.2.4), with a new Via on top. The result are its bytes, to be
// sent again by the flow when the 2xx is repeated.
func (l *Layer) Send(ack *sip.Request, f *transport.Flow) ([]byte, error) {
	addVia(ack, f)
	data, err := l.print(ack)
	if err != nil {
		return nil, err
	}
	return data, f.Send(data, nil)
}

// addVia puts a Via with a new branch on top, and what every request needs
// where it is missing.
func addVia(req *sip.Request, f *transport.Flow) (branch string) {
	host, port := f.SentBy()
	branch = sip.NewBranch()
	params := make(sip.Params, 0, 2)
	params.Add("branch", branch)
	params.Add("rport", "")
	req.PrependHeader(&sip.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: f.Transport(), Host: host, Port: port, Params: params,
	})
	if req.MaxForwards() == nil {
		hops := sip.MaxForwardsHeader(70)
		req.AppendHeader(&hops)
	}
	if req.ContentLength() == nil {
		req.SetBody(req.Body())
	}
	return branch
}

// print gives a message's bytes in a slice of just their size.
func (l *Layer) print(m sip.Message) ([]byte, error) {
	var err error
	if l.scratch, err = sip.Append(l.scratch[:0], m); err != nil {
		return nil, err
	}
	return append(make([]byte, 0, len(l.scratch)), l.scratch...), nil
}

// later makes the func(error) that a flow calls when it could not deliver: the
// error comes to the loop. UDP never calls it.
func (l *Layer) later(f *transport.Flow, failed func(error)) func(error) {
	if !f.Reliable() {
		return nil
	}
	return func(err error) { l.loop.Post(func() { failed(err) }) }
}

func transportError(err error) error { return fmt.Errorf("%w: %w", ErrTransport, err) }

// clientKey is what a response is matched by (RFC 3261 §17.1.3).
type clientKey struct {
	branch string
	method sip.RequestMethod
}

// serverKey is what a request is matched by (RFC 3261 §17.2.3). For a peer of
// RFC 2543, and one whose branch is the bare cookie, branch is all that makes
// its request what it is.
type serverKey struct {
	branch, host string
	port         int
	method       sip.RequestMethod
}

const magicCookie = "z9hG4bK"

func makeServerKey(req *sip.Request) serverKey {
	via := req.Via()
	k := serverKey{host: via.Host, port: via.Port, method: req.Method}
	if k.port == 0 {
		k.port = 5060
	}
	branch, _ := via.Params.Get("branch")
	if len(branch) > len(magicCookie) && strings.EqualFold(branch[:len(magicCookie)], magicCookie) {
		k.branch = branch
		return k
	}
	// The To tag is left out, as ACK has one that the INVITE had not.
	k.branch = fmt.Sprintf("2543\n%s\n%s\n%s\n%d\n%s", req.Recipient.String(), sip.FromTag(req), sip.CallID(req), req.CSeq().SeqNo, branch)
	return k
}

// mergeKey is by what a request is the same as another that came by another
// way (RFC 3261 §8.2.2.2).
type mergeKey struct {
	callID, fromTag string
	cseq            uint32
	method          sip.RequestMethod
}
