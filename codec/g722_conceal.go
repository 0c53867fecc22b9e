package codec

// A g722Concealer makes up for lost frames in each band, before the filter that
// joins them, which so rings on without a step. The predictors stay as they
// were: where they learn from what is made up, the encoder's, which went on, is
// no nearer when speech comes back, and after a long loss much further away.
type g722Concealer struct{ low, high concealer }

// good takes n samples of the bands that arrived.
func (c *g722Concealer) good(bands *g722Bands, n int) {
	c.low.good(bands.low[:n])
	c.high.good(bands.high[:n])
}

// conceal makes 20 ms of what was lost.
func (c *g722Concealer) conceal(bands *g722Bands) {
	c.low.conceal(bands.low[:concealedSamples])
	c.high.conceal(bands.high[:concealedSamples])
}
