// Package transaction holds the four state machines of RFC 3261 §17, as
// corrected by RFC 6026. They live on a loop: every method is called there,
// every callback comes there; there is no goroutine and no lock.
package transaction

import (
	"errors"
	"time"

	"tandem/sip"
	"tandem/sip/loop"
	"tandem/sip/transport"
)

// Errors that end a transaction.
var (
	// ErrTimeout says that no final response came in 64*T1 (Timer B or F).
	ErrTimeout = errors.New("no response")
	// ErrTransport says that a message could not be delivered; it is wrapped
	// together with the reason.
	ErrTransport = errors.New("transport")
	// ErrState says that the transaction is past what is asked of it.
	ErrState = errors.New("transaction is over")
)

// Timers are the times of RFC 3261 §17.1.1.1. The zero value stands for those
// of the RFC.
type Timers struct {
	T1 time.Duration // round trip estimate: 500 ms
	T2 time.Duration // longest interval between repetitions: 4 s
	T4 time.Duration // longest life of a message in the network: 5 s
	D  time.Duration // wait for repeated final responses: 32 s, at least 64*T1
}

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
type Layer struct{}

// NewLayer makes the transactions of l. Only the zero fields of t are filled in.
func NewLayer(l *loop.Loop, u User, t Timers) *Layer { panic("soon") }

// Receive takes a message from the transport; it is to be called from the
// transport's Handler, on the loop.
func (l *Layer) Receive(r *transport.Received) { panic("soon") }

// Request sends req by f and gives its responses to h. A Via with a new branch
// is put on top; the rest of req must be complete, and must not be changed any
// more. Not for ACK: see Send.
func (l *Layer) Request(req *sip.Request, f *transport.Flow, h ClientHandler) *Client { panic("soon") }

// Send sends an ACK for a 2xx, which is a transaction of its own without state
// (RFC 3261 §13.2.2.4), with a new Via on top. The result are its bytes, to be
// sent again by the flow when the 2xx is repeated.
func (l *Layer) Send(ack *sip.Request, f *transport.Flow) ([]byte, error) { panic("soon") }

// Len says how many transactions live; for tests and metrics.
func (l *Layer) Len() (server, client int) { panic("soon") }

// A ClientHandler gets what comes of a request.
type ClientHandler interface {
	// Response is every provisional response, every 2xx to an INVITE with its
	// repetitions and forks (different To tags), and the one final response
	// else.
	Response(res *sip.Response)
	// End says that no final response will come; err wraps ErrTimeout or
	// ErrTransport. It comes at most once.
	End(err error)
}

// A Client is a client transaction.
type Client struct{}

// Cancel asks the peer to give up an INVITE (RFC 3261 §9.1): once a provisional
// response has come, a CANCEL with the given headers is sent in a transaction
// of its own. The INVITE's own final response still comes, a 2xx perhaps; if
// none does in 64*T1 after the CANCEL, End(ErrTimeout). After a final response,
// and a second time, nothing happens.
func (tx *Client) Cancel(headers ...sip.Header) { panic("soon") }

// Handle gives all further responses to another handler, so that the old one
// can be forgotten while the transaction waits out its timers.
func (tx *Client) Handle(h ClientHandler) { panic("soon") }

// A Server is a server transaction.
type Server struct{}

// Request is the request; nil once a final response was given.
func (tx *Server) Request() *sip.Request { panic("soon") }

// Flow is the way the request came.
func (tx *Server) Flow() *transport.Flow { panic("soon") }

// Known says whether the request's source is one that may be answered.
func (tx *Server) Known() bool { panic("soon") }

// Respond sends a response: any number of provisional ones, then one final. A
// 2xx to an INVITE may be given again.
func (tx *Server) Respond(res *sip.Response) error { panic("soon") }

// Drop forgets the transaction without an answer: what strangers get.
func (tx *Server) Drop() { panic("soon") }

// OnCancel sets what is done when the INVITE is cancelled: the CANCEL has been
// answered, the INVITE is to be answered, with 487.
func (tx *Server) OnCancel(fn func(cancel *sip.Request)) { panic("soon") }

// OnEnd sets what is done when the transaction is over: err is nil if it ended
// as it should, ErrTimeout if a final response to an INVITE other than 2xx was
// never acknowledged, or wraps ErrTransport.
func (tx *Server) OnEnd(fn func(err error)) { panic("soon") }

// Retransmit2xx repeats the 2xx that was given last at T1, doubling to T2 (RFC
// 3261 §13.3.1.4), by any transport, until stop is called, which is to be done
// when the ACK comes. If that has not happened after 64*T1, unacknowledged is
// called: the dialog is then to be ended with BYE.
func (tx *Server) Retransmit2xx(unacknowledged func()) (stop func()) { panic("soon") }
