package ua

import (
	"fmt"
	"net/netip"

	"tandem/codec"
	"tandem/media/stream"
	"tandem/media/worker"
	"tandem/sip"
	"tandem/sip/sdp"
	"tandem/sip/transport"
)

// open opens the leg's stream for a peer that is reached by f.
func (l *Leg) open(f *transport.Flow, near *worker.Worker) error {
	cfg := &l.ua.cfg
	bind, addr := l.ua.mediaAddr(f)
	l.peer = f.Remote().Addr()
	pair, err := cfg.Ports.Open(bind)
	if err != nil {
		return err
	}
	w := near
	if w == nil {
		w = cfg.Workers.Next()
	}
	l.stream = stream.New(w, pair, stream.Options{
		ID: l.id, Post: l.out.put, InbandDTMF: cfg.InbandDTMF, Timeout: cfg.MediaTimeout, Log: cfg.Log,
	})
	l.port.Store(l.stream)
	l.sdp.Addr = netip.AddrPortFrom(addr, pair.LocalAddr().Port())
	return nil
}

// mediaAddr is the address that the sockets of a leg reached by f bind, and the
// one that its SDP names.
func (u *UA) mediaAddr(f *transport.Flow) (bind, shown netip.Addr) {
	local := f.Local().Addr()
	if bind = u.cfg.MediaListen; !bind.IsValid() {
		bind = local
	}
	if shown = u.cfg.MediaAdvertise; !shown.IsValid() {
		shown = bind
	}
	if shown.IsUnspecified() {
		shown = local
	}
	return bind, shown
}

func (l *Leg) close() {
	if l.stream != nil {
		l.stream.Close()
	}
}

// wanted is the direction that we want.
func (l *Leg) wanted() sdp.Direction {
	if l.hold {
		return sdp.SendOnly
	}
	return sdp.SendRecv
}

// makeAnswer answers the caller's offer, once for all responses. Nil: the leg
// was ended, for the offer cannot be answered after all.
func (l *Leg) makeAnswer() []byte {
	if l.answer == nil {
		body, g, err := l.sdp.Answer(l.offer, l.wanted())
		if err != nil {
			l.hangup(sip.StatusCause(488, sip.Local))
			return nil
		}
		l.answer = body
		l.apply(g)
	}
	return l.answer
}

// apply lets the stream run as agreed, and says when we are held or not.
func (l *Leg) apply(g sdp.Agreed) {
	l.agreed = g
	if g.Codec != nil {
		p := params(&g)
		p.Latch.Signalling = l.peer
		p.Remote, p.RemoteRTCP = l.elsewhere(p.Remote), l.elsewhere(p.RemoteRTCP)
		l.stream.Configure(p)
	}
	if g.Held != l.held {
		l.held = g.Held
		l.out.put(sip.Held{Leg: l.id, On: g.Held})
	}
}

// elsewhere is where a peer that gives a as its address is to be sent media: a
// peer on another host means that one by its loopback address.
func (l *Leg) elsewhere(a netip.AddrPort) netip.AddrPort {
	if a.Addr().IsLoopback() && !l.peer.IsLoopback() {
		return netip.AddrPortFrom(l.peer, a.Port())
	}
	return a
}

func params(g *sdp.Agreed) stream.Params {
	p := stream.Params{
		Send:       stream.Format{PayloadType: g.PayloadType, Codec: g.Codec, Fmtp: g.Fmtp},
		Ptime:      g.Ptime,
		Direction:  direction(g.Direction),
		Remote:     g.Remote,
		RemoteRTCP: g.RemoteRTCP,
	}
	if g.RecvPayloadType != g.PayloadType {
		p.Receive = []stream.Format{
			{PayloadType: g.RecvPayloadType, Codec: g.Codec, Fmtp: g.Fmtp},
			// Some send what they answered with, whatever was offered.
			{PayloadType: g.PayloadType, Codec: g.Codec, Fmtp: g.Fmtp},
		}
	}
	if g.EventRate != 0 {
		p.EventSend, p.EventReceive, p.EventClock = g.Event, g.RecvEvent, g.EventRate
	}
	return p
}

func direction(d sdp.Direction) stream.Direction {
	switch d {
	case sdp.SendOnly:
		return stream.SendOnly
	case sdp.RecvOnly:
		return stream.RecvOnly
	case sdp.Inactive:
		return stream.Inactive
	}
	return stream.SendRecv
}

// accept takes an answer to our offer.
func (l *Leg) accept(m sip.Message) error {
	if len(m.Body()) == 0 {
		return errNoAnswer
	}
	if t := sip.ContentType(m); t != sdpType && t != multipartType && t != "" {
		return fmt.Errorf("answer of type %q: %w", t, errNoAnswer)
	}
	d, err := parseBody(m)
	if err != nil {
		return err
	}
	g, err := l.sdp.Accept(d, l.wanted())
	if err != nil {
		return err
	}
	l.apply(g)
	return nil
}

// reinvite offers the far end a change.
func (l *Leg) reinvite(hold bool, codecs []*codec.Codec) {
	before, was := l.hold, l.sdp.Codecs
	offer := func() []byte {
		l.hold = hold
		if codecs == nil {
			return l.sdp.Reoffer(l.wanted())
		}
		l.sdp.Codecs = codecs
		l.sdp.Forget()
		return l.sdp.Offer(l.wanted())
	}
	done := func(res *sip.Response, err error) {
		if err == nil {
			err = l.accept(res)
		}
		if err != nil && l.state.Load() != ended {
			l.hold, l.sdp.Codecs = before, was
			l.log("re-INVITE", err)
		}
	}
	if err := l.dialog.Reinvite(offer, done); err != nil {
		l.log("re-INVITE", err)
	}
}
