package stream

import (
	"math"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/codec"
	"tandem/media"
	"tandem/media/dtmf"
	"tandem/media/mediatest"
	"tandem/media/mixer"
	"tandem/media/rtp"
	"tandem/media/worker"

	pion "github.com/pion/rtp"
)

// The tests let telephones that speak RTP of their own talk through streams, on
// a network in memory and a virtual clock.

var hostUs = netip.MustParseAddr("192.0.2.1")

const eventType = 101

type rig struct {
	t      *testing.T
	net    *mediatest.Network
	pool   *worker.Pool
	ports  *rtp.Ports
	phones []*phone
}

func run(t *testing.T, workers int, fn func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, net: mediatest.NewNetwork(media.SystemClock{})}
		defer r.net.Close()
		var err error
		if r.pool, err = worker.New(workers, worker.Options{Clock: media.SystemClock{}}); err != nil {
			t.Fatal(err)
		}
		defer r.pool.Stop()
		if r.ports, err = rtp.NewPorts(20000, 20999, rtp.PortsOptions{Listen: r.net.Socket}); err != nil {
			t.Fatal(err)
		}
		defer func() {
			for _, p := range r.phones {
				p.hangUp()
			}
		}()
		fn(r)
		for _, p := range r.phones {
			p.stream.Close()
			p.stream.Close()
		}
		pass(2)
		if n := r.ports.InUse(); n != 0 {
			t.Errorf("%d ports in use at the end", n)
		}
	})
}

// pass lets so many ticks go by.
func pass(ticks int) { time.Sleep(time.Duration(ticks) * media.Tick); synctest.Wait() }

// A phone is the far end of a stream. It says one tone.
type phone struct {
	r      *rig
	peer   *mediatest.Peer
	stream *Stream
	params Params
	codec  *codec.Codec
	enc    codec.Encoder
	hz     float64
	ptime  time.Duration // of what it sends
	n      int           // samples sent
	stop   chan struct{}
	done   chan struct{}

	mu       sync.Mutex
	messages []any
	at       []time.Time // when they came
	muted    bool
	loud     bool      // the next packet is as loud as can be
	sent     time.Time // when that was sent
}

// phone makes a phone that speaks c in packets of ptime, with a stream for it,
// and begins to talk. change may alter what is configured.
func (r *rig) phone(c *codec.Codec, hz float64, ptime time.Duration, change func(o *Options, p *Params)) *phone {
	r.t.Helper()
	host := netip.AddrFrom4([4]byte{198, 51, 100, byte(len(r.phones) + 1)})
	p := &phone{
		r: r, codec: c, enc: c.NewEncoder(codec.Params{}), hz: hz, ptime: ptime,
		peer: mediatest.NewPeer(r.net, netip.AddrPortFrom(host, 6000)),
	}
	p.peer.Header.PayloadType = c.PayloadType
	p.peer.Header.SSRC += uint32(len(r.phones))
	pair, err := r.ports.Open(hostUs)
	if err != nil {
		r.t.Fatal(err)
	}
	o := Options{ID: string(rune('a' + len(r.phones))), Post: func(m any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.messages = append(p.messages, m)
		p.at = append(p.at, time.Now())
	}}
	p.params = Params{
		Send: Format{PayloadType: c.PayloadType, Codec: c}, EventSend: eventType, EventReceive: eventType,
		Ptime: 20 * time.Millisecond, Remote: p.peer.RTP.LocalAddr(),
	}
	if change != nil {
		change(&o, &p.params)
	}
	p.stream = New(r.pool.Next(), pair, o)
	p.peer.SendTo(p.stream.LocalAddr())
	p.stream.Configure(p.params)
	r.phones = append(r.phones, p)
	p.talk()
	return p
}

func (p *phone) talk() {
	p.stop, p.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.done)
		t := time.NewTicker(p.ptime)
		defer t.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-t.C:
			}
			p.mu.Lock()
			if !p.muted {
				p.sendTone()
			}
			p.mu.Unlock()
		}
	}()
}

func (p *phone) sendTone() {
	pcm := make([]int16, p.codec.Samples(p.ptime))
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*p.hz*float64(p.n+i)/float64(p.codec.SampleRate)))
	}
	if p.loud {
		for i := range pcm {
			pcm[i] = int16(30000 - 60000*(i/4%2))
		}
		p.loud, p.sent = false, time.Now()
	}
	p.n += len(pcm)
	payload, err := p.enc.Encode(nil, pcm)
	if err != nil {
		panic(err)
	}
	p.peer.Send(payload, p.codec.Ticks(p.ptime))
}

// mute keeps the phone from sending, and sends what fn does instead.
func (p *phone) mute(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = true
	if fn != nil {
		fn()
	}
}

func (p *phone) hangUp() {
	if p.stop != nil {
		close(p.stop)
		<-p.done
		p.stop = nil
	}
}

// press sends a key of so many updates, 20 ms apart, in place of the audio, and
// gives the time at which it began.
func (p *phone) press(char byte, updates int) time.Time {
	p.mute(nil)
	begun := time.Now()
	code, _ := dtmf.EventOf(char)
	h := &p.peer.Header
	pt := h.PayloadType
	h.PayloadType = eventType
	for i := 1; i <= updates+3; i++ {
		e := dtmf.Event{Code: code, Volume: 10, Duration: uint16(160 * min(i, updates+1)), End: i > updates}
		h.Marker = i == 1
		p.peer.Send(e.Append(nil), 0)
		pass(1)
	}
	h.PayloadType = pt
	h.Timestamp += uint32(160 * (updates + 3))
	p.mu.Lock()
	p.muted = false
	p.mu.Unlock()
	return begun
}

// heard gives what a phone has got since packet number from: the packets, the
// audio in them and the keys.
func (p *phone) heard(from int) (packets []pion.Packet, pcm []int16, keys string) {
	dec := map[uint8]codec.Decoder{}
	events := dtmf.NewReceiver(8000)
	packets = p.peer.Packets()[from:]
	for i := range packets {
		pt := packets[i].PayloadType
		if pt == eventType {
			if d, ok := events.Receive(packets[i].Payload, packets[i].Timestamp, time.Now()); ok {
				keys += string(d.Char)
			}
			continue
		}
		c := codec.ByPayloadType(pt)
		if c == nil {
			p.r.t.Fatalf("payload type %d", pt)
		}
		if dec[pt] == nil {
			dec[pt] = c.NewDecoder(codec.Params{})
		}
		var err error
		if pcm, err = dec[pt].Decode(pcm, packets[i].Payload); err != nil {
			p.r.t.Fatal(err)
		}
	}
	return packets, pcm, keys
}

// received is how many packets the phone has got.
func (p *phone) received() int { return len(p.peer.Packets()) }

// got gives the messages that the stream has posted.
func (p *phone) got() []any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.messages)
}

func (p *phone) digits() string {
	out := ""
	for _, m := range p.got() {
		if d, ok := m.(dtmf.Digit); ok {
			out += string(d.Char)
		}
	}
	return out
}

func (p *phone) stats() Stats {
	ch := make(chan Stats, 1)
	p.stream.Stats(func(s Stats) { ch <- s })
	return <-ch
}

// wantTone checks which tones a phone has heard since packet from.
func (p *phone) wantTone(from int, want float64, not ...float64) {
	p.r.t.Helper()
	_, pcm, _ := p.heard(from)
	rate := p.codec.SampleRate
	if len(pcm) < rate/2 {
		p.r.t.Errorf("heard %d samples", len(pcm))
		return
	}
	pcm = pcm[len(pcm)-rate/2:]
	if want > 0 {
		if got := level(pcm, rate, want); got < 6500 || got > 9500 {
			p.r.t.Errorf("hears %v Hz at %.0f", want, got)
		}
	}
	for _, hz := range not {
		if got := level(pcm, rate, hz); got > 150 {
			p.r.t.Errorf("hears %v Hz at %.0f", hz, got)
		}
	}
}

func level(samples []int16, rate int, hz float64) float64 {
	c := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	var s1, s2 float64
	for _, v := range samples {
		s1, s2 = c*s1-s2+float64(v), s1
	}
	return 2 / float64(max(1, len(samples))) * math.Sqrt(s1*s1+s2*s2-c*s1*s2)
}

// wantUnbroken checks that packets are one stream: one SSRC, sequence numbers
// without a gap, and timestamps that follow the time to within slack.
func wantUnbroken(t *testing.T, packets []pion.Packet, slack int32) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		a, b := &packets[i-1], &packets[i]
		if a.SSRC != b.SSRC {
			t.Fatalf("packet %d: SSRC changes from %x to %x", i, a.SSRC, b.SSRC)
		}
		if b.SequenceNumber != a.SequenceNumber+1 {
			t.Fatalf("packet %d of %d: sequence goes from %d to %d (payload types %d, %d)", i, len(packets), a.SequenceNumber, b.SequenceNumber, a.PayloadType, b.PayloadType)
		}
		if a.PayloadType == eventType || b.PayloadType == eventType {
			continue
		}
		if step := int32(b.Timestamp - a.Timestamp); step < 80 || step > 480+slack {
			t.Errorf("packet %d of %d: timestamp goes on by %d", i, len(packets), step)
		}
	}
}

func (r *rig) bridge(opts mixer.Options, phones ...*phone) (*mixer.Bridge, []*mixer.Participant) {
	b := mixer.NewBridge(r.pool.Next(), opts)
	var in []*mixer.Participant
	for _, p := range phones {
		in = append(in, b.Join(p.stream))
	}
	return b, in
}
