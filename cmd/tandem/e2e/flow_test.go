//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"tandem/codec"
)

// TestFlow: loops, conditions, variables and branches lead where they say; what
// a flow reports is in order.
func TestFlow(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	tell := func(id, data, next string) string {
		return fmt.Sprintf("    - {id: %s, type: webhook_send, option: {sync: true, uri: \"%s/\", data: \"%s\"}%s}\n", id, s.URL, data, next)
	}
	n := start(t, `
routes: [{to: "210", flow: all}]
flows:
  all:
    - {type: Variable_Set, option: {key: n, value: "a"}}
`+tell("again", "loop ${n} ${nothing}", "")+`
    - {type: variable_set, option: {key: n, value: "${n}b"}}
    - {type: goto, option: {target_id: again, loop_count: 2}}
    - {type: condition_variable, option: {variable: "${n}", condition: ">", value_type: length, value_length: 3, false_target_id: wrong}}
    - {type: condition_variable, option: {variable: "12", condition: "<", value_type: number, value_number: 9, false_target_id: right}}
`+tell("wrong", "wrong", "")+`
    - {type: stop}
`+tell("right", "${voipbin.call.source.target} ${voipbin.call.direction}", "")+`
    - {type: condition_datetime, option: {condition: ">=", hour: 0, minute: 0, false_target_id: wrong}}
    - {type: condition_datetime, option: {condition: "<", hour: 0, false_target_id: answer}}
    - {type: goto, option: {target_id: wrong}}
    - {id: answer, type: answer, next_id: digits}
    - {type: goto, option: {target_id: wrong}}
    - {id: digits, type: digits_receive, option: {duration: 4000, length: 2}}
    - {type: branch, option: {default_target_id: wrong, target_ids: {"12": wrong, "1#": echo}}}
    - {id: echo, type: stream_echo, option: {duration: 1500}}
    - {type: beep}
    - {type: digits_receive, option: {duration: 0}}
`+tell("digits2", "digits [${voipbin.call.digits}]", "")+`
    - {type: stop}
`+tell("never", "never", ""))
	w, v := newWire(t, "127.0.0.1"), newVoice(t, "127.0.0.1")
	call := w.attempt(n.sip, "210")
	v.talkTo(answered200(t, call.call(v.sdp("0 101"))).body)
	v.sendAll(v.key(101, '1'))
	v.sendAll(v.key(101, '#'))
	time.Sleep(100 * time.Millisecond)
	before := len(v.packets())
	v.sendAll(v.key(101, '7')) // comes back, and is typed ahead for digits2
	v.say(codec.PCMU, high)
	w.respond(w.expect("BYE"), 200, "OK", "", "", "")
	echo := v.packets()[before:]
	if got, _ := keys(echo, 101); got != "7" {
		t.Errorf("the echo of a key is %q, want 7", got)
	}
	if got := decode(t, echo); got.heardFor(high) < 0.7 || got.activeFor() < got.heardFor(high)+0.05 {
		t.Errorf("echo for %.1f s of %.1f s of sound, want a beep, too", got.heardFor(high), got.activeFor())
	}
	var told []string
	for _, p := range s.posts() {
		told = append(told, p.body)
	}
	want := "loop a |loop ab |loop abb |+4670000001 incoming|digits [7]"
	if got := strings.Join(told, "|"); got != want {
		t.Errorf("the flow told %q, want %q", got, want)
	}
	if c := n.records(1)[0]; c.HangupBy != "local" || c.HangupReason != "normal" {
		t.Errorf("record: %s by %s", c.HangupReason, c.HangupBy)
	}
	n.idle()
}

// TestFlowLoops: a flow that goes in circles ends, and with it the call.
func TestFlowLoops(t *testing.T) {
	t.Parallel()
	n := start(t, `
routes: [{to: "220", flow: circle}]
flows: {circle: [{id: a, type: variable_set, option: {key: k, value: v}}, {type: goto, option: {target_id: a}}]}
`)
	call := newWire(t, "127.0.0.1").attempt(n.sip, "220")
	if m := call.call(newVoice(t, "127.0.0.1").sdp("0")); m.status() != 603 {
		t.Errorf("the caller got %q, want 603", m.start)
	}
	n.records(1)
	n.idle()
}

// TestCallLoops: a call that is sent to the node itself, again and again, ends
// when its hops are used up (RFC 3261 §16.3), and nothing is left.
func TestCallLoops(t *testing.T) {
	t.Parallel()
	n := start(t, `
routes: [{to: "230", flow: loop}]
flows: {loop: [{type: connect, option: {relay_reason: true, destinations: [{type: sip, target: "230@127.0.0.1:{port}"}]}}]}
`)
	w := newWire(t, "127.0.0.1")
	a := w.attempt(n.sip, "230")
	w.send(n.sip, strings.Replace(fmt.Sprintf("INVITE %s SIP/2.0\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%si;rport\nMax-Forwards: 8\nFrom: <sip:+4670000001@%s>;tag=f%s\nTo: %s\nCall-ID: %s\nCSeq: 1 INVITE\nContact: <sip:caller@%s>\nContent-Type: application/sdp\nContent-Length: LEN\n\n%s",
		a.target, w.host(), a.id, w.host(), a.id, a.to, a.id, w.host(), w.sdp()), "LEN", fmt.Sprint(len(strings.ReplaceAll(w.sdp(), "\n", "\r\n"))), 1))
	a.seq = 1
	if m := a.final(false); m.status() != 483 {
		t.Errorf("the caller got %q, want 483", m.start)
	}
	n.idle()
	list, err := n.calls()
	if err != nil || len(list) < 8 || len(list) > 18 {
		t.Errorf("%d calls, %v; want one or two for each of 8 hops", len(list), err)
	}
}

// TestInbandKeys: keys that a phone without telephone-events plays as tones are
// digits, and speech is none.
func TestInbandKeys(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	n := start(t, fmt.Sprintf(`
routes: [{to: "150", flow: digits}]
flows:
  digits:
    - {type: answer}
    - {type: digits_receive, option: {duration: 3000, key: "D"}}
    - {type: webhook_send, option: {sync: true, uri: "%s/", data: "${voipbin.call.digits}"}}
    - {type: hangup}
`, s.URL))
	rows, columns := []float64{697, 770, 852, 941}, []float64{1209, 1336, 1477, 1633}
	const pad, typed = "123A456B789C*0#D", "159*A22D"
	w, v := newWire(t, "127.0.0.1"), newVoice(t, "127.0.0.1")
	call := w.attempt(n.sip, "150")
	v.talkTo(answered200(t, call.call(v.sdp("8"))).body)
	v.saying(codec.PCMA, func(i int) float64 {
		at := float64(i) / 8000
		key, within := i/2560-2, i%2560 // 180 ms of tone, 140 ms of pause
		if key < 0 {                    // something like a vowel first
			return 0.3*math.Sin(2*math.Pi*220*at) + 0.3*math.Sin(2*math.Pi*660*at) + 0.3*math.Sin(2*math.Pi*1210*at)
		}
		if key >= len(typed) || within >= 1440 {
			return 0
		}
		k := strings.IndexByte(pad, typed[key])
		return 0.45*math.Sin(2*math.Pi*rows[k/4]*at) + 0.45*math.Sin(2*math.Pi*columns[k%4]*at)
	})
	if got := s.wait(1).body; got != typed {
		t.Errorf("received %q, want %q", got, typed)
	}
	w.respond(w.expect("BYE"), 200, "OK", "", "", "")
	n.records(1)
	n.idle()
}
