package dialog

import (
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"tandem/sip"
	"tandem/sip/auth"
	"tandem/sip/loop"
	"tandem/sip/transaction"
	"tandem/sip/transport"
)

// Errors of methods that came at the wrong time.
var (
	// ErrState says that the dialog is not in a state that allows it: not yet
	// answered, or already over.
	ErrState = errors.New("not possible in this state of the call")
)

// T1 is the round trip estimate of RFC 3261 §17.1.1.1; the times of this
// package are multiples of it.
const T1 = 500 * time.Millisecond

// An ID names a dialog (RFC 3261 §12).
type ID struct{ CallID, Local, Remote string }

// A User has a dialog. All calls come on the dialog's loop.
type User interface {
	// Offered answers the offer in a re-INVITE. A nil offer asks for one of
	// ours, which goes out in the 200 and is answered in the ACK. An error
	// refuses: a *sip.ReplyError as it says, any other with 488.
	Offered(offer *sip.Request) (body []byte, err error)
	// Answered takes the answer to an offer that went out in a 200. It is
	// called with nil where the ACK has none. An error ends the dialog.
	Answered(ack *sip.Request) error
	// Confirmed says that the ACK for the first 200 has come.
	Confirmed()
	// Info takes an INFO and says the status of its response.
	Info(req *sip.Request) (status int)
	// Ended says that the dialog is over, once.
	Ended(c sip.Cause)
}

// A Set is the dialogs of one loop.
type Set struct {
	Loop *loop.Loop
	Net  *transport.Layer
	Tx   *transaction.Layer
	// Abilities say what we answer inside dialogs.
	Abilities *sip.Abilities
	// Agent is our Server and User-Agent header; empty: none.
	Agent string
	Log   *slog.Logger

	dialogs map[ID]*Dialog
	// Headers that most messages carry. Printing does not change them, so that
	// one of each is enough.
	allow, supported, agent sip.Header
}

// Init makes s ready. It is called once, when all fields are set but Net.
func (s *Set) Init() {
	s.dialogs = make(map[ID]*Dialog)
	s.allow, s.supported = s.Abilities.Allow(), s.Abilities.Supported()
	if s.Agent != "" {
		s.agent = sip.NewHeader("User-Agent", s.Agent)
	}
}

// Len says how many dialogs there are, early and closing ones too.
func (s *Set) Len() int { return len(s.dialogs) }

func (s *Set) put(d *Dialog) {
	s.dialogs[d.id] = d
}

func (s *Set) drop(d *Dialog) {
	if s.dialogs[d.id] == d {
		delete(s.dialogs, d.id)
	}
}

// state is how far a dialog has come.
type state uint8

const (
	early     state = iota // INVITE not answered
	unacked                // we sent 200 and wait for the ACK
	confirmed              // up
	closing                // its user has let go of it; the protocol is not done
	over
)

// A Dialog is one dialog and the session in it.
type Dialog struct {
	set   *Set
	id    ID
	user  User // nil once it was told of the end
	state state
	owner bool // we made the Call-ID (RFC 3261 §14.1)

	local, remote       sip.FromTo
	target              sip.Uri   // where the other side wants requests
	routes              []sip.Uri // fixed when the dialog was made (§12.1)
	contact             string    // user part of our Contact
	localSeq, remoteSeq uint32
	anySeq              bool // remoteSeq is set

	flow *transport.Flow // the last that a request came by or the INVITE left by
	peer netip.Addr      // whom auth's credentials are for
	auth *auth.Client

	invite *serverInvite // an INVITE from the other side that is not done
	ours   *reinvite     // our re-INVITE that is not done
	queued *reinvite     // the one after it
	ack    lastAck       // of the 2xx to our last INVITE
	bye    []sip.Header  // headers of a BYE that has to wait for the ACK
}

// lastAck is an ACK that is sent again when its 2xx is (§13.2.2.4).
type lastAck struct {
	seq  uint32
	data []byte
	flow *transport.Flow
}

// find gives the dialog of a request.
func (s *Set) find(req *sip.Request) *Dialog {
	return s.dialogs[ID{sip.CallID(req), sip.ToTag(req), sip.FromTag(req)}]
}

// end tells the user, once. The dialog goes away unless it is closing.
func (d *Dialog) end(c sip.Cause) {
	if d.state != closing {
		d.forget()
	}
	if u := d.user; u != nil {
		d.user = nil
		u.Ended(c)
	}
}

// forget takes the dialog out of its set for good.
func (d *Dialog) forget() {
	d.state = over
	d.stopInvite()
	d.stopReinvite()
	d.set.drop(d)
}

// request makes a request within the dialog (§12.2.1.1). The caller adds what
// is special to it.
func (d *Dialog) request(method sip.RequestMethod, seq uint32) *sip.Request {
	uri, routes := d.target, d.routes
	strict := len(routes) > 0 && !routes[0].UriParams.Has("lr")
	if strict { // the first router wants to be the Request-URI, the target last
		uri = routes[0]
	}
	req := sip.NewRequest(method, uri)
	if strict {
		routes = append(append(make([]sip.Uri, 0, len(routes)), routes[1:]...), d.target)
	}
	for i := range routes {
		req.AppendHeader(&sip.RouteHeader{Address: routes[i]})
	}
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	from := &sip.FromHeader{DisplayName: d.local.Display, Address: d.local.URI, Params: tag(d.id.Local)}
	to := &sip.ToHeader{DisplayName: d.remote.Display, Address: d.remote.URI, Params: tag(d.id.Remote)}
	callID := sip.CallIDHeader(d.id.CallID)
	req.AppendHeader(from)
	req.AppendHeader(to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	if d.set.agent != nil {
		req.AppendHeader(d.set.agent)
	}
	return req
}

func tag(t string) sip.Params {
	if t == "" {
		return nil
	}
	return sip.Params{{K: "tag", V: t}}
}

// nextSeq counts our requests.
func (d *Dialog) nextSeq() uint32 {
	d.localSeq++
	return d.localSeq
}

// contactHeader is our Contact as the other side of f is to see it.
func contactHeader(user string, f *transport.Flow) *sip.ContactHeader {
	host, port := f.SentBy()
	u := sip.Uri{Scheme: "sip", User: user, Host: host, Port: port}
	if f.Network() != "udp" {
		u.UriParams = sip.Params{{K: "transport", V: f.Network()}}
	}
	return &sip.ContactHeader{Address: u}
}

// hop is the way that a request of ours takes: to the first route or the
// target where they name an address, and back the way messages came where they
// do not, or name one that cannot be reached from here (a private address
// behind a NAT).
func (d *Dialog) hop() (*transport.Flow, error) {
	uri := &d.target
	if len(d.routes) > 0 {
		uri = &d.routes[0]
	}
	network, remote := d.flow.Network(), d.flow.Remote()
	if tp, ok := sip.Param(uri.UriParams, "transport"); ok {
		if tp = strings.ToLower(tp); tp == "udp" || tp == "tcp" {
			network = tp
		}
	}
	to, ok := address(uri)
	if !ok || unreachable(to.Addr(), remote.Addr()) {
		to = remote
	}
	if network == d.flow.Network() && d.flow.Alive() &&
		(to == remote || d.flow.Reliable() && to.Addr() == remote.Addr()) {
		return d.flow, nil
	}
	return d.set.Net.Dial(network, to)
}

// address is the address that a URI names without asking DNS.
func address(u *sip.Uri) (netip.AddrPort, bool) {
	addr, ok := sip.HostAddr(u.Host)
	if !ok {
		return netip.AddrPort{}, false
	}
	port := u.Port
	if port == 0 {
		port = 5060
	}
	if port < 0 || port > 65535 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), true
}

// unreachable says that a, which a peer gave as its own address, is no address
// of a host that we see at src.
func unreachable(a, src netip.Addr) bool {
	if a == src {
		return false
	}
	return a.IsUnspecified() || a.IsMulticast() || a.Is4() != src.Is4() ||
		a.IsLoopback() && !src.IsLoopback() ||
		a.IsPrivate() && !src.IsPrivate() && !src.IsLoopback()
}

// clean makes a URI out of a Contact or Record-Route that can be a Request-URI
// or Route of ours: the headers that it may hide are not for us (§19.1.5).
func clean(u sip.Uri) sip.Uri {
	u.Headers = nil
	u.UriParams = u.UriParams.Clone()
	return u
}

// recordRoutes reads a route set.
func recordRoutes(m sip.Message) []sip.Uri {
	hs := m.GetHeaders("record-route")
	if len(hs) == 0 {
		return nil
	}
	routes := make([]sip.Uri, 0, len(hs))
	for _, h := range hs {
		if rr, ok := h.(*sip.RecordRouteHeader); ok {
			routes = append(routes, clean(rr.Address))
		}
	}
	return routes
}

// contactOf is the target that a message names.
func contactOf(m sip.Message) (sip.Uri, bool) {
	for _, h := range m.GetHeaders("contact") {
		if c, ok := h.(*sip.ContactHeader); ok && (c.Address.Scheme == "sip" || c.Address.Scheme == "") && c.Address.Host != "" {
			return clean(c.Address), true
		}
	}
	return sip.Uri{}, false
}

// fromTo reads From or To without its tag.
func fromTo(display string, u sip.Uri) sip.FromTo { return sip.FromTo{Display: display, URI: u} }
