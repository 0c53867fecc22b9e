package wav

import "tandem/codec"

// GSM in WAV files (Microsoft's GSM 6.10, libgsm's WAV49): two frames of 260
// bits in 65 octets, without signature, least significant bit first.

const (
	gsmBlock        = 65
	gsmFrameBytes   = 33
	gsmBlockSamples = 320
)

// gsmWidths are the widths in bits of a frame's parameters: eight log area
// ratios, then those of a sub-frame, four times.
var (
	gsmRatioWidths    = [...]uint{6, 6, 5, 5, 4, 4, 3, 3}
	gsmSubframeWidths = [...]uint{7, 2, 2, 6, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}
)

// newGSMBlocks gives a decoder of such blocks.
func newGSMBlocks() func([]int16, []byte) ([]int16, error) {
	d := codec.GSM.NewDecoder(codec.Params{})
	var frames [2 * gsmFrameBytes]byte
	return func(dst []int16, b []byte) ([]int16, error) {
		for ; len(b) >= gsmBlock; b = b[gsmBlock:] {
			clear(frames[:])
			in := lowBits{b: b}
			in.frame(frames[:gsmFrameBytes])
			in.frame(frames[gsmFrameBytes:])
			var err error
			if dst, err = d.Decode(dst, frames[:]); err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
}

// lowBits reads fields whose least significant bit comes first.
type lowBits struct {
	b  []byte
	at uint // bits read
}

func (l *lowBits) read(width uint) (v uint) {
	for i := range width {
		v |= uint(l.b[l.at>>3]>>(l.at&7)&1) << i
		l.at++
	}
	return v
}

// frame turns the next frame into the order of RTP (RFC 3551 §4.5.8.1): a
// signature, and the most significant bit first. out is zero.
func (l *lowBits) frame(out []byte) {
	at := uint(0)
	write := func(v, width uint) {
		for i := width; i > 0; i-- {
			out[at>>3] |= byte(v>>(i-1)&1) << (7 - at&7)
			at++
		}
	}
	write(0xd, 4)
	for _, w := range gsmRatioWidths {
		write(l.read(w), w)
	}
	for range 4 {
		for _, w := range gsmSubframeWidths {
			write(l.read(w), w)
		}
	}
}
