package sdp

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/codec"
)

var (
	all  = []*codec.Codec{codec.PCMA, codec.PCMU, codec.GSM}
	here = netip.MustParseAddrPort("192.0.2.2:20000")
)

func parse(t *testing.T, text string) *Description {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func offer(lines ...string) string {
	return crlf(append([]string{"v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"}, lines...)...)
}

// body is a description of ours without the lines that are random.
func body(b []byte) string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\r\n"), "\r\n") {
		if !strings.HasPrefix(line, "o=") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

func version(b []byte) string {
	_, rest, _ := strings.Cut(string(b), "o=- ")
	return strings.Fields(rest)[1]
}

func TestAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		offer  string
		codecs []*codec.Codec
		own    bool
		want   string // m= line and what follows; "" for an error
		err    error
		check  func(Agreed) bool
	}{
		"the offer's order": {
			offer: offer("m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000"),
			want: "m=audio 20000 RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n" +
				"a=fmtp:101 0-15\na=ptime:20\na=sendrecv",
			check: func(g Agreed) bool { return g.Codec == codec.PCMU && g.Event == 101 && g.EventRate == 8000 },
		},
		"our order when asked": {
			offer: offer("m=audio 4000 RTP/AVP 0 8"), own: true,
			want:  "m=audio 20000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20\na=sendrecv",
			check: func(g Agreed) bool { return g.Codec == codec.PCMA && g.EventRate == 0 },
		},
		"unknown codecs passed over": {
			offer: offer("m=audio 4000 RTP/AVP 18 4 96 3", "a=rtpmap:96 SPEEX/8000"),
			want:  "m=audio 20000 RTP/AVP 3\na=rtpmap:3 GSM/8000\na=ptime:20\na=sendrecv",
			check: func(g Agreed) bool { return g.Codec == codec.GSM },
		},
		"dynamic numbers kept": {
			offer: offer("m=audio 4000 RTP/AVP 120 99", "a=rtpmap:120 PCMA/8000", "a=rtpmap:99 telephone-event/8000", "a=fmtp:120 x=1"),
			want: "m=audio 20000 RTP/AVP 120 99\na=rtpmap:120 PCMA/8000\na=rtpmap:99 telephone-event/8000\n" +
				"a=fmtp:99 0-15\na=ptime:20\na=sendrecv",
			check: func(g Agreed) bool { return g.PayloadType == 120 && g.Event == 99 && g.Fmtp == "x=1" },
		},
		"a static number with another meaning": {
			offer: offer("m=audio 4000 RTP/AVP 8 0", "a=rtpmap:8 FOO/8000"),
			want:  "m=audio 20000 RTP/AVP 0\na=rtpmap:0 PCMU/8000\na=ptime:20\na=sendrecv",
		},
		"telephone-event of the codec's clock": {
			offer: offer("m=audio 4000 RTP/AVP 0 110 101", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:101 telephone-event/8000"),
			check: func(g Agreed) bool { return g.Event == 101 && g.EventRate == 8000 },
		},
		"telephone-event of another clock": {
			offer: offer("m=audio 4000 RTP/AVP 0 110", "a=rtpmap:110 telephone-event/48000"),
			check: func(g Agreed) bool { return g.Event == 110 && g.EventRate == 48000 },
		},
		"others refused in place": {
			offer: offer("m=image 4002 udptl t38", "m=audio 4000 RTP/AVP 8", "m=video 4004 RTP/AVP 31 34", "a=x", "m=audio 4006 RTP/SAVP 0"),
			want: "m=image 0 udptl t38\nm=audio 20000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20\na=sendrecv\n" +
				"m=video 0 RTP/AVP 31 34\nm=audio 0 RTP/SAVP 0",
		},
		"hold by sendonly": {
			offer: offer("m=audio 4000 RTP/AVP 8", "a=sendonly"),
			want:  "m=audio 20000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20\na=recvonly",
			check: func(g Agreed) bool { return g.Held && g.Direction == RecvOnly && g.Remote.IsValid() },
		},
		"hold by inactive": {
			offer: offer("m=audio 4000 RTP/AVP 8", "a=inactive"),
			want:  "m=audio 20000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20\na=inactive",
			check: func(g Agreed) bool { return g.Held && g.Direction == Inactive },
		},
		"hold by 0.0.0.0": {
			offer: offer("m=audio 4000 RTP/AVP 8", "c=IN IP4 0.0.0.0"),
			want:  "m=audio 20000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20\na=recvonly",
			check: func(g Agreed) bool { return g.Held && g.Direction == RecvOnly && !g.Remote.IsValid() },
		},
		"recvonly is no hold": {
			offer: offer("m=audio 4000 RTP/AVP 8", "a=recvonly"),
			want:  "m=audio 20000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20\na=sendonly",
			check: func(g Agreed) bool { return !g.Held && g.Direction == SendOnly },
		},
		"maxptime obeyed": {
			offer: offer("m=audio 4000 RTP/AVP 8", "a=maxptime:10"),
			check: func(g Agreed) bool { return g.Ptime == 10*time.Millisecond },
		},
		"maxptime that GSM cannot": {
			offer: offer("m=audio 4000 RTP/AVP 3", "a=maxptime:10"),
			check: func(g Agreed) bool { return g.Ptime == 20*time.Millisecond },
		},
		"ptime of theirs is theirs": {
			offer: offer("m=audio 4000 RTP/AVP 8", "a=ptime:60", "a=maxptime:60"),
			check: func(g Agreed) bool { return g.Ptime == 20*time.Millisecond },
		},
		"AVPF is answered as AVPF": {
			offer: offer("m=audio 4000 RTP/AVPF 8"),
			want:  "m=audio 20000 RTP/AVPF 8\na=rtpmap:8 PCMA/8000\na=ptime:20\na=sendrecv",
		},
		"no common codec":   {offer: offer("m=audio 4000 RTP/AVP 18 101", "a=rtpmap:101 telephone-event/8000"), err: ErrNoCodec},
		"only what we may":  {offer: offer("m=audio 4000 RTP/AVP 8"), codecs: []*codec.Codec{codec.GSM}, err: ErrNoCodec},
		"video only":        {offer: offer("m=video 4000 RTP/AVP 31"), err: ErrNoAudio},
		"encrypted only":    {offer: offer("m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"), err: ErrNoAudio},
		"port 0":            {offer: offer("m=audio 0 RTP/AVP 0"), err: ErrNoAudio},
		"nothing":           {offer: offer(), err: ErrNoAudio},
		"two channels":      {offer: offer("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMA/8000/2"), err: ErrNoCodec},
		"other clock rate":  {offer: offer("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMA/16000"), err: ErrNoCodec},
		"no format at all":  {offer: offer("m=audio 4000 RTP/AVP"), err: ErrNoCodec},
		"rtpmap of nothing": {offer: offer("m=audio 4000 RTP/AVP 96", "a=rtpmap:96"), err: ErrNoCodec},
	} {
		t.Run(name, func(t *testing.T) {
			s := Session{Addr: here, Codecs: all, OwnOrder: c.own}
			if c.codecs != nil {
				s.Codecs = c.codecs
			}
			out, g, err := s.Answer(parse(t, c.offer), SendRecv)
			if !errors.Is(err, c.err) {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			if c.want != "" {
				want := "v=0\ns=-\nc=IN IP4 192.0.2.2\nt=0 0\n" + c.want
				if d := cmp.Diff(want, body(out)); d != "" {
					t.Error(d)
				}
			}
			if c.check != nil && !c.check(g) {
				t.Errorf("agreed %+v", g)
			}
		})
	}
}

func TestOffer(t *testing.T) {
	s := Session{Addr: here, Codecs: all}
	want := "v=0\ns=-\nc=IN IP4 192.0.2.2\nt=0 0\nm=audio 20000 RTP/AVP 8 0 3 101\na=rtpmap:8 PCMA/8000\n" +
		"a=rtpmap:0 PCMU/8000\na=rtpmap:3 GSM/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=sendrecv"
	if d := cmp.Diff(want, body(s.Offer(SendRecv))); d != "" {
		t.Error(d)
	}
	v6 := Session{Addr: netip.MustParseAddrPort("[2001:db8::1]:20000"), Codecs: all[:1]}
	if out := string(v6.Offer(SendRecv)); strings.Count(out, "IN IP6 2001:db8::1\r\n") != 2 {
		t.Error(out)
	}
}

func TestAccept(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		err    error
		check  func(Agreed) bool
	}{
		"plain": {
			answer: offer("m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"),
			check: func(g Agreed) bool {
				return g.Codec == codec.PCMU && g.Event == 101 && g.RecvEvent == 101 && g.Remote == netip.MustParseAddrPort("192.0.2.1:4000")
			},
		},
		"other event number": {
			answer: offer("m=audio 4000 RTP/AVP 0 96", "a=rtpmap:96 telephone-event/8000"),
			check:  func(g Agreed) bool { return g.Event == 96 && g.RecvEvent == 101 },
		},
		"no telephone-event": {
			answer: offer("m=audio 4000 RTP/AVP 8"),
			check:  func(g Agreed) bool { return g.EventRate == 0 },
		},
		"inactive":      {answer: offer("m=audio 4000 RTP/AVP 8", "a=inactive"), check: func(g Agreed) bool { return g.Held && g.Direction == Inactive }},
		"port 0":        {answer: offer("m=audio 0 RTP/AVP 8"), err: ErrNoAudio},
		"no audio":      {answer: offer(), err: ErrNoAudio},
		"nothing of us": {answer: offer("m=audio 4000 RTP/AVP 18"), err: ErrNoCodec},
	} {
		t.Run(name, func(t *testing.T) {
			s := Session{Addr: here, Codecs: all}
			s.Offer(SendRecv)
			g, err := s.Accept(parse(t, c.answer), SendRecv)
			if !errors.Is(err, c.err) {
				t.Fatal(err)
			}
			if c.check != nil && !c.check(g) {
				t.Errorf("agreed %+v", g)
			}
		})
	}
}

// TestVersion: o= grows by one when something changed and only then.
func TestVersion(t *testing.T) {
	s := Session{Addr: here, Codecs: all}
	o := offer("m=audio 4000 RTP/AVP 8")
	one, _, _ := s.Answer(parse(t, o), SendRecv)
	one = bytes.Clone(one)
	two, _, _ := s.Answer(parse(t, o), SendRecv)
	if !bytes.Equal(one, two) {
		t.Errorf("an unchanged answer changed:\n%s\n%s", one, two)
	}
	hold, _, _ := s.Answer(parse(t, offer("m=audio 4000 RTP/AVP 8", "a=sendonly")), SendRecv)
	if a, b := version(one), version(hold); len(a) == len(b) && !(b > a) || a == b {
		t.Errorf("version %s after %s", b, a)
	}
	same := s.Reoffer(RecvOnly)
	if !bytes.Equal(hold, same) {
		t.Errorf("an offer of the same is not the same:\n%s\n%s", hold, same)
	}
}

// TestReoffer: payload types, the number of m= lines and their places stay.
func TestReoffer(t *testing.T) {
	s := Session{Addr: here, Codecs: all}
	_, _, err := s.Answer(parse(t, offer("m=video 4002 RTP/AVP 31", "m=audio 4000 RTP/AVP 120 99",
		"a=rtpmap:120 PCMA/8000", "a=rtpmap:99 telephone-event/8000")), SendRecv)
	if err != nil {
		t.Fatal(err)
	}
	head := "v=0\ns=-\nc=IN IP4 192.0.2.2\nt=0 0\nm=video 0 RTP/AVP 31\n"
	want := head + "m=audio 20000 RTP/AVP 120 99\na=rtpmap:120 PCMA/8000\na=rtpmap:99 telephone-event/8000\n" +
		"a=fmtp:99 0-15\na=ptime:20\na=sendonly"
	if d := cmp.Diff(want, body(s.Reoffer(SendOnly))); d != "" {
		t.Error(d)
	}
	g, err := s.Accept(parse(t, offer("m=video 0 RTP/AVP 31", "m=audio 4000 RTP/AVP 120", "a=rtpmap:120 PCMA/8000", "a=recvonly")), SendOnly)
	if err != nil || g.Held || g.Direction != SendOnly {
		t.Errorf("%+v %v", g, err)
	}
	full := body(s.Offer(SendRecv))
	if !strings.HasPrefix(full, head+"m=audio 20000 RTP/AVP 120 0 3 99\na=rtpmap:120 PCMA/8000\n") {
		t.Error(full)
	}
	// The peer takes the stream away for a while, and gives it back.
	out, g, err := s.Answer(parse(t, offer("m=video 0 RTP/AVP 31", "m=audio 0 RTP/AVP 120")), SendRecv)
	if err != nil || !strings.HasSuffix(body(out), "\nm=audio 0 RTP/AVP 120") || g.Direction != Inactive || !g.Held {
		t.Errorf("%s %+v %v", out, g, err)
	}
	if _, g, err = s.Answer(parse(t, offer("m=video 0 RTP/AVP 31", "m=audio 4000 RTP/AVP 8")), SendRecv); err != nil || g.Held {
		t.Errorf("%+v %v", g, err)
	}
	// A refused offer changes nothing.
	before := body(s.Reoffer(SendRecv))
	if _, _, err := s.Answer(parse(t, offer("m=video 0 RTP/AVP 31", "m=audio 4000 RTP/AVP 18")), SendRecv); !errors.Is(err, ErrNoCodec) {
		t.Error(err)
	}
	if after := body(s.Reoffer(SendRecv)); after != before {
		t.Error(cmp.Diff(before, after))
	}
}

func BenchmarkParseAnswer(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		d, err := Parse([]byte(plain))
		if err != nil {
			b.Fatal(err)
		}
		s := Session{Addr: here, Codecs: all}
		if _, _, err := s.Answer(d, SendRecv); err != nil {
			b.Fatal(err)
		}
	}
}
