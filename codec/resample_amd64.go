package codec

import "golang.org/x/sys/cpu"

// filter does what [filterBank.filterGo] does, eight taps at a time where the
// processor can. Sums are rounded otherwise, so that one output in some
// thousand differs by one.
func (b *filterBank) filter(dst []int16, history []float32, phase int) {
	if !cpu.X86.HasAVX || !cpu.X86.HasFMA {
		b.filterGo(dst, history, phase)
		return
	}
	if len(dst) == 0 {
		return
	}
	// Reads go as far as the last output's last tap.
	_ = history[(phase+(len(dst)-1)*b.down)/b.up+b.taps-1]
	filterFMA(&dst[0], len(dst), &history[0], &b.phases[0], &b.phases[phase*b.taps],
		b.taps, len(b.phases), b.down%b.up*b.taps, b.down/b.up)
}

// filterFMA makes n outputs, at least one. coeffs is the first one's phase in
// bank, which ends end floats behind its beginning; taps, a multiple of 32, is
// the length of a phase, step how far the next output's phase is from one
// output's, and advance how many samples further it reads.
//
//go:noescape
func filterFMA(dst *int16, n int, history, bank, coeffs *float32, taps, end, step, advance int)
