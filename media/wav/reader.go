package wav

import (
	"encoding/binary"
	"errors"
	"io"
	"math"

	"tandem/codec"
)

// readSize is the most that is read at once, in octets.
const readSize = 4096

// A Reader reads the samples of a file as a stream, in bounded memory. It is not
// safe for concurrent use.
type Reader struct {
	r      io.Reader
	head   *header
	left   int64 // octets of samples to come; -1: until r ends
	offset int64 // of the next octet
	err    error // what ended it

	decode  func(dst []int16, block []byte) ([]int16, error)
	buf     [readSize]byte
	samples []int16 // decoded, with room for a buffer
	pending []int16 // the part of samples that nobody has read
}

// NewReader reads the header of a file and gives a reader of its samples. A file
// that is none, or is coded in a way not known here, is an [*Error].
func NewReader(r io.Reader) (*Reader, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	rd := &Reader{r: r, head: h, left: h.length(), offset: h.dataAt}
	switch {
	case h.encoding.g711() != nil:
		rd.decode = h.encoding.g711().NewDecoder(codec.Params{}).Decode
	case h.encoding == GSM:
		rd.decode = newGSMBlocks()
	case h.encoding == Float:
		rd.decode = decodeFloat32
	case h.bits == 8:
		rd.decode = decodePCM8
	default:
		rd.decode = pcmDecoder(h.bits / 8)
	}
	return rd, nil
}

// Rate is the file's sample rate in Hz, 1000 to 192000.
func (r *Reader) Rate() int { return r.head.rate }

// Channels is the number of channels, 1 to 8.
func (r *Reader) Channels() int { return r.head.channels }

// Encoding is how the file's samples are stored.
func (r *Reader) Encoding() Encoding { return r.head.encoding }

// Read reads samples of all channels, interleaved, into dst and says how many;
// always a whole number of each channel's. It returns fewer than asked for where
// fewer are at hand. At the end, or where the file breaks off, it returns 0 and
// io.EOF. A dst shorter than Channels is io.ErrShortBuffer.
func (r *Reader) Read(dst []int16) (int, error) {
	whole := len(dst) - len(dst)%r.head.channels
	if whole == 0 {
		return 0, io.ErrShortBuffer
	}
	if len(r.pending) == 0 {
		r.fill()
		if len(r.pending) == 0 {
			return 0, r.err
		}
	}
	n := copy(dst[:whole], r.pending)
	r.pending = r.pending[n:]
	return n, nil
}

// ReadMono is like Read, but gives the mean of all channels.
func (r *Reader) ReadMono(dst []int16) (int, error) {
	channels := r.head.channels
	if channels == 1 || len(dst) == 0 {
		return r.Read(dst)
	}
	if len(r.pending) == 0 {
		r.fill()
		if len(r.pending) == 0 {
			return 0, r.err
		}
	}
	n := min(len(dst), len(r.pending)/channels)
	for i := range n {
		sum := 0
		for _, s := range r.pending[i*channels:][:channels] {
			sum += int(s)
		}
		dst[i] = int16(sum / channels)
	}
	r.pending = r.pending[n*channels:]
	return n, nil
}

// fill decodes the next samples into pending, or sets err.
func (r *Reader) fill() {
	if r.err != nil {
		return
	}
	want := int64(readSize - readSize%r.head.block)
	if r.left >= 0 {
		want = min(want, r.left-r.left%int64(r.head.block))
	}
	if want == 0 {
		r.err = io.EOF
		return
	}
	n, err := io.ReadFull(r.r, r.buf[:want])
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF // it breaks off: what is there is played
		}
		r.err = err
	}
	n -= n % r.head.block
	if r.left >= 0 {
		r.left -= int64(n)
	}
	samples, err := r.decode(r.samples[:0], r.buf[:n])
	if err != nil {
		r.err = wrong(r.offset, "%v", err)
	}
	r.offset += int64(n)
	r.samples, r.pending = samples, samples
}

func decodePCM8(dst []int16, b []byte) ([]int16, error) {
	for _, v := range b {
		dst = append(dst, (int16(v)-128)<<8)
	}
	return dst, nil
}

// pcmDecoder decodes linear samples of size octets by their upper 16 bits.
func pcmDecoder(size int) func([]int16, []byte) ([]int16, error) {
	return func(dst []int16, b []byte) ([]int16, error) {
		for ; len(b) >= size; b = b[size:] {
			dst = append(dst, int16(binary.LittleEndian.Uint16(b[size-2:])))
		}
		return dst, nil
	}
}

func decodeFloat32(dst []int16, b []byte) ([]int16, error) {
	for ; len(b) >= 4; b = b[4:] {
		v := math.Float32frombits(binary.LittleEndian.Uint32(b)) * 32768
		switch {
		case v >= 32767:
			dst = append(dst, 32767)
		case v <= -32768:
			dst = append(dst, -32768)
		case v != v: // not a number
			dst = append(dst, 0)
		default:
			dst = append(dst, int16(math.RoundToEven(float64(v))))
		}
	}
	return dst, nil
}
