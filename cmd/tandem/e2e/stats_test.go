//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"tandem/codec"
)

// TestStatistics: a call's record has what was lost, what the peer's RTCP says,
// and how it sounded; our RTCP tells the peer what we have lost.
func TestStatistics(t *testing.T) {
	t.Parallel()
	n := start(t, echoYAML)
	call := newWire(t, "127.0.0.1").attempt(n.sip, "120")
	v := newVoice(t, "127.0.0.1")
	v.talkTo(answered200(t, call.call(v.sdp("0 101"))).body)
	to := *v.remote
	to.Port++

	payload, err := codec.PCMU.NewEncoder(codec.Params{}).Encode(nil, make([]int16, 160))
	if err != nil {
		t.Fatal(err)
	}
	sent, dropped, answered := 0, 0, 0
	var reports []rtcp.ReceptionReport
	stop := v.every(func(i int) {
		b := v.make(0, i == 0, 160, payload)
		if i%10 == 9 {
			dropped++
		} else {
			sent++
			v.send(b)
		}
		// Answer each sender report at once: a round trip of nearly nothing.
		v.mu.Lock()
		control := v.control[answered:]
		v.mu.Unlock()
		for _, c := range control {
			answered++
			list, err := rtcp.Unmarshal(c)
			if err != nil {
				t.Errorf("RTCP: %v", err)
				continue
			}
			if _, ok := list[0].(*rtcp.SenderReport); !ok {
				t.Errorf("a compound packet begins with %T", list[0])
				continue
			}
			described := false
			for _, r := range list {
				switch r := r.(type) {
				case *rtcp.SenderReport:
					reports = append(reports, r.Reports...)
					if have := len(v.packets()); int(r.PacketCount) > have+2 || int(r.PacketCount) < have-50 || r.OctetCount != 160*r.PacketCount {
						t.Errorf("the sender report counts %d packets and %d bytes, of which %d came", r.PacketCount, r.OctetCount, have)
					}
					rr := rtcp.ReceiverReport{SSRC: v.header.ssrc, Reports: []rtcp.ReceptionReport{{
						SSRC: r.SSRC, FractionLost: 64, TotalLost: 100, LastSenderReport: uint32(r.NTPTime >> 16), Jitter: 80,
					}}}
					b, err := rtcp.Marshal([]rtcp.Packet{&rr, rtcp.NewCNAMESourceDescription(v.header.ssrc, "voice")})
					if err != nil {
						t.Error(err)
					}
					v.rtcp.WriteToUDP(b, &to)
				case *rtcp.SourceDescription:
					described = len(r.Chunks) == 1 && len(r.Chunks[0].Items) == 1
				}
			}
			if !described {
				t.Error("a compound packet without CNAME")
			}
		}
	})
	time.Sleep(9 * time.Second)
	stop()
	time.Sleep(400 * time.Millisecond) // the last packet is read
	call.hangup()

	if len(reports) == 0 {
		t.Error("our RTCP said nothing of what we receive")
	}
	for _, r := range reports {
		if r.SSRC != v.header.ssrc || int(r.TotalLost) > dropped || int(r.TotalLost) == 0 || r.FractionLost < 15 || r.FractionLost > 40 {
			t.Errorf("our report: %+v; 10 %% were lost", r)
		}
	}
	m := n.records(1)[0].Media
	get := func(k string) float64 { f, _ := m[k].(float64); return f }
	if get("packets_received") != float64(sent) || get("packets_lost") < float64(dropped-1) || get("packets_lost") > float64(dropped) {
		t.Errorf("%v packets received and %v lost, want %d and %d: %v", m["packets_received"], m["packets_lost"], sent, dropped, m)
	}
	if get("packets_sent") < float64(len(v.packets())) || get("bytes_received") != float64(160*sent) {
		t.Errorf("%v packets sent, of which %d came; %v bytes received", m["packets_sent"], len(v.packets()), m["bytes_received"])
	}
	if rtt := get("rtt"); rtt <= 0 || rtt > 500 {
		t.Errorf("round trip %v ms", rtt)
	}
	if get("remote_loss") != 0.25 || get("remote_jitter") != 10 {
		t.Errorf("the peer lost %v with a jitter of %v ms, want 0.25 and 10", m["remote_loss"], m["remote_jitter"])
	}
	if mos := get("mos"); mos < 1 || mos > 3.8 {
		t.Errorf("MOS %v with 10 %% loss", mos)
	}
	if j := get("jitter"); j > 60 || m["codec"] != "pcmu" {
		t.Errorf("jitter %v ms, codec %v", j, m["codec"])
	}
	n.idle()
}
