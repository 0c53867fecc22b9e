package ua

import (
	"fmt"
	"strings"

	"tandem/media/dtmf"
	"tandem/sip"
	"tandem/sip/dialog"
	"tandem/sip/transport"
)

// user is a leg as its dialog sees it. All its methods run on the leg's loop.
type user struct{ l *Leg }

var (
	_ dialog.User   = user{}
	_ dialog.Caller = user{}
)

// Confirmed implements [dialog.User].
func (u user) Confirmed() {
	l := u.l
	l.up = true
	l.offer, l.answer = nil, nil // a call may last for hours
	l.out.put(sip.Answered{Leg: l.id})
}

// Info implements [dialog.User].
func (u user) Info(req *sip.Request) int {
	l := u.l
	kind := sip.ContentType(req)
	if !strings.HasPrefix(kind, "application/dtmf") {
		l.out.put(sip.Info{Leg: l.id, ContentType: kind, Body: req.Body()})
		return 200
	}
	d, err := dtmf.ParseInfo(kind, req.Body())
	if err != nil {
		return 400
	}
	d.Leg = l.id
	l.out.put(d)
	return 200
}

// Ended implements [dialog.User]: everything is given back.
func (u user) Ended(c sip.Cause) {
	l := u.l
	if l.state.Swap(ended) == ended {
		return
	}
	l.ring.Stop()
	l.shard.remove(l)
	l.close()
	l.offer, l.answer, l.dial = nil, nil, nil
	l.out.last(sip.Hungup{Leg: l.id, Cause: c})
}

// Offered implements [dialog.User]: the far end's re-INVITE.
func (u user) Offered(req *sip.Request) ([]byte, error) {
	l := u.l
	if req == nil {
		return l.sdp.Offer(l.wanted()), nil
	}
	offer, err := parseBody(req)
	if err != nil {
		return nil, refusal(err)
	}
	body, g, err := l.sdp.Answer(offer, l.wanted())
	if err != nil {
		return nil, refusal(err)
	}
	l.apply(g)
	return body, nil
}

// Answered implements [dialog.User]: the answer to an offer in our 200.
func (u user) Answered(ack *sip.Request) error {
	l := u.l
	err := l.accept(ack)
	if err != nil && l.up {
		l.log("re-INVITE without an answer", err)
		return nil // the session goes on as it was
	}
	return err
}

// Offer implements [dialog.Caller].
func (u user) Offer(f *transport.Flow) ([]byte, error) {
	l := u.l
	if l.stream == nil {
		if err := l.open(f, l.dial.Worker); err != nil {
			return nil, err
		}
	}
	l.peer = f.Remote().Addr() // the one tried now
	return l.sdp.Offer(l.wanted()), nil
}

// Progress implements [dialog.Caller].
func (u user) Progress(res *sip.Response) {
	l := u.l
	if len(res.Body()) > 0 {
		if err := l.accept(res); err != nil {
			l.log("early media", err)
		} else {
			l.early = true
		}
	}
	l.out.put(sip.Ringing{Leg: l.id, Status: res.StatusCode, Media: l.early})
}

// Accepted implements [dialog.Caller].
func (u user) Accepted(d *dialog.Dialog, res *sip.Response) error {
	l := u.l
	l.dialog, l.client = d, nil
	l.ring.Stop()
	// A 200 without a description is taken when one has come before it.
	if err := l.accept(res); err != nil && (len(res.Body()) > 0 || !l.early) {
		return fmt.Errorf("answer: %w", err)
	}
	l.state.CompareAndSwap(ringing, answered)
	l.up, l.dial = true, nil
	l.out.put(sip.Answered{Leg: l.id})
	return nil
}
