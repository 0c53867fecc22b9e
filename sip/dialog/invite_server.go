package dialog

import (
	"tandem/sip"
	"tandem/sip/transaction"
)

// serverInvite is an INVITE from the other side: the first or a later one.
type serverInvite struct {
	tx      *transaction.Server
	req     *sip.Request
	seq     uint32
	first   bool
	offered bool   // our 200 carries an offer; the ACK has the answer
	stop    func() // ends the repetition of our 200; nil: no 200 yet
}

// Serve makes the dialog of an INVITE that came outside of any (§12.1.1).
// contact is the user part of our Contact.
func (s *Set) Serve(tx *transaction.Server, req *sip.Request, contact string, u User) *Dialog {
	from, to := req.From(), req.To()
	d := &Dialog{
		set:       s,
		id:        ID{CallID: sip.CallID(req), Local: sip.NewTag(), Remote: sip.FromTag(req)},
		user:      u,
		state:     early,
		local:     fromTo(to.DisplayName, to.Address),
		remote:    fromTo(from.DisplayName, from.Address),
		routes:    recordRoutes(req),
		contact:   contact,
		remoteSeq: req.CSeq().SeqNo,
		anySeq:    true,
		flow:      tx.Flow(),
	}
	d.peer = d.flow.Remote().Addr()
	var ok bool
	if d.target, ok = contactOf(req); !ok {
		d.target = clean(from.Address)
	}
	in := &serverInvite{tx: tx, req: req, seq: d.remoteSeq, first: true}
	d.invite = in
	s.put(d)
	tx.OnCancel(func(cancel *sip.Request) { d.cancelled(in, cancel) })
	tx.OnEnd(func(err error) {
		if err != nil && d.invite == in && in.stop == nil {
			// The connection is gone, and with it whoever waits for an answer.
			d.end(sip.StatusCause(503, sip.Remote))
		}
	})
	return d
}

// Ring sends a provisional response; body is an answer or nil.
func (d *Dialog) Ring(status int, reason string, headers []sip.Header, body []byte) error {
	in := d.invite
	if d.state != early || in == nil || in.stop != nil {
		return ErrState
	}
	res := d.response(in.req, status, reason, headers, body)
	res.AppendHeader(contactHeader(d.contact, in.tx.Flow()))
	return in.tx.Respond(res)
}

// Answer sends 200; body is an answer, or an offer where the INVITE had none.
// It is sent again until the ACK comes; without one in 64*T1 the dialog ends
// with BYE (§13.3.1.4).
func (d *Dialog) Answer(headers []sip.Header, body []byte, offer bool) error {
	in := d.invite
	if d.state != early || in == nil || in.stop != nil {
		return ErrState
	}
	return d.accept(in, headers, body, offer, unacked)
}

func (d *Dialog) accept(in *serverInvite, headers []sip.Header, body []byte, offer bool, next state) error {
	res := d.response(in.req, 200, "", headers, body)
	res.AppendHeader(contactHeader(d.contact, in.tx.Flow()))
	res.AppendHeader(d.set.allow)
	res.AppendHeader(d.set.supported)
	in.offered = offer
	if err := in.tx.Respond(res); err != nil {
		return err
	}
	in.req = nil // not needed any more; a call may last for hours
	in.tx.OnEnd(nil)
	d.state = next
	in.stop = in.tx.Retransmit2xx(func() { d.unacknowledged(in) })
	return nil
}

// refuse ends an INVITE that was not answered with an error response.
func (d *Dialog) refuse(in *serverInvite, status int, reason string, headers []sip.Header) {
	in.tx.OnEnd(nil)
	_ = in.tx.Respond(d.response(in.req, status, reason, headers, nil))
	if d.invite == in {
		d.invite = nil
	}
}

// cancelled answers an INVITE that was given up (§9.2). A CANCEL that crossed
// our 200 does nothing: the peer will send ACK and BYE.
func (d *Dialog) cancelled(in *serverInvite, cancel *sip.Request) {
	if d.invite != in || in.stop != nil {
		return
	}
	d.refuse(in, 487, "", nil)
	if !in.first {
		return
	}
	c := sip.CauseOf(cancel)
	c.Status = 487
	d.end(c)
}

// Ack takes the ACK for a 2xx.
func (s *Set) Ack(req *sip.Request) {
	d := s.find(req)
	if d == nil || d.invite == nil || d.invite.stop == nil || d.invite.seq != req.CSeq().SeqNo {
		return // again, or for a dialog that is over: nothing is lost
	}
	in := d.invite
	d.stopInvite()
	if d.state == closing {
		d.sendBye()
		return
	}
	d.state = confirmed
	if in.offered {
		if err := d.user.Answered(req); err != nil {
			d.Hangup(sip.StatusCause(488, sip.Local))
			return
		}
	}
	if in.first && d.user != nil {
		d.user.Confirmed()
	}
	d.runQueued()
}

// unacknowledged ends a dialog whose 200 drew no ACK.
func (d *Dialog) unacknowledged(in *serverInvite) {
	if d.invite != in {
		return
	}
	d.invite = nil
	if d.state == closing {
		d.sendBye()
		return
	}
	c := sip.StatusCause(408, sip.Local)
	c.Q850, c.Reason = sip.RecoveryOnTimer, "no ACK"
	d.state = confirmed
	d.Hangup(c)
}

// stopInvite forgets the INVITE that is not done.
func (d *Dialog) stopInvite() {
	if in := d.invite; in != nil {
		d.invite = nil
		if in.stop != nil {
			in.stop()
		}
	}
}

// response makes a response of this dialog.
func (d *Dialog) response(req *sip.Request, status int, reason string, headers []sip.Header, body []byte) *sip.Response {
	res := sip.NewResponse(req, status, reason, d.id.Local)
	for _, h := range headers {
		res.AppendHeader(h)
	}
	if d.set.Agent != "" {
		res.AppendHeader(sip.NewHeader("Server", d.set.Agent))
	}
	if body != nil {
		setSDP(res, body)
	}
	return res
}

func setSDP(m sip.Message, body []byte) {
	ct := sip.ContentTypeHeader("application/sdp")
	m.AppendHeader(&ct)
	m.SetBody(body)
}
