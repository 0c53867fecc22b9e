//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/codec"
)

// A sink is a web server that keeps what it is sent.
type sink struct {
	*httptest.Server
	t      testing.TB
	mu     sync.Mutex
	got    []posted
	answer func(n int, w http.ResponseWriter, r *http.Request) // nil: 200
}

// A posted request.
type posted struct {
	method, path, body string
	header             http.Header
	at                 time.Time
}

func newSink(t testing.TB, answer func(n int, w http.ResponseWriter, r *http.Request)) *sink {
	s := &sink{t: t, answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.got = append(s.got, posted{r.Method, r.URL.Path, string(body), r.Header, time.Now()})
		n := len(s.got)
		s.mu.Unlock()
		if s.answer != nil {
			s.answer(n, w, r)
		}
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func (s *sink) posts() []posted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// wait waits for the nth request.
func (s *sink) wait(n int) posted {
	s.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if p := s.posts(); len(p) >= n {
			return p[n-1]
		}
	}
	s.t.Fatalf("%d requests came, want %d", len(s.posts()), n)
	return posted{}
}

// event is the payload of a telephone event (RFC 4733 §2.3).
func event(key byte, end bool, duration int) []byte {
	code := byte(strings.IndexByte("0123456789*#ABCD", key))
	b := []byte{code, 10, byte(duration >> 8), byte(duration)}
	if end {
		b[1] |= 0x80
	}
	return b
}

// key is the packets of one key held for 100 ms: a start, four updates and
// three ends.
func (v *voice) key(pt byte, key byte) [][]byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	var list [][]byte
	for i := 1; i <= 5; i++ {
		list = append(list, v.make0(pt, i == 1, v.header.ts, event(key, false, 160*i)))
	}
	for range 3 {
		list = append(list, v.make0(pt, false, v.header.ts, event(key, true, 960)))
	}
	v.header.ts += 1600
	return list
}

// send all packets, 20 ms apart.
func (v *voice) sendAll(list [][]byte) {
	for _, b := range list {
		v.send(b)
		time.Sleep(20 * time.Millisecond)
	}
}

// keys are the keys in a stream of telephone events, one for each time stamp,
// and the end packets of each.
func keys(list []packet, pt byte) (keys string, ends []int) {
	var at uint32
	for _, p := range list {
		if p.pt != pt || len(p.payload) < 4 {
			continue
		}
		if keys == "" || p.ts != at {
			at = p.ts
			keys += "0123456789*#ABCD"[p.payload[0] : p.payload[0]+1]
			ends = append(ends, 0)
		}
		if p.payload[1]&0x80 != 0 {
			ends[len(ends)-1]++
		}
	}
	return keys, ends
}

// TestKeys: however the packets of a key are lost, repeated and reordered, it
// counts once.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	n := start(t, fmt.Sprintf(`
routes: [{to: "150", flow: digits}]
flows:
  digits:
    - {type: answer}
    - {type: digits_receive, option: {duration: 3000, key: "D"}}
    - {type: webhook_send, option: {sync: true, uri: "%s/digits", data_type: text/plain, data: "${voipbin.call.digits}"}}
    - {type: hangup}
`, s.URL))
	v := newVoice(t, "127.0.0.1")
	w := newWire(t, "127.0.0.1")
	call := w.attempt(n.sip, "150")
	m := answered200(t, call.call(v.sdp("0 101")))
	v.talkTo(m.body)

	drop := func(list [][]byte, which ...int) (rest [][]byte) {
		for i, b := range list {
			if !slices.Contains(which, i) {
				rest = append(rest, b)
			}
		}
		return rest
	}
	twice := func(list [][]byte) (all [][]byte) {
		for _, b := range list {
			all = append(all, b, b)
		}
		return all
	}
	order := func(list [][]byte, places ...int) (all [][]byte) {
		for _, i := range places {
			all = append(all, list[i])
		}
		return all
	}
	for _, list := range [][][]byte{
		v.key(101, '1'),
		drop(v.key(101, '2'), 0, 1),          // the marker is lost
		drop(v.key(101, '2'), 5, 6, 7),       // all ends are lost, the same key follows
		drop(v.key(101, '2'), 0, 1, 2, 3, 4), // only ends come
		drop(v.key(101, '3'), 1, 2, 3, 4, 5, 6),
		twice(v.key(101, '4')),
		order(v.key(101, '5'), 1, 0, 3, 2, 5, 4, 7, 6),
		order(v.key(101, '6'), 5, 6, 0, 1, 2, 3, 4, 7), // ends before the rest
		order(v.key(101, '*'), 7),
		v.key(101, '#'),
		v.key(101, 'A'),
		drop(v.key(101, 'D'), 0, 2, 4),
	} {
		v.sendAll(list)
	}
	if got, want := s.wait(1).body, "122234"+"56*#AD"; got != want {
		t.Errorf("received %q, want %q", got, want)
	}
	w.respond(w.expect("BYE"), 200, "OK", "", "", "")
	n.records(1)
	n.idle()
}

// TestKeysPassOn: a key that the caller presses reaches the called party once,
// under its own payload type, whether the call is relayed or transcoded, and
// the other way round; by INFO, too.
func TestKeysPassOn(t *testing.T) {
	t.Parallel()
	for name, formats := range map[string]string{"relayed": "0", "transcoded": "8"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := connected(t, "", "0 96", formats+" 101") // the numbers are each side's own
			stop := p.a.say(codec.PCMU, low)
			stopB := p.b.say(codec.ByPayloadType(formats[0]-'0'), high)
			p.hear("before the keys")
			for _, side := range []struct {
				who      string
				from, to *voice
				pt, want byte
				stop     func()
				c        *codec.Codec
				hz       float64
			}{
				{"caller", p.a, p.b, 96, 101, stop, codec.PCMU, low},
				{"called party", p.b, p.a, 101, 96, stopB, codec.ByPayloadType(formats[0] - '0'), high},
			} {
				side.stop() // a phone sends keys in place of audio
				for _, k := range "5*55" {
					side.from.sendAll(side.from.key(side.pt, byte(k)))
					time.Sleep(60 * time.Millisecond)
				}
				time.Sleep(250 * time.Millisecond)
				got, ends := keys(side.to.packets(), side.want)
				if got != "5*55" {
					t.Errorf("keys of the %s arrive as %q, want 5*55", side.who, got)
				}
				for i, e := range ends {
					if e != 3 {
						t.Errorf("key %d of the %s has %d end packets, want 3", i, side.who, e)
					}
				}
				side.from.say(side.c, side.hz)
			}
			p.hear("after the keys")

			from := time.Now()
			p.call.seq++
			p.call.request("INFO", p.call.seq, "info", p.call.to, p.call.target, "Content-Type: application/dtmf-relay\n", "Signal=9\nDuration=120\n")
			p.call.w.expect("200 INFO")
			time.Sleep(500 * time.Millisecond)
			if got, _ := keys(p.b.since(from), 101); got != "9" {
				t.Errorf("a key by INFO arrives as %q, want 9", got)
			}
			unbroken(t, "called party", p.b.packets(), 40)
			unbroken(t, "caller", p.a.packets(), 40)
			p.end()
		})
	}
}

// TestDigitsSend: the keys that a flow presses arrive as RFC 4733 says: a marked
// start, updates that grow by a packet's time, three ends of the full length.
func TestDigitsSend(t *testing.T) {
	t.Parallel()
	n := start(t, `
routes: [{to: "160", flow: send}]
flows:
  send:
    - {type: answer}
    - {type: sleep, option: {duration: 300}}
    - {type: digits_send, option: {digits: "19#9", duration: 200, interval: 100}}
    - {type: sleep, option: {duration: 300}}
    - {type: hangup}
`)
	v := newVoice(t, "127.0.0.1")
	w := newWire(t, "127.0.0.1")
	call := w.attempt(n.sip, "160")
	m := answered200(t, call.call(v.sdp("0 100")))
	v.talkTo(m.body)
	v.hush()
	w.respond(w.expect("BYE"), 200, "OK", "", "", "")
	got, ends := keys(v.packets(), 100)
	if got != "19#9" || fmt.Sprint(ends) != "[3 3 3 3]" {
		t.Errorf("keys %q with end packets %v, want 19#9 with 3 each", got, ends)
	}
	var last packet
	var starts []time.Time
	for _, p := range v.packets() {
		if p.pt != 100 {
			continue
		}
		duration := int(p.payload[2])<<8 | int(p.payload[3])
		before := 0
		if p.ts != last.ts || last.payload == nil {
			starts = append(starts, p.at)
			if !p.marker {
				t.Error("an event begins without a marker")
			}
		} else {
			before = int(last.payload[2])<<8 | int(last.payload[3])
			if p.marker {
				t.Error("a marker within an event")
			}
		}
		if duration != before+160 && (duration != before || p.payload[1]&0x80 == 0) {
			t.Errorf("an event's length goes from %d to %d", before, duration)
		}
		if p.payload[1]&0x80 != 0 && (duration < 1440 || duration > 1760) {
			t.Errorf("a key of 200 ms is %d samples long", duration)
		}
		last = p
	}
	for i := 1; i < len(starts); i++ {
		if d := starts[i].Sub(starts[i-1]); d < 240*time.Millisecond || d > 400*time.Millisecond {
			t.Errorf("key %d begins %v after the one before, want 300 ms", i, d)
		}
	}
	unbroken(t, "caller", v.packets(), 20)
	n.records(1)
	n.idle()
}

// TestKeyStopsTalk: a key that breaks speech off is heard to act at once.
func TestKeyStopsTalk(t *testing.T) {
	t.Parallel()
	const trials = 7
	var flow strings.Builder
	for range trials {
		flow.WriteString(`
    - {type: talk, option: {text: "This is a rather long sentence, which nobody who calls here will ever want to hear to its very end.", language: en-GB, digits_handle: next}}
    - {type: digits_receive, option: {duration: 1000, length: 1}}
    - {type: play, option: {stream_urls: ["file:next.wav"]}}`)
	}
	n := start(t, "routes: [{to: \"170\", flow: talk}]\nflows:\n  talk:"+flow.String()+"\n    - {type: hangup}\n")
	n.prompt("next.wav", mid, 0.3)
	v := newVoice(t, "127.0.0.1")
	w := newWire(t, "127.0.0.1")
	call := w.attempt(n.sip, "170")
	m := answered200(t, call.call(v.sdp("0 101")))
	v.talkTo(m.body)

	// speech says whether a packet is that: not silent, nor the tone.
	speech := func(p packet) bool {
		s := decode(t, []packet{p})
		return s.level() > -45 && goertzel(s.samples, mid/8000.0) < 0.5*dbfs(s.level())
	}
	var delays []time.Duration
	for i := range trials {
		from := time.Now()
		n.eventually(15*time.Second, "speech", func() error {
			list := v.since(from)
			if len(list) < 30 {
				return fmt.Errorf("%d packets", len(list))
			}
			for _, p := range list[len(list)-6:] {
				if !speech(p) {
					return fmt.Errorf("a packet that is none")
				}
			}
			return nil
		})
		key := v.key(101, '1')
		pressed := time.Now()
		v.sendAll(key)
		time.Sleep(150 * time.Millisecond)
		list := v.since(pressed)
		for k, p := range list {
			if !speech(p) {
				delays = append(delays, p.at.Sub(pressed))
				for _, p := range list[k:] {
					if d := p.at.Sub(pressed); d < 250*time.Millisecond && speech(p) {
						t.Errorf("trial %d: speech goes on %v after the key", i, p.at.Sub(pressed))
						break
					}
				}
				break
			}
		}
	}
	w.respond(w.expect("BYE"), 200, "OK", "", "", "")
	if len(delays) != trials {
		t.Fatalf("the key acted %d times of %d", len(delays), trials)
	}
	slices.Sort(delays)
	t.Logf("from a key's first packet to the first packet of something else: median %v, longest %v", delays[trials/2], delays[trials-1])
	if delays[trials/2] > 60*time.Millisecond {
		t.Errorf("median %v, want at most 20 ms and a packet's time, 60 ms on a machine that is busy", delays[trials/2])
	}
	n.records(1)
	n.idle()
}
