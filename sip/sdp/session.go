package sdp

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"tandem/codec"
)

// Ptime is the packet time that we send and ask for.
const Ptime = 20 * time.Millisecond

// A Session is the offer/answer state of one leg's audio stream (RFC 3264). It
// is not safe for concurrent use.
type Session struct {
	// Addr is where we receive RTP, as the peer is to see it. RTCP is one
	// port above.
	Addr netip.AddrPort
	// Codecs are those we use, in the order in which we offer them.
	Codecs []*codec.Codec
	// OwnOrder makes an answer choose by the order of Codecs. Otherwise the
	// first of the offer's codecs that we have is used, since the offer is in
	// the order its maker prefers (RFC 3264 §5.1, §6.1).
	OwnOrder bool

	id, version uint64
	last        []byte    // what we sent last, to know when it changes
	sections    []Section // m= lines of the session so far; they never get fewer
	audio       int       // which of them is ours
	formats     []Format  // in use: one codec, telephone-event
	numbers     []Format  // payload types agreed so far; a number keeps its meaning (§8.3.2)
	proto       string
}

// Agreed says how the stream runs after an answer, from our side.
type Agreed struct {
	Codec *codec.Codec
	// PayloadType is what we send; RecvPayloadType what we may be sent. They
	// differ when a peer answers with a number of its own.
	PayloadType, RecvPayloadType uint8
	// Fmtp is the peer's a=fmtp of the codec.
	Fmtp string
	// Event is the payload type for telephone-event that we send, RecvEvent
	// that we receive, EventRate its clock in Hz. EventRate is 0 when digits
	// are not sent so.
	Event, RecvEvent uint8
	EventRate        int
	// Ptime is the packet time to send.
	Ptime time.Duration
	// Remote and RemoteRTCP are where to send. They are invalid when there is
	// nothing to send to.
	Remote, RemoteRTCP netip.AddrPort
	// Direction is what we do.
	Direction Direction
	// Held says that the peer put us on hold: it wants no audio from us.
	Held bool
}

// Offer makes an offer of all our codecs. dir is what we want: SendRecv, or
// SendOnly to put the peer on hold. A later offer keeps the payload types and
// m= lines agreed before, and the version in o= when nothing else has changed
// (RFC 3264 §8).
func (s *Session) Offer(dir Direction) []byte { return s.offer(s.offerFormats(), dir) }

// Reoffer makes an offer of the codec in use and no other, which is all that
// putting the peer on hold and taking it back needs.
func (s *Session) Reoffer(dir Direction) []byte {
	if len(s.formats) == 0 {
		return s.Offer(dir)
	}
	return s.offer(s.formats, dir)
}

func (s *Session) offer(formats []Format, dir Direction) []byte {
	if len(s.sections) == 0 {
		s.sections = []Section{{Kind: "audio", Proto: "RTP/AVP"}}
		s.audio, s.proto = 0, "RTP/AVP"
	}
	return s.print(formats, dir, s.Addr.Port())
}

// Accept takes the answer to our last offer, which asked for dir.
func (s *Session) Accept(answer *Description, dir Direction) (Agreed, error) {
	a := answer.Audio
	if a == nil || a.Addr.Port() == 0 || a.Index != s.audio {
		return Agreed{}, ErrNoAudio
	}
	if !s.reaches(a) {
		return Agreed{}, ErrAddress
	}
	offered := s.offerFormats()
	g, ok := Agreed{}, false
	for _, f := range a.Formats {
		if c := find(s.Codecs, &f); c != nil {
			g.Codec, g.PayloadType, g.Fmtp, ok = c, f.PayloadType, f.Fmtp, true
			g.RecvPayloadType = payloadType(offered, f.Name, f.ClockRate, f.PayloadType)
			break
		}
	}
	if !ok {
		return Agreed{}, ErrNoCodec
	}
	if e := event(a.Formats, g.Codec.ClockRate); e != nil {
		g.Event, g.EventRate = e.PayloadType, e.ClockRate
		g.RecvEvent = payloadType(offered, TelephoneEvent, e.ClockRate, e.PayloadType)
	}
	s.use(chosen(&g))
	s.agree(&g, a, dir)
	return g, nil
}

// Answer answers an offer. dir is what we want; the answer allows at most what
// the offer does. The error is [ErrNoAudio], [ErrAddress] or [ErrNoCodec] and
// leaves s as it was, so that the stream goes on as before (RFC 3261 §14.2).
func (s *Session) Answer(offer *Description, dir Direction) ([]byte, Agreed, error) {
	a := offer.Audio
	if a == nil {
		return nil, Agreed{}, ErrNoAudio
	}
	if a.Addr.Port() == 0 {
		return s.answerRemoved(offer)
	}
	if !s.reaches(a) {
		return nil, Agreed{}, ErrAddress
	}
	g, ok := s.choose(a)
	if !ok {
		return nil, Agreed{}, ErrNoCodec
	}
	s.sections, s.audio = offer.Sections, a.Index
	s.proto = offer.Sections[a.Index].Proto
	s.use(chosen(&g))
	s.agree(&g, a, dir)
	return s.print(s.formats, g.Direction, s.Addr.Port()), g, nil
}

// Check says whether an offer can be answered, with the error that [Session.Answer]
// would give. It changes nothing.
func (s *Session) Check(offer *Description) error {
	if offer.Audio == nil || offer.Audio.Addr.Port() == 0 {
		return ErrNoAudio
	}
	if !s.reaches(offer.Audio) {
		return ErrAddress
	}
	if _, ok := s.choose(offer.Audio); !ok {
		return ErrNoCodec
	}
	return nil
}

// reaches says whether a's address is of the version of IP that we have. One
// that is unspecified is not sent to.
func (s *Session) reaches(a *Audio) bool {
	ours, theirs := s.Addr.Addr(), a.Addr.Addr()
	return !ours.IsValid() || theirs.IsUnspecified() || ours.Unmap().Is4() == theirs.Is4()
}

// Forget lets the next offer list our codecs in their order again, and not the
// one in use first. Payload types stay.
func (s *Session) Forget() { s.formats = nil }

// answerRemoved answers an offer whose audio has port 0: in a call that is up,
// the peer takes the stream away for a while (RFC 3264 §8.2); at its beginning
// there is nothing to talk by.
func (s *Session) answerRemoved(offer *Description) ([]byte, Agreed, error) {
	if s.last == nil {
		return nil, Agreed{}, ErrNoAudio
	}
	s.sections, s.audio = offer.Sections, offer.Audio.Index
	g := Agreed{Direction: Inactive, Held: true, Ptime: Ptime}
	if len(s.formats) > 0 {
		g.Codec = find(s.Codecs, &s.formats[0])
		g.PayloadType, g.RecvPayloadType = s.formats[0].PayloadType, s.formats[0].PayloadType
	}
	return s.print(s.formats, Inactive, 0), g, nil
}

// choose takes one codec of an offer, and telephone-event beside it.
func (s *Session) choose(a *Audio) (g Agreed, ok bool) {
	take := func(f *Format, c *codec.Codec) {
		g.Codec, g.PayloadType, g.RecvPayloadType, g.Fmtp = c, f.PayloadType, f.PayloadType, f.Fmtp
		if e := event(a.Formats, c.ClockRate); e != nil {
			g.Event, g.RecvEvent, g.EventRate = e.PayloadType, e.PayloadType, e.ClockRate
		}
	}
	if s.OwnOrder {
		for _, c := range s.Codecs {
			for i := range a.Formats {
				if is(c, &a.Formats[i]) {
					take(&a.Formats[i], c)
					return g, true
				}
			}
		}
		return g, false
	}
	for i := range a.Formats {
		if c := find(s.Codecs, &a.Formats[i]); c != nil {
			take(&a.Formats[i], c)
			return g, true
		}
	}
	return g, false
}

// agree fills in what does not depend on the codec.
func (s *Session) agree(g *Agreed, a *Audio, dir Direction) {
	theirs := a.Direction
	g.Direction = dir.And(theirs.Reverse())
	g.Held = !theirs.Recv() && dir.Send()
	g.Ptime = Ptime
	if a.MaxPtime > 0 && a.MaxPtime < Ptime {
		g.Ptime = max(a.MaxPtime.Truncate(10*time.Millisecond), 10*time.Millisecond)
	}
	if g.Ptime%g.Codec.FrameTime != 0 {
		g.Ptime = Ptime
	}
	if a.Addr.Addr().IsUnspecified() { // hold as RFC 2543 had it: nothing to send to
		g.Direction = g.Direction.And(RecvOnly)
		g.Held = true
		return
	}
	g.Remote, g.RemoteRTCP = a.Addr, a.RTCP
}

// chosen is the formats of an answer: one codec, so that nobody has to follow
// changes of it from packet to packet, and telephone-event.
func chosen(g *Agreed) []Format {
	f := []Format{{
		PayloadType: g.RecvPayloadType, Name: g.Codec.Name, ClockRate: g.Codec.ClockRate, Channels: 1,
	}}
	if g.EventRate != 0 {
		f = append(f, Format{PayloadType: g.RecvEvent, Name: TelephoneEvent, ClockRate: g.EventRate, Channels: 1})
	}
	return f
}

// use makes f the formats in use.
func (s *Session) use(f []Format) {
	s.formats = f
	for i := range f {
		if j := payloadIndex(s.numbers, f[i].Name, f[i].ClockRate); j >= 0 {
			s.numbers[j].PayloadType = f[i].PayloadType
		} else {
			s.numbers = append(s.numbers, f[i])
		}
	}
}

// offerFormats are the payload types of an offer: those in use keep their
// number and come first, then the rest of our codecs, then telephone-event.
func (s *Session) offerFormats() []Format {
	var taken [128]bool
	for i := range s.numbers {
		taken[s.numbers[i].PayloadType] = true
	}
	out := make([]Format, 0, len(s.Codecs)+2)
	var events []Format
	for _, f := range s.formats {
		if f.Name == TelephoneEvent {
			events = append(events, f)
		} else {
			out = append(out, f)
		}
	}
	next := uint8(96)
	dynamic := func() uint8 {
		for next < 127 && (taken[next] || next == 101) { // 101 is kept for telephone-event, as everybody does
			next++
		}
		taken[next] = true
		return next
	}
	for _, c := range s.Codecs {
		if payloadIndex(out, c.Name, c.ClockRate) >= 0 {
			continue
		}
		pt := c.PayloadType
		if i := payloadIndex(s.numbers, c.Name, c.ClockRate); i >= 0 {
			pt = s.numbers[i].PayloadType
		} else if pt == codec.Dynamic || taken[pt] {
			pt = dynamic()
		}
		taken[pt] = true
		out = append(out, Format{PayloadType: pt, Name: c.Name, ClockRate: c.ClockRate, Channels: 1})
	}
	for i := range len(out) { // one telephone-event for each clock rate (RFC 4733 §2.1)
		rate := out[i].ClockRate
		if payloadIndex(events, TelephoneEvent, rate) >= 0 {
			continue
		}
		pt := uint8(101)
		if j := payloadIndex(s.numbers, TelephoneEvent, rate); j >= 0 {
			pt = s.numbers[j].PayloadType
		} else if taken[pt] {
			pt = dynamic()
		}
		taken[pt] = true
		events = append(events, Format{PayloadType: pt, Name: TelephoneEvent, ClockRate: rate, Channels: 1})
	}
	return append(out, events...)
}

// print writes a description, and sets last. Only when something else than the
// version differs from what we sent before does the version grow.
func (s *Session) print(formats []Format, dir Direction, port uint16) []byte {
	if s.id == 0 {
		// Numbers that say nothing about us and fit whatever reads them.
		s.id = uint64(rand.Uint32N(1<<30)) + 1
		s.version = s.id
	}
	b := s.append(make([]byte, 0, 384), formats, dir, port)
	if s.last != nil && !bytes.Equal(b, s.last) {
		s.version++
		b = s.append(b[:0], formats, dir, port)
	}
	s.last = b
	return b
}

func (s *Session) append(b []byte, formats []Format, dir Direction, port uint16) []byte {
	b = append(b, "v=0\r\no=- "...)
	b = strconv.AppendUint(b, s.id, 10)
	b = append(b, ' ')
	b = strconv.AppendUint(b, s.version, 10)
	b = append(b, ' ')
	b = s.appendAddr(b)
	b = append(b, "\r\ns=-\r\nc="...)
	b = s.appendAddr(b)
	b = append(b, "\r\nt=0 0\r\n"...)
	for i := range s.sections {
		if i == s.audio {
			b = s.appendAudio(b, formats, dir, port)
		} else {
			b = s.sections[i].appendRefused(b)
		}
	}
	return b
}

func (s *Session) appendAddr(b []byte) []byte {
	addr := s.Addr.Addr()
	if addr.Is6() && !addr.Is4In6() {
		b = append(b, "IN IP6 "...)
	} else {
		b = append(b, "IN IP4 "...)
	}
	return addr.Unmap().AppendTo(b)
}

func (s *Session) appendAudio(b []byte, formats []Format, dir Direction, port uint16) []byte {
	b = append(b, "m=audio "...)
	b = strconv.AppendUint(b, uint64(port), 10)
	b = append(b, ' ')
	b = append(b, s.proto...)
	for i := range formats {
		b = append(b, ' ')
		b = strconv.AppendUint(b, uint64(formats[i].PayloadType), 10)
	}
	if len(formats) == 0 { // a stream that never was
		b = append(b, " 0"...)
	}
	b = append(b, "\r\n"...)
	if port == 0 {
		return b
	}
	for i := range formats {
		f := &formats[i]
		b = append(b, "a=rtpmap:"...)
		b = strconv.AppendUint(b, uint64(f.PayloadType), 10)
		b = append(b, ' ')
		b = append(b, printName(f.Name)...)
		b = append(b, '/')
		b = strconv.AppendInt(b, int64(f.ClockRate), 10)
		b = append(b, "\r\n"...)
		if f.Name == TelephoneEvent {
			b = append(b, "a=fmtp:"...)
			b = strconv.AppendUint(b, uint64(f.PayloadType), 10)
			b = append(b, " 0-15\r\n"...)
		}
	}
	b = append(b, "a=ptime:20\r\na="...)
	b = append(b, dir.String()...)
	return append(b, "\r\n"...)
}

// appendRefused answers a stream that is not ours in its place, with port 0
// and the formats it came with (RFC 3264 §6).
func (s *Section) appendRefused(b []byte) []byte {
	b = append(b, "m="...)
	b = append(b, s.Kind...)
	b = append(b, " 0 "...)
	b = append(b, s.Proto...)
	if s.Formats != "" {
		b = append(b, ' ')
		b = append(b, s.Formats...)
	}
	return append(b, "\r\n"...)
}

// printName writes an encoding name as the registry does; names compare without
// regard to case, but old phones do not know that.
func printName(name string) string {
	switch name {
	case "pcmu":
		return "PCMU"
	case "pcma":
		return "PCMA"
	case "gsm":
		return "GSM"
	case "g722":
		return "G722"
	}
	return name
}

func is(c *codec.Codec, f *Format) bool {
	return c.Name == f.Name && c.ClockRate == f.ClockRate && (f.Channels == 1 || c.ClockRate == codecStereo)
}

// codecStereo is the clock rate of Opus, whose rtpmap always says two channels
// (RFC 7587 §7).
const codecStereo = 48000

func find(codecs []*codec.Codec, f *Format) *codec.Codec {
	for _, c := range codecs {
		if is(c, f) {
			return c
		}
	}
	return nil
}

// event finds the telephone-event with the codec's clock rate, else any: some
// offer it at 8000 Hz only, whatever the codec.
func event(formats []Format, rate int) *Format {
	var any *Format
	for i := range formats {
		f := &formats[i]
		if f.Name != TelephoneEvent {
			continue
		}
		if f.ClockRate == rate {
			return f
		}
		if any == nil && (f.ClockRate == 8000 || f.ClockRate == 16000 || f.ClockRate == 48000) {
			any = f
		}
	}
	return any
}

func payloadIndex(formats []Format, name string, rate int) int {
	for i := range formats {
		if formats[i].Name == name && formats[i].ClockRate == rate {
			return i
		}
	}
	return -1
}

func payloadType(formats []Format, name string, rate int, otherwise uint8) uint8 {
	if i := payloadIndex(formats, name, rate); i >= 0 {
		return formats[i].PayloadType
	}
	return otherwise
}
