package sdp

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	pion "github.com/pion/sdp/v3"

	"tandem/codec"
)

// Parse reads a description leniently; see [Session] for what is made of it.
// An error is a [*SyntaxError], or [ErrAddress] when the audio stream's address
// cannot be sent to. A description without a usable audio stream is no error.
func Parse(body []byte) (*Description, error) {
	n, err := normalise(body)
	if err != nil {
		return nil, err
	}
	d := &Description{Origin: n.origin, Sections: n.sections}
	if n.audio < 0 {
		return d, nil
	}
	var p pion.SessionDescription
	if err := p.UnmarshalString(n.text); err != nil {
		return nil, &SyntaxError{0, strings.TrimPrefix(err.Error(), "sdp: ")}
	}
	if len(p.MediaDescriptions) != 1 {
		return nil, &SyntaxError{0, "m= line inside a value"}
	}
	d.Audio, err = parseAudio(&p, p.MediaDescriptions[0])
	if err != nil {
		return nil, err
	}
	d.Audio.Index = n.audio
	return d, nil
}

func parseAudio(p *pion.SessionDescription, m *pion.MediaDescription) (*Audio, error) {
	a := &Audio{}
	for _, at := range p.Attributes { // defaults for the media level
		a.attribute(at.Key, at.Value)
	}
	a.formats(m)
	for _, at := range m.Attributes {
		a.attribute(at.Key, at.Value)
	}
	addr, err := connection(m.ConnectionInformation)
	if err != nil && m.MediaName.Port.Value != 0 {
		return nil, err
	}
	a.Addr = netip.AddrPortFrom(addr, uint16(m.MediaName.Port.Value))
	a.rtcp(m)
	return a, nil
}

// connection is the address of a c= line. Where there is none, or it is not one
// that audio may be sent to, it is an error.
func connection(c *pion.ConnectionInformation) (netip.Addr, error) {
	if c == nil || c.Address == nil {
		return netip.Addr{}, ErrAddress
	}
	return address(c.Address.Address)
}

// address reads an address of c= or a=rtcp, with or without a TTL.
func address(s string) (netip.Addr, error) {
	s, _, _ = strings.Cut(s, "/")
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, ErrAddress
	}
	a = a.Unmap()
	if a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return netip.Addr{}, ErrAddress
	}
	return a, nil
}

// formats reads the payload types of the m= line with their rtpmap and fmtp.
// A number that is none, or comes again, is passed over.
func (a *Audio) formats(m *pion.MediaDescription) {
	var place [128]uint8 // where a payload type stands in Formats, plus one
	a.Formats = make([]Format, 0, min(len(m.MediaName.Formats), 128))
	for _, s := range m.MediaName.Formats {
		pt, ok := parseUint(s, 127)
		if !ok || place[pt] != 0 {
			continue
		}
		f := Format{PayloadType: uint8(pt), Channels: 1}
		if c := codec.ByPayloadType(f.PayloadType); c != nil {
			f.Name, f.ClockRate = c.Name, c.ClockRate
		}
		a.Formats = append(a.Formats, f)
		place[pt] = uint8(len(a.Formats))
	}
	for _, at := range m.Attributes {
		if at.Key != "rtpmap" && at.Key != "fmtp" {
			continue
		}
		number, value, _ := strings.Cut(at.Value, " ")
		pt, ok := parseUint(number, 127)
		if !ok || place[pt] == 0 {
			continue
		}
		f := &a.Formats[place[pt]-1]
		value = strings.TrimSpace(value)
		if at.Key == "fmtp" {
			f.Fmtp = value
			continue
		}
		name, rate, _ := strings.Cut(value, "/")
		rate, channels, _ := strings.Cut(rate, "/")
		hz, ok := parseUint(strings.TrimSpace(rate), 1_000_000)
		if !ok || hz == 0 || name == "" {
			continue // keeps what the static payload type says
		}
		f.Name, f.ClockRate, f.Channels = strings.ToLower(name), hz, 1
		if c, ok := parseUint(channels, 255); ok && c > 0 {
			f.Channels = c
		}
	}
}

func (a *Audio) attribute(key, value string) {
	switch key {
	case "sendrecv":
		a.Direction = SendRecv
	case "sendonly":
		a.Direction = SendOnly
	case "recvonly":
		a.Direction = RecvOnly
	case "inactive":
		a.Direction = Inactive
	case "ptime":
		a.Ptime = packetTime(value, a.Ptime)
	case "maxptime":
		a.MaxPtime = packetTime(value, a.MaxPtime)
	}
}

// packetTime reads milliseconds, which may have a fraction. What is no packet
// time anybody uses is passed over.
func packetTime(value string, old time.Duration) time.Duration {
	ms, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(ms >= 1 && ms <= 1000) {
		return old
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// rtcp finds where RTCP goes (RFC 3605), by default the port after RTP's.
func (a *Audio) rtcp(m *pion.MediaDescription) {
	if a.Addr.Port() == 0 {
		return
	}
	addr, port := a.Addr.Addr(), 0
	if a.Addr.Port() < 65535 {
		port = int(a.Addr.Port()) + 1
	}
	if value, ok := m.Attribute("rtcp"); ok {
		f := strings.Fields(value)
		if len(f) > 0 {
			if p, ok := parseUint(f[0], 65535); ok && p != 0 {
				port = p
			}
		}
		if len(f) == 4 {
			if other, err := address(f[3]); err == nil && !other.IsUnspecified() {
				addr = other
			}
		}
	}
	a.RTCP = netip.AddrPortFrom(addr, uint16(port))
}

// parseUint reads a number of at most limit, without sign.
func parseUint(s string, limit int) (int, bool) {
	if s == "" || len(s) > 9 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int(c)
	}
	return n, n <= limit
}

func itoa(n int) string { return strconv.Itoa(n) }

// quote shows a piece of a peer's text in an error, at no great length.
func quote(s string) string {
	if len(s) > 40 {
		s = s[:40]
	}
	return strconv.Quote(s)
}
