package codec

import (
	"fmt"
	"slices"
	"time"
)

// GSM 06.10 full rate (ETSI EN 300 961, "the standard" below), bit-exact with
// its test sequences:
//
//	160 samples ─ gsm_preprocess ─ gsm_lpc: 8 log area ratios ─ gsm_shortterm:
//	residual ─ four times 40 samples: gsm_ltp: lag and gain ─ gsm_rpe: grid,
//	block maximum and 13 pulses ─ gsm_bits: 33 octets
//
// The decoder goes the other way. Numbers such as 4.2.11 are the standard's
// sections.

const (
	gsmFrameTime   = 20 * time.Millisecond
	gsmSamples     = 160 // samples of a frame
	gsmSubframes   = 4
	gsmSubSamples  = gsmSamples / gsmSubframes
	gsmFrameOctets = 33
	gsmMaxLag      = 120
	gsmMinLag      = 40
	gsmOrder       = 8  // of the short-term predictor
	gsmPulses      = 13 // pulses of a sub-frame
)

// A gsmFrame is the coded form of 160 samples, 260 bits in all.
type gsmFrame struct {
	lar [gsmOrder]uint8 // LARc: 6, 6, 5, 5, 4, 4, 3, 3 bits
	sub [gsmSubframes]gsmSubframe
}

// A gsmSubframe is the coded form of the residual of 40 samples.
type gsmSubframe struct {
	lag   uint8            // Nc, 7 bits: 40 to 120
	gain  uint8            // bc, 2 bits
	grid  uint8            // Mc, 2 bits: place of the first pulse
	max   uint8            // xmaxc, 6 bits: logarithm of the largest pulse
	pulse [gsmPulses]uint8 // xMc, 3 bits each
}

// A gsmEncoder codes one stream.
type gsmEncoder struct {
	pre     gsmHighPass
	lar     [gsmOrder]int32  // decoded ratios of the frame before
	filter  [gsmOrder]int32  // state u of the short-term analysis filter
	history [gsmMaxLag]int32 // reconstructed residual of the frame before
}

func newGSMEncoder(Params) Encoder { return new(gsmEncoder) }

// Encode implements [Encoder]. Samples are a multiple of 160; the three lowest
// bits of each do not count.
func (e *gsmEncoder) Encode(dst []byte, pcm []int16) ([]byte, error) {
	if len(pcm)%gsmSamples != 0 {
		return dst, fmt.Errorf("gsm: encode %d samples: not a multiple of %d", len(pcm), gsmSamples)
	}
	dst = slices.Grow(dst, len(pcm)/gsmSamples*gsmFrameOctets)
	var f gsmFrame
	for ; len(pcm) > 0; pcm = pcm[gsmSamples:] {
		e.encode(&f, (*[gsmSamples]int16)(pcm))
		n := len(dst)
		dst = dst[:n+gsmFrameOctets]
		f.pack((*[gsmFrameOctets]byte)(dst[n:]))
	}
	return dst, nil
}

// encode codes a frame.
func (e *gsmEncoder) encode(f *gsmFrame, pcm *[gsmSamples]int16) {
	var s [gsmSamples]int32
	e.pre.filter(&s, pcm)
	gsmAnalyse(&f.lar, &s)
	var ratios [gsmOrder]int32
	gsmDecodeRatios(&ratios, &f.lar)
	gsmAnalysisFilter(&e.filter, &e.lar, &ratios, &s)
	e.lar = ratios
	gsmCodeResidual(&f.sub, &e.history, &s)
}

// A gsmDecoder decodes one stream.
type gsmDecoder struct {
	lar     [gsmOrder]int32
	filter  [gsmOrder]int32  // state v of the short-term synthesis filter
	history [gsmMaxLag]int32 // residual of the frame before
	lag     int              // last valid lag; 0: none yet
	post    int32            // state msr of the de-emphasis
	loss    gsmConcealer
}

func newGSMDecoder(Params) Decoder { return new(gsmDecoder) }

// Decode implements [Decoder]. A payload is a multiple of 33 octets, each
// beginning with the signature 0xD (RFC 3551 §4.5.8.1).
func (d *gsmDecoder) Decode(dst []int16, payload []byte) ([]int16, error) {
	if payload == nil {
		n := len(dst)
		dst = slices.Grow(dst, gsmSamples)[:n+gsmSamples]
		d.conceal((*[gsmSamples]int16)(dst[n:]))
		return dst, nil
	}
	if len(payload)%gsmFrameOctets != 0 {
		return dst, fmt.Errorf("gsm: decode %d octets: not a multiple of %d", len(payload), gsmFrameOctets)
	}
	for i := 0; i < len(payload); i += gsmFrameOctets {
		if payload[i]>>4 != gsmSignature {
			return dst, fmt.Errorf("gsm: decode: octet %d is 0x%02x, want signature 0xd in its upper half", i, payload[i])
		}
	}
	dst = slices.Grow(dst, len(payload)/gsmFrameOctets*gsmSamples)
	var f gsmFrame
	for ; len(payload) > 0; payload = payload[gsmFrameOctets:] {
		f.unpack((*[gsmFrameOctets]byte)(payload))
		n := len(dst)
		dst = dst[:n+gsmSamples]
		pcm := (*[gsmSamples]int16)(dst[n:])
		d.decode(pcm, &f)
		d.loss.good(pcm, &f)
	}
	return dst, nil
}

// decode decodes a frame.
func (d *gsmDecoder) decode(pcm *[gsmSamples]int16, f *gsmFrame) {
	var s [gsmSamples]int32
	d.decodeResidual(&s, &f.sub)
	var ratios [gsmOrder]int32
	gsmDecodeRatios(&ratios, &f.lar)
	gsmSynthesisFilter(&d.filter, &d.lar, &ratios, &s)
	d.lar = ratios
	d.post = gsmDeemphasise(pcm, &s, d.post)
}
