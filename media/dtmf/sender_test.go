package dtmf

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// play steps a sender until it has nothing left and writes down what it sends.
func play(t *testing.T, s *Sender, step uint32) string {
	t.Helper()
	var out strings.Builder
	for ts := uint32(10000); s.Busy(); ts += step {
		p, ok := s.Step(ts, step)
		switch {
		case !ok:
			out.WriteString(". ")
		default:
			c, _ := CharOf(p.Event.Code)
			fmt.Fprintf(&out, "%c%d", c, p.Event.Duration)
			if p.Marker {
				fmt.Fprintf(&out, "m@%d", p.Timestamp)
			}
			if p.Event.End {
				out.WriteByte('e')
			}
			out.WriteByte(' ')
		}
		if out.Len() > 10000 {
			t.Fatal("no end")
		}
	}
	return strings.TrimSpace(out.String())
}

func TestSender(t *testing.T) {
	tests := []struct {
		name          string
		clock         int
		digits        string
		duration, gap time.Duration
		want          string
	}{
		{"one digit", 8000, "1", 100 * time.Millisecond, 100 * time.Millisecond,
			"1160m@10000 1320 1480 1640 1800e 1800e 1800e . . ."},
		{"at 48 kHz", 48000, "a", 60 * time.Millisecond, 60 * time.Millisecond,
			"A960m@10000 A1920 A2880e A2880e A2880e ."},
		{"not a multiple of the packet time", 8000, "#", 50 * time.Millisecond, 50 * time.Millisecond,
			"#160m@10000 #320 #400e #400e #400e"},
		{"a gap shorter than the ends", 8000, "12", 40 * time.Millisecond, 10 * time.Millisecond,
			"1160m@10000 1320e 1320e 1320e 2160m@10640 2320e 2320e 2320e"},
		{"pauses", 8000, "1w2", 40 * time.Millisecond, 60 * time.Millisecond,
			"1160m@10000 1320e 1320e 1320e . " + strings.Repeat(". ", 25) + "2160m@14800 2320e 2320e 2320e ."},
		{"a duration too short", 8000, "1", time.Millisecond, 40 * time.Millisecond,
			"1160m@10000 1320e 1320e 1320e"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewSender(tt.clock, 10)
			done := 0
			if err := s.Queue(tt.digits, tt.duration, tt.gap, func() { done++ }); err != nil {
				t.Fatal(err)
			}
			if got := play(t, s, uint32(tt.clock/50)); strings.TrimRight(got, " .") != strings.TrimRight(tt.want, " .") {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if done != 1 {
				t.Errorf("done was called %d times", done)
			}
		})
	}
}

func TestSenderHoldsUntilRelease(t *testing.T) {
	s := NewSender(8000, 10)
	s.Press('4')
	var ends int
	for i := range uint32(20) {
		if i == 10 {
			s.Release(210 * time.Millisecond)
		}
		if p, ok := s.Step(i*160, 160); ok && p.Event.End {
			ends++
			if p.Event.Duration != 210*8 {
				t.Errorf("lasted %d units", p.Event.Duration)
			}
		}
	}
	if ends != 3 || s.Busy() || s.Held() {
		t.Errorf("%d ends, busy %v, held %v", ends, s.Busy(), s.Held())
	}
	// Released before it could begin.
	s.Press('1')
	s.Press('2')
	s.Release(80 * time.Millisecond)
	s.Release(90 * time.Millisecond)
	if got, want := strings.TrimRight(play(t, s, 160), " ."), "1160m@10000 1320 1480 1640e 1640e 1640e 2160m@10960 2320 2480 2640 2720e 2720e 2720e"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// What is never released ends where the duration field does.
	s.Press('3')
	n := 0
	for ts := uint32(0); s.Busy(); ts += 160 {
		s.Step(ts, 160)
		if n++; n > 1000 {
			t.Fatal("no end")
		}
	}
}

func TestSenderBounds(t *testing.T) {
	s := NewSender(8000, 10)
	if err := s.Queue("12x", 0, 0, nil); err == nil || err.Error() != `bad digit 'x' at 3` {
		t.Errorf("error %v", err)
	}
	if err := s.Queue(strings.Repeat("1", MaxDigits), 0, 0, nil); err != nil {
		t.Error(err)
	}
	if err := s.Queue("1", 0, 0, nil); err != ErrTooMany {
		t.Errorf("error %v", err)
	}
	done := 0
	_ = s.Queue("", 0, 0, func() { done++ })
	s.Reset()
	if s.Busy() || done != 1 {
		t.Errorf("busy %v, done %d times", s.Busy(), done)
	}
}

func TestInfo(t *testing.T) {
	tests := []struct {
		contentType, body string
		char              byte
		duration          time.Duration
		err               string
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5', 160 * time.Millisecond, ""},
		{"Application/DTMF-Relay; charset=utf-8", "Signal= *\nDuration= 100", '*', 100 * time.Millisecond, ""},
		{"application/dtmf-relay", "signal=11\r\nduration=x", '#', 0, ""},
		{"application/dtmf-relay", "Signal=b\r\n", 'B', 0, ""},
		{"application/dtmf", "7", '7', 0, ""},
		{"application/dtmf", "Signal=7\r\nDuration=80\r\n", '7', 80 * time.Millisecond, ""},
		{"application/dtmf", " # \r\n", '#', 0, ""},
		{"application/dtmf-relay", "Duration=160\r\n", 0, 0, `bad signal ""`},
		{"application/dtmf-relay", "Signal=16", 0, 0, `bad signal "16"`},
		{"application/dtmf-relay", "Signal=!", 0, 0, `bad signal "!"`},
		{"text/plain", "5", 0, 0, `content type "text/plain" carries no digit`},
		{"application/dtmf", strings.Repeat("5", 1000), 0, 0, `application/dtmf: body of 1000 bytes`},
		{"application/dtmf", "", 0, 0, `bad signal ""`},
	}
	for _, tt := range tests {
		d, err := ParseInfo(tt.contentType, []byte(tt.body))
		if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%s %q: error %v, want %q", tt.contentType, tt.body, err, tt.err)
			continue
		}
		if err == nil && (d.Char != tt.char || d.Duration != tt.duration || d.Source != Info) {
			t.Errorf("%s %q: %+v", tt.contentType, tt.body, d)
		}
	}
	d, err := ParseInfo("application/dtmf-relay", AppendInfo(nil, '#', 250*time.Millisecond))
	if err != nil || d.Char != '#' || d.Duration != 250*time.Millisecond {
		t.Errorf("%+v, %v", d, err)
	}
}

func FuzzInfo(f *testing.F) {
	f.Add("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n")
	f.Add("application/dtmf", "#")
	f.Fuzz(func(t *testing.T, ct, body string) {
		if d, err := ParseInfo(ct, []byte(body)); err == nil && !strings.ContainsRune(keys, rune(d.Char)) {
			t.Errorf("digit %q", d.Char)
		}
	})
}
