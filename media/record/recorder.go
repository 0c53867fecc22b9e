package record

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"tandem/codec"
	"tandem/media"
	"tandem/media/ring"
	"tandem/media/wav"
)

const (
	// ringTime is how long the disk may stand still before audio is lost.
	ringTime = 4 * time.Second
	// lateness is how far the tap may lie behind the clock before the time
	// is filled with silence: ticks come late and in bursts, but a party on
	// its way from one bridge to another has no ticks at all.
	lateness = time.Second
	// silenceLevel is the root mean square below which a tick is silence, some
	// 42 dB below full scale.
	silenceLevel = 256
	// gaps is how many gaps may be on their way to the disk.
	gaps = 64
)

// A Recorder is one recording in progress. Its taps are called by one goroutine
// at a time, the media worker; all else is safe for concurrent use.
type Recorder struct {
	o     Options
	path  string
	clock media.Clock
	wake  chan struct{} // the clerk's

	ring   *ring.Ring // of interleaved samples
	gaps   [gaps]gap  // a ring too: of silence to be put in
	gapsIn atomic.Uint64
	// gapsOut is stored by the clerk, gapsIn by the tap.
	gapsOut atomic.Uint64
	missing atomic.Int64 // samples a channel filled with silence
	end     atomic.Int32 // ending

	// The tap's own.
	began    time.Time
	total    int64 // samples a channel so far, gaps too
	limit    int64 // at which the recording ends
	owed     int64 // samples a channel that found no room
	quiet    time.Duration
	tick     []int16 // interleaved
	channels [2]channel

	// The clerk's own.
	file    *os.File
	w       *wav.Writer
	err     error
	peak    int
	samples []int16
}

// A gap is silence that belongs before the sample at of the ring.
type gap struct {
	at uint64
	n  int64 // samples a channel
}

// A channel brings one direction's frames to the file's rate.
type channel struct {
	from     int
	resample *codec.Resampler
	zero     []int16
	out      []int16
}

func newRecorder(o Options, f *os.File, clock media.Clock) (*Recorder, error) {
	w, err := wav.NewWriter(f, wav.Options{Rate: o.Rate, Channels: o.Channels})
	if err != nil {
		return nil, err
	}
	perTick := media.SamplesPerTick(o.Rate)
	// A WAV file has 4 GiB at most.
	most := int64(4<<30-1<<20) / int64(2*o.Channels*perTick)
	ticks := min(int64((o.MaxDuration+media.Tick-1)/media.Tick), most)
	r := &Recorder{
		o:       o,
		clock:   clock,
		ring:    ring.New(int(ringTime/media.Tick) * perTick * o.Channels),
		limit:   ticks * int64(perTick),
		tick:    make([]int16, perTick*o.Channels),
		file:    f,
		w:       w,
		samples: make([]int16, 4096),
	}
	return r, nil
}

// Stop ends the recording; Options.Done is called when the file is complete.
// Stop does not block and may be called more than once, from any goroutine.
func (r *Recorder) Stop() { r.stop(byStop) }

func (r *Recorder) stop(why ending) {
	if r.end.CompareAndSwap(int32(going), int32(why)) {
		notify(r.wake)
	}
}

// An ending is a [Reason] that fits into an atomic.
type ending int32

const (
	going ending = iota
	byStop
	bySilence
	byDuration
	byFailure
)

func (e ending) reason() Reason {
	switch e {
	case bySilence:
		return Silence
	case byDuration:
		return Duration
	case byFailure:
		return Failed
	}
	return Stopped
}

func (r *Recorder) over() bool { return ending(r.end.Load()) != going }

// Tap takes what a party said and heard in one tick. It is made for
// mixer.Participant.Tap: it does not block or keep its arguments, and allocates
// only when the frames' rate changes. A nil frame is silence. A recording of one
// channel gets the sum.
func (r *Recorder) Tap(in, out *media.Frame) {
	if r.over() {
		return
	}
	n := media.SamplesPerTick(r.o.Rate)
	left := r.channels[0].samples(in, r.o.Rate)
	right := r.channels[1].samples(out, r.o.Rate)
	if r.o.Channels == 2 {
		interleave(r.tick, left, right)
	} else {
		sum(r.tick, left, right)
		left = r.tick
	}
	r.fillLate()
	r.push(n)
	r.ends(left)
}

// TapMix takes a tick of a conference's mix, like [Recorder.Tap].
func (r *Recorder) TapMix(mix *media.Frame) { r.Tap(mix, nil) }

// samples are a frame's at the file's rate; nil is silence.
func (c *channel) samples(f *media.Frame, rate int) []int16 {
	silent := f == nil || f.Silent
	if f == nil || f.Rate == rate {
		if silent {
			return nil
		}
		return f.Samples
	}
	if c.from != f.Rate {
		r, err := codec.NewResampler(f.Rate, rate)
		if err != nil {
			return nil // not a frame's rate
		}
		c.from, c.resample = f.Rate, r
		c.zero = make([]int16, media.SamplesPerTick(f.Rate))
		c.out = make([]int16, 0, media.SamplesPerTick(rate)+8)
	}
	src := c.zero
	if !silent {
		src = f.Samples
	}
	c.out = c.resample.Resample(c.out[:0], src)
	return c.out
}

// interleave writes both channels to dst; one that is too short is silent to
// its end.
func interleave(dst, left, right []int16) {
	for i := range len(dst) / 2 {
		var l, r int16
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		dst[2*i], dst[2*i+1] = l, r
	}
}

func sum(dst, a, b []int16) {
	for i := range dst {
		var s int32
		if i < len(a) {
			s = int32(a[i])
		}
		if i < len(b) {
			s += int32(b[i])
		}
		dst[i] = int16(min(max(s, -32768), 32767))
	}
}

// fillLate owes the file the time in which the tap was not called.
func (r *Recorder) fillLate() {
	now := r.clock.Now()
	if r.began.IsZero() {
		r.began = now
		return
	}
	late := now.Sub(r.began) - time.Duration(r.total)*time.Second/time.Duration(r.o.Rate)
	if late < lateness {
		return
	}
	perTick := int64(media.SamplesPerTick(r.o.Rate))
	r.owe(min(int64(late/media.Tick)*perTick, r.limit-r.total-perTick))
}

// owe adds silence to what the file is to hold.
func (r *Recorder) owe(n int64) {
	if n <= 0 {
		return
	}
	r.owed += n
	r.total += n
	r.missing.Add(n)
}

// push puts the tick into the ring, and what is owed before it. Where the disk
// is so slow that there is no room, the tick is owed too.
func (r *Recorder) push(n int) {
	if r.ring.Room() < len(r.tick) {
		r.owe(int64(n))
		return
	}
	if r.owed > 0 {
		in := r.gapsIn.Load()
		if in-r.gapsOut.Load() == gaps {
			r.owe(int64(n))
			return
		}
		r.gaps[in%gaps] = gap{r.ring.Written(), r.owed}
		r.gapsIn.Store(in + 1)
		r.owed = 0
	}
	r.ring.Write(r.tick)
	r.total += int64(n)
}

// ends looks whether the recording is over by itself.
func (r *Recorder) ends(left []int16) {
	if r.total >= r.limit {
		r.stop(byDuration)
		return
	}
	if r.o.EndOfSilence == 0 {
		return
	}
	if loud(left) {
		r.quiet = 0
		return
	}
	if r.quiet += media.Tick; r.quiet >= r.o.EndOfSilence {
		r.stop(bySilence)
	}
}

func loud(pcm []int16) bool {
	var energy int64
	for _, s := range pcm {
		energy += int64(s) * int64(s)
	}
	return len(pcm) > 0 && energy >= silenceLevel*silenceLevel*int64(len(pcm))
}

// write empties the ring into the file and says whether the recording is over.
// It runs on the clerk's goroutine.
func (r *Recorder) write() (over bool) {
	// The end is looked at first: what was tapped before it is in the ring.
	over = r.over()
	// Only what is there now: the tap goes on filling.
	for upto := r.ring.Written(); r.err == nil; {
		if r.fillGap() {
			continue
		}
		n := min(upto-r.ring.Taken(), uint64(len(r.samples)))
		if out := r.gapsOut.Load(); out < r.gapsIn.Load() {
			n = min(n, r.gaps[out%gaps].at-r.ring.Taken())
		}
		if n == 0 {
			break
		}
		pcm := r.samples[:r.ring.Read(r.samples[:n])]
		for _, s := range pcm {
			r.peak = max(r.peak, int(s), -int(s))
		}
		r.err = r.w.Write(pcm)
	}
	if r.err == nil {
		r.err = r.w.Flush()
	}
	if r.err != nil {
		r.end.Store(int32(byFailure))
		return true
	}
	return over
}

// fillGap writes the next gap when it is due.
func (r *Recorder) fillGap() bool {
	out := r.gapsOut.Load()
	if out == r.gapsIn.Load() || r.gaps[out%gaps].at != r.ring.Taken() {
		return false
	}
	clear(r.samples)
	for left := r.gaps[out%gaps].n * int64(r.o.Channels); left > 0 && r.err == nil; {
		n := min(left, int64(len(r.samples)))
		r.err = r.w.Write(r.samples[:n])
		left -= n
	}
	r.gapsOut.Store(out + 1)
	return true
}

// finish completes the file.
func (r *Recorder) finish() Result {
	err := r.err
	if err == nil {
		err = errors.Join(r.w.Close(), r.file.Sync())
	}
	res := Result{
		Path:     r.path,
		Duration: time.Duration(r.w.Length()) * time.Second / time.Duration(r.o.Rate),
		Peak:     r.peak,
		Missing:  time.Duration(r.missing.Load()) * time.Second / time.Duration(r.o.Rate),
		Reason:   ending(r.end.Load()).reason(),
	}
	if info, serr := r.file.Stat(); serr == nil {
		res.Bytes = info.Size()
	}
	if err = errors.Join(err, r.file.Close()); err != nil {
		res.Reason, res.Err = Failed, err
	}
	return res
}
