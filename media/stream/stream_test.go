package stream

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tandem/codec"
	"tandem/media"
	"tandem/media/dtmf"
	"tandem/media/mixer"

	pion "github.com/pion/rtp"
)

const ms = time.Millisecond

// Every codec with every other, in packets of unequal length both ways.
func TestTwoPhonesHearEachOther(t *testing.T) {
	ptimes := [][4]time.Duration{ // what the first sends and wants, what the second sends and wants
		{20 * ms, 20 * ms, 20 * ms, 20 * ms}, {20 * ms, 40 * ms, 60 * ms, 20 * ms},
	}
	for _, a := range codec.Table() {
		for _, b := range codec.Table() {
			for _, p := range append(ptimes, [4]time.Duration{10 * ms, 30 * ms, 30 * ms, 10 * ms}) {
				if p[0] == 10*ms && (a.FrameTime > 10*ms || b.FrameTime > 10*ms) {
					continue
				}
				t.Run(fmt.Sprint(a.Name, "-", b.Name, p), func(t *testing.T) {
					run(t, 2, func(r *rig) {
						x := r.phone(a, 440, p[0], func(_ *Options, q *Params) { q.Ptime = p[1] })
						y := r.phone(b, 1000, p[2], func(_ *Options, q *Params) { q.Ptime = p[3] })
						r.bridge(mixer.Options{}, x, y)
						pass(100)
						x.wantTone(0, 1000, 440)
						y.wantTone(0, 440, 1000)
						for i, ph := range []*phone{x, y} {
							packets, pcm, _ := ph.heard(0)
							wantUnbroken(t, packets, 0)
							want := p[1+2*i]
							if got := len(packets); got < int(1900*ms/want) || got > int(2000*ms/want) {
								t.Errorf("%d packets of %v in 2 s", got, want)
							}
							if got := len(pcm) / len(packets); got != ph.codec.Samples(want) {
								t.Errorf("%d samples a packet, want %v", got, want)
							}
						}
						if st := x.stats(); st.Sent != a.Name || st.Received != a.Name || st.RTP.Lost > 0 ||
							st.Jitter.Lost+st.Jitter.Late+st.BadPayloads > 0 || st.MOS < 3.3 {
							t.Errorf("%+v", st)
						}
					})
				})
			}
		}
	}
}

// What lies above 4 kHz is heard by those whose codec can carry it, and leaves no
// trace with those whose cannot.
func TestWideband(t *testing.T) {
	run(t, 2, func(r *rig) {
		x := r.phone(codec.G722, 6000, 20*ms, nil)
		y := r.phone(codec.G722, 5000, 20*ms, nil)
		z := r.phone(codec.PCMU, 1000, 20*ms, nil)
		r.bridge(mixer.Options{}, x, y, z)
		pass(100)
		x.wantTone(0, 5000, 6000)
		x.wantTone(0, 1000)
		y.wantTone(0, 6000, 5000)
		z.wantTone(0, 0, 1000, 2000, 3000) // nor what 6000 and 5000 Hz fold to
	})
}

// Two legs of the same codec are relayed byte by byte and at once. A prompt
// ends that and its end begins it again; the peers notice nothing but sound.
func TestRelayEntersAndLeavesUnbroken(t *testing.T) {
	run(t, 2, func(r *rig) {
		x := r.phone(codec.PCMU, 440, 20*ms, nil)
		y := r.phone(codec.PCMU, 1000, 20*ms, nil)
		_, in := r.bridge(mixer.Options{RelayAllowed: true, PassDigits: true}, x, y)
		pass(50)
		if st := x.stats(); st.Relayed < 45 {
			t.Fatalf("%d packets relayed", st.Relayed)
		}
		sent := make(map[string]bool)
		r.net.Tap(func(from, _ netip.AddrPort, pkt []byte) {
			if from == x.peer.RTP.LocalAddr() {
				sent[string(pkt[12:])] = true
			}
		})
		from := y.received()
		pass(50)
		r.net.Tap(nil)
		packets, _, _ := y.heard(from)
		for _, p := range packets[1:] {
			if !sent[string(p.Payload)] {
				t.Fatal("a payload was changed")
			}
		}
		for range 5 {
			done := make(chan error, 1)
			in[0].Play(&silence{ticks: 13}, func(err error) { done <- err })
			<-done
			pass(7)
		}
		pass(50)
		for _, p := range []*phone{x, y} {
			packets, _, _ := p.heard(0)
			wantUnbroken(t, packets, 0)
			if n := len(packets); n < 240 || n > 262 {
				t.Errorf("%d packets in 5 s", n)
			}
		}
		x.wantTone(0, 1000, 440)
		y.wantTone(0, 440, 1000)
	})
}

// silence is a prompt.
type silence struct{ ticks int }

func (s *silence) ReadFrame(f *media.Frame) error {
	if s.ticks--; s.ticks < 0 {
		return errEnd
	}
	f.Silent = true
	return nil
}

var errEnd = fmt.Errorf("end")

// What is mixed leaves at most 40 ms after it came, half of it within 25 ms;
// relayed packets leave at once.
func TestDelay(t *testing.T) {
	for _, relay := range []bool{false, true} {
		t.Run(fmt.Sprintf("relay=%v", relay), func(t *testing.T) {
			run(t, 1, func(r *rig) {
				var delays []time.Duration
				for i := range 40 {
					c := codec.PCMA
					if relay {
						c = codec.PCMU
					}
					time.Sleep(time.Duration(i) * 1700 * time.Microsecond % (20 * ms))
					x := r.phone(codec.PCMU, 0, 20*ms, nil)
					y := r.phone(c, 0, 20*ms, nil)
					b, in := r.bridge(mixer.Options{RelayAllowed: relay}, x, y)
					pass(30)
					var came time.Time
					r.net.Tap(func(_, to netip.AddrPort, pkt []byte) {
						var p pion.Packet
						if to == y.peer.RTP.LocalAddr() && came.IsZero() && p.Unmarshal(pkt) == nil && loud(c, p.Payload) {
							came = time.Now()
						}
					})
					x.mu.Lock()
					x.loud = true
					x.mu.Unlock()
					pass(5)
					r.net.Tap(nil)
					if came.IsZero() {
						t.Fatalf("call %d: nothing heard", i)
					}
					delays = append(delays, came.Sub(x.sent))
					for _, p := range in {
						p.Leave(nil)
					}
					b.Close()
					x.hangUp()
					y.hangUp()
				}
				slices.Sort(delays)
				median, most := delays[len(delays)/2], delays[len(delays)-1]
				t.Logf("median %v, most %v", median, most)
				if relay && most > ms || median > 12*ms || most > 40*ms {
					t.Errorf("median %v, most %v", median, most)
				}
			})
		})
	}
}

func loud(c *codec.Codec, payload []byte) bool {
	pcm, _ := c.NewDecoder(codec.Params{}).Decode(nil, payload)
	return slices.Max(pcm) > 8000 || slices.Min(pcm) < -8000
}

// A key is reported once, while its first packet is handled, and pressed once
// at the other end: relayed, as an event of ours, or as a tone.
func TestKeysPassToTheOtherLeg(t *testing.T) {
	tests := []struct {
		name   string
		c      *codec.Codec
		relay  bool
		events bool
	}{
		{"relayed", codec.PCMU, true, true},
		{"mixed", codec.PCMU, false, true},
		{"transcoded", codec.GSM, true, true},
		{"to one without events", codec.PCMA, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run(t, 1, func(r *rig) {
				x := r.phone(codec.PCMU, 440, 20*ms, nil)
				y := r.phone(tt.c, 1000, 20*ms, func(_ *Options, p *Params) {
					if !tt.events {
						p.EventSend, p.EventReceive = 0, 0
					}
				})
				r.bridge(mixer.Options{RelayAllowed: tt.relay, PassDigits: true}, x, y)
				pass(20)
				if begun := x.press('5', 6); x.at[0].Sub(begun) > ms {
					t.Errorf("reported after %v", x.at[0].Sub(begun))
				}
				pass(20)
				x.press('5', 1)
				x.press('#', 3)
				pass(40)
				if got := x.digits(); got != "55#" {
					t.Errorf("reported %q", got)
				}
				packets, pcm, keys := y.heard(0)
				if !tt.events {
					d := dtmf.NewDetector()
					for i := 0; i+160 <= len(pcm); i += 160 {
						if c, ok := d.Detect(pcm[i : i+160]); ok {
							keys += string(c)
						}
					}
				}
				if keys != "55#" {
					t.Errorf("pressed %q", keys)
				}
				wantUnbroken(t, packets, 2000)
				if got := y.digits(); got != "" {
					t.Errorf("the other leg reported %q", got)
				}
			})
		})
	}
}

// Digits are sent whatever the stream is doing: in a bridge, relayed, alone.
func TestSendDigits(t *testing.T) {
	for _, how := range []string{"alone", "mixed", "relayed", "tones", "tones, alone", "tones, relayed"} {
		t.Run(how, func(t *testing.T) {
			run(t, 1, func(r *rig) {
				tones := len(how) > 7 || how == "tones"
				change := func(_ *Options, p *Params) {
					if tones {
						p.EventSend, p.EventReceive = 0, 0
					}
				}
				x := r.phone(codec.PCMU, 440, 20*ms, change)
				y := r.phone(codec.PCMU, 1000, 20*ms, change)
				switch how {
				case "mixed", "tones":
					r.bridge(mixer.Options{}, x, y)
				case "relayed", "tones, relayed":
					r.bridge(mixer.Options{RelayAllowed: true}, x, y)
				}
				pass(20)
				n := 0
				if err := y.stream.SendDigits("12x", 0, 0, nil); err == nil {
					t.Error("bad digits were taken")
				}
				if err := y.stream.SendDigits("147#", 80*ms, 80*ms, func() { n++ }); err != nil {
					t.Fatal(err)
				}
				pass(60)
				packets, pcm, keys := y.heard(0)
				if tones {
					d := dtmf.NewDetector()
					for i := 0; i+160 <= len(pcm); i += 160 {
						if c, ok := d.Detect(pcm[i : i+160]); ok {
							keys += string(c)
						}
					}
				}
				if keys != "147#" || n != 1 {
					t.Errorf("pressed %q, done %d times", keys, n)
				}
				wantUnbroken(t, packets, 8000)
				if how != "alone" && how != "tones, alone" {
					y.wantTone(0, 440, 1000)
				}
				// What waits when the stream ends is called, too.
				_ = y.stream.SendDigits("147#", 80*ms, 80*ms, func() { n++ })
				pass(2)
				y.stream.Close()
				_ = y.stream.SendDigits("1", 0, 0, func() { n++ })
				pass(2)
				if n != 3 {
					t.Errorf("done %d times", n)
				}
			})
		})
	}
}

// A re-INVITE changes codec, address, direction and packet time in mid-call;
// the stream stays one.
func TestReconfigure(t *testing.T) {
	run(t, 2, func(r *rig) {
		x := r.phone(codec.PCMU, 440, 20*ms, nil)
		y := r.phone(codec.PCMU, 1000, 20*ms, nil)
		r.bridge(mixer.Options{RelayAllowed: true}, x, y)
		pass(50)

		// The same again disturbs nobody.
		for range 5 {
			x.stream.Configure(x.params)
			pass(3)
		}
		if st := x.stats(); st.Relayed < 50 {
			t.Errorf("%d packets relayed", st.Relayed)
		}

		// Another codec, and longer packets.
		p := x.params
		p.Send = Format{PayloadType: 8, Codec: codec.PCMA}
		p.Receive = []Format{{PayloadType: 8, Codec: codec.PCMA}, {PayloadType: 0, Codec: codec.PCMU}}
		p.Ptime = 40 * ms
		x.stream.Configure(p)
		pass(50) // x goes on in PCMU, which it may
		y.wantTone(0, 440, 1000)
		x.mute(func() {
			x.codec, x.enc = codec.PCMA, codec.PCMA.NewEncoder(codec.Params{})
			x.peer.Header.PayloadType = 8
		})
		x.mu.Lock()
		x.muted = false
		x.mu.Unlock()
		pass(50)
		x.wantTone(0, 1000, 440)
		y.wantTone(0, 440, 1000)
		packets, _, _ := x.heard(0)
		if last := packets[len(packets)-1]; last.PayloadType != 8 || len(last.Payload) != 320 {
			t.Errorf("payload type %d, %d bytes", last.PayloadType, len(last.Payload))
		}

		// Held by the peer: it gets nothing, and the other silence.
		p.Direction = Inactive
		x.stream.Configure(p)
		pass(2)
		n := x.received()
		pass(50)
		if got := x.received(); got != n {
			t.Errorf("%d packets while inactive", got-n)
		}
		y.wantTone(0, 0, 440, 1000)
		// We hold the peer: it gets sound, we hear none.
		p.Direction = SendOnly
		x.stream.Configure(p)
		pass(50)
		x.wantTone(0, 1000, 440)
		y.wantTone(0, 0, 440, 1000)
		// And back.
		p = x.params
		x.mute(func() {
			x.codec, x.enc = codec.PCMU, codec.PCMU.NewEncoder(codec.Params{})
			x.peer.Header.PayloadType = 0
		})
		x.mu.Lock()
		x.muted = false
		x.mu.Unlock()
		before := x.stats().Relayed
		x.stream.Configure(p)
		pass(50)
		if got := x.stats().Relayed - before; got < 45 {
			t.Errorf("%d packets relayed after the hold", got)
		}
		for _, ph := range []*phone{x, y} {
			packets, _, _ := ph.heard(0)
			wantUnbroken(t, packets, 8400) // the hold is a gap in time alone
		}
	})
}

func TestRemoteAddressChanges(t *testing.T) {
	run(t, 1, func(r *rig) {
		x := r.phone(codec.PCMU, 440, 20*ms, nil)
		y := r.phone(codec.GSM, 1000, 20*ms, nil)
		z := r.phone(codec.PCMU, 700, 20*ms, nil) // where x moves to
		r.bridge(mixer.Options{}, x, y)
		pass(50)
		p := x.params
		p.Remote = z.peer.RTP.LocalAddr()
		z.mu.Lock()
		z.peer.SendTo(x.stream.LocalAddr())
		z.mu.Unlock()
		x.mute(nil)
		x.stream.Configure(p)
		pass(50)
		z.wantTone(0, 1000)
		y.wantTone(0, 700)
		a, _, _ := x.heard(0)
		b, _, _ := z.heard(0)
		wantUnbroken(t, append(a, b...), 0)
	})
}

// A stream moves to the worker of the bridge it joins, again and again, and its
// peer hears nothing of it.
func TestMoveBetweenWorkers(t *testing.T) {
	run(t, 3, func(r *rig) {
		x := r.phone(codec.PCMU, 440, 20*ms, nil)
		y := r.phone(codec.PCMU, 1000, 20*ms, nil)
		z := r.phone(codec.GSM, 700, 20*ms, nil)
		w := r.pool.Workers()
		first := mixer.NewBridge(w[0], mixer.Options{RelayAllowed: true})
		second := mixer.NewBridge(w[1], mixer.Options{RelayAllowed: true})
		px := first.Join(x.stream)
		first.Join(y.stream)
		second.Join(z.stream)
		pass(50)
		for range 10 {
			px.Move(second)
			pass(3)
			px.Move(first)
			pass(4)
		}
		px.Move(second)
		pass(50)
		x.wantTone(0, 700, 440, 1000)
		y.wantTone(0, 0, 440, 1000)
		z.wantTone(0, 440, 1000)
		for _, p := range r.phones {
			packets, _, _ := p.heard(0)
			wantUnbroken(t, packets, 80) // the phases of two workers' ticks differ
		}
		if w := x.stream.Worker(); w != second.Worker() {
			t.Errorf("on worker %d", w.ID())
		}
		for _, b := range []*mixer.Bridge{first, second} {
			b.Close()
		}
		pass(2)
		for _, w := range w {
			if n := w.Stats().Tickers; n != 0 {
				t.Errorf("worker %d has %d tickers", w.ID(), n)
			}
		}
	})
}

// stream_echo: packets and keys go back as they came.
func TestEchoPackets(t *testing.T) {
	run(t, 1, func(r *rig) {
		x := r.phone(codec.GSM, 440, 20*ms, nil)
		_, in := r.bridge(mixer.Options{RelayAllowed: true}, x)
		in[0].EchoPackets(true)
		pass(40)
		x.press('9', 3)
		pass(40)
		x.wantTone(0, 440)
		packets, _, keys := x.heard(0)
		if keys != "9" || x.digits() != "9" {
			t.Errorf("keys %q back, %q reported", keys, x.digits())
		}
		wantUnbroken(t, packets, 2000)
		in[0].EchoPackets(false)
		in[0].Echo(true)
		pass(40)
		x.wantTone(0, 440)
		if st := x.stats(); st.Relayed < 70 || st.Relayed > 100 {
			t.Errorf("%d packets relayed", st.Relayed)
		}
	})
}

func TestInbandDigits(t *testing.T) {
	run(t, 1, func(r *rig) {
		x := r.phone(codec.PCMU, 440, 20*ms, func(o *Options, p *Params) {
			o.InbandDTMF = true
			p.EventReceive, p.EventSend = 0, 0
		})
		y := r.phone(codec.PCMU, 1000, 20*ms, nil)
		r.bridge(mixer.Options{RelayAllowed: true}, x, y)
		pass(20)
		g, err := dtmf.NewGenerator("2580", 80*ms, 80*ms)
		if err != nil {
			t.Fatal(err)
		}
		x.mute(nil)
		f := media.NewFrame(8000)
		for g.ReadFrame(&f) == nil {
			payload, _ := x.enc.Encode(nil, f.Samples)
			x.peer.Send(payload, 160)
			pass(1)
		}
		if got := x.digits(); got != "2580" {
			t.Errorf("reported %q", got)
		}
		if d := x.got()[0].(dtmf.Digit); d.Leg != "a" || d.Source != dtmf.InBand {
			t.Errorf("%+v", d)
		}
	})
}

func TestTimeout(t *testing.T) {
	run(t, 1, func(r *rig) {
		x := r.phone(codec.PCMU, 440, 20*ms, func(o *Options, _ *Params) { o.Timeout = 5 * time.Second })
		pass(500)
		x.mute(nil)
		pass(240)
		if len(x.got()) != 0 {
			t.Errorf("%v", x.got())
		}
		pass(300)
		if len(x.got()) != 1 || x.got()[0] != (Timeout{Leg: "a"}) {
			t.Errorf("%v", x.got())
		}
		p := x.params
		p.Direction = SendOnly
		x.stream.Configure(p)
		pass(1000)
		if len(x.got()) != 1 {
			t.Errorf("%v while we hold the peer", x.got())
		}
		x.stream.Configure(x.params)
		pass(300)
		if len(x.got()) != 2 {
			t.Errorf("%v after that", x.got())
		}
	})
}

// What a peer sends that nobody agreed to is counted and does no harm.
func TestStrangePackets(t *testing.T) {
	run(t, 1, func(r *rig) {
		x := r.phone(codec.GSM, 440, 20*ms, nil)
		y := r.phone(codec.PCMU, 1000, 20*ms, nil)
		r.bridge(mixer.Options{}, x, y)
		pass(20)
		x.mute(func() {
			h := &x.peer.Header
			for _, pt := range []uint8{13, 0, 96, 127} {
				h.PayloadType = pt
				x.peer.Send(make([]byte, 33), 160)
			}
			h.PayloadType = 3
			x.peer.Send(nil, 160)
			x.peer.Send(make([]byte, 7), 160)
			x.peer.Send(make([]byte, 1400), 160)
			h.PayloadType = eventType
			x.peer.Send([]byte{1}, 160)
			h.PayloadType = 3
		})
		pass(3)
		x.mu.Lock()
		x.muted = false
		x.mu.Unlock()
		pass(60)
		y.wantTone(0, 440, 1000)
		if st := x.stats(); st.BadPayloads != 5 || st.Jitter.Undecodable != 2 || st.DigitsDropped != 1 {
			t.Errorf("%+v", st)
		}
	})
}
