package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// crlf joins lines as they go over the wire.
func crlf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

const plain = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" +
	"m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n" +
	"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"

// TestLenient feeds what carriers send and the grammar forbids: each must be
// understood like plain.
func TestLenient(t *testing.T) {
	for name, text := range map[string]string{
		"plain":                plain,
		"LF only":              strings.ReplaceAll(plain, "\r\n", "\n"),
		"CR only":              strings.ReplaceAll(plain, "\r\n", "\r"),
		"no final newline":     strings.TrimSuffix(plain, "\r\n"),
		"blank lines":          "\r\n" + strings.ReplaceAll(plain, "t=0 0\r\n", "t=0 0\r\n\r\n") + "\r\n\r\n",
		"no s=":                strings.Replace(plain, "s=-\r\n", "", 1),
		"empty s=":             strings.Replace(plain, "s=-\r\n", "s=\r\n", 1),
		"no t=":                strings.Replace(plain, "t=0 0\r\n", "", 1),
		"no o=":                strings.Replace(plain, "o=- 1 1 IN IP4 192.0.2.1\r\n", "", 1),
		"o= with spaces":       strings.Replace(plain, "o=- 1 1", "o=Cisco SIP UA 1 1", 1),
		"o= too large":         strings.Replace(plain, "o=- 1 1", "o=- 99999999999999999999999 -1", 1),
		"o= cut short":         strings.Replace(plain, "o=- 1 1 IN IP4 192.0.2.1", "o=-", 1),
		"c= after t=":          strings.Replace(plain, "c=IN IP4 192.0.2.1\r\nt=0 0\r\n", "t=0 0\r\nc=IN IP4 192.0.2.1\r\n", 1),
		"a= before b=":         strings.Replace(plain, "t=0 0\r\n", "t=0 0\r\na=x\r\nb=AS:64\r\n", 1),
		"a= before c=":         strings.Replace(plain, "c=IN IP4 192.0.2.1\r\nt=0 0\r\n", "a=x\r\nt=0 0\r\nc=IN IP4 192.0.2.1\r\n", 1),
		"unknown b= in media":  plain + "b=FOO:64\r\nb=TIAS:x\r\n",
		"unknown letters":      plain + "q=what\r\nx\r\n?\r\n",
		"unknown media":        plain + "m=hologram 5 FOO/BAR x\r\na=sendonly\r\nc=IN IP4 9.9.9.9\r\n",
		"T.38 beside":          plain + "m=image 4002 udptl t38\r\na=T38FaxVersion:0\r\n",
		"T.38 first":           strings.Replace(plain, "m=audio", "m=image 4002 udptl t38\r\na=sendonly\r\nm=audio", 1),
		"unknown proto first":  strings.Replace(plain, "m=audio", "m=audio 4002 RTP/AVP/FOO 0\r\nm=audio", 1),
		"SAVP first":           strings.Replace(plain, "m=audio", "m=audio 4002 RTP/SAVP 0\r\na=crypto:1 x inline:y\r\nm=audio", 1),
		"refused audio first":  strings.Replace(plain, "m=audio", "m=audio 0 RTP/AVP 0\r\na=inactive\r\nm=audio", 1),
		"c= in media":          strings.Replace(strings.Replace(plain, "c=IN IP4 192.0.2.1\r\n", "", 1), "a=ptime", "c=IN IP4 192.0.2.1\r\na=ptime", 1),
		"c= in media wins":     strings.Replace(strings.Replace(plain, "c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0", 1), "a=ptime", "c=IN IP4 192.0.2.1\r\na=ptime", 1),
		"c= in two media":      strings.Replace(plain, "a=ptime:20\r\n", "a=ptime:20\r\nm=video 6 RTP/AVP 31\r\nc=IN IP4 1.2.3.4\r\n", 1),
		"c= with TTL":          strings.Replace(plain, "c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1/127", 1),
		"c= with more spaces":  strings.Replace(plain, "c=IN IP4 192.0.2.1", "c= IN  IP4   192.0.2.1 ", 1),
		"r=, z=, k=, e=, p=":   strings.Replace(plain, "t=0 0\r\n", "k=prompt\r\nz=0 -1h\r\nt=0 0\r\nr=7d 1h 0 25h\r\ne=a@b\r\np=+1\r\nu=x\r\ni=y\r\n", 1),
		"no rtpmap for static": strings.NewReplacer("a=rtpmap:8 PCMA/8000\r\n", "", "a=rtpmap:0 PCMU/8000\r\n", "").Replace(plain),
		"rtpmap in lower case": strings.Replace(plain, "PCMA/8000", "pcma/8000/1", 1),
		"format twice":         strings.Replace(plain, "8 0 101", "8 0 0 8 101", 1),
		"format too large":     strings.Replace(plain, "8 0 101", "8 4294967296 0 -1 128 101", 1),
		"space before lines":   strings.ReplaceAll(plain, "\r\na=", "\r\n  a="),
		"port with a count":    strings.Replace(plain, "4000", "4000/2", 1),
		"Unicode elsewhere":    plain + "m=vidéo 1 RTP/ÄÖ 3\r\n",
		"session ptime":        strings.Replace(strings.Replace(plain, "a=ptime:20\r\n", "", 1), "t=0 0\r\n", "t=0 0\r\na=ptime:20\r\n", 1),
		"ptime as a fraction":  strings.Replace(plain, "ptime:20", "ptime:20.0", 1),
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			a := d.Audio
			if a == nil {
				t.Fatal("no audio")
			}
			if got := a.Addr.String(); got != "192.0.2.1:4000" {
				t.Errorf("address %s", got)
			}
			if got := a.RTCP.String(); got != "192.0.2.1:4001" {
				t.Errorf("RTCP %s", got)
			}
			if a.Direction != SendRecv || a.Ptime != 20*time.Millisecond {
				t.Errorf("direction %v, ptime %v", a.Direction, a.Ptime)
			}
			var names []string
			for _, f := range a.Formats {
				names = append(names, fmt.Sprintf("%d %s/%d", f.PayloadType, f.Name, f.ClockRate))
			}
			if got := strings.Join(names, ", "); got != "8 pcma/8000, 0 pcmu/8000, 101 telephone-event/8000" {
				t.Errorf("formats %s", got)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ conn, rtcp, addr, rtcpAddr string }{
		{"IN IP6 2001:db8::1", "", "[2001:db8::1]:4000", "[2001:db8::1]:4001"},
		{"IN IP6 ::ffff:192.0.2.9", "", "192.0.2.9:4000", "192.0.2.9:4001"},
		{"IN IP4 0.0.0.0", "", "0.0.0.0:4000", "0.0.0.0:4001"},
		{"IN IP4 192.0.2.1", "a=rtcp:53020", "192.0.2.1:4000", "192.0.2.1:53020"},
		{"IN IP4 192.0.2.1", "a=rtcp:53020 IN IP4 192.0.2.7", "192.0.2.1:4000", "192.0.2.7:53020"},
		{"IN IP4 192.0.2.1", "a=rtcp:x IN IP4 224.0.0.1", "192.0.2.1:4000", "192.0.2.1:4001"},
	} {
		lines := []string{"v=0", "c=" + c.conn, "m=audio 4000 RTP/AVP 0"}
		if c.rtcp != "" {
			lines = append(lines, c.rtcp)
		}
		d, err := Parse([]byte(crlf(lines...)))
		if err != nil {
			t.Errorf("%s: %v", c.conn, err)
			continue
		}
		if d.Audio.Addr.String() != c.addr || d.Audio.RTCP.String() != c.rtcpAddr {
			t.Errorf("%s %s: %v %v", c.conn, c.rtcp, d.Audio.Addr, d.Audio.RTCP)
		}
	}
}

func TestDirections(t *testing.T) {
	for _, c := range []struct {
		session, media string
		want           Direction
	}{
		{"", "", SendRecv}, {"sendonly", "", SendOnly}, {"", "recvonly", RecvOnly},
		{"inactive", "sendrecv", SendRecv}, {"sendrecv", "inactive", Inactive},
	} {
		text := crlf("v=0", "c=IN IP4 1.2.3.4", "a="+c.session, "m=audio 4000 RTP/AVP 0", "a="+c.media)
		d, err := Parse([]byte(text))
		if err != nil || d.Audio.Direction != c.want {
			t.Errorf("%q %q: %v %v, want %v", c.session, c.media, d.Audio.Direction, err, c.want)
		}
	}
	for d := SendRecv; d <= Inactive; d++ {
		if d.Reverse().Reverse() != d || d.And(SendRecv) != d || d.And(Inactive) != Inactive {
			t.Errorf("%v: algebra", d)
		}
	}
}

// TestRefusedDescriptions: what cannot be understood says which line is wrong.
func TestRefusedDescriptions(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":         {"", "no v= line"},
		"not SDP":       {"hello\r\nworld", "no v= line"},
		"other first":   {"o=- 1 1 IN IP4 1.2.3.4\r\n", "line 1: does not begin with v="},
		"version 1":     {"v=1\r\n", "line 1: unknown version"},
		"NUL":           {plain + "a=fmtp:101 \x00\r\n", "contains a NUL"},
		"bad port":      {"v=0\r\nm=audio 70000 RTP/AVP 0\r\n", `line 2: bad port "70000"`},
		"negative port": {"v=0\r\nm=image -1 udptl t38\r\n", `line 2: bad port "-1"`},
		"short m=":      {"v=0\r\n\r\nm=audio 5\r\n", "line 3: m= line with too few fields"},
		"too long":      {"v=0\r\n" + strings.Repeat("i=x\r\n", 20000), "longer than 65535 bytes"},
	} {
		_, err := Parse([]byte(c.text))
		var se *SyntaxError
		if !errors.As(err, &se) || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	for name, conn := range map[string]string{
		"no c=": "a=x", "host name": "c=IN IP4 media.example.net", "multicast": "c=IN IP4 224.2.1.1/127",
		"broadcast": "c=IN IP4 255.255.255.255", "zone": "c=IN IP6 fe80::1%eth0",
	} {
		if _, err := Parse([]byte(crlf("v=0", conn, "m=audio 4000 RTP/AVP 0"))); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBombs: descriptions meant to cost much are refused or read at once
// (security.md attack 21).
func TestBombs(t *testing.T) {
	media := plain + strings.Repeat("m=audio 4000 RTP/AVP 0\r\n", 1000)
	attributes := plain + strings.Repeat("a=x:1\r\n", 9000)
	formats := "v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 4000 RTP/AVP" + strings.Repeat(" 0", 30000) + "\r\n"
	for name, text := range map[string]string{
		"1,000 m-lines": media, "9,000 attributes": attributes, "30,000 formats": formats,
		"one long line": plain + "a=" + strings.Repeat("x", 60000) + "\r\n",
		"10,000 rtpmaps": plain + strings.Repeat("a=rtpmap:8 PCMA/8000\r\n",
			2000),
	} {
		best := time.Hour // of a few, for the machine has other things to do
		for range 5 {
			start := time.Now()
			_, _ = Parse([]byte(text))
			best = min(best, time.Since(start))
		}
		if best > 20*time.Millisecond { // 5 ms, and under -race
			t.Errorf("%s: %v", name, best)
		}
		t.Logf("%s: %v", name, best)
	}
	if _, err := Parse([]byte(media)); err == nil {
		t.Error("1,000 m-lines are not refused")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(plain))
	f.Add([]byte(strings.ReplaceAll(plain, "\r\n", "\n")))
	f.Add([]byte(crlf("v=0", "m=image 1 udptl t38", "m=audio 0 RTP/AVP 0", "a=rtcp:1 IN IP6 ::1", "a=maxptime:1e9")))
	f.Add([]byte("v=0\nc=IN IP4 0.0.0.0\nm=audio 65535 RTP/AVP 96 97\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\na=inactive"))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := Parse(body)
		if err != nil {
			return
		}
		s := Session{Addr: netip.MustParseAddrPort("192.0.2.2:4000"), Codecs: all}
		out, g, err := s.Answer(d, SendRecv)
		if err != nil {
			return
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("our answer cannot be read: %v\n%q", err, out)
		}
		if len(again.Sections) != len(d.Sections) || again.Audio == nil || again.Audio.Index != d.Audio.Index {
			t.Fatalf("answer %q to %q", out, body)
		}
		if again.Audio.Formats[0].PayloadType != g.RecvPayloadType {
			t.Fatalf("answered %v, agreed %v", again.Audio.Formats, g)
		}
	})
}
