package dialog

import (
	"errors"
	"math/rand/v2"
	"time"

	"tandem/sip"
	"tandem/sip/loop"
	"tandem/sip/transaction"
)

// ErrRefused says that the other side did not accept our offer. The session
// goes on as before (§14.1).
var ErrRefused = errors.New("offer refused")

// A reinvite is one of ours.
type reinvite struct {
	offer func() []byte
	done  func(*sip.Response, error)
	sent  *exchange
	limit *loop.Timer // runs until the final response
	timer *loop.Timer // runs after a 491
	tries int
}

// maxReinvite is how long a re-INVITE may be without a final response: no
// person is asked for one. A provisional response stops Timer B, so that
// without this limit nothing ends it.
const maxReinvite = 64 * T1

// maxGlares is how often a re-INVITE that met one of the other side's is tried
// again.
const maxGlares = 6

// Reinvite offers a new description. offer is called when the re-INVITE can be
// sent, which may be later: only one INVITE is under way in a dialog (§14.1).
// done gets the 2xx, which has been acknowledged, or nil and why there is none.
func (d *Dialog) Reinvite(offer func() []byte, done func(*sip.Response, error)) error {
	if d.state != confirmed && d.state != unacked {
		return ErrState
	}
	if q := d.queued; q != nil { // the newer one says it all
		q.done(nil, ErrState)
	}
	d.queued = &reinvite{offer: offer, done: done}
	d.runQueued()
	return nil
}

func (d *Dialog) runQueued() {
	if d.queued == nil || d.ours != nil || d.invite != nil || d.state != confirmed {
		return
	}
	d.ours, d.queued = d.queued, nil
	d.sendReinvite(d.ours)
}

func (d *Dialog) sendReinvite(r *reinvite) {
	var sent *sip.Request
	r.timer = nil
	r.limit = d.set.Loop.AfterFunc(maxReinvite, func() { r.sent.cancel() })
	r.sent = d.send(sip.INVITE, func(req *sip.Request) {
		setSDP(req, r.offer())
		sent = req
	}, func(res *sip.Response, err error) { d.reinviteDone(r, sent, res, err) })
}

func (d *Dialog) reinviteDone(r *reinvite, sent *sip.Request, res *sip.Response, err error) {
	r.limit.Stop()
	if res != nil && res.StatusCode < 300 {
		if u, ok := contactOf(res); ok { // target refresh (§12.2.1.2)
			d.target = u
		}
		d.sendAck(sent)
	}
	if d.ours != r || d.state != confirmed {
		return
	}
	switch {
	case res == nil && (errors.Is(err, transaction.ErrTimeout) || errors.Is(err, transaction.ErrTransport)),
		res != nil && (res.StatusCode == 408 || res.StatusCode == 481):
		c := sip.StatusCause(408, sip.Remote)
		if res != nil {
			c = sip.CauseOf(res)
		}
		d.Hangup(c)
		return
	case res != nil && res.StatusCode == 491 && r.tries < maxGlares:
		// Both sides sent one at once: who made the Call-ID waits longer.
		r.tries++
		wait := time.Duration(rand.IntN(201)) * 10 * time.Millisecond
		if d.owner {
			wait = 2100*time.Millisecond + time.Duration(rand.IntN(191))*10*time.Millisecond
		}
		r.timer = d.set.Loop.AfterFunc(wait, func() { d.retryReinvite(r) })
		return
	}
	d.ours = nil
	switch {
	case res == nil:
		r.done(nil, err)
	case res.StatusCode >= 300:
		r.done(nil, ErrRefused)
	default:
		r.done(res, nil)
	}
	d.runQueued()
}

func (d *Dialog) retryReinvite(r *reinvite) {
	if d.ours != r || d.state != confirmed {
		return
	}
	if d.queued != nil { // overtaken
		d.ours = nil
		r.done(nil, ErrState)
		d.runQueued()
		return
	}
	if d.invite != nil { // theirs is being acknowledged; its ACK starts ours
		d.queued, d.ours = r, nil
		return
	}
	d.sendReinvite(r)
}

// stopReinvite forgets ours.
func (d *Dialog) stopReinvite() {
	if r := d.ours; r != nil {
		r.timer.Stop()
		r.limit.Stop()
		r.sent.cancel()
	}
	d.ours, d.queued = nil, nil
}

// reinvited answers a re-INVITE (§14.2).
func (d *Dialog) reinvited(x *incoming) {
	switch in := d.invite; {
	case in != nil && in.stop == nil:
		x.respond(500, retryAfter(), nil) // the one before is not answered
		return
	case in != nil && in.offered, d.ours != nil && d.ours.timer == nil, d.owner && d.state == early:
		x.respond(491, nil, nil) // an offer of ours waits for its answer
		return
	}
	if d.user == nil {
		x.respond(481, nil, nil)
		return
	}
	if e := d.set.Abilities.CheckBody(x.req); e != nil {
		x.refuse(e)
		return
	}
	hadOffer := d.set.Abilities.Reads(x.req)
	offer := x.req
	if !hadOffer {
		offer = nil
	}
	body, err := d.user.Offered(offer)
	if err != nil {
		var re *sip.ReplyError
		if !errors.As(err, &re) {
			re = &sip.ReplyError{Status: 488}
		}
		x.refuse(re)
		return
	}
	if d.user == nil { // it hung up
		return
	}
	if u, ok := contactOf(x.req); ok {
		d.target = u
	}
	if d.invite != nil {
		// The ACK of the one before was lost; this request proves its 200.
		first := d.invite.first
		d.stopInvite()
		if first && d.state == unacked {
			d.state = confirmed
			d.user.Confirmed()
		}
	}
	in := &serverInvite{tx: x.tx, req: x.req, seq: x.req.CSeq().SeqNo}
	d.invite = in
	if err := d.accept(in, nil, body, !hadOffer, d.state); err != nil {
		d.invite = nil
	}
}
