package stream

import (
	"tandem/codec"
	"tandem/media"
	"tandem/media/dtmf"
	"tandem/media/jitter"
)

// A receiver makes frames of packets.
type receiver struct {
	s       *Stream
	formats []format
	byType  [128]uint8 // of formats, plus one
	current int        // the format received last
	clock   int
	rate    int
	jitter  *jitter.Buffer
	timed   bool // a time-out is set

	resampler *codec.Resampler // from rate to that of the frames asked for
	to        int
	samples   []int16 // a tick at rate, before resampling

	detector *dtmf.Detector // nil while digits are not looked for
	heard    *codec.Resampler
	narrow   []int16 // what the detector gets

	bad uint64
}

// A format is one that the peer may send.
type format struct {
	Format
	decoder   codec.Decoder
	resampler *codec.Resampler // to the receiver's rate; nil where it is that already
	samples   []int16
}

func (r *receiver) init(s *Stream) {
	r.s = s
	r.clock, r.rate = 8000, 8000
	r.jitter = jitter.New(r.clock, r.rate, r)
}

// configure keeps the decoders of formats that stay.
func (r *receiver) configure(p Params, clock, rate int) {
	old := r.formats
	reset := clock != r.clock || rate != r.rate
	r.formats = make([]format, 0, len(p.Receive))
	r.byType = [128]uint8{}
	current := 0
	for _, f := range p.Receive {
		if f.Codec == nil || len(r.formats) == 255 {
			continue
		}
		n := format{Format: f}
		for i, o := range old {
			if o.Codec == f.Codec && o.Fmtp == f.Fmtp && o.decoder != nil && !reset {
				n.decoder, n.resampler, n.samples = o.decoder, o.resampler, o.samples
				old[i].decoder = nil // one stream each
				if i == r.current {
					current = len(r.formats)
				}
				break
			}
		}
		if n.decoder == nil {
			n.decoder = f.Codec.NewDecoder(codec.Params{Fmtp: f.Fmtp})
			if f.Codec.SampleRate != rate {
				var err error
				if n.resampler, err = codec.NewResampler(f.Codec.SampleRate, rate); err != nil {
					r.s.log.Error("format not received", "leg", r.s.opts.ID, "codec", f.Codec.Name, "err", err)
					continue
				}
			}
		}
		r.formats = append(r.formats, n)
		r.byType[f.PayloadType&0x7f] = uint8(len(r.formats))
	}
	r.current = current
	switch {
	case reset:
		r.clock, r.rate = clock, rate
		r.jitter.Reset(clock, rate)
		r.resampler, r.to = nil, 0
		r.heard = nil
	case len(old) > 0 && !sameFormats(old, r.formats):
		// What waits was numbered by the old formats.
		r.jitter.Reset(clock, rate)
	}
	if r.s.opts.InbandDTMF && p.EventReceive == 0 {
		if r.detector == nil {
			r.detector = dtmf.NewDetector()
		}
	} else {
		r.detector = nil
	}
}

func sameFormats(a, b []format) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Format != b[i].Format {
			return false
		}
	}
	return true
}

// format is the one that the peer sends, as far as is known, or nil.
func (r *receiver) format() *format {
	if r.current < len(r.formats) {
		return &r.formats[r.current]
	}
	return nil
}

// listening says whether digits are looked for in the audio.
func (r *receiver) listening() bool { return r.detector != nil }

// restart forgets what was received before.
func (r *receiver) restart() { r.jitter.Reset(r.clock, r.rate) }

// Decode implements [jitter.Decoder].
func (r *receiver) Decode(dst []int16, i uint8, payload []byte) ([]int16, error) {
	if int(i) >= len(r.formats) {
		return dst, errNoFormat
	}
	f := &r.formats[i]
	if f.resampler == nil {
		return f.decoder.Decode(dst, payload)
	}
	var err error
	if f.samples, err = f.decoder.Decode(f.samples[:0], payload); err != nil {
		return dst, err
	}
	return f.resampler.Resample(dst, f.samples), nil
}

// ReadFrame implements [media.Source]: what the far end says in this tick.
func (s *Stream) ReadFrame(f *media.Frame) error {
	r := &s.in
	rate := f.Rate
	f.SetRate(rate)
	f.Silent = true
	if s.closed || !s.params.Direction.Receives() || s.relay != nil {
		return nil
	}
	s.session.Sweep() // what comes before the next tick may wait for it
	now := s.now()
	if rate == r.rate {
		f.Silent = !r.jitter.Read(f.Samples, now)
		if !f.Silent {
			r.listen(f.Samples)
		}
		return nil
	}
	if n := media.SamplesPerTick(r.rate); cap(r.samples) < n {
		r.samples = make([]int16, n)
	} else {
		r.samples = r.samples[:n]
	}
	if !r.jitter.Read(r.samples, now) {
		return nil
	}
	r.listen(r.samples)
	if r.to != rate {
		var err error
		if r.resampler, err = codec.NewResampler(r.rate, rate); err != nil {
			return err
		}
		r.to = rate
	}
	f.Silent = false
	fit(f, r.resampler.Resample(f.Samples[:0], r.samples))
	return nil
}

// fit makes samples, which a resampler has appended to those of f, the tick
// that f is to hold. Between the rates there are it gives exactly that.
func fit(f *media.Frame, samples []int16) {
	n := media.SamplesPerTick(f.Rate)
	for len(samples) < n {
		samples = append(samples, 0)
	}
	f.Samples = samples[:n]
}
