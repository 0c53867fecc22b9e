package codec

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
