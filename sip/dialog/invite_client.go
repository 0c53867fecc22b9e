package dialog

import (
	"errors"
	"net/netip"
	"time"

	"tandem/sip"
	"tandem/sip/auth"
	"tandem/sip/loop"
	"tandem/sip/transaction"
	"tandem/sip/transport"
)

// A Caller has an INVITE that we sent, and then the dialog it made.
type Caller interface {
	User
	// Offer makes the body of an INVITE that leaves by f.
	Offer(f *transport.Flow) ([]byte, error)
	// Progress is a provisional response above 100.
	Progress(res *sip.Response)
	// Accepted is the first 2xx: d is the call's dialog now. An error ends it
	// with ACK and BYE.
	Accepted(d *Dialog, res *sip.Response) error
}

// InviteOptions describe an INVITE.
type InviteOptions struct {
	CallID  string // empty: one is made
	To      sip.Uri
	From    sip.FromTo // an empty host: our own address
	Contact string     // user part of our Contact
	Network string
	// Remotes are tried in order; TryTimeout is how long one may stay silent.
	Remotes     []netip.AddrPort
	TryTimeout  time.Duration
	Route       []sip.Uri
	Headers     []sip.Header
	Auth        *auth.Client
	MaxForwards int
}

// A Client is an INVITE that we sent, over all addresses that were tried.
type Client struct {
	set    *Set
	o      InviteOptions
	user   Caller // nil once it is told of the end, or has its dialog
	tag    string // our From tag
	seq    uint32
	place  int      // which of o.Remotes is being tried
	cur    *attempt // the one that counts; nil once it is decided
	forks  []*Dialog
	winner *Dialog
	gone   []*Dialog // forks that were answered too late: ACK, BYE
}

// An attempt is one INVITE transaction.
type attempt struct {
	c     *Client
	tx    *transaction.Client
	req   *sip.Request
	flow  *transport.Flow
	quiet *loop.Timer // runs until anything is heard
}

// errNoRemote says that there is nowhere to send an INVITE to.
var errNoRemote = errors.New("no address to send the call to")

// Invite sends an INVITE. Ended may be called before it returns.
func (s *Set) Invite(o InviteOptions, u Caller) (*Client, error) {
	if len(o.Remotes) == 0 {
		return nil, errNoRemote
	}
	if o.CallID == "" {
		o.CallID = sip.NewCallID()
	}
	if o.Network == "" {
		o.Network = "udp"
	}
	if o.MaxForwards == 0 {
		o.MaxForwards = 70
	}
	c := &Client{set: s, o: o, user: u, tag: sip.NewTag()}
	c.try(nil)
	return c, nil
}

// try sends the INVITE to the address at c.place, or the first one after it
// that takes it. why is what was wrong with the one before.
func (c *Client) try(why error) {
	for ; c.place < len(c.o.Remotes); c.place++ {
		f, err := c.set.Net.Dial(c.o.Network, c.o.Remotes[c.place])
		if err == nil {
			err = c.send(f)
		}
		if err == nil {
			return
		}
		why = err
	}
	status := 503
	if errors.Is(why, transaction.ErrTimeout) {
		status = 408
	}
	cause := sip.StatusCause(status, sip.Local)
	if why != nil && status == 503 {
		c.set.Log.Warn("call not sent", "call", c.o.CallID, "err", why)
	}
	c.end(cause)
}

// send starts an attempt by f.
func (c *Client) send(f *transport.Flow) error {
	body, err := c.user.Offer(f)
	if err != nil {
		return err
	}
	if c.o.From.URI.Host == "" {
		c.o.From.URI.Host, _ = f.SentBy()
	}
	c.seq++
	req := c.invite(f, body)
	if err := c.o.Auth.Authorize(req); err != nil {
		return err
	}
	a := &attempt{c: c, req: req, flow: f}
	c.cur = a
	if d := c.tryTimeout(); d > 0 {
		a.quiet = c.set.Loop.AfterFunc(d, a.silent)
	}
	a.tx = c.set.Tx.Request(req, f, a)
	return nil
}

// tryTimeout is how long the current address may stay silent: the transaction's
// own 64*T1 where no other follows.
func (c *Client) tryTimeout() time.Duration {
	if c.o.TryTimeout > 0 {
		return c.o.TryTimeout
	}
	if c.place+1 < len(c.o.Remotes) {
		return 8 * T1
	}
	return 0
}

func (c *Client) invite(f *transport.Flow, body []byte) *sip.Request {
	req := sip.NewRequest(sip.INVITE, c.o.To)
	for i := range c.o.Route {
		req.AppendHeader(&sip.RouteHeader{Address: c.o.Route[i]})
	}
	hops := sip.MaxForwardsHeader(c.o.MaxForwards)
	callID := sip.CallIDHeader(c.o.CallID)
	req.AppendHeader(&hops)
	req.AppendHeader(&sip.FromHeader{DisplayName: c.o.From.Display, Address: c.o.From.URI, Params: tag(c.tag)})
	req.AppendHeader(&sip.ToHeader{Address: c.o.To})
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: c.seq, MethodName: sip.INVITE})
	req.AppendHeader(contactHeader(c.o.Contact, f))
	req.AppendHeader(c.set.allow)
	if c.set.agent != nil {
		req.AppendHeader(c.set.agent)
	}
	for _, h := range c.o.Headers {
		req.AppendHeader(h)
	}
	setSDP(req, body)
	return req
}

// Hangup gives the call up: CANCEL (§9.1), and should it be answered
// nevertheless, ACK and BYE. Once there is a dialog, it is the dialog's Hangup.
func (c *Client) Hangup(cause sip.Cause) {
	switch a := c.cur; {
	case c.winner != nil:
		c.winner.Hangup(cause)
	case a != nil:
		a.tx.Cancel(append([]sip.Header{cause.ReasonHeader()}, cause.Headers...)...)
		c.end(cause)
	}
}

// Early is the early dialog heard last; nil where there is none.
func (c *Client) Early() *Dialog {
	if n := len(c.forks); n > 0 && c.winner == nil {
		return c.forks[n-1]
	}
	return nil
}

// end tells the user that no dialog came of it.
func (c *Client) end(cause sip.Cause) {
	if c.cur != nil {
		c.cur.quiet.Stop()
		c.cur = nil
	}
	c.dropForks(nil)
	if u := c.user; u != nil {
		c.user = nil
		u.Ended(cause)
	}
}

func (c *Client) dropForks(but *Dialog) {
	for _, d := range c.forks {
		if d != but {
			d.forget()
		}
	}
	c.forks = nil
}

// Response implements [transaction.ClientHandler].
func (a *attempt) Response(res *sip.Response) {
	c := a.c
	a.quiet.Stop()
	switch status := res.StatusCode; {
	case status >= 200 && status < 300:
		a.accepted(res)
	case c.cur != a: // given up: the transaction ends by itself
	case status == 100:
	case status < 200:
		if sip.ToTag(res) != "" {
			c.fork(a, res)
		}
		c.user.Progress(res)
	case status == 401 || status == 407:
		a.challenged(res)
	case status == 503 && c.place+1 < len(c.o.Remotes):
		c.next(nil)
	default:
		c.o.Auth.Settled()
		c.end(sip.CauseOf(res))
	}
}

// End implements [transaction.ClientHandler].
func (a *attempt) End(err error) {
	if a.c.cur == a {
		a.quiet.Stop()
		a.c.next(err)
	}
}

// silent gives an address up that has not said a word. Should it wake up, it is
// told to cancel.
func (a *attempt) silent() {
	if a.c.cur != a {
		return
	}
	a.tx.Cancel()
	a.c.next(transaction.ErrTimeout)
}

// next goes on to the next address.
func (c *Client) next(why error) {
	c.cur = nil
	c.dropForks(nil)
	c.place++
	c.try(why)
}

// challenged sends the INVITE again with credentials (§22.2).
func (a *attempt) challenged(res *sip.Response) {
	c := a.c
	if err := c.o.Auth.Challenged(res, a.req); err != nil {
		c.set.Log.Warn("challenge not answered", "call", c.o.CallID, "status", res.StatusCode, "err", err)
		c.end(sip.CauseOf(res))
		return
	}
	c.dropForks(nil)
	if err := c.send(a.flow); err != nil {
		c.end(sip.StatusCause(503, sip.Local))
	}
}

// accepted takes a 2xx: the first makes the call's dialog, a repetition gets
// its ACK again, one from another fork ACK and BYE (§13.2.2.4).
func (a *attempt) accepted(res *sip.Response) {
	c := a.c
	id := ID{c.o.CallID, c.tag, sip.ToTag(res)}
	if w := c.winner; w != nil && w.id == id {
		w.repeatAck(res)
		return
	}
	for _, d := range c.gone {
		if d.id == id {
			d.repeatAck(res)
			return
		}
	}
	if c.cur != a { // cancelled, given up, or another fork has won
		if len(c.gone) >= maxForks {
			return // no network makes so many; the rest time out
		}
		d := a.dialog(res)
		c.gone = append(c.gone, d)
		d.confirm(a, res)
		d.state = closing
		d.sendBye()
		return
	}
	d := c.fork(a, res)
	c.winner, c.cur = d, nil
	c.o.Auth.Settled()
	c.dropForks(d)
	u := c.user
	c.user = nil
	d.user = u
	d.state = confirmed
	d.confirm(a, res)
	if err := u.Accepted(d, res); err != nil {
		var re *sip.ReplyError
		status := 488
		if errors.As(err, &re) {
			status = re.Status
		}
		d.Hangup(sip.StatusCause(status, sip.Local))
	}
}

// fork gives the dialog of a response with a To tag, a new one where it is the
// first of its kind (§12.1.2). Forks beyond a number that no network makes
// share the last.
func (c *Client) fork(a *attempt, res *sip.Response) *Dialog {
	t := sip.ToTag(res)
	for _, d := range c.forks {
		if d.id.Remote == t {
			return d
		}
	}
	d := a.dialog(res)
	if len(c.forks) < maxForks || res.StatusCode >= 200 {
		c.forks = append(c.forks, d)
		c.set.put(d)
	}
	return d
}

const maxForks = 16

// dialog makes the dialog of a response.
func (a *attempt) dialog(res *sip.Response) *Dialog {
	c := a.c
	d := &Dialog{
		set:      c.set,
		id:       ID{c.o.CallID, c.tag, sip.ToTag(res)},
		state:    early,
		owner:    true,
		local:    c.o.From,
		remote:   sip.FromTo{URI: c.o.To},
		target:   c.o.To,
		contact:  c.o.Contact,
		localSeq: a.req.CSeq().SeqNo,
		flow:     a.flow,
		peer:     a.flow.Remote().Addr(),
		auth:     c.o.Auth,
	}
	d.setRemote(res)
	return d
}

// setRemote takes target and route set from a response to our INVITE.
func (d *Dialog) setRemote(res *sip.Response) {
	if u, ok := contactOf(res); ok {
		d.target = u
	}
	routes := recordRoutes(res)
	for i, j := 0, len(routes)-1; i < j; i, j = i+1, j-1 {
		routes[i], routes[j] = routes[j], routes[i]
	}
	d.routes = routes
}

// confirm fixes the dialog by its 2xx, whose route set and target count
// (§13.2.2.4), and acknowledges it.
func (d *Dialog) confirm(a *attempt, res *sip.Response) {
	d.setRemote(res)
	d.sendAck(a.req)
}

// sendAck acknowledges the 2xx to invite.
func (d *Dialog) sendAck(invite *sip.Request) {
	seq := invite.CSeq().SeqNo
	ack := d.request(sip.ACK, seq)
	auth.Copy(ack, invite)
	f, err := d.hop()
	if err != nil {
		d.set.Log.Warn("no way for ACK", "call", d.id.CallID, "err", err)
		return
	}
	data, err := d.set.Tx.Send(ack, f)
	if err != nil {
		d.set.Log.Warn("ACK not sent", "call", d.id.CallID, "err", err)
	}
	d.ack = lastAck{seq, data, f}
}

// repeatAck answers a 2xx that came again.
func (d *Dialog) repeatAck(res *sip.Response) {
	if d.ack.data != nil && res.CSeq().SeqNo == d.ack.seq {
		_ = d.ack.flow.Send(d.ack.data, nil)
	}
}

// Stray takes a response that belongs to no transaction: a 2xx that is still
// repeated after its transaction has ended.
func (s *Set) Stray(res *sip.Response) {
	if d := s.dialogs[ID{sip.CallID(res), sip.FromTag(res), sip.ToTag(res)}]; d != nil &&
		res.StatusCode/100 == 2 && res.CSeq().MethodName == sip.INVITE {
		d.repeatAck(res)
	}
}
