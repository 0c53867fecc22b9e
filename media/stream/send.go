package stream

import (
	"errors"
	"time"

	"tandem/codec"
	"tandem/media"
)

var errNoFormat = errors.New("no such format")

const (
	minPtime     = 10 * time.Millisecond
	maxPtime     = 60 * time.Millisecond
	defaultPtime = 20 * time.Millisecond
)

// A sender makes packets of frames.
type sender struct {
	format    Format
	encoder   codec.Encoder
	clock     int
	rate      int
	ptime     time.Duration
	samples   int              // of a packet
	ticks     uint32           // of a packet
	pending   []int16          // written, and not enough for a packet yet
	resampler *codec.Resampler // from the rate of the frames
	from      int
	timestamp uint32 // of the next packet
	written   time.Time
	framed    time.Time // when WriteFrame was called last
	talking   bool      // the last packet was sent
}

func (o *sender) init() {
	o.clock, o.rate = 8000, 8000
	o.ptime = defaultPtime
}

func (o *sender) configure(p Params, clock, rate int) {
	o.ptime = ptimeOf(p)
	if p.Send.Codec == nil {
		o.format, o.encoder = Format{}, nil
		return
	}
	if o.format.Codec != p.Send.Codec || o.format.Fmtp != p.Send.Fmtp {
		o.encoder = p.Send.Codec.NewEncoder(codec.Params{Fmtp: p.Send.Fmtp})
	}
	if rate != o.rate {
		o.pending = o.pending[:0]
		o.resampler, o.from = nil, 0
	}
	o.format, o.clock, o.rate = p.Send, clock, rate
	o.samples = p.Send.Codec.Samples(o.ptime)
	o.ticks = p.Send.Codec.Ticks(o.ptime)
	if room := o.samples + media.SamplesPerTick(rate); cap(o.pending) < room && o.samples != media.SamplesPerTick(rate) {
		o.pending = append(make([]int16, 0, room), o.pending...)
	}
}

// ptimeOf is the packet time nearest to the one wanted that the codec and we
// can make.
func ptimeOf(p Params) time.Duration {
	want := p.Ptime
	if want <= 0 {
		want = defaultPtime
	}
	unit := minPtime
	if c := p.Send.Codec; c != nil {
		unit = max(unit, c.FrameTime)
	}
	n := (want + unit/2) / unit * unit
	return min(max(n, unit), maxPtime/unit*unit)
}

// WriteFrame implements [media.Sink]: what the far end is to hear in this tick.
// Silence is sent as sound is, so that NATs stay open and the peer's jitter
// buffer keeps its place.
func (s *Stream) WriteFrame(f *media.Frame) error {
	if s.relay != nil {
		return nil
	}
	now := s.now()
	s.out.framed = now
	return s.write(f, now)
}

func (s *Stream) write(f *media.Frame, now time.Time) error {
	o := &s.out
	if s.closed || o.encoder == nil {
		return nil
	}
	o.skip(now)
	o.written = now
	if s.digits.busy() {
		f = s.digits.frame(o.rate)
	}
	if tick := o.tick(f); tick != nil {
		err := s.sendPacket(tick)
		o.timestamp += o.ticks
		return err
	}
	if err := o.append(f); err != nil {
		return err
	}
	var failed error
	for len(o.pending) >= o.samples {
		if err := s.sendPacket(o.pending[:o.samples]); err != nil {
			failed = err
		}
		o.pending = o.pending[:copy(o.pending, o.pending[o.samples:])]
		o.timestamp += o.ticks
	}
	return failed
}

// zeros is a tick of silence at any rate.
var zeros [media.MaxRate / int(time.Second/media.Tick)]int16

// tick gives the samples of f where they are just what the next packet is to
// hold, as is the rule; else nil.
func (o *sender) tick(f *media.Frame) []int16 {
	n := media.SamplesPerTick(o.rate)
	switch {
	case o.samples != n || len(o.pending) > 0:
	case f.Silent:
		return zeros[:n]
	case f.Rate == o.rate:
		return f.Samples[:n]
	}
	return nil
}

// skip moves the timestamps over a time in which nothing was written.
func (o *sender) skip(now time.Time) {
	if o.written.IsZero() {
		return
	}
	if gap := now.Sub(o.written) - media.Tick; gap > media.Tick {
		o.pending = o.pending[:0]
		o.timestamp += uint32(int64(gap) * int64(o.clock) / int64(time.Second))
		o.talking = false
	}
}

// append adds a tick at the rate of the codec to what is to be sent.
func (o *sender) append(f *media.Frame) error {
	n := media.SamplesPerTick(o.rate)
	switch {
	case f.Silent:
		o.pending = append(o.pending, zeros[:n]...)
		return nil
	case f.Rate == o.rate:
		o.pending = append(o.pending, f.Samples[:n]...)
		return nil
	}
	if o.from != f.Rate {
		r, err := codec.NewResampler(f.Rate, o.rate)
		if err != nil {
			return err
		}
		o.resampler, o.from = r, f.Rate
	}
	o.pending = o.resampler.Resample(o.pending, f.Samples)
	return nil
}

// sendPacket sends a packet of samples.
func (s *Stream) sendPacket(samples []int16) error {
	o := &s.out
	if !s.params.Direction.Sends() || s.digits.sendingEvent() {
		o.talking = false
		return nil
	}
	payload, err := o.encoder.Encode(s.session.Room(), samples)
	if err != nil {
		return err
	}
	marker := !o.talking
	o.talking = true
	return s.session.Send(o.format.PayloadType, marker, o.timestamp, payload)
}
