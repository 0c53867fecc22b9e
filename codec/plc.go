package codec

// Packet loss concealment for codecs that have none of their own, after the
// manner of ITU-T G.711 Appendix I, at 8000 Hz:
//
//	what was heard last ─ find its pitch ─ repeat the last pitch period,
//	after 10 ms the last two, after 20 ms three ─ fade out from 10 to 60 ms ─
//	when speech comes again, cross-fade from the repetition into it
//
// Appendix I delays all speech by 3.75 ms so that it can smooth the beginning
// of a loss too. Here nothing is delayed: the step between the last sample heard
// and the first repeated one is spread over a quarter of a pitch period instead.

const (
	plcRate          = 8000
	concealedSamples = plcRate / 50 // a nil payload stands for 20 ms

	plcPitchMin = plcRate / 200 // samples; a voice of 200 Hz
	plcPitchMax = plcRate / 66  // a voice of 66 Hz
	plcWindow   = plcRate / 50  // samples compared when the pitch is looked for
	plcQuarter  = plcPitchMax / 4
	plcCycles   = 3                                  // periods repeated at most
	plcHistory  = plcCycles*plcPitchMax + plcQuarter // samples a repetition can need
	plcRing     = 512                                // a power of two, at least plcHistory

	plcStep   = plcRate / 100 // 10 ms: the pace at which the repetition grows
	plcFade   = plcStep       // samples at full level
	plcSilent = 6 * plcStep   // samples until silence
)

// A concealer remembers what was heard last on one stream and makes up for what
// was lost. Its zero value is ready.
type concealer struct {
	// ring holds the last samples heard; next is where the following one goes.
	ring [plcRing]int16
	next uint

	lost int // samples made since speech was last heard; 0: none
	loop cycle

	// While crossing, a loop that has grown is faded in over the one before.
	crossing    int
	before      [plcQuarter]int32
	step        int32 // last sample heard less the one that the first made one follows
	quarter     int   // a quarter of the pitch period
	reentryLeft int   // samples of the cross-fade into speech that are to come
	reentryLen  int
}

// A cycle repeats the last one to three pitch periods of hist. What precedes
// them is blended over their end, so that the end leads into the start.
type cycle struct {
	hist   [plcHistory]int32
	tail   [plcQuarter]int32 // the last quarter period of hist as it was heard
	pitch  int
	length int // of the repeated part: one to three periods
	pos    int
}

// good takes speech that arrived: it is remembered, and its beginning is changed
// where it follows a loss.
func (c *concealer) good(pcm []int16) {
	if c.lost > 0 && len(pcm) > 0 {
		c.reenter(pcm)
	}
	c.remember(pcm)
}

// remember takes what was played.
func (c *concealer) remember(pcm []int16) {
	if len(pcm) > plcRing {
		pcm = pcm[len(pcm)-plcRing:]
	}
	n := copy(c.ring[c.next:], pcm)
	copy(c.ring[:], pcm[n:])
	c.next = (c.next + uint(len(pcm))) % plcRing
}

// conceal fills out, which follows what was heard or made last.
func (c *concealer) conceal(out []int16) {
	if c.lost == 0 {
		c.begin()
	}
	c.reentryLeft = 0 // what came in between was too short to count
	for i := range out {
		if c.lost == plcStep || c.lost == 2*plcStep {
			for k := range c.quarter {
				c.before[k] = c.loop.next()
			}
			c.loop.rewind(c.quarter)
			c.loop.setLength(c.loop.length+c.loop.pitch, c.quarter)
			c.crossing = c.quarter
		}
		out[i] = saturate16(c.sample())
	}
	c.remember(out)
}

// begin starts to conceal a loss.
func (c *concealer) begin() {
	for i := range c.loop.hist {
		c.loop.hist[i] = int32(c.ring[(c.next+uint(i)+plcRing-plcHistory)%plcRing])
	}
	hist := &c.loop.hist
	pitch := findPitch(hist)
	c.quarter = pitch / 4
	c.crossing = 0
	c.step = hist[plcHistory-1] - hist[plcHistory-1-pitch]
	copy(c.loop.tail[:c.quarter], hist[plcHistory-c.quarter:])
	c.loop.pitch, c.loop.pos = pitch, 0
	c.loop.setLength(pitch, c.quarter)
}

// sample gives the next sample of the repetition.
func (c *concealer) sample() int32 {
	if c.lost >= plcSilent {
		return 0 // and lost grows no more
	}
	s := c.loop.next()
	if c.crossing > 0 {
		old := c.before[c.quarter-c.crossing]
		s += (old - s) * int32(c.crossing) / int32(c.quarter+1)
		c.crossing--
	}
	if c.lost < c.quarter {
		s += c.step * int32(c.quarter-c.lost) / int32(c.quarter+1)
	}
	if c.lost > plcFade {
		s = s * int32(plcSilent-c.lost) / (plcSilent - plcFade)
	}
	c.lost++
	return s
}

// reenter cross-fades from the repetition into pcm. The longer the loss was, the
// further the two have drifted apart and the longer it takes, up to 10 ms
// (Appendix I §I.2.7). The fade goes on in the next payload where pcm is short.
func (c *concealer) reenter(pcm []int16) {
	if c.reentryLeft == 0 {
		c.reentryLen = min(c.quarter+c.lost/plcStep*(plcRate/250), plcStep)
		c.reentryLeft = c.reentryLen
	}
	for i := range pcm {
		if c.reentryLeft == 0 {
			break
		}
		pcm[i] = saturate16(int32(pcm[i]) + (c.sample()-int32(pcm[i]))*int32(c.reentryLeft)/int32(c.reentryLen+1))
		c.reentryLeft--
	}
	if c.reentryLeft == 0 {
		c.lost = 0
	}
}

// next gives the next repeated sample.
func (c *cycle) next() int32 {
	s := c.hist[plcHistory-c.length+c.pos]
	if c.pos++; c.pos == c.length {
		c.pos = 0
	}
	return s
}

// rewind goes back n samples, less than a period.
func (c *cycle) rewind(n int) {
	if c.pos -= n; c.pos < 0 {
		c.pos += c.length
	}
}

// setLength repeats the last n samples of hist from now on, a whole number of
// periods, at the same place within a period.
func (c *cycle) setLength(n, quarter int) {
	c.pos %= c.pitch
	c.length = n
	start := plcHistory - n
	for i := range quarter {
		lead := c.hist[start-quarter+i]
		c.hist[plcHistory-quarter+i] = c.tail[i] + (lead-c.tail[i])*int32(i+1)/int32(quarter+1)
	}
}

// findPitch gives the lag in samples at which the end of hist is most like what
// came before it, by normalised cross-correlation: on every second sample
// first, then on all of them near the best lag.
func findPitch(hist *[plcHistory]int32) int {
	best := bestLag(hist, plcPitchMin, plcPitchMax, 2)
	return bestLag(hist, max(best-1, plcPitchMin), min(best+1, plcPitchMax), 1)
}

func bestLag(hist *[plcHistory]int32, lo, hi, stride int) int {
	best, bestScore := hi, -1.0
	for lag := lo; lag <= hi; lag += stride {
		var corr, energy int64
		for i := plcHistory - plcWindow; i < plcHistory; i += stride {
			past := int64(hist[i-lag])
			corr += int64(hist[i]) * past
			energy += past * past
		}
		if corr <= 0 || energy == 0 {
			continue
		}
		if score := float64(corr) * float64(corr) / float64(energy); score > bestScore {
			best, bestScore = lag, score
		}
	}
	return best
}

func saturate16(v int32) int16 { return int16(min(max(v, -1<<15), 1<<15-1)) }
