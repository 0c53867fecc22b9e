package speech

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
)

// header is that of a WAV file of 16-bit mono samples: RIFF, fmt and data, 44
// bytes.
type header struct {
	RIFF              [4]byte
	Size              uint32 // of what follows
	WAVE, Fmt         [4]byte
	FmtSize           uint32
	Format, Channels  uint16
	Rate, BytesPerSec uint32
	Align, Bits       uint16
	Data              [4]byte
	DataSize          uint32
}

const headerSize = 44

func newHeader(samples int) header {
	return header{
		RIFF: [4]byte{'R', 'I', 'F', 'F'}, Size: uint32(headerSize - 8 + 2*samples),
		WAVE: [4]byte{'W', 'A', 'V', 'E'}, Fmt: [4]byte{'f', 'm', 't', ' '},
		FmtSize: 16, Format: 1, Channels: 1,
		Rate: cacheRate, BytesPerSec: 2 * cacheRate, Align: 2, Bits: 16,
		Data: [4]byte{'d', 'a', 't', 'a'}, DataSize: uint32(2 * samples),
	}
}

var errTorn = errors.New("not a whole file of this cache")

// readWAV reads a file that writeWAV has written. Any other is an error: the
// cache takes no files from elsewhere.
func readWAV(path string) ([]int16, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) <= headerSize || len(data)%2 != 0 {
		return nil, errTorn
	}
	var h header
	if _, err := binary.Decode(data, binary.LittleEndian, &h); err != nil {
		return nil, err
	}
	pcm := make([]int16, (len(data)-headerSize)/2)
	if h != newHeader(len(pcm)) {
		return nil, errTorn
	}
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(data[headerSize+2*i:]))
	}
	return pcm, nil
}

// writeWAV writes a file that is there whole or not at all, and returns its
// size.
func writeWAV(path string, pcm []int16) (int64, error) {
	var b bytes.Buffer
	b.Grow(headerSize + 2*len(pcm))
	if err := binary.Write(&b, binary.LittleEndian, newHeader(len(pcm))); err != nil {
		return 0, err
	}
	for _, s := range pcm {
		b.WriteByte(byte(s))
		b.WriteByte(byte(uint16(s) >> 8))
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, b.Bytes(), 0o600); err != nil {
		os.Remove(tmp)
		return 0, err
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return 0, err
	}
	return int64(b.Len()), nil
}
