package jitter

import "time"

const (
	// window is how long a packet's transit counts, cut into buckets.
	buckets    = 10
	bucketTime = 500 * time.Millisecond
	// recentBuckets is how many of them count in full.
	recentBuckets = 4
	// outlier is how far the worst packet of the window is from the next when
	// it is taken for a stray one.
	outlier = 2 * time.Millisecond
	never   = time.Duration(-1 << 62)
)

// A transit knows how long packets have been under way lately, up to a constant
// that nobody knows.
type transit struct {
	seen    bool
	mean    time.Duration // smoothed
	current int64         // the number of the newest bucket
	// The two largest of the window and how many there are, while known: they
	// are asked for in each tick, and seldom change.
	known         bool
	first, second time.Duration
	n             int
	bucket        [buckets]struct {
		number        int64
		n             int
		first, second time.Duration // the two largest
	}
}

// add takes the transit d of a packet that arrived at time at.
func (t *transit) add(at, d time.Duration) {
	if !t.seen {
		t.seen = true
		t.mean = d
	}
	t.mean += (d - t.mean) / 16
	number := int64(at / bucketTime)
	k := &t.bucket[number%buckets]
	if k.number != number || k.n == 0 {
		k.number, k.n = number, 0
		t.known = false // the window has moved
	}
	t.current = max(t.current, number)
	if t.known {
		t.n++
		if d > t.first {
			t.first, t.second = d, t.first
		} else {
			t.second = max(t.second, d)
		}
	}
	switch k.n++; {
	case k.n == 1:
		k.first, k.second = d, never
	case d > k.first:
		k.first, k.second = d, k.first
	case d > k.second:
		k.second = d
	}
}

// worst is the transit that all packets of the window kept but for one, which
// does not decide over the delay of all unless it is like the others.
func (t *transit) worst() time.Duration {
	if !t.known {
		t.first, t.second, t.n = t.largest(buckets)
		t.known = true
	}
	if t.n == 1 {
		return t.first
	}
	return min(t.first, t.second+outlier)
}

// lasting is the transit that must still be allowed for where delay is to be
// taken away: what has just grown the delay counts for a while even if it was
// one packet.
func (t *transit) lasting() time.Duration {
	first, _, _ := t.largest(recentBuckets)
	return max(first, t.worst())
}

// largest gives the two largest transits of the last buckets, and of how many
// packets.
func (t *transit) largest(last int64) (first, second time.Duration, n int) {
	first, second = never, never
	for i := range t.bucket {
		k := &t.bucket[i]
		if k.n == 0 || k.number <= t.current-last {
			continue
		}
		if k.first > first {
			first, second = k.first, max(first, k.second)
		} else {
			second = max(second, k.first)
		}
		n += k.n
	}
	return first, second, n
}

// ticks estimates when ticks are due from when they run: never early, sometimes
// late.
type ticks struct {
	last time.Duration // when Read was called last
	due  time.Duration
	runs bool
}

func (t *ticks) run(at, interval time.Duration) {
	t.last = at
	t.due += interval
	switch late := at - t.due; {
	case !t.runs || late < 0 || late > 2*interval:
		t.due = at
	default:
		// Our clock is exact; a lasting lateness is a new grid.
		t.due += late / 64
	}
	t.runs = true
}
