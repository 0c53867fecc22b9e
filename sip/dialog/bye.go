package dialog

import "tandem/sip"

// Hangup ends the dialog as its state asks for (§15): an INVITE that was not
// answered is refused with the cause's status, one that was gets BYE, which
// waits for the ACK. The user is told at once.
func (d *Dialog) Hangup(c sip.Cause) {
	switch d.state {
	case early:
		if in := d.invite; in != nil {
			status := c.Status
			if status < 300 || status > 699 {
				status = sip.StatusFromQ850(c.Q850)
				if c.Q850 == 0 || c.Q850 == sip.NormalClearing {
					status = 603
				}
				c.Status = status
			}
			d.refuse(in, status, "", append([]sip.Header{c.ReasonHeader()}, c.Headers...))
		}
		d.end(c)
	case unacked, confirmed:
		d.bye = append([]sip.Header{c.ReasonHeader()}, c.Headers...)
		wait := d.invite != nil && d.invite.stop != nil && d.state == unacked
		d.state = closing
		if !wait {
			d.sendBye()
		}
		d.end(c)
	}
}

// sendBye sends BYE. The dialog stays until it is answered, so that a BYE that
// crosses ours is not told that there is no such call.
func (d *Dialog) sendBye() {
	d.stopInvite()
	d.stopReinvite()
	headers := d.bye
	d.bye = nil
	d.set.put(d)
	d.send(sip.BYE, func(req *sip.Request) {
		for _, h := range headers {
			req.AppendHeader(h)
		}
	}, func(*sip.Response, error) { d.forget() })
}

// byed answers a BYE (§15.1.2).
func (d *Dialog) byed(x *incoming) {
	x.respond(200, nil, nil)
	c := sip.CauseOf(x.req)
	if in := d.invite; in != nil && in.stop == nil {
		d.refuse(in, 487, "", nil)
		c.Status = 487
	}
	if d.state == closing { // ours is under way, or waits for an ACK that will not come now
		if d.invite != nil {
			d.forget()
		}
		return
	}
	d.end(c)
}
