package codec

import "golang.org/x/sys/cpu"

// g722Adapt does what [g722AdaptGo] does.
func g722Adapt(p *g722Predictors, low, high int) {
	if cpu.X86.HasAVX2 {
		g722AdaptAVX2(p, low, high)
	} else {
		g722AdaptGo(p, low, high)
	}
}

//go:noescape
func g722AdaptAVX2(p *g722Predictors, low, high int)

// g722Sums does what [g722SumsGo] does.
func g722Sums(sums []g722Sum, x []int16) {
	if len(sums) == 0 {
		return
	}
	_ = x[2*(len(sums)-1)+g722Taps-1]
	g722SumsSSE2(&sums[0], len(sums), &x[0])
}

// g722SumsSSE2 makes n sums, at least one.
//
//go:noescape
func g722SumsSSE2(sums *g722Sum, n int, x *int16)
