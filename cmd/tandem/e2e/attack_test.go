//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"tandem/codec"
)

const echoYAML = `
routes: [{to: "120", flow: rec}]
flows:
  rec:
    - {type: answer}
    - {type: recording_start, option: {format: wav}}
    - {type: echo, option: {duration: 60000}}
`

// TestRTPAttacks: who sprays RTP and RTCP over the ports of a call gets no
// packet, is not heard, and ends nothing, before the call's own media have come
// and while they come.
func TestRTPAttacks(t *testing.T) {
	t.Parallel()
	n := start(t, echoYAML)
	call := newWire(t, "127.0.0.1").attempt(n.sip, "120")
	v, attacker := newVoice(t, "127.0.0.1"), newVoice(t, "127.0.0.9")
	m := answered200(t, call.call(v.sdp("0")))
	v.talkTo(m.body)
	attacker.talkTo(m.body)
	to, _, _ := mediaOf(m.body)

	// RTP in sequence, as the true stream would be, from one source.
	attacker.say(codec.PCMU, high)
	// RTCP of several kinds for both ports: reports, BYE of everybody, APP.
	attacker.every(func(i int) {
		for _, pt := range []byte{200, 201, 203, 204} {
			b := make([]byte, 28)
			b[0], b[1], b[3] = 0x81, pt, 6
			binary.BigEndian.PutUint32(b[4:], uint32(i))
			attacker.rtcp.WriteToUDP(b, &net.UDPAddr{IP: to.IP, Port: to.Port + 1})
			attacker.rtcp.WriteToUDP(b, to)
		}
		attacker.rtp.WriteToUDP([]byte{0x80, 0}, to) // cut short
	})
	time.Sleep(600 * time.Millisecond) // the call's own media are late
	v.say(codec.PCMU, low)
	v.hears("the caller, under attack,", low, 2)
	decode(t, v.packets()).hearsNot(t, "caller", high)
	if got, ctl := len(attacker.packets()), attacker.controls(); got+ctl > 0 {
		t.Errorf("the attacker got %d RTP and %d RTCP packets", got, ctl)
	}
	call.hangup()
	c := n.records(1)[0]
	rec := readWAV(t, filepath.Join(n.dir, "recordings", c.RecordingIDs[0]+".wav"))
	for i, side := range []string{"caller", "other side"} {
		if l := rec[i].tone(high); l > -60 {
			t.Errorf("the recording of the %s has the attacker at %.0f dBFS", side, l)
		}
	}
	rec[0].hears(t, "recording", 1.5, low)
	if wrong, _ := c.Media["packets_wrong_source"].(float64); wrong < 100 {
		t.Errorf("the record counts %v packets of a wrong source", wrong)
	}
	n.idle()
}

// TestLatch: media that come from elsewhere than the SDP says are taken where
// the SDP's address is silent: a caller behind a NAT. A stranger's are not.
func TestLatch(t *testing.T) {
	t.Parallel()
	for name, sdp := range map[string]func(silent *voice) string{
		"another port":    func(silent *voice) string { return silent.sdp("0") },
		"private address": func(silent *voice) string { return describe("192.168.77.7", silent.addr().Port, "0") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := start(t, echoYAML)
			call := newWire(t, "127.0.0.1").attempt(n.sip, "120")
			silent, real, stranger := newVoice(t, "127.0.0.1"), newVoice(t, "127.0.0.1"), newVoice(t, "127.0.0.9")
			m := answered200(t, call.call(sdp(silent)))
			real.talkTo(m.body)
			stranger.talkTo(m.body)
			stranger.say(codec.PCMU, high)
			time.Sleep(200 * time.Millisecond)
			began := time.Now()
			real.say(codec.PCMU, low)
			real.waitFor(1, 2*time.Second)
			if took := real.packets()[0].at.Sub(began); took > 300*time.Millisecond {
				t.Errorf("latched %v after the first packet, want four packets' time", took)
			}
			latched := time.Now()
			real.hears("the caller behind a NAT", low, 1)
			if late := silent.since(latched.Add(60 * time.Millisecond)); len(late) > 0 {
				t.Errorf("%d packets still went to the SDP's address", len(late))
			}
			if got := len(stranger.packets()); got > 0 {
				t.Errorf("%d packets went to a stranger", got)
			}
			decode(t, real.packets()).hearsNot(t, "caller", high)
			call.hangup()
			c := n.records(1)[0]
			if want := real.addr().String(); c.Media["remote"] != want {
				t.Errorf("the record names %v as the remote address, want %v", c.Media["remote"], want)
			}
			n.idle()
		})
	}
}

// TestLatchHeld: one who can send from the caller's own host cannot take a call
// over as long as the caller's stream flows.
func TestLatchHeld(t *testing.T) {
	t.Parallel()
	n := start(t, echoYAML)
	call := newWire(t, "127.0.0.1").attempt(n.sip, "120")
	v, thief := newVoice(t, "127.0.0.1"), newVoice(t, "127.0.0.1")
	m := answered200(t, call.call(v.sdp("0")))
	v.talkTo(m.body)
	thief.talkTo(m.body)
	v.say(codec.PCMU, low)
	v.hears("caller", low, 0.5)
	thief.say(codec.PCMU, high)
	v.hears("caller beside the thief", low, 2)
	if got := len(thief.packets()); got > 0 {
		t.Errorf("the thief got %d packets", got)
	}
	decode(t, v.packets()).hearsNot(t, "caller", high)
	call.hangup()
	if wrong := n.records(1)[0].Media["packets_wrong_source"]; fmt.Sprint(wrong) == "0" {
		t.Error("the thief's packets are not counted")
	}
	n.idle()
}
