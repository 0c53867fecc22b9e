//go:build !amd64

package codec

func (b *filterBank) filter(dst []int16, history []float32, phase int) {
	b.filterGo(dst, history, phase)
}
