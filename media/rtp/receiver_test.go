package rtp

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestSequence(t *testing.T) {
	seq := func(from, n int) (s []uint16) {
		for i := range n {
			s = append(s, uint16(from+i))
		}
		return s
	}
	tests := []struct {
		name           string
		in             []uint16
		last           order
		expected, lost uint64
		burst          float64
	}{
		{"plain", seq(10, 100), inOrder, 100, 0, 1},
		{"wrap", seq(65500, 100), inOrder, 100, 0, 1},
		{"one lost", []uint16{1, 2, 4}, inOrder, 4, 1, 1},
		{"reordered by one", []uint16{1, 3, 2}, reordered, 3, 0, 1},
		{"reordered over the wrap", []uint16{65534, 0, 1, 65535}, reordered, 4, 0, 1},
		{"before the first", []uint16{5, 4, 2}, reordered, 4, 1, 1},
		{"before the first, over the wrap", []uint16{1, 65535}, reordered, 3, 1, 1},
		{"duplicate", []uint16{1, 2, 2}, duplicate, 2, 0, 1},
		{"duplicate of a reordered one", []uint16{1, 3, 2, 2}, duplicate, 3, 0, 1},
		{"99 back", append(seq(1000, 200), 1100), duplicate, 200, 0, 1},
		{"far back is not counted", append(seq(1000, 200), 500), tooLate, 200, 0, 1},
		{"jump: the first is in doubt", append(seq(1000, 10), 40000), tooLate, 10, 0, 1},
		{"jump: the second confirms", append(seq(1000, 10), 40000, 40001), jumped, 11, 0, 1},
		{"jump back", append(seq(40000, 10), 100, 101, 102), inOrder, 12, 0, 1},
		{"a stray one from afar", append(seq(1000, 10), 40000, 1010), inOrder, 11, 0, 1},
		{"two runs of two", []uint16{1, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16}, inOrder, 16, 4, 2 * 0.75},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var r receiver
			var last order
			for _, s := range test.in {
				last = r.update(s)
			}
			if last != test.last || r.expected() != test.expected || r.lost() != test.lost || r.burstRatio() != test.burst {
				t.Errorf("last %d, expected %d, lost %d, burst ratio %v", last, r.expected(), r.lost(), r.burstRatio())
			}
		})
	}
}

// Every order of arrival within the window gives the same counts.
func TestSequenceAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		var rec receiver
		const n = 3000
		arrivals := make([]int, 0, n)
		lost := 0
		for i := range n {
			if i > 0 && i < n-1 && r.IntN(20) == 0 {
				lost++
				continue
			}
			arrivals = append(arrivals, i)
		}
		when := make([]int, n) // up to 30 places late
		for i := range when {
			when[i] = i + r.IntN(30)
		}
		slices.SortStableFunc(arrivals, func(a, b int) int { return cmp.Compare(when[a], when[b]) })
		var runs, missing int64
		had := make([]bool, n)
		start := uint16(r.Uint32())
		for _, a := range arrivals {
			if o := rec.update(start + uint16(a)); o != inOrder && o != reordered {
				t.Fatalf("packet %d: %d", a, o)
			}
			if o := rec.update(start + uint16(a)); o != duplicate {
				t.Fatalf("packet %d again: %d", a, o)
			}
			had[a] = true
		}
		for i := range had {
			if !had[i] {
				missing++
				if had[i-1] {
					runs++
				}
			}
		}
		if rec.expected() != n || rec.lost() != uint64(lost) || rec.runs != runs || rec.missing != missing {
			t.Fatalf("expected %d, lost %d of %d, runs %d of %d, missing %d of %d", rec.expected(), rec.lost(), lost, rec.runs, runs, rec.missing, missing)
		}
	}
}

// jitterOf is RFC 3550 A.8 in floating point.
func jitterOf(arrivals []time.Duration, step time.Duration) time.Duration {
	j := 0.0
	for i := 1; i < len(arrivals); i++ {
		d := float64(arrivals[i] - arrivals[i-1] - step)
		j += (max(d, -d) - j) / 16
	}
	return time.Duration(j)
}

func TestJitter(t *testing.T) {
	const step = 20 * time.Millisecond
	r := rand.New(rand.NewPCG(3, 4))
	var rec receiver
	var arrivals []time.Duration
	ts := uint32(1<<32 - 8000) // wraps on the way
	for i := range 1000 {
		at := time.Duration(i)*step + time.Duration(r.IntN(int(step)))
		arrivals = append(arrivals, at)
		rec.time(ts, at, 8000)
		rec.time(ts, at+time.Second, 8000) // more packets of a telephone event
		ts += 160
	}
	got, want := duration(int64(rec.jitter>>4), 8000), jitterOf(arrivals, step)
	if d := got - want; d < -time.Millisecond/2 || d > time.Millisecond/2 {
		t.Errorf("jitter %v, want %v", got, want)
	}
	before := rec.jitter
	rec.time(ts+3600*8000, arrivals[999]+step, 8000) // a timestamp that jumps an hour
	if rec.jitter != before {
		t.Errorf("jitter after a jump %d, before %d", rec.jitter, before)
	}
}

func TestBucket(t *testing.T) {
	b := newBucket(250)
	admitted := 0
	for i := range 10_000 { // 1,000 a second for 10 s
		if b.allow(time.Duration(i) * time.Millisecond) {
			admitted++
		}
	}
	if admitted < 2500 || admitted > 2500+125 {
		t.Errorf("%d admitted in 10 s", admitted)
	}
	b = newBucket(250)
	for i := range 1000 { // 50 a second, with the network still for a second
		at := time.Duration(i) * 20 * time.Millisecond
		if i >= 100 && i < 150 {
			at = 3 * time.Second
		}
		if !b.allow(at) {
			t.Fatalf("packet %d refused", i)
		}
	}
}

func TestTicks(t *testing.T) {
	const year = 365 * 24 * time.Hour
	if got := ticks(10*year, 48000); got != int64(10*365*24*3600)*48000 {
		t.Errorf("ten years are %d", got)
	}
	if got := ticks(-20*time.Millisecond, 8000); got != -160 {
		t.Errorf("-20 ms are %d", got)
	}
}
