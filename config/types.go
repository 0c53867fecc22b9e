package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/codec"
	"tandem/sip"
)

// text is implemented by pointers to types that read themselves from a scalar.
// The error says what is wrong and, after a semicolon, what to do.
type text interface{ parse(s string) error }

// schematic is implemented by types that say what they look like in the JSON
// Schema.
type schematic interface{ schema() map[string]any }

// A Secret is text that is never shown: printing, logging and JSON give
// asterisks.
type Secret string

// Reveal gives the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String implements [fmt.Stringer].
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText hides the secret from JSON and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Listen is an address to take SIP on.
type Listen struct {
	// Network is udp, tcp, tls, ws or wss.
	Network string
	Addr    netip.AddrPort
}

var networks = [...]string{"udp", "tcp", "tls", "ws", "wss"}

// String gives the address as it is written in the file.
func (l Listen) String() string { return l.Network + "://" + l.Addr.String() }

func (l *Listen) parse(s string) error {
	network, rest, ok := strings.Cut(s, "://")
	if !ok || !slices.Contains(networks[:], network) {
		return fmt.Errorf("bad address %q; write one such as udp://0.0.0.0:5060, with udp, tcp, tls, ws or wss", s)
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		// The port that RFC 3261 §19.1.2 gives each transport.
		host, port = strings.Trim(rest, "[]"), "5060"
		switch network {
		case "tls":
			port = "5061"
		case "ws":
			port = "80"
		case "wss":
			port = "443"
		}
	}
	if host == "" || host == "*" {
		host = "0.0.0.0"
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("bad address %q; write an IP address of this host, 0.0.0.0 for all of them", s)
	}
	n, err := parsePort(port)
	if err != nil {
		return err
	}
	*l = Listen{network, netip.AddrPortFrom(addr, n)}
	return nil
}

func (Listen) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^(udp|tcp|tls|ws|wss)://"}
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("bad port %q; write a number from 0 to 65535", s)
	}
	return uint16(n), nil
}

// A HostPort is a host name or IP address, with or without a port.
type HostPort string

func (h *HostPort) parse(s string) error {
	*h = HostPort(s)
	host, port := h.Split()
	if s == "" {
		return nil
	}
	if !validHost(host) && host != "" {
		return fmt.Errorf("bad host %q; write a host name or an IP address, and :port where it is needed", host)
	}
	if strings.HasSuffix(s, ":") || port == "" && host == "" {
		return fmt.Errorf("bad address %q; write a host name or an IP address, and :port where it is needed", s)
	}
	if port != "" {
		if _, err := parsePort(port); err != nil {
			return err
		}
	}
	return nil
}

// Split gives the host without brackets and the port, "" where there is none.
func (h HostPort) Split() (host, port string) {
	host, port, err := net.SplitHostPort(string(h))
	if err != nil {
		return strings.Trim(string(h), "[]"), ""
	}
	return host, port
}

func validHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return false
			}
		}
	}
	return true
}

// A PortRange is the UDP ports from First to Last, both included.
type PortRange struct{ First, Last uint16 }

// String gives FIRST-LAST.
func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

// Pairs says how many RTP and RTCP pairs the range has room for.
func (r PortRange) Pairs() int {
	first := (int(r.First) + 1) &^ 1
	return max((int(r.Last)-first+1)/2, 0)
}

func (r *PortRange) parse(s string) error {
	const hint = "write one such as 20000-29999"
	lo, hi, ok := strings.Cut(s, "-")
	if !ok {
		return fmt.Errorf("bad port range %q; %s", s, hint)
	}
	first, err1 := strconv.ParseUint(strings.TrimSpace(lo), 10, 16)
	last, err2 := strconv.ParseUint(strings.TrimSpace(hi), 10, 16)
	switch {
	case err1 != nil || err2 != nil:
		return fmt.Errorf("bad port range %q; %s, with ports up to 65535", s, hint)
	case first < 1024:
		return fmt.Errorf("port %d is reserved; begin at 1024 or above", first)
	case first > last:
		return fmt.Errorf("the range %q ends before it begins; %s", s, hint)
	}
	*r = PortRange{uint16(first), uint16(last)}
	if r.Pairs() == 0 {
		return fmt.Errorf("the range %q has no even port followed by an odd one; %s", s, hint)
	}
	return nil
}

func (PortRange) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^\s*\d+\s*-\s*\d+\s*$`}
}

// A Prefix is a network; a single address is one of its own.
type Prefix = netip.Prefix

func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("bad network %q; write an address or a network such as 198.51.100.0/28", s)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("%s is an address inside a network; write %s, or %s for the address alone", s, p.Masked(), p.Addr())
	}
	return p, nil
}

// A Codec is the name of a codec that this build has.
type Codec string

// later names the codecs that the product has but this build has not yet.
var later = [...]string{"opus"}

func (c *Codec) parse(s string) error {
	name := strings.ToLower(s)
	if codec.ByName(name) == nil && !slices.Contains(later[:], name) {
		var have []string
		for _, k := range codec.Table() {
			have = append(have, k.Name)
		}
		return fmt.Errorf("unknown codec %q; have %s", s, strings.Join(have, ", "))
	}
	*c = Codec(name)
	return nil
}

func (Codec) schema() map[string]any {
	var have []any
	for _, k := range codec.Table() {
		have = append(have, k.Name)
	}
	for _, name := range later {
		have = append(have, name)
	}
	return map[string]any{"type": "string", "enum": have}
}

// A Target is where a trunk's calls go. The zero Target is none.
type Target struct {
	// Scheme is sip or sips.
	Scheme string
	Host   string
	// Port is 0 where none is given: then the host's SRV records or the
	// transport's own port decide (RFC 3263 §4).
	Port uint16
	// Transport is udp, tcp, tls, ws or wss, empty where none is given.
	Transport string
}

// IsZero says that there is no target.
func (t Target) IsZero() bool { return t == Target{} }

// String gives the target as a SIP URI.
func (t Target) String() string {
	if t.IsZero() {
		return ""
	}
	host := t.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	s := t.Scheme + ":" + host
	if t.Port != 0 {
		s += ":" + strconv.Itoa(int(t.Port))
	}
	if t.Transport != "" {
		s += ";transport=" + t.Transport
	}
	return s
}

func (t *Target) parse(s string) error {
	*t = Target{}
	if s == "" {
		return nil
	}
	bad := fmt.Errorf("bad target %q; write one such as sip:sbc.example.net or sip:192.0.2.1:5060;transport=tcp", s)
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme != "sip" && scheme != "sips" {
		return bad
	}
	hostport, params, _ := strings.Cut(rest, ";")
	if strings.Contains(hostport, "@") {
		return fmt.Errorf("the target %q has a user part; leave it out: the number called stands there", s)
	}
	host, port := HostPort(hostport).Split()
	if !validHost(host) {
		return bad
	}
	t.Scheme, t.Host = scheme, host
	if port != "" {
		n, err := parsePort(port)
		if err != nil || n == 0 {
			return bad
		}
		t.Port = n
	}
	if params == "" {
		return nil
	}
	for p := range strings.SplitSeq(params, ";") {
		k, v, _ := strings.Cut(p, "=")
		if !strings.EqualFold(k, "transport") || !slices.Contains(networks[:], strings.ToLower(v)) {
			return fmt.Errorf("unknown parameter %q; only transport=udp, tcp, tls, ws or wss may follow the host", p)
		}
		t.Transport = strings.ToLower(v)
	}
	return nil
}

func (Target) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^(sips?:.*)?$"}
}

// A Pattern matches text; * stands for any characters, none included.
type Pattern string

func (p *Pattern) parse(s string) error {
	if s == "" {
		return errors.New(`an empty pattern matches nothing; write "*" for everything`)
	}
	*p = Pattern(s)
	return nil
}

// Match says whether s as a whole fits the pattern.
func (p Pattern) Match(s string) bool { return sip.Match(string(p), s) }

// A URL is an absolute URL, or "" where none is given.
type URL string

func (u *URL) parse(s string) error {
	*u = URL(s)
	if s == "" {
		return nil
	}
	p, err := url.Parse(s)
	if err != nil || p.Host == "" || p.Scheme == "" {
		return fmt.Errorf("bad URL %q; write one such as https://app.example.net/events", hideUserinfo(s))
	}
	return nil
}

func (URL) schema() map[string]any { return map[string]any{"type": "string", "format": "uri"} }

func hideUserinfo(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		return "…" + s[at:]
	}
	return s
}

// A Date is a point in time; zero where none is given.
type Date struct{ time.Time }

func (d *Date) parse(s string) error {
	*d = Date{}
	if s == "" {
		return nil
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if layout == time.DateOnly {
			t = t.AddDate(0, 0, 1) // the day itself counts
		}
		d.Time = t
		return nil
	}
	return fmt.Errorf("bad date %q; write one such as 2027-01-31 or 2027-01-31T12:00:00Z", s)
}

func parseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("bad duration %q; write a number with its unit, such as 500ms, 30s, 5m or 4h", s)
	}
	if d < 0 {
		return 0, fmt.Errorf("the duration %s is negative; write 0 or more", s)
	}
	return d, nil
}
