package codec

import "encoding/binary"

// How a frame is laid out in 33 octets (RFC 3551 §4.5.8.1, table 2): signature
// and log area ratios fill five octets, each sub-frame seven, most significant
// bit first.

// gsmSignature is the upper half of a frame's first octet.
const gsmSignature = 0xd

// pack writes f to b.
func (f *gsmFrame) pack(b *[gsmFrameOctets]byte) {
	l := &f.lar
	v := uint64(gsmSignature)
	v = v<<6 | uint64(l[0])
	v = v<<6 | uint64(l[1])
	v = v<<5 | uint64(l[2])
	v = v<<5 | uint64(l[3])
	v = v<<4 | uint64(l[4])
	v = v<<4 | uint64(l[5])
	v = v<<3 | uint64(l[6])
	v = v<<3 | uint64(l[7])
	b[0] = byte(v >> 32)
	binary.BigEndian.PutUint32(b[1:], uint32(v))
	for n := range f.sub {
		s := &f.sub[n]
		v := uint64(s.lag)
		v = v<<2 | uint64(s.gain)
		v = v<<2 | uint64(s.grid)
		v = v<<6 | uint64(s.max)
		for _, p := range s.pulse {
			v = v<<3 | uint64(p)
		}
		o := b[5+7*n:][:7]
		binary.BigEndian.PutUint32(o, uint32(v>>24))
		binary.BigEndian.PutUint32(o[3:], uint32(v))
	}
}

// unpack reads f from b. Every value is within its bits; a lag may still be out
// of its range.
func (f *gsmFrame) unpack(b *[gsmFrameOctets]byte) {
	v := uint64(b[0])<<32 | uint64(binary.BigEndian.Uint32(b[1:]))
	f.lar = [gsmOrder]uint8{
		uint8(v >> 30 & 63), uint8(v >> 24 & 63), uint8(v >> 19 & 31), uint8(v >> 14 & 31),
		uint8(v >> 10 & 15), uint8(v >> 6 & 15), uint8(v >> 3 & 7), uint8(v & 7),
	}
	for n := range f.sub {
		o := b[5+7*n:][:7]
		v := uint64(binary.BigEndian.Uint32(o))<<24 | uint64(binary.BigEndian.Uint32(o[3:])&0xffffff)
		s := &f.sub[n]
		s.lag = uint8(v >> 49)
		s.gain = uint8(v >> 47 & 3)
		s.grid = uint8(v >> 45 & 3)
		s.max = uint8(v >> 39 & 63)
		for i := range s.pulse {
			s.pulse[i] = uint8(v >> (36 - 3*i) & 7)
		}
	}
}
