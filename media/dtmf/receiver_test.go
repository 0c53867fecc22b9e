package dtmf

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var start = time.Unix(1000, 0)

// sent is a packet on its way to a receiver.
type sent struct {
	payload   []byte
	timestamp uint32
}

// event makes the packets of a digit of n updates and three ends.
func event(char byte, timestamp uint32, n int) []sent {
	code, _ := EventOf(char)
	var out []sent
	for i := 1; i <= n; i++ {
		out = append(out, sent{Event{Code: code, Duration: uint16(160 * i)}.Append(nil), timestamp})
	}
	end := Event{Code: code, End: true, Volume: 10, Duration: uint16(160 * (n + 1))}.Append(nil)
	return append(out, sent{end, timestamp}, sent{end, timestamp}, sent{end, timestamp})
}

func join(events ...[]sent) (all []sent) {
	for _, e := range events {
		all = append(all, e...)
	}
	return all
}

func TestReceiverGivesOneDigitAnEvent(t *testing.T) {
	five := event('5', 1000, 4)
	again := event('5', 2600, 4)
	long := func() []sent {
		// 9.6 s: cut into segments, each under a timestamp of its own.
		var out []sent
		for i, ts := 0, uint32(0); i < 480; i++ {
			d := uint32(160 * (i + 1))
			for d-ts > 0xffff {
				ts += 0xffff
			}
			out = append(out, sent{Event{Code: 7, Duration: uint16(d - ts)}.Append(nil), 5000 + ts})
		}
		last := out[len(out)-1]
		e, _ := ParseEvent(last.payload)
		e.End = true
		return append(out, sent{e.Append(nil), last.timestamp})
	}()
	tests := []struct {
		name    string
		packets []sent
		want    string
	}{
		{"whole", five, "5"},
		{"start lost", five[2:], "5"},
		{"one update left", five[3:4], "5"},
		{"ends lost", five[:4], "5"},
		{"last end alone", five[6:], "5"},
		{"nothing left", nil, ""},
		{"reordered", []sent{five[3], five[0], five[6], five[1], five[2], five[4]}, "5"},
		{"each twice", join(five, five), "5"},
		{"same digit twice", join(five, again), "55"},
		{"same digit twice, ends and starts lost", join(five[:3], again[3:]), "55"},
		{"same digit twice, one packet each", join(five[2:3], again[6:]), "55"},
		{"two digits at one timestamp", join(five, event('6', 1000, 4)), "56"},
		{"an end that comes during the next digit", join(five[:5], event('6', 2600, 2)[:2], five[5:], event('6', 2600, 2)[2:]), "56"},
		{"a digit overtaken whole", join(again, five), "55"},
		{"all keys", join(event('0', 1, 3), event('9', 2001, 3), event('*', 4001, 3), event('#', 6001, 3), event('A', 8001, 3), event('D', 10001, 3)), "09*#AD"},
		{"timestamps wrap", join(event('1', 0xffffff00, 3), event('2', 600, 3)), "12"},
		{"longer than the duration field", long, "7"},
		{"flash is no key", join(event('5', 1, 1), []sent{{Event{Code: 16}.Append(nil), 900}}), "5"},
		{"too short", []sent{{[]byte{5, 0, 0}, 1}, {nil, 2}}, ""},
		{"redundant events behind", []sent{{append(five[0].payload, 1, 2, 3, 4), 1000}}, "5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReceiver(8000)
			var got strings.Builder
			for i, p := range tt.packets {
				if d, ok := r.Receive(p.payload, p.timestamp, start.Add(time.Duration(i)*20*time.Millisecond)); ok {
					got.WriteByte(d.Char)
					if d.Source != RFC4733 {
						t.Errorf("source %q", d.Source)
					}
				}
			}
			if got.String() != tt.want {
				t.Errorf("got %q, want %q", got.String(), tt.want)
			}
		})
	}
}

func TestReceiverReportsAtOnce(t *testing.T) {
	r := NewReceiver(48000)
	d, ok := r.Receive(Event{Code: 3, Duration: 960}.Append(nil), 1, start)
	if !ok || d.Char != '3' || d.Duration != 20*time.Millisecond {
		t.Errorf("%+v, %v", d, ok)
	}
	if !r.Held() {
		t.Error("the key counts as released")
	}
	r.Receive(Event{Code: 3, Duration: 1920, End: true}.Append(nil), 1, start)
	if r.Held() {
		t.Error("the key counts as held")
	}
}

// Ten thousand digits of our own sender, a twentieth of their packets lost,
// others reordered and doubled: each is heard once.
func TestReceiverUnderLoss(t *testing.T) {
	const n = 10000
	rnd := rand.New(rand.NewPCG(1, 2))
	var want strings.Builder
	for range n {
		want.WriteByte(keys[rnd.IntN(12)])
	}
	s := NewSender(8000, 10)
	var all []sent
	var times []time.Duration
	at := time.Duration(0)
	for rest := want.String(); rest != "" || s.Busy(); at += 20 * time.Millisecond {
		if !s.Busy() {
			k := min(100, len(rest))
			if err := s.Queue(rest[:k], 60*time.Millisecond, 60*time.Millisecond, nil); err != nil {
				t.Fatal(err)
			}
			rest = rest[k:]
		}
		if p, ok := s.Step(uint32(at/time.Millisecond)*8, 160); ok {
			all = append(all, sent{p.Event.Append(nil), p.Timestamp})
			times = append(times, at)
		}
	}
	r := NewReceiver(8000)
	var got strings.Builder
	give := func(i int) {
		if d, ok := r.Receive(all[i].payload, all[i].timestamp, start.Add(times[i])); ok {
			got.WriteByte(d.Char)
		}
	}
	for i := 0; i < len(all); i++ {
		switch x := rnd.IntN(100); {
		case x < 5: // lost
		case x < 8 && i+1 < len(all) && all[i].timestamp == all[i+1].timestamp:
			give(i + 1)
			give(i)
			i++
		case x < 11:
			give(i)
			give(i)
		default:
			give(i)
		}
	}
	if got.String() != want.String() {
		t.Errorf("heard %d digits of %d, or others", got.Len(), n)
	}
}

func TestReceiverCapsFlood(t *testing.T) {
	r := NewReceiver(8000)
	n := 0
	for i := range 10000 { // ten seconds
		if _, ok := r.Receive(Event{Code: uint8(i % 12)}.Append(nil), uint32(i*100), start.Add(time.Duration(i)*time.Millisecond)); ok {
			n++
		}
	}
	if n > maxBurst+10*maxRate+1 {
		t.Errorf("%d digits of a flood got through", n)
	}
	if int(r.Dropped) != 10000-n {
		t.Errorf("dropped %d, reported %d", r.Dropped, n)
	}
	// Afterwards all is as before.
	if _, ok := r.Receive(Event{Code: 1}.Append(nil), 99, start.Add(time.Minute)); !ok {
		t.Error("a digit after the flood was dropped")
	}
}

func TestReceiverAllocatesNothing(t *testing.T) {
	r := NewReceiver(8000)
	ts := uint32(0)
	p := Event{Code: 1, Duration: 160}.Append(nil)
	if n := testing.AllocsPerRun(1000, func() {
		ts += 160
		r.Receive(p, ts/800, start.Add(time.Duration(ts)*time.Second/8000))
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func FuzzReceiver(f *testing.F) {
	f.Add([]byte{5, 0, 0, 160, 5, 0x8a, 1, 64}, uint32(1000))
	f.Add([]byte{5, 0, 255, 255, 5, 0, 0, 1}, uint32(0xffff))
	f.Fuzz(func(t *testing.T, data []byte, step uint32) {
		r := NewReceiver(8000)
		ts, now := uint32(0), start
		for len(data) > 0 {
			n := min(len(data), EventSize)
			if d, ok := r.Receive(data[:n], ts, now); ok && !strings.ContainsRune(keys, rune(d.Char)) {
				t.Errorf("digit %q", d.Char)
			}
			data = data[n:]
			ts += step
			now = now.Add(time.Millisecond)
		}
	})
}
