package rtp_test

import (
	"math"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"tandem/media"
	"tandem/media/mediatest"
	"tandem/media/rtp"
	"tandem/media/worker"
)

const frame = 20 * time.Millisecond

var (
	hostUs       = netip.MustParseAddr("192.0.2.1")
	hostPeer     = netip.MustParseAddr("198.51.100.7")
	hostAttacker = netip.MustParseAddr("203.0.113.66")
	payload      = make([]byte, 160)
)

// A rig is one session, its peer, and an attacker, on a network in memory.
type rig struct {
	t        *testing.T
	net      *mediatest.Network
	pool     *worker.Pool
	ports    *rtp.Ports
	s        *rtp.Session
	peer     *mediatest.Peer
	got      []uint16 // sequence numbers handed on
	ssrcs    []uint32
	timeouts int
	byes     int
}

// run makes a rig in a bubble, with the remote address set as the SDP would.
func run(t *testing.T, opts rtp.Options, fn func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, net: mediatest.NewNetwork(media.SystemClock{})}
		defer r.net.Close()
		var err error
		if r.pool, err = worker.New(2, worker.Options{Clock: media.SystemClock{}}); err != nil {
			t.Fatal(err)
		}
		defer r.pool.Stop()
		if r.ports, err = rtp.NewPorts(20000, 20009, rtp.PortsOptions{Listen: r.net.Socket}); err != nil {
			t.Fatal(err)
		}
		if opts.OnPacket == nil {
			opts.OnPacket = func(p *rtp.Packet, _ time.Time) {
				r.got = append(r.got, p.Seq)
				r.ssrcs = append(r.ssrcs, p.SSRC)
			}
		}
		opts.OnTimeout = func() { r.timeouts++ }
		opts.OnBye = func() { r.byes++ }
		r.s = r.session(opts)
		r.peer = r.newPeer(hostPeer, 6000)
		r.remote(r.peer.RTP.LocalAddr(), rtp.RemoteOptions{})
		fn(r)
		r.s.Close()
		synctest.Wait()
		if n := r.ports.InUse(); n != 0 {
			t.Errorf("%d ports in use at the end", n)
		}
	})
}

func (r *rig) session(opts rtp.Options) *rtp.Session {
	pair, err := r.ports.Open(hostUs)
	if err != nil {
		r.t.Fatal(err)
	}
	return rtp.NewSession(r.pool.Workers()[0], pair, opts)
}

func (r *rig) newPeer(host netip.Addr, port uint16) *mediatest.Peer {
	p := mediatest.NewPeer(r.net, netip.AddrPortFrom(host, port))
	p.SendTo(r.s.LocalAddr())
	return p
}

// on runs fn on the session's worker.
func (r *rig) on(fn func()) {
	done := make(chan struct{})
	r.s.Do(func() { defer close(done); fn() })
	<-done
}

func (r *rig) remote(addr netip.AddrPort, opts rtp.RemoteOptions) {
	r.on(func() { r.s.SetRemote(addr, netip.AddrPort{}, opts) })
}

func (r *rig) stats() (st rtp.Stats) {
	r.on(func() { st = r.s.Stats() })
	return st
}

// talk makes peers send n packets each, one a frame, side by side.
func (r *rig) talk(n int, peers ...*mediatest.Peer) {
	for range n {
		for _, p := range peers {
			p.Send(payload, 160)
		}
		time.Sleep(frame)
	}
	synctest.Wait()
}

// answer makes the session send n packets.
func (r *rig) answer(n int) {
	ts := uint32(time.Now().UnixMilli() * 8)
	for range n {
		r.on(func() { _ = r.s.Send(0, false, ts, payload) })
		ts += 160
		time.Sleep(frame)
	}
	synctest.Wait()
}

func (r *rig) want(what string, got, want any) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestReceiveAndSend(t *testing.T) {
	run(t, rtp.Options{SSRC: 0xabcd}, func(r *rig) {
		r.talk(50, r.peer)
		r.answer(50)
		st := r.stats()
		r.want("handed on", len(r.got), 50)
		r.want("received", st.Received, uint64(50))
		r.want("received bytes", st.ReceivedBytes, uint64(50*160))
		r.want("expected", st.Expected, uint64(50))
		r.want("lost", st.Lost, uint64(0))
		r.want("sent", st.Sent, uint64(50))
		r.want("remote", st.Remote, r.peer.RTP.LocalAddr())
		r.want("jitter", st.Jitter, time.Duration(0))
		r.want("duration", st.Last.Sub(st.First), 49*frame)
		packets := r.peer.Packets()
		r.want("peer's packets", len(packets), 50)
		for i, p := range packets {
			if p.SSRC != 0xabcd || p.PayloadType != 0 || len(p.Payload) != 160 ||
				p.SequenceNumber != packets[0].SequenceNumber+uint16(i) || p.Timestamp != packets[0].Timestamp+uint32(160*i) {
				t.Fatalf("packet %d: %v", i, p.Header)
			}
		}
	})
}

func TestNothingBeforeTheRemoteIsKnown(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		r.remote(netip.AddrPort{}, rtp.RemoteOptions{Latch: rtp.LatchAny})
		r.talk(20, r.peer)
		r.want("handed on", len(r.got), 0)
		r.want("wrong source", r.stats().WrongSource, uint64(20))
		r.on(func() {
			r.want("send", r.s.Send(0, false, 0, payload), rtp.ErrNoRemote)
			r.s.SetRemote(r.peer.RTP.LocalAddr(), netip.AddrPort{}, rtp.RemoteOptions{})
			r.want("too long", r.s.Send(0, false, 0, make([]byte, 2000)), rtp.ErrTooLong)
			// The old way of hold: c=0.0.0.0.
			r.s.SetRemote(netip.MustParseAddrPort("0.0.0.0:6000"), netip.AddrPort{}, rtp.RemoteOptions{})
			r.want("send on hold", r.s.Send(0, false, 0, payload), rtp.ErrNoRemote)
		})
	})
}

func TestMalformedIsDropped(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		for _, data := range [][]byte{{}, {0x80}, make([]byte, 12), make([]byte, 1400), append([]byte{0xbf, 0}, make([]byte, 60)...),
			{0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9}, make([]byte, 65535)} {
			r.peer.SendRaw(data)
			r.peer.SendReport(data)
		}
		synctest.Wait()
		r.want("handed on", len(r.got), 0)
		r.want("malformed", r.stats().Malformed, uint64(12))
		r.talk(5, r.peer)
		r.want("handed on afterwards", len(r.got), 5)
	})
}

// Reordered packets are no loss, duplicates are dropped.
func TestReorderedAndDuplicate(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		link := mediatest.NewLink(7, mediatest.Conditions{Reorder: 0.1, ReorderBy: 50 * time.Millisecond, Duplicate: 0.1})
		r.net.SetLink(hostPeer, hostUs, link)
		r.talk(1000, r.peer)
		time.Sleep(time.Second)
		synctest.Wait()
		st, did := r.stats(), link.Stats()
		r.want("received", st.Received, uint64(1000))
		r.want("lost", st.Lost, uint64(0))
		r.want("duplicate", st.Duplicate, uint64(did.Duplicated))
		if st.OutOfOrder < 50 {
			t.Errorf("out of order %d", st.OutOfOrder)
		}
	})
}

// The loss, its burst ratio and the jitter that the link makes are what the
// statistics, and the peer by RTCP, are told.
func TestStatisticsOfABadLink(t *testing.T) {
	for _, test := range []struct {
		name  string
		loss  mediatest.Loss
		burst float64
	}{{"independent", mediatest.Bernoulli(0.05), 1}, {"bursts", mediatest.Gilbert(0.05, 3), 2.85}} {
		t.Run(test.name, func(t *testing.T) {
			run(t, rtp.Options{}, func(r *rig) {
				link := mediatest.NewLink(5, mediatest.Conditions{Loss: test.loss, Jitter: mediatest.Uniform(30 * time.Millisecond), InOrder: true})
				r.net.SetLink(hostPeer, hostUs, link)
				r.talk(10_000, r.peer)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				st, did := r.stats(), link.Stats()
				// What was lost after the last that came cannot be known.
				if lost := float64(st.Lost); math.Abs(lost-float64(did.Lost)) > 3 {
					t.Errorf("lost %v of %d", lost, did.Lost)
				}
				if math.Abs(st.BurstRatio-test.burst) > 0.15*test.burst {
					t.Errorf("burst ratio %v, want %v", st.BurstRatio, test.burst)
				}
				// Uniform from 0 to 30 ms: the mean difference of two is 10 ms.
				if st.Jitter < 7*time.Millisecond || st.Jitter > 13*time.Millisecond {
					t.Errorf("jitter %v", st.Jitter)
				}
				if mos := st.MOS("pcmu", 0, 60*time.Millisecond); mos > rtp.MOS("pcmu", 0.04, 60*time.Millisecond, 1) {
					t.Errorf("MOS %v", mos)
				}
				last := lastReport(t, r.peer)
				if n := len(last.Reports); n != 1 || last.Reports[0].SSRC != r.peer.Header.SSRC || uint64(last.Reports[0].TotalLost) != st.Lost {
					t.Errorf("reported %+v, lost %d", last.Reports, st.Lost)
				}
			})
		})
	}
}

// lastReport is the last receiver report that the peer was sent.
func lastReport(t *testing.T, p *mediatest.Peer) *rtcp.ReceiverReport {
	t.Helper()
	for _, data := range slices.Backward(p.Reports()) {
		packets, err := rtcp.Unmarshal(data)
		if err != nil {
			t.Fatal(err)
		}
		if rr, ok := packets[0].(*rtcp.ReceiverReport); ok {
			return rr
		}
	}
	t.Fatal("no receiver report")
	return nil
}

func TestRateCap(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		for range 5000 { // 1,000 a second
			r.peer.Send(payload[:8], 8)
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		st := r.stats()
		if st.Received > 250*5+125+1 || st.RateLimited < 3500 {
			t.Errorf("received %d, over the cap %d", st.Received, st.RateLimited)
		}
	})
}

func TestTimeout(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		begun := time.Now()
		at := func(want int, d time.Duration) {
			t.Helper()
			time.Sleep(time.Until(begun.Add(d - 10*time.Millisecond)))
			synctest.Wait()
			r.on(func() { r.want("too early", r.timeouts, want-1) })
			time.Sleep(20 * time.Millisecond)
			synctest.Wait()
			r.on(func() { r.want("time-outs", r.timeouts, want) })
		}
		r.on(func() { r.s.SetTimeout(30*time.Second, 15*time.Second) })
		at(1, 30*time.Second)
		time.Sleep(time.Minute) // once is enough
		r.on(func() { r.want("time-outs", r.timeouts, 1) })
		r.talk(100, r.peer)
		begun = time.Now().Add(-frame)
		at(2, 15*time.Second)
		r.on(func() { r.s.SetTimeout(0, 0) })
		r.talk(10, r.peer)
		time.Sleep(time.Hour)
		r.on(func() { r.want("time-outs on hold", r.timeouts, 2) })
	})
}

func TestMove(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		r.talk(10, r.peer)
		to := r.pool.Workers()[1]
		moved := make(chan struct{})
		r.on(func() { r.s.Move(to, func() { close(moved) }) })
		<-moved
		r.want("worker", r.s.Worker(), to)
		r.talk(10, r.peer)
		r.answer(5)
		r.want("handed on", len(r.got), 20)
		r.want("lost", r.stats().Lost, uint64(0))
		r.want("sent", len(r.peer.Packets()), 5)
		r.want("left behind", r.pool.Workers()[0].Stats().Sockets, 0)
		// A close that overtakes the move still gives everything back.
		s := r.session(rtp.Options{})
		s.Do(func() { s.Move(to, func() {}) })
		s.Close()
		s.Close()
		synctest.Wait()
		r.want("ports in use", r.ports.InUse(), 1)
		s.Do(func() { r.want("send", s.Send(0, false, 0, payload), rtp.ErrClosed) })
	})
}

// --- attacks (specs/security.md 1 to 4) ---

// Attacks 1 and 2: a third address sprays RTP in every phase of a call.
func TestSprayerGetsAndInjectsNothing(t *testing.T) {
	for _, test := range []struct {
		name  string
		opts  rtp.RemoteOptions
		atNAT bool // the peer sends from another port than its SDP says
	}{
		{"SDP address", rtp.RemoteOptions{}, false},
		{"strict", rtp.RemoteOptions{Latch: rtp.LatchStrict}, false},
		{"NAT", rtp.RemoteOptions{Signalling: hostPeer}, true},
		{"any source", rtp.RemoteOptions{Latch: rtp.LatchAny, Signalling: hostPeer}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			run(t, rtp.Options{}, func(r *rig) {
				attacker := r.newPeer(hostAttacker, 7000)
				attacker.Header.SSRC = 666
				sdp := r.peer.RTP.LocalAddr()
				if test.atNAT {
					sdp = netip.MustParseAddrPort("10.0.0.4:9000")
				}
				r.remote(sdp, test.opts)
				both := func(n int) {
					for range n {
						attacker.Send(payload, 160)
						r.peer.Send(payload, 160)
						attacker.Send(payload, 160)
						r.on(func() { _ = r.s.Send(0, false, uint32(time.Now().UnixMilli()*8), payload) })
						time.Sleep(frame)
					}
					synctest.Wait()
				}
				if test.opts.Latch != rtp.LatchAny {
					r.talk(20, attacker) // before the peer says anything
				}
				both(3)
				r.talk(100, r.peer)
				r.got, r.ssrcs = nil, nil
				both(200)
				r.talk(200, attacker) // while the peer is silent
				r.remote(sdp, test.opts)
				both(200)

				limit := 0
				if test.opts.Latch == rtp.LatchAny {
					limit = 5
				}
				if n := len(attacker.Packets()); n > limit {
					t.Errorf("attacker received %d packets", n)
				}
				if test.opts.Latch != rtp.LatchAny {
					for _, ssrc := range r.ssrcs {
						if ssrc == 666 {
							t.Fatal("attacker's packet handed on")
						}
					}
				}
				if n := len(r.peer.Packets()); n < 380 {
					t.Errorf("peer received %d packets", n)
				}
				if n := len(attacker.Reports()); n != 0 {
					t.Errorf("attacker received %d reports", n)
				}
				if st := r.stats(); st.WrongSource == 0 {
					t.Error("nothing counted")
				}
			})
		})
	}
}

// Attack 3: nothing ever answers RTCP from a stranger, and it tells him nothing.
func TestRTCPFromStrangersIsNotAnswered(t *testing.T) {
	run(t, rtp.Options{SSRC: 0x55}, func(r *rig) {
		attacker := r.newPeer(hostAttacker, 7000)
		forged := func(ssrc uint32) []byte {
			data, err := rtcp.Marshal([]rtcp.Packet{
				&rtcp.ReceiverReport{SSRC: ssrc, Reports: []rtcp.ReceptionReport{{SSRC: 0x55, FractionLost: 255, TotalLost: 999}}},
				&rtcp.Goodbye{Sources: []uint32{ssrc}},
			})
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		for range 100 {
			attacker.SendReport(forged(r.peer.Header.SSRC))
			attacker.SendRaw(forged(r.peer.Header.SSRC)) // to the RTP port
			r.talk(5, r.peer)
			r.answer(1)
		}
		// From the peer's host, but of another stream.
		other := r.newPeer(hostPeer, 7100)
		other.SendReport(forged(1))
		synctest.Wait()
		st := r.stats()
		r.want("attacker's reports", len(attacker.Reports()), 0)
		r.want("attacker's packets", len(attacker.Packets()), 0)
		r.want("reports received", st.RTCPReceived, uint64(0))
		r.want("wrong source", st.WrongSource, uint64(201))
		r.want("reported loss", st.RemoteLost, int32(0))
		r.want("goodbyes", r.byes, 0)
		if n := len(r.peer.Reports()); n < 1 {
			t.Error("the peer gets no reports")
		}
	})
}

// Attack 4: another port of the right host.
func TestTakeoverFromTheRightHost(t *testing.T) {
	for _, test := range []struct {
		name string
		ssrc uint32
	}{{"other SSRC", 666}, {"the peer's SSRC", 0}} {
		t.Run(test.name, func(t *testing.T) {
			run(t, rtp.Options{}, func(r *rig) {
				other := r.newPeer(hostPeer, 6100)
				if test.ssrc != 0 {
					other.Header.SSRC = test.ssrc
				}
				r.talk(50, r.peer)
				r.talk(500, r.peer, other)
				r.want("handed on", len(r.got), 550)
				r.want("wrong source", r.stats().WrongSource, uint64(500))
				r.want("remote", r.stats().Remote, r.peer.RTP.LocalAddr())

				// When the peer is silent, it takes two seconds and a proof.
				r.talk(95, other)
				r.want("handed on", len(r.got), 550)
				r.talk(100, other)
				r.want("remote", r.stats().Remote, other.RTP.LocalAddr())
				r.want("source changes", r.stats().SourceChanges, uint64(1))

				// The SDP's address has the better claim, with a proof.
				r.talk(3, r.peer, other)
				r.want("remote", r.stats().Remote, other.RTP.LocalAddr())
				r.talk(3, r.peer, other)
				r.want("remote", r.stats().Remote, r.peer.RTP.LocalAddr())
			})
		})
	}
}

// A source must prove itself with packets in sequence of one SSRC.
func TestProof(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		r.remote(netip.MustParseAddrPort("10.0.0.4:9000"), rtp.RemoteOptions{Signalling: hostPeer})
		r.talk(3, r.peer)
		r.peer.Header.SequenceNumber += 5
		r.talk(3, r.peer)
		r.peer.Header.SSRC++
		r.talk(3, r.peer)
		r.want("handed on", len(r.got), 0)
		r.want("remote", r.stats().Remote.String(), "10.0.0.4:9000")
		r.talk(10, r.peer)
		r.want("handed on", len(r.got), 10)
		r.want("remote", r.stats().Remote, r.peer.RTP.LocalAddr())
		r.answer(10)
		r.want("peer's packets", len(r.peer.Packets()), 10)
	})
}

func TestRelatchAfterNewSDP(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		r.talk(50, r.peer)
		next := r.newPeer(netip.MustParseAddr("198.51.100.8"), 6200)
		next.Header.SSRC, next.Header.SequenceNumber, next.Header.Timestamp = 77, 40000, 1
		r.remote(next.RTP.LocalAddr(), rtp.RemoteOptions{})
		r.answer(1)
		r.want("sent at once to the new address", len(next.Packets()), 1)
		r.talk(5, r.peer) // what is still under way is heard
		r.want("handed on", len(r.got), 55)
		r.talk(10, next)
		r.want("handed on from the first packet", len(r.got), 65)
		r.talk(10, r.peer)
		r.want("the old one is refused", len(r.got), 65)
		st := r.stats()
		r.want("lost", st.Lost, uint64(0))
		r.want("expected", st.Expected, uint64(65))

		// The same SDP again changes nothing.
		r.remote(next.RTP.LocalAddr(), rtp.RemoteOptions{})
		r.talk(10, r.peer, next)
		r.want("handed on", len(r.got), 75)
	})
}

// Behind a NAT the outside may stay although the SDP changes.
func TestNATKeepsItsSourceAfterNewSDP(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		nat := rtp.RemoteOptions{Signalling: hostPeer}
		r.remote(netip.MustParseAddrPort("10.0.0.4:9000"), nat)
		r.talk(10, r.peer)
		r.remote(netip.MustParseAddrPort("10.0.0.4:9002"), nat)
		r.talk(50, r.peer)
		r.want("handed on", len(r.got), 57)
		r.want("remote", r.stats().Remote, r.peer.RTP.LocalAddr())
		r.want("source changes", r.stats().SourceChanges, uint64(0))
	})
}

// An SSRC that changes at the latched address costs one packet; one that is
// forged beside the true one does not take the call.
func TestSSRCChange(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		r.talk(300, r.peer)
		r.peer.Header.SSRC, r.peer.Header.SequenceNumber = 2, 9
		r.talk(50, r.peer)
		r.want("handed on", len(r.got), 349)
		st := r.stats()
		r.want("SSRC changes", st.SSRCChanges, uint64(1))
		r.want("remote SSRC", st.RemoteSSRC, uint32(2))
		r.want("lost", st.Lost, uint64(0))

		forger := &mediatest.Peer{RTP: r.peer.RTP, To: r.peer.To, Header: r.peer.Header} // at the same address
		forger.Header.SSRC = 666
		r.got, r.ssrcs = nil, nil
		for range 500 {
			r.peer.Send(payload, 160)
			forger.Send(payload, 160)
			forger.Send(payload, 160)
			forger.Send(payload, 160)
			time.Sleep(frame)
		}
		synctest.Wait()
		forged := 0
		for _, ssrc := range r.ssrcs {
			if ssrc == 666 {
				forged++
			}
		}
		if forged > 5 || len(r.ssrcs)-forged < 480 {
			t.Errorf("%d forged and %d true packets handed on", forged, len(r.ssrcs)-forged)
		}
	})
}

func TestSourcePortChange(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		r.net.SetLink(hostPeer, hostUs, mediatest.NewLink(1, mediatest.Conditions{NewPortAfter: 2 * time.Second}))
		r.talk(400, r.peer)
		st := r.stats()
		if st.Received < 280 || st.SourceChanges != 1 || st.Remote.Port() == 6000 {
			t.Errorf("received %d, remote %v", st.Received, st.Remote)
		}
		r.want("SSRC changes", st.SSRCChanges, uint64(0))
	})
}

// --- RTCP ---

func TestReports(t *testing.T) {
	run(t, rtp.Options{SSRC: 0x1234, CNAME: "a@b"}, func(r *rig) {
		r.net.SetLink(hostPeer, hostUs, mediatest.NewLink(1, mediatest.Conditions{Delay: 30 * time.Millisecond}))
		r.net.SetLink(hostUs, hostPeer, mediatest.NewLink(1, mediatest.Conditions{Delay: 50 * time.Millisecond}))
		var srAt []time.Time
		var last *rtcp.SenderReport
		ts := uint32(0)
		for i := range 3000 { // a minute
			if i%10 != 9 { // every tenth is lost
				r.peer.Send(payload, 160)
			} else {
				r.peer.Header.SequenceNumber++
				r.peer.Header.Timestamp += 160
			}
			r.on(func() { _ = r.s.Send(0, false, ts, payload) })
			ts += 160
			time.Sleep(frame)
			if n := len(r.peer.Reports()); n > len(srAt) {
				srAt = append(srAt, time.Now())
				packets, err := rtcp.Unmarshal(r.peer.Reports()[n-1])
				if err != nil {
					t.Fatal(err)
				}
				last = packets[0].(*rtcp.SenderReport)
				sdes := packets[1].(*rtcp.SourceDescription)
				if c := sdes.Chunks[0]; c.Source != 0x1234 || c.Items[0].Type != rtcp.SDESCNAME || c.Items[0].Text != "a@b" {
					t.Errorf("source description %+v", sdes)
				}
				// The peer answers 100 ms later with a report of its own.
				received := srAt[len(srAt)-1]
				time.AfterFunc(100*time.Millisecond, func() {
					data, _ := rtcp.Marshal([]rtcp.Packet{
						&rtcp.SenderReport{SSRC: r.peer.Header.SSRC, NTPTime: 0xaaaa_1111_2222_bbbb, Reports: []rtcp.ReceptionReport{
							{SSRC: 99}, {SSRC: 0x1234, FractionLost: 64, TotalLost: 7, Jitter: 80, LastSenderReport: uint32(last.NTPTime >> 16),
								Delay: uint32(time.Since(received).Seconds() * 65536)},
						}},
					})
					r.peer.SendReport(data)
				})
			}
		}
		synctest.Wait()
		if n := len(srAt); n < 8 || n > 20 {
			t.Errorf("%d reports in a minute", n)
		}
		if last.SSRC != 0x1234 || last.PacketCount < 2000 || last.OctetCount != last.PacketCount*160 || len(last.Reports) != 1 {
			t.Fatalf("sender report %+v", last)
		}
		b := last.Reports[0]
		if b.SSRC != r.peer.Header.SSRC || b.FractionLost < 23 || b.FractionLost > 28 || b.TotalLost < 200 || b.LastSenderReport != 0x11112222 || b.Delay == 0 {
			t.Errorf("report block %+v", b)
		}
		if b.LastSequenceNumber < 2500 || b.LastSequenceNumber > 4100 {
			t.Errorf("highest sequence number %d", b.LastSequenceNumber)
		}
		// RTP time stamps and NTP time are of the same instant.
		packets := r.peer.Packets()
		if behind := int32(packets[len(packets)-1].Timestamp - last.RTPTime); behind < 0 || behind > 8*8000 {
			t.Errorf("report's RTP time is %d behind the last packet's", behind)
		}
		st := r.stats()
		// The peer notices a report within a frame of its arrival.
		if d := st.RTT - 80*time.Millisecond; d < -time.Millisecond || d > frame+time.Millisecond {
			t.Errorf("round trip %v", st.RTT)
		}
		r.want("remote lost", st.RemoteLost, int32(7))
		r.want("remote fraction", st.RemoteFraction, 0.25)
		r.want("remote jitter", st.RemoteJitter, 10*time.Millisecond)
		if st.RTCPReceived == 0 || st.RTCPSent != uint64(len(srAt)) {
			t.Errorf("%d reports received, %d sent", st.RTCPReceived, st.RTCPSent)
		}
	})
}

func TestByeAtClose(t *testing.T) {
	run(t, rtp.Options{SSRC: 9}, func(r *rig) {
		r.talk(10, r.peer)
		data, _ := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: r.peer.Header.SSRC}, &rtcp.Goodbye{Sources: []uint32{r.peer.Header.SSRC}}})
		r.peer.SendReport(data)
		synctest.Wait()
		r.want("goodbyes heard", r.byes, 1)
		s := r.s
		s.Close()
		s.Close()
		synctest.Wait()
		reports := r.peer.Reports()
		packets, err := rtcp.Unmarshal(reports[len(reports)-1])
		if err != nil {
			t.Fatal(err)
		}
		bye, ok := packets[len(packets)-1].(*rtcp.Goodbye)
		if !ok || len(bye.Sources) != 1 || bye.Sources[0] != 9 {
			t.Errorf("last packet %v", packets)
		}
		r.talk(10, r.peer)
		r.want("handed on after Close", len(r.got), 10)
		r.want("received, from the statistics after Close", r.stats().Received, uint64(10))
	})
}

func TestRTCPToANATGoesWhereItComesFrom(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		r.remote(netip.MustParseAddrPort("10.0.0.4:9000"), rtp.RemoteOptions{Signalling: hostPeer})
		outside := r.newPeer(hostPeer, 6500) // its RTCP has a port of its own
		r.talk(10, r.peer)
		data, _ := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: r.peer.Header.SSRC}})
		outside.SendReport(data)
		r.talk(1000, r.peer)
		if len(outside.Reports()) == 0 {
			t.Error("no reports")
		}
	})
}

// --- continuity ---

// A stream that we send stays one stream while its sources change: packets of
// our own, telephone events, relayed packets of one sender and of another.
func TestOutgoingStreamNeverBreaks(t *testing.T) {
	run(t, rtp.Options{SSRC: 5}, func(r *rig) {
		fwd := func(p *rtp.Packet) { r.on(func() { _ = r.s.Forward(p, 8) }) }
		step := func(fn func(i int), n int) {
			for i := range n {
				fn(i)
				time.Sleep(frame)
			}
			time.Sleep(3 * time.Millisecond) // the next source is not in step
		}
		local := func(base uint32) func(int) {
			return func(i int) { r.on(func() { _ = r.s.Send(0, i == 0, base+uint32(i*160), payload) }) }
		}
		relay := func(ssrc uint32, seq uint16, ts uint32) func(int) {
			return func(i int) {
				fwd(&rtp.Packet{PayloadType: 0, SSRC: ssrc, Seq: seq + uint16(i), Timestamp: ts + uint32(160*i), Payload: payload})
			}
		}
		event := func(i int) { r.on(func() { _ = r.s.SendEvent(101, i == 0, []byte{1, 10, 0, byte(i)}) }) }

		step(local(1000), 10)
		step(relay(7, 60000, 1<<31), 10)
		step(event, 5)
		step(relay(7, 60010, 1<<31+10*160+5*160), 10) // it went on meanwhile
		step(relay(8, 5, 777), 10)
		fwd(&rtp.Packet{SSRC: 8, Seq: 4, Timestamp: 777 - 160, Payload: payload}) // late from before: dropped
		step(relay(8, 15, 777+3600*8000), 10)                                     // jumps an hour
		step(relay(8, 40000, 77), 10)                                             // and its sequence too
		step(local(5_000_000), 10)
		step(event, 5)
		step(local(5_000_000+15*160), 10)
		synctest.Wait()

		packets := r.peer.Packets()
		r.want("packets", len(packets), 90)
		for i := 1; i < len(packets); i++ {
			before, p := packets[i-1], packets[i]
			if p.SSRC != 5 || p.SequenceNumber != before.SequenceNumber+1 {
				t.Fatalf("packet %d: %v after %v", i, p.Header, before.Header)
			}
			d := int32(p.Timestamp - before.Timestamp)
			isEvent, wasEvent := p.PayloadType == 101, before.PayloadType == 101
			switch {
			case isEvent && wasEvent:
				r.want("timestamp within an event", d, int32(0))
			case wasEvent: // the event lasted five frames
				if d < 4*160 || d > 7*160 {
					t.Errorf("packet %d: %d after an event", i, d)
				}
			case d < 160 || d > 160+80:
				t.Errorf("packet %d (type %d after %d): timestamp grows by %d", i, p.PayloadType, before.PayloadType, d)
			}
		}
		total := int32(packets[len(packets)-1].Timestamp - packets[0].Timestamp)
		want := int32(89*160 + 10*24) // frames, and 3 ms at each of ten changes
		if d := total - want; d < -240 || d > 480 {
			t.Errorf("timestamps grew by %d in %d", total, want)
		}
	})
}

// Loss and reordering before us are seen behind us as what they are.
func TestForwardKeepsGaps(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		for _, seq := range []uint16{10, 11, 13, 12, 16} {
			r.on(func() {
				_ = r.s.Forward(&rtp.Packet{SSRC: 7, Seq: seq, Timestamp: uint32(seq) * 160, Payload: payload}, 0)
			})
		}
		r.on(func() { _ = r.s.Send(0, false, 0, payload) })
		synctest.Wait()
		var got []uint16
		packets := r.peer.Packets()
		for _, p := range packets {
			got = append(got, p.SequenceNumber-packets[0].SequenceNumber)
			if d := p.Timestamp - packets[0].Timestamp; len(got) < 6 && d != 160*uint32(got[len(got)-1]) {
				t.Errorf("timestamp %d at %d", d, got[len(got)-1])
			}
		}
		if want := []uint16{0, 1, 3, 2, 6, 7}; !slices.Equal(got, want) {
			t.Errorf("sequence %v, want %v", got, want)
		}
	})
}

// Forwarding for longer than a half turn of the sequence numbers.

// TestForwardAfterPause: what the source has said while nothing was to be sent
// does not look lost to the peer, and the time it took is in the timestamps.
func TestForwardAfterPause(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		forward := func(seq uint16) {
			r.on(func() {
				_ = r.s.Forward(&rtp.Packet{SSRC: 7, Seq: seq, Timestamp: uint32(seq) * 160, Payload: payload}, 0)
			})
		}
		forward(10)
		time.Sleep(20 * time.Millisecond)
		forward(11)
		time.Sleep(40 * 20 * time.Millisecond)
		r.on(func() { r.s.NewSource() })
		forward(51)
		time.Sleep(20 * time.Millisecond)
		forward(52)
		synctest.Wait()
		packets := r.peer.Packets()
		var seqs, times []int
		for _, p := range packets {
			seqs = append(seqs, int(p.SequenceNumber-packets[0].SequenceNumber))
			times = append(times, int(p.Timestamp-packets[0].Timestamp)/160)
		}
		if !slices.Equal(seqs, []int{0, 1, 2, 3}) || !slices.Equal(times, []int{0, 1, 41, 42}) {
			t.Errorf("sequence %v, timestamps %v", seqs, times)
		}
	})
}

func TestForwardForLong(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		sent := 0
		r.net.Tap(func(from, _ netip.AddrPort, pkt []byte) {
			if from == r.s.LocalAddr() {
				sent++
			}
		})
		r.on(func() {
			for i := range 70_000 {
				if err := r.s.Forward(&rtp.Packet{SSRC: 7, Seq: uint16(i), Timestamp: uint32(160 * i), Payload: payload[:1]}, 0); err != nil {
					t.Fatal(err)
				}
			}
		})
		r.want("sent", sent, 70_000)
	})
}

func TestClockRateChange(t *testing.T) {
	run(t, rtp.Options{}, func(r *rig) {
		r.answer(10)
		r.on(func() { r.s.SetClockRate(48000) })
		for i := range 10 {
			r.on(func() { _ = r.s.Send(96, false, uint32(i*960), payload) })
			time.Sleep(frame)
		}
		synctest.Wait()
		packets := r.peer.Packets()
		for i := 1; i < len(packets); i++ {
			want := uint32(160)
			if i >= 10 {
				want = 960
			}
			if packets[i].Timestamp-packets[i-1].Timestamp != want || packets[i].SequenceNumber-packets[i-1].SequenceNumber != 1 {
				t.Errorf("packet %d: %v after %v", i, packets[i].Header, packets[i-1].Header)
			}
		}
	})
}
