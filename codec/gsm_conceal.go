package codec

// Substitution and muting of lost frames after GSM 06.11 §6: the last frame is
// played again, then again and again more quietly with its pulses in random
// places, and silence follows. Where 06.11 takes 320 ms until silence, which
// suits a fading radio channel, a packet network is silent after 60 ms.

const (
	gsmMuteStep   = 8              // of the coded block maximum: 6 dB a frame
	gsmFadeFrom   = gsmSamples     // samples of a loss at full level
	gsmFadeTo     = 3 * gsmSamples // samples of a loss until silence
	gsmFadeLength = gsmFadeTo - gsmFadeFrom
)

// gsmSilence is a frame of silence (06.11 §6.1). Read only.
var gsmSilence = gsmFrame{
	lar: [gsmOrder]uint8{42, 39, 21, 10, 9, 4, 3, 2},
	sub: [gsmSubframes]gsmSubframe{gsmSilentSubframe, gsmSilentSubframe, gsmSilentSubframe, gsmSilentSubframe},
}

var gsmSilentSubframe = gsmSubframe{
	lag: gsmMinLag, pulse: [gsmPulses]uint8{3, 4, 3, 4, 4, 3, 3, 3, 3, 4, 4, 3, 3},
}

// A gsmConcealer remembers what is needed to make up for a lost frame.
type gsmConcealer struct {
	frame  gsmFrame // the last one that came, or its substitute
	heard  bool     // frame is set
	lost   int      // samples made since a frame came
	random uint32
}

// good takes a frame that came and was decoded to pcm.
func (c *gsmConcealer) good(pcm *[gsmSamples]int16, f *gsmFrame) {
	if c.lost >= gsmFadeTo {
		// What was played last is silence: no click.
		for i := range plcStep {
			pcm[i] = int16(int32(pcm[i]) * int32(i) / plcStep)
		}
	}
	c.frame, c.heard, c.lost = *f, true, 0
}

// conceal sets pcm to what stands for a lost frame.
func (d *gsmDecoder) conceal(pcm *[gsmSamples]int16) {
	c := &d.loss
	f := &c.frame
	switch {
	case !c.heard || c.lost >= gsmFadeTo:
		*f = gsmSilence
	case c.lost > 0:
		for n := range f.sub {
			s := &f.sub[n]
			s.max -= min(s.max, gsmMuteStep)
			c.random = c.random*1664525 + 1013904223
			s.grid = uint8(c.random >> 30)
		}
	}
	d.decode(pcm, f)
	for i := range pcm {
		gain := int32(min(max(gsmFadeTo-c.lost, 0), gsmFadeLength))
		pcm[i] = int16(int32(pcm[i]) * gain / gsmFadeLength)
		c.lost++
	}
	c.lost = min(c.lost, gsmFadeTo)
	if !c.heard {
		clear(pcm[:])
	}
}
