package rtp

import (
	"net/netip"
	"time"

	"tandem/media"
)

// A source is where the packets that we send come from. Each has timestamps of
// its own; when it changes, ours go on from where they were.
type source uint8

const (
	sourceNone    source = iota
	sourceLocal          // Send
	sourceForward        // Forward
)

// A sender keeps what is sent one unbroken stream: one SSRC, sequence numbers
// without a step and timestamps that follow the time, whatever becomes of the
// sources.
type sender struct {
	ssrc uint32
	to   netip.AddrPort // the zero value: nowhere

	seq       uint16        // of the next packet
	timestamp uint32        // of the last audio packet
	at        time.Time     // the time that timestamp stands for; zero before the first
	step      uint32        // by which timestamp last grew
	lead      time.Duration // by how much timestamps are ahead of the packets

	source    source
	offset    uint32 // from the source's timestamps to ours
	seqOffset uint16 // from the source's sequence numbers to ours
	from      uint32 // the forwarded SSRC
	floor     uint16 // the first forwarded sequence number that is not too late
	event     uint32 // timestamp of the telephone event being sent
}

// plausible is how far, in seconds, a forwarded timestamp may be from the time
// before it counts as a jump.
const plausible = 2

// continued is the timestamp that goes on from the last packet at time now.
// Where packets are about a whole number of steps apart, so are their
// timestamps.
func (o *sender) continued(now time.Time, rate int) uint32 {
	if o.at.IsZero() {
		return o.timestamp
	}
	step := int64(o.step)
	if step == 0 {
		step = ticks(media.Tick, rate)
	}
	elapsed := ticks(now.Sub(o.at), rate)
	n := max(1, (elapsed+step/2)/step)
	if off := elapsed - n*step; off <= step/4 && (off >= -step/4 || n == 1) {
		return o.timestamp + uint32(n*step)
	}
	return o.timestamp + uint32(elapsed)
}

// rebase makes timestamp of a new source go on from the last packet.
func (o *sender) rebase(src source, timestamp uint32, now time.Time, rate int) {
	next := o.continued(now, rate)
	o.offset = next - timestamp
	o.lead = 0
	if !o.at.IsZero() {
		// What is ahead of its time now stays so: the next change of source
		// must not add to it.
		due := o.at.Add(duration(int64(int32(next-o.timestamp)), rate))
		o.lead = max(0, due.Sub(now))
	}
	o.source = src
}

// sent notes the timestamp of an audio packet.
func (o *sender) sent(timestamp uint32, now time.Time, rate int) {
	if !o.at.IsZero() {
		step := int32(timestamp - o.timestamp)
		if step <= 0 {
			return // reordered, or a telephone event
		}
		if int(step) <= rate/8 {
			o.step = uint32(step)
		}
	}
	o.timestamp = timestamp
	o.at = now.Add(o.lead)
}

// Send sends a packet of our own at once. timestamp counts the stream's media
// time from any beginning; it must go on while nothing is sent (silence, a
// telephone event). What the peer sees goes on without a break when sending
// alternates with Forward. marker begins a talk spurt (RFC 3551 §4.1). On the
// worker.
func (s *Session) Send(pt uint8, marker bool, timestamp uint32, payload []byte) error {
	if err := s.sendable(payload); err != nil {
		return err
	}
	now := s.worker.Load().Now()
	o := &s.out
	if o.source != sourceLocal {
		o.rebase(sourceLocal, timestamp, now, s.rate)
	}
	timestamp += o.offset
	o.sent(timestamp, now, s.rate)
	h := Packet{PayloadType: pt, Marker: marker, Seq: o.seq, Timestamp: timestamp}
	o.seq++
	return s.write(&h, payload)
}

// SendEvent sends one packet of a telephone event (RFC 4733). The first of an
// event bears the marker and the present timestamp, those that follow bear the
// same timestamp. It may be used between Send as well as between Forward and
// disturbs neither's timestamps. On the worker.
func (s *Session) SendEvent(pt uint8, first bool, payload []byte) error {
	if err := s.sendable(payload); err != nil {
		return err
	}
	o := &s.out
	if first {
		o.event = o.continued(s.worker.Load().Now(), s.rate)
	}
	h := Packet{PayloadType: pt, Marker: first, Seq: o.seq, Timestamp: o.event}
	o.seq++
	if o.source == sourceForward {
		// The forwarded packets move up by one. Those still to come from
		// before this one have lost their place.
		o.floor = h.Seq - o.seqOffset
		o.seqOffset++
	}
	return s.write(&h, payload)
}

// Forward sends a packet that another session has received, at once, as part of
// this session's stream: own SSRC, and sequence numbers and timestamps that
// keep the gaps of the original but go on from what was sent before. pt is the
// payload type here. Packets that are late from before forwarding began are
// dropped without an error. On the worker.
func (s *Session) Forward(p *Packet, pt uint8) error {
	if err := s.sendable(p.Payload); err != nil {
		return err
	}
	now := s.worker.Load().Now()
	o := &s.out
	if o.source != sourceForward || o.from != p.SSRC || s.jumps(p, now) {
		o.rebase(sourceForward, p.Timestamp, now, s.rate)
		o.from = p.SSRC
		o.seqOffset = o.seq - p.Seq
		o.floor = p.Seq
	}
	behind := int16(p.Seq - o.floor)
	if behind < 0 {
		return nil
	}
	if behind > 2*maxMisorder {
		o.floor = p.Seq - maxMisorder
	}
	h := Packet{PayloadType: pt, Marker: p.Marker, Seq: p.Seq + o.seqOffset, Timestamp: p.Timestamp + o.offset}
	if int16(h.Seq-o.seq) >= 0 {
		o.seq = h.Seq + 1
	}
	o.sent(h.Timestamp, now, s.rate)
	return s.write(&h, p.Payload)
}

// NewSource says that what is sent next goes on from the last packet, although it
// may be of the source of before: what that has said in between was not to be
// sent, and must not look lost. On the worker.
func (s *Session) NewSource() { s.out.source = sourceNone }

// jumps says that p does not go on from the forwarded packets before it.
func (s *Session) jumps(p *Packet, now time.Time) bool {
	o := &s.out
	if step := int16(p.Seq + o.seqOffset - o.seq); step > maxDropout || step < -maxDropout {
		return true
	}
	limit := int64(plausible * s.rate)
	step := int64(int32(p.Timestamp + o.offset - o.timestamp))
	if step > -limit && step < limit {
		return false
	}
	off := step - ticks(now.Sub(o.at), s.rate) // a long silence is no jump
	return off <= -limit || off >= limit
}

func (s *Session) sendable(payload []byte) error {
	switch {
	case s.closed:
		return ErrClosed
	case !s.out.to.IsValid():
		return ErrNoRemote
	case len(payload) > maxPayload:
		return ErrTooLong
	}
	return nil
}

// Room is an empty slice with room for the payload of the next packet that is
// sent. A payload made there need not be fetched from anywhere when it is. On
// the worker, valid until anything on it sends a packet.
func (s *Session) Room() []byte {
	return s.worker.Load().Buffer()[headerSize : headerSize : headerSize+maxPayload]
}

// write sends h and payload, which may be in Room.
func (s *Session) write(h *Packet, payload []byte) error {
	h.SSRC = s.out.ssrc
	pkt := append(h.appendHeader(s.worker.Load().Buffer()[:0]), payload...)
	if err := s.socket.Send(pkt, s.out.to); err != nil {
		s.count.sendErrors++
		return err
	}
	s.count.sent++
	s.count.sentBytes += uint64(len(payload))
	return nil
}
