package jitter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Jitter of every kind and packets of every length: after two seconds nothing
// comes too late, and no more delay is added than jitter of that size needs.
func TestDelayFollowsJitter(t *testing.T) {
	for _, ptime := range []time.Duration{10, 20, 30, 40, 60} {
		for _, limit := range []time.Duration{0, 20, 60, 120} {
			for _, ordered := range []bool{false, true} {
				for _, phase := range []time.Duration{0, 1, 13} {
					ptime, limit, phase := ptime*time.Millisecond, limit*time.Millisecond, phase*time.Millisecond
					t.Run(fmt.Sprintf("ptime=%v/jitter=%v/ordered=%v/phase=%v", ptime, limit, ordered, phase), func(t *testing.T) {
						s := newSim(ptime)
						s.phase = phase
						s.network = uniform(uint64(limit)+3, limit)
						if ordered {
							s.network = inOrder(s.network)
						}
						var delays []time.Duration
						s.delays(2*time.Second, &delays)
						s.run(2 * time.Second)
						before := s.b.Stats()
						s.run(12 * time.Second)
						d := diff(before, s.b.Stats())
						if lost := d.Lost + d.Late + d.Overflow; lost*100 > d.Played {
							t.Errorf("%d of %d packets were not played", lost, d.Played)
						}
						slices.Sort(delays)
						// What a packet longer than a tick holds back is the
						// sender's doing.
						over := max(0, ptime-20*time.Millisecond)
						if ptime == 10*time.Millisecond {
							over = 10 * time.Millisecond // two of them make a tick
						}
						if got, most := delays[len(delays)*99/100], limit*99/100+40*time.Millisecond+over; got > most {
							t.Errorf("delay of %v, want at most %v", got, most)
						}
						if limit == 0 && ptime == 20*time.Millisecond && phase > 0 && delays[len(delays)-1] != phase {
							t.Errorf("a packet that came before its tick was played %v after it came, want %v", delays[len(delays)-1], phase)
						}
					})
				}
			}
		}
	}
}

func inOrder(f func(int, time.Duration) (time.Duration, bool)) func(int, time.Duration) (time.Duration, bool) {
	var last time.Duration
	return func(n int, sent time.Duration) (time.Duration, bool) {
		d, ok := f(n, sent)
		last = max(last, sent+d)
		return last - sent, ok
	}
}

// A network that stands still for 300 ms and then delivers loses nothing; the
// delay it caused is gone after ten seconds.
func TestDelayShrinksAfterSpike(t *testing.T) {
	for _, ptime := range []time.Duration{10, 20, 30, 60} {
		t.Run(fmt.Sprint(ptime), func(t *testing.T) {
			s := newSim(ptime * time.Millisecond)
			s.network = func(_ int, sent time.Duration) (time.Duration, bool) {
				const from, to = 5 * time.Second, 5300 * time.Millisecond
				if sent >= from && sent < to {
					return to - sent, true
				}
				return 0, true
			}
			var delays []time.Duration
			s.delays(4*time.Second, &delays)
			s.run(5 * time.Second)
			before := slices.Max(delays)
			s.run(5500 * time.Millisecond)
			if d := slices.Max(delays); d < 240*time.Millisecond {
				t.Errorf("delay after the spike is %v", d)
			}
			s.run(15300 * time.Millisecond)
			delays = nil
			s.delays(15300*time.Millisecond, &delays)
			s.run(20 * time.Second)
			if d := slices.Max(delays); d > before+10*time.Millisecond {
				t.Errorf("delay is %v, was %v before the spike", d, before)
			}
			if st := s.b.Stats(); st.Lost+st.Late+st.Overflow > 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// Packets that are overtaken by one to three others are played, every sample in
// its place, from the first on.
func TestReorderIsNoLoss(t *testing.T) {
	for by := 1; by <= 3; by++ {
		for _, phase := range []time.Duration{1, 7, 19} {
			t.Run(fmt.Sprintf("by=%d/phase=%d", by, phase), func(t *testing.T) {
				s := newSim(20 * time.Millisecond)
				s.phase = phase * time.Millisecond
				r := rand.New(rand.NewPCG(7, uint64(by)))
				s.network = func(n int, _ time.Duration) (time.Duration, bool) {
					if n > 0 && r.IntN(10) == 0 {
						return time.Duration(by)*20*time.Millisecond + time.Microsecond, true
					}
					return 0, true
				}
				var heard []int16
				s.tick = func(_ time.Duration, samples []int16, ok bool) {
					if ok {
						heard = append(heard, samples...)
					}
				}
				s.run(30 * time.Second)
				st := s.b.Stats()
				if st.Lost != 0 || st.Late != 0 || st.Duplicate != 0 {
					t.Errorf("%+v", st)
				}
				// But for what was inserted to gain the delay, the samples are
				// the ones sent, in order.
				want := int16(0)
				for _, v := range heard {
					if v != -1 {
						if v != want {
							t.Fatalf("heard sample %d, want %d", v, want)
						}
						want = (v + 1) % 32000
					}
				}
			})
		}
	}
}

func TestDuplicatesAreDropped(t *testing.T) {
	s := newSim(20 * time.Millisecond)
	s.tick = func(at time.Duration, _ []int16, _ bool) {
		for n := max(0, s.n-3); n < s.n; n++ {
			s.b.Push(s.packet(n), start.Add(at+time.Millisecond))
		}
	}
	s.run(10 * time.Second)
	st := s.b.Stats()
	if st.Played < 499 || st.Duplicate < 1400 || st.Late+st.Lost+st.Stretches+st.Squeezes > 0 {
		t.Errorf("%+v", st)
	}
	if st.Concealed > 0 {
		t.Errorf("concealed %v", st.Concealed)
	}
}

// Whatever jumps, and however far, what comes after it is heard within a frame
// of when it would have been without, and the delay stays.
func TestJumps(t *testing.T) {
	const at = 500 // packets
	hour := uint32(3600 * 8000)
	tests := []struct {
		name   string
		change func(p *Packet)
	}{
		{"timestamp ahead", func(p *Packet) { p.Timestamp += hour }},
		{"timestamp back", func(p *Packet) { p.Timestamp -= hour }},
		{"timestamp half a second ahead", func(p *Packet) { p.Timestamp += 4000 }},
		{"timestamp half a second back", func(p *Packet) { p.Timestamp -= 4000 }},
		{"sequence ahead", func(p *Packet) { p.Seq += 20000 }},
		{"sequence back", func(p *Packet) { p.Seq -= 20000 }},
		{"both ahead", func(p *Packet) { p.Seq += 20000; p.Timestamp += hour }},
		{"both back", func(p *Packet) { p.Seq -= 5000; p.Timestamp -= hour }},
		{"source", func(p *Packet) { p.SSRC = 2 }},
		{"source, sequence and timestamp", func(p *Packet) { p.SSRC = 2; p.Seq += 30000; p.Timestamp += 1 << 31 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(20 * time.Millisecond)
			s.change = func(n int, p *Packet) {
				if n >= at {
					tt.change(p)
				}
			}
			var delays []time.Duration
			s.delays(10*time.Second, &delays)
			concealed := 0
			collect := s.tick
			s.tick = func(now time.Duration, samples []int16, heard bool) {
				collect(now, samples, heard)
				if !heard || slices.Contains(samples, -1) {
					concealed++
				}
			}
			s.run(20 * time.Second)
			if concealed > 1 {
				t.Errorf("%d ticks were concealed", concealed)
			}
			if d := slices.Max(delays); d > 27*time.Millisecond {
				t.Errorf("delay has become %v", d)
			}
			if st := s.b.Stats(); st.Lost > 1 || st.Resyncs > 1 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// A sender whose clock is 300 ppm off gains or loses 18 ms a minute. The
// corrections are rare, nothing runs dry or over, and the delay stays.
func TestClockSkew(t *testing.T) {
	for _, ppm := range []float64{-300, -100, 100, 300} {
		for _, jitter := range []time.Duration{0, 5 * time.Millisecond} {
			t.Run(fmt.Sprintf("%v ppm, jitter %v", ppm, jitter), func(t *testing.T) {
				s := newSim(20 * time.Millisecond)
				s.skew = ppm / 1e6
				s.network = uniform(11, jitter)
				s.run(2 * time.Second)
				before := s.b.Stats()
				const minutes = 8
				var lowest, highest time.Duration = time.Hour, 0
				s.tick = func(at time.Duration, _ []int16, heard bool) {
					if !heard {
						t.Fatalf("nothing heard at %v", at)
					}
					d := s.b.Stats().Delay
					lowest, highest = min(lowest, d), max(highest, d)
				}
				s.run(minutes * time.Minute)
				d := diff(before, s.b.Stats())
				if d.Lost+d.Late+d.Overflow > 0 || d.Underruns > 0 || d.Concealed > 0 {
					t.Errorf("%+v", d)
				}
				if n := d.Stretches + d.Squeezes; n > minutes || ppm*ppm == 300*300 && n < minutes*3/4 {
					t.Errorf("%d corrections in %d minutes", n, minutes)
				}
				if lowest < 0 || highest > 45*time.Millisecond+jitter {
					t.Errorf("delay between %v and %v", lowest, highest)
				}
			})
		}
	}
}

// Lost packets are concealed for as long as they would have lasted, and do not
// make the delay grow.
func TestLossIsConcealed(t *testing.T) {
	for _, fraction := range []float64{0.01, 0.05, 0.2} {
		t.Run(fmt.Sprint(fraction), func(t *testing.T) {
			s := newSim(20 * time.Millisecond)
			r := rand.New(rand.NewPCG(3, 3))
			lost := 0
			s.network = func(n int, sent time.Duration) (time.Duration, bool) {
				ok := n == 0 || r.Float64() >= fraction
				if !ok && sent > 15*time.Second {
					lost++
				}
				return 0, ok
			}
			s.run(15 * time.Second)
			before := s.b.Stats()
			var delays []time.Duration
			s.delays(15*time.Second, &delays)
			s.run(60 * time.Second)
			d := diff(before, s.b.Stats())
			if int(d.Lost) > lost+5 || int(d.Lost) < lost-5 {
				t.Errorf("counted %d lost packets, want %d", d.Lost, lost)
			}
			if got, want := d.Concealed, time.Duration(lost)*20*time.Millisecond; got > want+200*time.Millisecond {
				t.Errorf("concealed %v for %v that was lost", got, want)
			}
			if m := slices.Max(delays); m > 27*time.Millisecond {
				t.Errorf("delay has become %v", m)
			}
		})
	}
}

// A sender that is silent between spurts, with timestamps that go on or stand
// still, is heard without added delay and without samples lost.
func TestSilenceSuppression(t *testing.T) {
	for _, frozen := range []bool{false, true} {
		t.Run(fmt.Sprintf("frozen=%v", frozen), func(t *testing.T) {
			s := newSim(20 * time.Millisecond)
			spoken := func(n int) bool { return n/100%2 == 0 } // 2 s of each
			s.network = func(n int, _ time.Duration) (time.Duration, bool) { return 0, spoken(n) }
			s.change = func(n int, p *Packet) {
				quiet := uint16(n / 200 * 100)
				p.Seq -= quiet
				if frozen {
					p.Timestamp -= uint32(quiet) * 160
				}
			}
			var delays []time.Duration
			s.delays(0, &delays)
			s.run(40 * time.Second)
			st := s.b.Stats()
			if st.Lost+st.Late+st.Overflow > 0 || st.Played < 999 {
				t.Errorf("%+v", st)
			}
			if m := slices.Max(delays); m > 30*time.Millisecond {
				t.Errorf("delay has become %v", m)
			}
		})
	}
}

// Sequence numbers that telephone-events use up are no losses.
func TestEventsAreNoLoss(t *testing.T) {
	s := newSim(20 * time.Millisecond)
	s.change = func(n int, p *Packet) {
		if n%50 < 8 && n > 8 {
			p.Payload = nil
			p.Timestamp -= uint32(n%50) * 160 // that of the event's beginning
		}
	}
	s.run(20 * time.Second)
	if st := s.b.Stats(); st.Lost+st.Late+st.Overflow+st.Resyncs > 0 {
		t.Errorf("%+v", st)
	}
}

// A stream that nobody listened to is heard as it is now, not as it was.
func TestBeginsWithTheNewest(t *testing.T) {
	s := newSim(20 * time.Millisecond)
	for n := range 500 {
		s.b.Push(s.packet(n), start.Add(time.Duration(n)*20*time.Millisecond))
	}
	var dst [160]int16
	if !s.b.Read(dst[:], start.Add(500*20*time.Millisecond-time.Millisecond)) || dst[0] != 499*160%32000 {
		t.Errorf("heard %d first", dst[0])
	}
	// Nor is what came before a pause of the listener's.
	for n := 500; n < 550; n++ {
		s.b.Push(s.packet(n), start.Add(time.Duration(n)*20*time.Millisecond))
	}
	if !s.b.Read(dst[:], start.Add(550*20*time.Millisecond-time.Millisecond)) || dst[0] != 549*160%32000 {
		t.Errorf("heard %d after the pause", dst[0])
	}
	if st := s.b.Stats(); st.Lost+st.Late > 0 {
		t.Errorf("%+v", st)
	}
}

func TestAllocatesNothing(t *testing.T) {
	s := newSim(20 * time.Millisecond)
	p := s.packet(0)
	var dst [160]int16
	at := start
	step := func() {
		p.Seq++
		p.Timestamp += 160
		at = at.Add(20 * time.Millisecond)
		s.b.Push(p, at)
		if p.Seq%7 != 0 { // some ticks find nothing, some two packets
			s.b.Read(dst[:], at)
		}
	}
	for range 200 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// Nothing that a peer can send makes the buffer panic, or hold more than it
// may.
func FuzzBuffer(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 20, 1, 1, 1, 0, 160, 4, 20})
	f.Add([]byte{0, 255, 255, 255, 255, 255, 255, 9, 0, 0, 0, 0, 0, 0, 200, 100, 100})
	f.Fuzz(func(t *testing.T, data []byte) {
		b := New(8000, testRate, raw{})
		now := start
		var seq uint16
		var ts uint32
		var dst [160]int16
		payload := make([]byte, 1460)
		for len(data) >= 7 {
			seq += uint16(data[1])<<8 | uint16(data[2])
			ts += uint32(data[3])<<24 | uint32(data[4])<<8 | uint32(data[5])
			b.Push(Packet{SSRC: uint32(data[0] & 3), Seq: seq, Timestamp: ts, Payload: payload[:int(data[6])*2]}, now)
			now = now.Add(time.Duration(data[0]) * time.Millisecond)
			if data[0]&4 != 0 {
				b.Read(dst[:], now)
			}
			data = data[7:]
		}
		if len(b.fifo.buf) > 10*testRate {
			t.Errorf("holds %d samples", len(b.fifo.buf))
		}
	})
}

func BenchmarkPushRead(b *testing.B) {
	s := newSim(20 * time.Millisecond)
	p := s.packet(0)
	var dst [160]int16
	at := start
	b.ReportAllocs()
	for b.Loop() {
		p.Seq++
		p.Timestamp += 160
		at = at.Add(20 * time.Millisecond)
		s.b.Push(p, at)
		s.b.Read(dst[:], at)
	}
}
