//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/codec"
)

// A voice is one end of an audio stream that is written packet by packet. It
// keeps every packet that comes.
type voice struct {
	t         testing.TB
	rtp, rtcp *net.UDPConn

	mu      sync.Mutex
	remote  *net.UDPAddr // where it sends
	header  packet       // of the next packet
	got     []packet
	control [][]byte // RTCP
}

// A packet of RTP.
type packet struct {
	at      time.Time
	from    string
	pt      byte
	marker  bool
	seq     uint16
	ts      uint32
	ssrc    uint32
	payload []byte
}

// newVoice opens a pair of ports, RTP even, on the given loopback address.
func newVoice(t testing.TB, ip string) *voice {
	t.Helper()
	v := &voice{t: t, header: packet{seq: uint16(rand.Uint32()), ts: rand.Uint32(), ssrc: rand.Uint32()}}
	port := freePorts(t, 2)
	for i, c := range []**net.UDPConn{&v.rtp, &v.rtcp} {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip), Port: port + i})
		if err != nil {
			t.Fatal(err)
		}
		*c = conn
	}
	go v.listen()
	go v.listenControl()
	t.Cleanup(func() { v.rtp.Close(); v.rtcp.Close() })
	return v
}

func (v *voice) listen() {
	buf := make([]byte, 2048)
	for {
		n, from, err := v.rtp.ReadFromUDP(buf)
		if err != nil {
			return
		}
		if n < 12 {
			v.t.Errorf("a packet of %d bytes", n)
			continue
		}
		p := packet{
			at: time.Now(), from: from.String(), pt: buf[1] & 0x7f, marker: buf[1]&0x80 != 0,
			seq: binary.BigEndian.Uint16(buf[2:]), ts: binary.BigEndian.Uint32(buf[4:]), ssrc: binary.BigEndian.Uint32(buf[8:]),
			payload: append([]byte(nil), buf[12:n]...),
		}
		v.mu.Lock()
		v.got = append(v.got, p)
		v.mu.Unlock()
	}
}

func (v *voice) listenControl() {
	buf := make([]byte, 2048)
	for {
		n, err := v.rtcp.Read(buf)
		if err != nil {
			return
		}
		v.mu.Lock()
		v.control = append(v.control, append([]byte(nil), buf[:n]...))
		v.mu.Unlock()
	}
}

func (v *voice) addr() *net.UDPAddr { return v.rtp.LocalAddr().(*net.UDPAddr) }

// sdp describes the voice: formats such as "0 101", of which those from 96 on
// are telephone-events, and further attribute lines.
func (v *voice) sdp(formats string, attributes ...string) string {
	return describe(v.addr().IP.String(), v.addr().Port, formats, attributes...)
}

func describe(ip string, port int, formats string, attributes ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\no=- 1 %d IN IP4 %s\ns=-\nc=IN IP4 %s\nt=0 0\nm=audio %d RTP/AVP %s\n", time.Now().UnixNano(), ip, ip, port, formats)
	for _, f := range strings.Fields(formats) {
		if len(f) > 1 {
			fmt.Fprintf(&b, "a=rtpmap:%s telephone-event/8000\n", f)
		}
	}
	for _, a := range attributes {
		b.WriteString("a=" + a + "\n")
	}
	return b.String()
}

// mediaOf is the address, the formats and the direction that an SDP names.
func mediaOf(sdp string) (addr *net.UDPAddr, formats, direction string) {
	addr, direction = new(net.UDPAddr), "sendrecv"
	for l := range strings.SplitSeq(sdp, "\n") {
		l = strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "c=IN IP4 "):
			addr.IP = net.ParseIP(l[9:])
		case strings.HasPrefix(l, "m=audio "):
			var proto string
			fmt.Sscanf(l, "m=audio %d %s", &addr.Port, &proto)
			_, formats, _ = strings.Cut(l, proto+" ")
		case l == "a=sendonly" || l == "a=recvonly" || l == "a=inactive" || l == "a=sendrecv":
			direction = l[2:]
		}
	}
	return addr, formats, direction
}

// talkTo tells the voice where to send: what the other side's SDP names.
func (v *voice) talkTo(sdp string) {
	addr, _, _ := mediaOf(sdp)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.remote = addr
}

// make builds the next packet; samples is how far the time stamp goes on after
// it.
func (v *voice) make(pt byte, marker bool, samples uint32, payload []byte) []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	b := v.make0(pt, marker, v.header.ts, payload)
	v.header.ts += samples
	return b
}

func (v *voice) make0(pt byte, marker bool, ts uint32, payload []byte) []byte {
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, pt
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], v.header.seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], v.header.ssrc)
	v.header.seq++
	return append(b, payload...)
}

// send sends a packet to the other side.
func (v *voice) send(b []byte) {
	v.mu.Lock()
	to := v.remote
	v.mu.Unlock()
	if to == nil {
		v.t.Error("the voice knows no address")
		return
	}
	v.rtp.WriteToUDP(b, to) // a port that is closed is no fault of ours
}

// every calls fn each 20 ms until the test ends or stop is called, which
// returns when the last call has.
func (v *voice) every(fn func(i int)) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		start := time.Now()
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			case <-time.After(time.Until(start.Add(time.Duration(i) * 20 * time.Millisecond))):
				fn(i)
			}
		}
	}()
	stop = sync.OnceFunc(func() { close(over); <-done })
	v.t.Cleanup(stop)
	return stop
}

// say sends a tone without end.
func (v *voice) say(c *codec.Codec, hz float64) (stop func()) {
	return v.saying(c, func(n int) float64 { return math.Sin(2 * math.Pi * hz * float64(n) / 8000) })
}

// saying sends what wave gives for each sample, -1 to 1, at -9 dBFS.
func (v *voice) saying(c *codec.Codec, wave func(n int) float64) (stop func()) {
	enc := c.NewEncoder(codec.Params{})
	pcm := make([]int16, 160)
	return v.every(func(i int) {
		for j := range pcm {
			pcm[j] = int16(11600 * wave(160*i+j))
		}
		payload, err := enc.Encode(nil, pcm)
		if err != nil {
			v.t.Error(err)
			return
		}
		v.send(v.make(c.PayloadType, i == 0, 160, payload))
	})
}

// hush sends silence without end.
func (v *voice) hush() (stop func()) { return v.saying(codec.PCMU, func(int) float64 { return 0 }) }

// packets are those received so far.
func (v *voice) packets() []packet {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.got[:len(v.got):len(v.got)]
}

func (v *voice) controls() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.control)
}

// since are the packets that came after t.
func (v *voice) since(t time.Time) []packet {
	list := v.packets()
	for i, p := range list {
		if p.at.After(t) {
			return list[i:]
		}
	}
	return nil
}

// waitFor waits until n more packets have come.
func (v *voice) waitFor(n int, d time.Duration) {
	v.t.Helper()
	have := len(v.packets())
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if len(v.packets()) >= have+n {
			return
		}
	}
	v.t.Fatalf("%d packets in %v, want %d", len(v.packets())-have, d, n)
}

// decode is the sound of packets, one after the other; events are left out.
func decode(t testing.TB, list []packet) sound {
	t.Helper()
	dec := map[byte]codec.Decoder{}
	var pcm []int16
	for _, p := range list {
		if p.pt >= 96 {
			continue
		}
		if dec[p.pt] == nil {
			c := codec.ByPayloadType(p.pt)
			if c == nil {
				t.Errorf("a packet of payload type %d", p.pt)
				continue
			}
			dec[p.pt] = c.NewDecoder(codec.Params{})
		}
		var err error
		if pcm, err = dec[p.pt].Decode(pcm, p.payload); err != nil {
			t.Error(err)
		}
	}
	s := sound{rate: 8000}
	for _, v := range pcm {
		s.samples = append(s.samples, float64(v)/32768)
	}
	return s
}

// hears waits until the voice has heard the tone for so many of the last
// seconds.
func (v *voice) hears(who string, hz, seconds float64) {
	v.t.Helper()
	from := time.Now()
	var s sound
	for end := from.Add(time.Duration(seconds*float64(time.Second)) + 5*time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if s = decode(v.t, v.since(from)); s.heardFor(hz) >= seconds {
			return
		}
	}
	v.t.Fatalf("%s hears %v Hz for %.1f of %.1f s, want %.1f s (at %.0f dBFS)", who, hz, s.heardFor(hz), s.seconds(), seconds, s.tone(hz))
}

// unbroken fails the test unless packets are one stream: one SSRC, each
// sequence number one more, each time stamp what the packet before has filled.
// Time stamps may go ahead where packets have paused, and so often besides.
func unbroken(t testing.TB, who string, list []packet, jumps int) {
	t.Helper()
	for i, p := range list {
		if i == 0 {
			continue
		}
		last := list[i-1]
		if p.ssrc != last.ssrc || p.seq != last.seq+1 {
			t.Errorf("%s: packet %d has SSRC %08x and number %d after %08x and %d", who, i, p.ssrc, p.seq, last.ssrc, last.seq)
			return
		}
		if p.pt >= 96 || last.pt >= 96 {
			continue
		}
		d, want := int32(p.ts-last.ts), int32(samples(last))
		if paused := p.at.Sub(last.at) > 30*time.Millisecond; d != want && !paused {
			jumps--
		}
		if d < want || jumps < 0 {
			t.Errorf("%s: packet %d of %d: time stamp goes on by %d, want %d", who, i, len(list), d, want)
			return
		}
	}
}

// samples is how many a packet holds.
func samples(p packet) int {
	if p.pt == codec.GSM.PayloadType {
		return len(p.payload) / 33 * 160
	}
	return len(p.payload)
}
