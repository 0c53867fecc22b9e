package wav

import (
	"encoding/binary"
	"errors"
	"os"
)

// Repair sets the lengths in the header of a file whose writer was killed, so
// that they say what the file holds: all that stands behind the header, where no
// chunk follows the samples. A file whose lengths are right is not touched. One
// that is no WAV file, or ends in its header, is an [*Error].
func Repair(path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, err := readHeader(f)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if size-8 >= unknownLength {
		return ErrFull
	}
	stated := h.dataAt + int64(h.dataLength) + int64(h.dataLength&1)
	riff := int64(h.riffLength) + 8
	length := int64(h.dataLength)
	if h.length() < 0 || stated > size || stated == riff {
		// Nothing stands behind the samples: they reach to the end.
		length = size - h.dataAt
		if pad := int64(h.dataLength & 1); pad == 1 && stated == size {
			length-- // a file that was closed
		}
		length -= length % int64(h.block)
	}
	if riff == size && length == int64(h.dataLength) {
		return nil
	}
	patch := func(at int64, v int64) {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], uint32(v))
		if err == nil {
			_, err = f.WriteAt(b[:], at)
		}
	}
	if end := h.dataAt + length; length&1 == 1 && end == size {
		_, err = f.WriteAt([]byte{0}, end)
		size++
	}
	patch(4, size-8)
	if h.factAt > 0 {
		samples := length / int64(h.block)
		if h.encoding == GSM {
			samples *= gsmBlockSamples
		}
		patch(h.factAt, samples)
	}
	patch(h.dataAt-4, length)
	return err
}
