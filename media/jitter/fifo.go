package jitter

const (
	// Lengths in milliseconds.
	crossfade = 5
	compared  = 8  // how much is compared to find a good place to cut
	maxCut    = 28 // most that is left out or repeated at once
	minCut    = 8
	cutRange  = 8   // how much a cut may fall short of the largest
	fifoTime  = 120 // what there is room for at first
	quiet     = 64  // mean level below which any place is good
)

// A fifo holds decoded samples that are still to be played, and some that have
// been, for the sake of repeating them.
type fifo struct {
	ms  int // samples in a millisecond
	buf []int16
	r   int // the next sample to play
}

func (f *fifo) reset(rate int) {
	f.ms = rate / 1000
	f.buf, f.r = f.buf[:0], 0
}

func (f *fifo) len() int { return len(f.buf) - f.r }

// room makes room for n samples behind those that are there. What was played
// goes for it, but for what stretch may need.
func (f *fifo) room(n int) {
	if cap(f.buf)-len(f.buf) >= n {
		return
	}
	keep := max(0, f.r-maxCut*f.ms)
	f.buf = f.buf[:copy(f.buf, f.buf[keep:])]
	f.r -= keep
	if free := cap(f.buf) - len(f.buf); free < n {
		f.buf = append(make([]int16, 0, max(len(f.buf)+n, f.ms*fifoTime)), f.buf...)
	}
}

// zeros appends n samples of silence.
func (f *fifo) zeros(n int) {
	f.room(n)
	for range n {
		f.buf = append(f.buf, 0)
	}
}

func (f *fifo) take(dst []int16) {
	f.r += copy(dst, f.buf[f.r:])
}

// squeeze leaves out at most longest samples of those to come, at least
// shortest, so that it is heard least. It gives how many, 0 where there are not
// enough.
func (f *fifo) squeeze(shortest, longest int) int {
	if longest < shortest || f.len() < longest+compared*f.ms {
		return 0
	}
	n := f.best(shortest, longest, 1)
	f.blend(f.r+n, f.r)
	f.r += n
	return n
}

// stretch repeats at least shortest and at most longest samples of those that
// were played last. It gives how many, 0 where there are not enough.
func (f *fifo) stretch(shortest, longest int) int {
	longest = min(longest, f.r)
	if longest < shortest || f.len() < compared*f.ms {
		return 0
	}
	n := f.best(shortest, longest, -1)
	f.blend(f.r-n, f.r)
	f.r -= n
	return n
}

// best finds the distance at which what is there is most like what is to be
// played next.
func (f *fifo) best(shortest, longest, sign int) int {
	n := compared * f.ms
	next := f.buf[f.r : f.r+n]
	if level(next) < quiet {
		return longest
	}
	best, score := longest, -1.0
	for d := longest; d >= shortest; d-- {
		there := f.buf[f.r+sign*d:][:n]
		var corr, energy int64
		for i, v := range next {
			w := int64(there[i])
			corr += int64(v) * w
			energy += w * w
		}
		if corr <= 0 {
			continue
		}
		if s := float64(corr) * float64(corr) / float64(energy); s > score {
			best, score = d, s
		}
	}
	return best
}

// blend fades the samples at to in over those at from.
func (f *fifo) blend(to, from int) {
	n := crossfade * f.ms
	for i := range n {
		old, now := int32(f.buf[from+i]), int32(f.buf[to+i])
		f.buf[to+i] = int16(old + (now-old)*int32(i+1)/int32(n+1))
	}
}

func level(x []int16) int {
	sum := 0
	for _, v := range x {
		sum += max(int(v), -int(v))
	}
	return sum / len(x)
}
