package stream

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"tandem/codec"
	"tandem/media"
	"tandem/media/mixer"
	"tandem/media/rtp"
	"tandem/media/worker"
)

// nowhere is a socket that swallows what it is given.
type nowhere struct{ addr netip.AddrPort }

func (n nowhere) LocalAddr() netip.AddrPort                     { return n.addr }
func (nowhere) Send([]byte, netip.AddrPort) error               { return nil }
func (nowhere) OnReceive(func(pkt []byte, from netip.AddrPort)) {}
func (nowhere) Close() error                                    { return nil }

// handClock goes on when it is told to. Its timers never fire: there is always
// somebody who wakes the worker.
type handClock struct{ at atomic.Int64 }

func (c *handClock) Now() time.Time { return time.Unix(0, c.at.Load()) }

func (*handClock) AfterFunc(time.Duration, func()) media.Timer { return never{} }

type never struct{}

func (never) Stop() bool               { return true }
func (never) Reset(time.Duration) bool { return true }

// A bench drives streams tick by tick, as fast as it goes.
type bench struct {
	clock *handClock
	w     *worker.Worker
	ports *rtp.Ports
	all   []*driven
	done  chan struct{}
	work  func()
	sync  func()
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{clock: &handClock{}, done: make(chan struct{}, 1)}
	b.clock.at.Store(1e18)
	pool, err := worker.New(1, worker.Options{Clock: b.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Stop)
	b.w = pool.Next()
	b.ports, err = rtp.NewPorts(1000, 60000, rtp.PortsOptions{Listen: func(a netip.AddrPort) (*worker.Socket, error) {
		return worker.NewSocket(nowhere{a}), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.work = func() {
		for _, s := range b.all {
			s.packet(b.w.Now())
		}
	}
	b.sync = func() { b.done <- struct{}{} }
	return b
}

// tick lets 20 ms go by, in which each stream gets a packet.
func (b *bench) tick() {
	b.clock.at.Add(int64(media.Tick))
	b.w.Do(b.work)
	b.w.Do(b.sync)
	<-b.done
	b.w.Do(b.sync) // the ticks of the turn before are over by then
	<-b.done
}

// join makes a bridge of streams.
func (b *bench) join(t testing.TB, opts mixer.Options, codecs ...*codec.Codec) *mixer.Bridge {
	br := mixer.NewBridge(b.w, opts)
	for _, c := range codecs {
		s := b.stream(t, c)
		br.Join(s.Stream)
		b.all = append(b.all, s)
	}
	for range 100 {
		b.tick()
	}
	return br
}

func (b *bench) stream(t testing.TB, c *codec.Codec) *driven {
	t.Helper()
	pair, err := b.ports.Open(hostUs)
	if err != nil {
		t.Fatal(err)
	}
	d := &driven{Stream: New(b.w, pair, Options{}), codec: c}
	d.Configure(Params{
		Send: Format{PayloadType: c.PayloadType, Codec: c}, EventSend: eventType, EventReceive: eventType,
		Remote: netip.MustParseAddrPort("198.51.100.1:6000"),
	})
	pcm := make([]int16, 160)
	for i := range pcm {
		pcm[i] = int16(i*i*37 - 8000)
	}
	payload, err := c.NewEncoder(codec.Params{}).Encode(nil, pcm)
	if err != nil {
		t.Fatal(err)
	}
	d.pkt = rtp.Packet{PayloadType: c.PayloadType, SSRC: 1, Payload: payload}
	return d
}

// driven is a stream whose packets are made up.
type driven struct {
	*Stream
	codec *codec.Codec
	pkt   rtp.Packet
}

// packet lets the next packet come.
func (d *driven) packet(now time.Time) {
	d.pkt.Seq++
	d.pkt.Timestamp += 160
	d.receive(&d.pkt, now)
}

func TestTickAllocatesNothing(t *testing.T) {
	for _, other := range codec.Table() {
		b := newBench(t)
		b.join(t, mixer.Options{}, codec.PCMU, other)
		sent := b.sent()
		if n := testing.AllocsPerRun(200, b.tick); n != 0 {
			t.Errorf("pcmu-%s: %v allocations a tick", other.Name, n)
		}
		if n := b.sent() - sent; n < 400 {
			t.Errorf("pcmu-%s: %d packets sent in 200 ticks", other.Name, n)
		}
	}
}

func TestRelayedPacketAllocatesNothing(t *testing.T) {
	b := newBench(t)
	b.join(t, mixer.Options{RelayAllowed: true}, codec.PCMU, codec.PCMU)
	if n := testing.AllocsPerRun(200, b.tick); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
	if b.all[0].relayed < 200 {
		t.Errorf("%d packets relayed", b.all[0].relayed)
	}
}

// sent is how many packets all streams have sent.
func (b *bench) sent() (n uint64) {
	ch := make(chan uint64, 1)
	for _, s := range b.all {
		s.Stats(func(st Stats) { ch <- st.RTP.Sent })
		n += <-ch
	}
	return n
}

// The time of one tick of so many parties who all talk: their packets decoded,
// mixed, encoded and sent to a socket that costs nothing. Waking the worker is
// in it.
func BenchmarkTick(b *testing.B) {
	for _, n := range []int{2, 20, 100} {
		b.Run(fmt.Sprintf("pcmu/%d", n), func(b *testing.B) {
			e := newBench(b)
			e.join(b, mixer.Options{}, slices.Repeat([]*codec.Codec{codec.PCMU}, n)...)
			e.measure(b)
		})
	}
	for _, other := range []*codec.Codec{codec.PCMA, codec.GSM} {
		b.Run("100 bridges/pcmu-"+other.Name, func(b *testing.B) {
			e := newBench(b)
			for range 100 {
				e.join(b, mixer.Options{}, codec.PCMU, other)
			}
			e.measure(b)
		})
	}
	b.Run("100 bridges/relayed", func(b *testing.B) {
		e := newBench(b)
		for range 100 {
			e.join(b, mixer.Options{RelayAllowed: true}, codec.PCMU, codec.PCMU)
		}
		e.measure(b)
	})
	b.Run("nobody", func(b *testing.B) { newBench(b).measure(b) })
}

func (b *bench) measure(t *testing.B) {
	t.ReportAllocs()
	for t.Loop() {
		b.tick()
	}
}
