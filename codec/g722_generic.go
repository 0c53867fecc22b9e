//go:build !amd64

package codec

func g722Sums(sums []g722Sum, x []int16) { g722SumsGo(sums, x) }

func g722Adapt(p *g722Predictors, low, high int) { g722AdaptGo(p, low, high) }
