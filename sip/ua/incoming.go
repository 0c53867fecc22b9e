package ua

import (
	"errors"
	"net/netip"

	"tandem/sip"
	"tandem/sip/sdp"
	"tandem/sip/transaction"
	"tandem/sip/transport"
)

// Request implements [transaction.User]: a request that is neither ACK, CANCEL
// nor a repetition.
func (s *shard) Request(tx *transaction.Server, req *sip.Request, f *transport.Flow) {
	if sip.ToTag(req) != "" {
		s.set.Request(tx, req)
		return
	}
	peer, known := Peer{}, tx.Known()
	if known {
		peer, known = s.ua.cfg.Identify(f.Remote(), req)
	}
	if !known {
		tx.Drop()
		return
	}
	if e := s.outside(tx, req, peer); e != nil {
		s.respond(tx, req, e)
	}
}

// Ack implements [transaction.User].
func (s *shard) Ack(req *sip.Request, _ *transport.Flow) { s.set.Ack(req) }

// Stray implements [transaction.User].
func (s *shard) Stray(res *sip.Response, _ *transport.Flow) { s.set.Stray(res) }

func (s *shard) respond(tx *transaction.Server, req *sip.Request, e *sip.ReplyError) {
	res := e.Response(req, sip.NewTag())
	if s.ua.cfg.Agent != "" {
		res.AppendHeader(sip.NewHeader("Server", s.ua.cfg.Agent))
	}
	_ = tx.Respond(res)
}

// outside handles a known peer's request outside of any dialog, in the order of
// RFC 3261 §8.2. The result is the answer, unless it was given.
func (s *shard) outside(tx *transaction.Server, req *sip.Request, peer Peer) *sip.ReplyError {
	can := s.set.Abilities
	e := can.Check(req)
	switch {
	case req.Method == sip.INVITE:
		return s.invited(tx, req, peer, e)
	case e != nil:
		return e
	case req.Method == sip.OPTIONS:
		if h, draining := s.ua.retryAfter(); draining {
			return &sip.ReplyError{Status: 503, Headers: []sip.Header{h}}
		}
		return &sip.ReplyError{Status: 200, Headers: []sip.Header{can.Allow(), can.Accept(), can.Supported()}}
	}
	return &sip.ReplyError{Status: 481} // BYE, INFO: they belong into a dialog
}

// invited handles a new call; wrong is what is wrong with the request so far.
func (s *shard) invited(tx *transaction.Server, req *sip.Request, peer Peer, wrong *sip.ReplyError) *sip.ReplyError {
	u := s.ua
	l := &Leg{ua: u, shard: s, info: incomingInfo(req, peer, tx.Flow())}
	refuse := func(e *sip.ReplyError) *sip.ReplyError {
		if u.cfg.Refused != nil {
			u.cfg.Refused(l.info, e)
		}
		return e
	}
	if wrong == nil {
		wrong = sip.CheckHops(req)
	}
	if wrong != nil {
		return refuse(wrong)
	}
	if h, draining := u.retryAfter(); draining {
		return refuse(&sip.ReplyError{Status: 503, Reason: "Draining", Headers: []sip.Header{h}})
	}
	if u.full() {
		return refuse(&sip.ReplyError{Status: 503, Reason: "Too Many Calls"})
	}
	l.sdp.Codecs, l.sdp.OwnOrder = u.cfg.Codecs, peer.OwnOrder
	if peer.Codecs != nil {
		l.sdp.Codecs = peer.Codecs
	}
	_, addr := u.mediaAddr(tx.Flow())
	l.sdp.Addr = netip.AddrPortFrom(addr, 0)
	if s.set.Abilities.Reads(req) {
		offer, err := parseBody(req)
		if err == nil {
			err = l.sdp.Check(offer)
		}
		if err != nil {
			return refuse(refusal(err))
		}
		l.offer = offer
	}
	take, no := u.cfg.Incoming(l.info)
	if no.Status >= 300 && no.Status <= 699 {
		return &sip.ReplyError{Status: no.Status, Reason: no.Reason, Headers: no.Headers}
	}
	if take == nil {
		return &sip.ReplyError{Status: 404}
	}
	l.id = u.cfg.NewID()
	if err := l.open(tx.Flow(), nil); err != nil {
		u.cfg.Log.Warn("no media for a call", "call", l.info.CallID, "trunk", peer.Name, "err", err)
		take(nil)
		return refuse(&sip.ReplyError{Status: 503, Reason: "No Media Port"})
	}
	s.add(l)
	l.dialog = s.set.Serve(tx, req, l.info.RequestURI.User, user{l})
	take(l)
	return nil
}

func (u *UA) full() bool { return u.cfg.MaxLegs > 0 && u.legs.Load() >= int64(u.cfg.MaxLegs) }

func (s *shard) add(l *Leg) {
	s.ua.legs.Add(1)
	s.legs[l] = struct{}{}
}

func (s *shard) remove(l *Leg) {
	if _, ok := s.legs[l]; !ok {
		return
	}
	s.ua.legs.Add(-1)
	delete(s.legs, l)
}

func incomingInfo(req *sip.Request, peer Peer, f *transport.Flow) sip.LegInfo {
	from, to := req.From(), req.To()
	return sip.LegInfo{
		Direction:  sip.Incoming,
		From:       sip.FromTo{Display: from.DisplayName, URI: from.Address},
		To:         sip.FromTo{Display: to.DisplayName, URI: to.Address},
		RequestURI: req.Recipient,
		Trunk:      peer.Name,
		CallID:     sip.CallID(req),
		Remote:     f.Remote(),
		Hops:       sip.Hops(req),
		Headers:    req.Headers(),
	}
}

// refusal is how a description is refused.
func refusal(err error) *sip.ReplyError {
	var syntax *sdp.SyntaxError
	var reply *sip.ReplyError
	switch {
	case errors.As(err, &reply):
		return reply
	case errors.As(err, &syntax):
		return &sip.ReplyError{Status: 400, Reason: "Bad Session Description"}
	}
	code := "399" // RFC 3261 §20.43
	switch {
	case errors.Is(err, sdp.ErrNoCodec):
		code = "305"
	case errors.Is(err, sdp.ErrNoAudio):
		code = "304"
	case errors.Is(err, sdp.ErrAddress):
		code = "301"
	}
	return &sip.ReplyError{Status: 488, Headers: []sip.Header{
		sip.NewHeader("Warning", code+" tandem "+sip.Quote(err.Error())),
	}}
}
