package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"tandem/codec"
)

// writeSize is how much a writer keeps before it writes, in octets: half a
// second of a call's two channels.
const writeSize = 16 << 10

// ErrFull says that a file has no room for more: lengths have 32 bits.
var ErrFull = errors.New("wav: file has reached 4 GiB")

// Options say what a file is to be.
type Options struct {
	Rate     int      // Hz, 1000 to 192000
	Channels int      // 1 or 2
	Encoding Encoding // PCM (of 16 bits, also for the zero value), ALaw or MuLaw
}

// A Writer writes a file. The header states at any time how many samples stand
// behind it, so that a process that is killed leaves a file that can be played:
// all that was flushed. It is not safe for concurrent use.
type Writer struct {
	w      io.WriterAt
	close  func() error // nil: w is the caller's to close
	head   []byte
	factAt int // offset of the number of samples in head; 0: none
	align  int // octets of one sample of all channels
	encode codec.Encoder
	buf    []byte
	length int64 // octets of samples written
	err    error // of an earlier write: the file is not written to any more
	done   bool
}

// Create creates a file, or empties the one that is there, and writes its
// header.
func Create(path string, o Options) (*Writer, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w, err := NewWriter(f, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	w.close = f.Close
	return w, nil
}

// NewWriter writes a file's header to w, which is empty, and gives a writer of
// its samples. Closing w is left to the caller.
func NewWriter(w io.WriterAt, o Options) (*Writer, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	wr := &Writer{w: w, align: 2 * o.Channels, buf: make([]byte, 0, writeSize)}
	if c := o.Encoding.g711(); c != nil {
		wr.encode, wr.align = c.NewEncoder(codec.Params{}), o.Channels
	}
	wr.head, wr.factAt = o.header()
	if err := wr.writeHeader(); err != nil {
		return nil, err
	}
	return wr, nil
}

func (o *Options) check() error {
	switch {
	case o.Rate < minRate || o.Rate > maxRate:
		return fmt.Errorf("wav: %d samples a second, want %d to %d", o.Rate, minRate, maxRate)
	case o.Channels != 1 && o.Channels != 2:
		return fmt.Errorf("wav: %d channels, want 1 or 2", o.Channels)
	case o.Encoding != 0 && o.Encoding != PCM && o.Encoding.g711() == nil:
		return fmt.Errorf("wav: %v is not written, want pcm, a-law or µ-law", o.Encoding)
	}
	return nil
}

// header gives the header of an empty file, and where in it the number of
// samples stands, which formats other than PCM need.
func (o *Options) header() (b []byte, factAt int) {
	le := binary.LittleEndian
	encoding, bits := PCM, 16
	if o.Encoding.g711() != nil {
		encoding, bits = o.Encoding, 8
	}
	align := o.Channels * bits / 8
	format := make([]byte, 0, 18)
	format = le.AppendUint16(format, uint16(encoding))
	format = le.AppendUint16(format, uint16(o.Channels))
	format = le.AppendUint32(format, uint32(o.Rate))
	format = le.AppendUint32(format, uint32(o.Rate*align))
	format = le.AppendUint16(format, uint16(align))
	format = le.AppendUint16(format, uint16(bits))
	if encoding != PCM {
		format = le.AppendUint16(format, 0) // no extension
	}
	b = append(b, "RIFF\x00\x00\x00\x00WAVEfmt "...)
	b = le.AppendUint32(b, uint32(len(format)))
	b = append(b, format...)
	if encoding != PCM {
		b = append(b, "fact\x04\x00\x00\x00"...)
		factAt = len(b)
		b = append(b, 0, 0, 0, 0)
	}
	return append(b, "data\x00\x00\x00\x00"...), factAt
}

// Write adds samples, interleaved: with two channels, left, right, left, right,
// as many of one as of the other. It reaches the file with a later one or with
// Flush, so an error may be an earlier write's; after an error the file is left
// as it is, and every call returns that error.
func (w *Writer) Write(pcm []int16) error {
	if w.done {
		return os.ErrClosed
	}
	if len(pcm)*w.sampleSize()%w.align != 0 {
		return fmt.Errorf("wav: %d samples for two channels", len(pcm))
	}
	for len(pcm) > 0 && w.err == nil {
		room := (cap(w.buf) - len(w.buf)) / w.align * w.align / w.sampleSize()
		n := min(len(pcm), room)
		if w.encode != nil {
			w.buf, w.err = w.encode.Encode(w.buf, pcm[:n])
		} else {
			for _, s := range pcm[:n] {
				w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(s))
			}
		}
		if pcm = pcm[n:]; n == room {
			w.flush()
		}
	}
	return w.err
}

func (w *Writer) sampleSize() int {
	if w.encode != nil {
		return 1
	}
	return 2
}

// Flush brings all samples written so far to the file, and states them in its
// header.
func (w *Writer) Flush() error {
	if w.done {
		return os.ErrClosed
	}
	w.flush()
	return w.err
}

// flush writes samples first and states them after, so that the header never
// promises more than there is.
func (w *Writer) flush() {
	if w.err != nil || len(w.buf) == 0 {
		return
	}
	if int64(len(w.head))+w.length+int64(len(w.buf)) >= unknownLength {
		w.err = ErrFull
		return
	}
	if _, w.err = w.w.WriteAt(w.buf, int64(len(w.head))+w.length); w.err != nil {
		return
	}
	w.length += int64(len(w.buf))
	w.buf = w.buf[:0]
	w.err = w.writeHeader()
}

// writeHeader writes the header in one piece: it is never half old, half new.
func (w *Writer) writeHeader() error {
	le := binary.LittleEndian
	le.PutUint32(w.head[4:], uint32(int64(len(w.head))-8+w.length+w.length&1))
	if w.factAt > 0 {
		le.PutUint32(w.head[w.factAt:], uint32(w.length/int64(w.align)))
	}
	le.PutUint32(w.head[len(w.head)-4:], uint32(w.length))
	_, err := w.w.WriteAt(w.head, 0)
	return err
}

// Length is how many samples a channel has, those not yet flushed too.
func (w *Writer) Length() int64 { return (w.length + int64(len(w.buf))) / int64(w.align) }

// Close flushes and ends the file. It returns the first error there was;
// closing again is nothing.
func (w *Writer) Close() error {
	if w.done {
		return nil
	}
	w.flush()
	w.done = true
	if w.err == nil && w.length&1 == 1 {
		// Chunks are even; the length already counts this octet for the whole.
		_, w.err = w.w.WriteAt([]byte{0}, int64(len(w.head))+w.length)
	}
	if w.close != nil {
		return errors.Join(w.err, w.close())
	}
	return w.err
}
