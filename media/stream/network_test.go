package stream

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/codec"
	"tandem/media/mediatest"
	"tandem/media/mixer"
)

// A bad network: what comes through it is heard, its losses are counted as they
// were, and every key is reported once.
func TestBadNetwork(t *testing.T) {
	tests := []struct {
		name string
		c    mediatest.Conditions
		lost bool
		late float64 // fraction of the packets that may be discarded
	}{
		{"clean", mediatest.Conditions{}, false, 0},
		{"jitter", mediatest.Conditions{Delay: 40 * ms, Jitter: mediatest.Uniform(60 * ms)}, false, 0.01},
		{"reordered and doubled", mediatest.Conditions{Reorder: 0.1, ReorderBy: 50 * ms, Duplicate: 0.1}, false, 0},
		{"loss", mediatest.Conditions{Loss: mediatest.Bernoulli(0.05)}, true, 0.005},
		{"bursts and jitter", mediatest.Conditions{Loss: mediatest.Gilbert(0.05, 3), Jitter: mediatest.Uniform(30 * ms)}, true, 0.02},
		{"slow clock", mediatest.Conditions{SkewPPM: 300}, false, 0},
		{"standstill", mediatest.Conditions{Pauses: []mediatest.Pause{{After: 10 * time.Second, For: 300 * ms}}}, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run(t, 2, func(r *rig) {
				x := r.phone(codec.PCMU, 440, 20*ms, nil)
				y := r.phone(codec.PCMA, 1000, 20*ms, nil)
				link := mediatest.NewLink(5, tt.c)
				r.net.SetLink(x.peer.RTP.LocalAddr().Addr(), hostUs, link)
				r.bridge(mixer.Options{PassDigits: true}, x, y)
				pass(150)
				before := x.stats()
				pass(1500)
				after := x.stats()
				played := float64(after.Jitter.Played - before.Jitter.Played)
				discarded := float64(after.Jitter.Late + after.Jitter.Overflow - before.Jitter.Late - before.Jitter.Overflow)
				if played < 1350 || discarded > tt.late*played {
					t.Errorf("played %v packets, discarded %v", played, discarded)
				}
				if (after.RTP.Lost > 0) != tt.lost {
					t.Errorf("%d packets lost", after.RTP.Lost)
				}
				if low, high := 4.2, 4.5; !tt.lost && (after.MOS < low-0.3 || after.MOS > high) || tt.lost && after.MOS > low {
					t.Errorf("MOS %.2f", after.MOS)
				}
				y.wantTone(0, 440, 1000)
				const keys = "0123456789*#"
				for i := range keys {
					x.press(keys[i], 4)
					pass(6)
				}
				pass(20)
				if got := x.digits(); got != keys {
					t.Errorf("reported %q", got)
				}
				packets, _, pressed := y.heard(0)
				if pressed != keys {
					t.Errorf("pressed %q", pressed)
				}
				wantUnbroken(t, packets, 4000)
			})
		})
	}
}

// An attacker who knows the port is neither heard nor obeyed.
func TestStrangerIsNotHeard(t *testing.T) {
	run(t, 1, func(r *rig) {
		x := r.phone(codec.PCMU, 440, 20*ms, nil)
		y := r.phone(codec.GSM, 1000, 20*ms, nil)
		r.bridge(mixer.Options{}, x, y)
		pass(20)
		z := mediatest.NewPeer(r.net, netip.MustParseAddrPort("203.0.113.66:6000"))
		z.SendTo(x.stream.LocalAddr())
		for range 100 {
			z.Send([]byte(strings.Repeat("\x00\x80", 80)), 160)
			z.Header.PayloadType = eventType
			z.Send([]byte{5, 0x8a, 3, 32}, 0)
			z.Header.PayloadType = 0
			pass(1)
		}
		y.wantTone(0, 440, 4000, 1000)
		if x.digits() != "" || len(z.Packets()) > 0 {
			t.Errorf("digits %q, %d packets sent to a stranger", x.digits(), len(z.Packets()))
		}
	})
}
