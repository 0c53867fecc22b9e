package stream

import (
	"tandem/codec"
	"tandem/media/dtmf"
)

// listen looks for digits in a tick of samples.
func (r *receiver) listen(samples []int16) {
	if r.detector == nil {
		return
	}
	if r.rate != dtmf.DetectorRate {
		if r.heard == nil {
			var err error
			if r.heard, err = codec.NewResampler(r.rate, dtmf.DetectorRate); err != nil {
				r.detector = nil
				return
			}
		}
		r.narrow = r.heard.Resample(r.narrow[:0], samples)
		samples = r.narrow
	}
	if char, ok := r.detector.Detect(samples); ok {
		r.s.digits.report(dtmf.Digit{Char: char, Source: dtmf.InBand})
	}
}
