package transport

import (
	"net/netip"
	"time"

	"tandem/sip"
)

// datagram handles what one datagram holds. It runs on the socket's reader and
// keeps nothing of data. idle says that there was nothing before it to be read.
func (l *Layer) datagram(s *socket, data []byte, src netip.AddrPort, local netip.Addr, idle bool) {
	if keepalive(data) {
		return
	}
	f := &Flow{layer: l, socket: s, local: netip.AddrPortFrom(local, s.bound.Port()), remote: src, reply: src}
	l.incoming(f, data, l.accept(src), idle)
}

// message handles a message that stood in a stream. It runs on the stream's
// reader and keeps nothing of data. The result says whether it was handed up.
func (l *Layer) message(s *stream, data []byte) bool {
	return l.incoming(s.flow(), data, s.known, false)
}

// broken handles the start of what a stream holds when its framing is lost.
func (l *Layer) broken(s *stream, data []byte, e *sip.ReplyError) {
	l.malformed(s.flow(), data, s.known, e)
}

func (s *stream) flow() *Flow {
	f := &Flow{layer: s.layer, remote: s.remote, reply: s.remote, local: s.local, dialled: s.dialled}
	if s.dialled {
		f.local = s.layer.listenerFor(s.local.Addr())
	}
	f.stream.Store(s)
	return f
}

// incoming hands a message up. Where its reader is idle, it does the work
// itself if its loop has nothing else to do: to wake the loop's goroutine costs
// as much as some of the work. A reader that has more to read goes on reading,
// so that the loops work beside it, and what is too much is dropped.
func (l *Layer) incoming(f *Flow, data []byte, known, idle bool) (up bool) {
	now := time.Now()
	if !known && (!sip.MayBeOurs(data) || !l.strangers.pass(f.remote.Addr(), now)) {
		l.count.strangers.Add(1)
		return false
	}
	if l.tap != nil {
		l.tap(Tapped{Network: f.Network(), Local: f.local, Remote: f.remote, Data: data, Time: now})
	}
	msg, err := sip.Parse(data)
	if err != nil {
		l.malformed(f, data, known, sip.AsReply(err))
		return false
	}
	if req, ok := msg.(*sip.Request); ok {
		f.route(req)
	}
	r := &Received{Msg: msg, Flow: f, Known: known, At: now}
	lp := l.group.For(sip.CallID(msg))
	hand := lp.TryPost
	if idle {
		hand = lp.TryRun
	}
	if !hand(func() { l.handler(lp, r) }, l.limits.Queue) {
		l.count.late.Add(1)
		return false
	}
	l.count.received.Add(1)
	return true
}

// malformed answers a request that cannot be read, without any state, if its
// source may be answered.
func (l *Layer) malformed(f *Flow, data []byte, known bool, e *sip.ReplyError) {
	l.count.malformed.Add(1)
	l.log.Debug("malformed message", "remote", f.remote, "local", f.local, "status", e.Status, "err", e.Reason)
	if !known {
		return
	}
	reply, to, ok := sip.Refusal(data, e, f.remote)
	if !ok {
		return
	}
	f.reply = to
	if err := f.Reply(reply, nil); err != nil {
		l.log.Debug("refusal", "remote", to, "err", err)
	}
}

// keepalive says whether a datagram only keeps a NAT open: line ends or zeros
// (RFC 5626 §3.5.1 and what phones send).
func keepalive(data []byte) bool {
	if len(data) > 8 {
		return false
	}
	for _, c := range data {
		if c != '\r' && c != '\n' && c != 0 && c != ' ' {
			return false
		}
	}
	return true
}
