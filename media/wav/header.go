package wav

import (
	"encoding/binary"
	"errors"
	"io"
)

// maxSkip bounds what is read past before the samples: pictures and notes that
// taggers put there.
const maxSkip = 16 << 20

// unknownLength is what programs that write to a pipe state as a length. Some
// (sox) state a little less than half of it.
const (
	unknownLength     = 0xffffffff
	unknownLengthFrom = 0x7fff0000
)

// A header is what a file says of itself.
type header struct {
	encoding Encoding
	channels int
	rate     int
	bits     int // of a sample
	block    int // octets of a block: all channels of one sample, or a GSM block

	riffLength uint32
	dataAt     int64 // offset of the first sample
	dataLength uint32
	factAt     int64 // offset of the number of samples in a fact chunk; 0: none
}

// readHeader reads r up to the first sample.
func readHeader(r io.Reader) (*header, error) {
	in := &counter{r: r}
	h := &header{}
	var riff [12]byte
	if err := in.full(riff[:], "the RIFF header"); err != nil {
		return nil, err
	}
	switch id := string(riff[:4]); id {
	case "RIFF", "RF64": // RF64 is for lengths beyond 32 bits, which we read to the end anyhow
	default:
		return nil, wrong(0, "no WAV file: begins with %q, not with RIFF", id)
	}
	if id := string(riff[8:]); id != "WAVE" {
		return nil, wrong(8, "no WAV file: RIFF of type %q", id)
	}
	h.riffLength = binary.LittleEndian.Uint32(riff[4:])
	for skipped := int64(0); ; {
		at := in.offset
		var head [8]byte
		if err := in.full(head[:], "a chunk's header; there is no data chunk"); err != nil {
			return nil, err
		}
		id, length := string(head[:4]), binary.LittleEndian.Uint32(head[4:])
		switch {
		case id == "data":
			if h.encoding == 0 {
				return nil, wrong(at, "data chunk before any fmt chunk")
			}
			h.dataAt, h.dataLength = in.offset, length
			return h, nil
		case id == "fmt " && h.encoding == 0:
			if err := h.readFormat(in, length); err != nil {
				return nil, err
			}
			continue
		case id == "fact" && length >= 4:
			h.factAt = in.offset
		}
		skip := int64(length) + int64(length&1) // chunks begin at even offsets
		if skipped += 8 + skip; skipped > maxSkip {
			return nil, wrong(at, "chunk %q of %d octets: more than %d octets before the data chunk", id, length, maxSkip)
		}
		if err := in.skip(skip, id); err != nil {
			return nil, err
		}
	}
}

// readFormat reads the body of a fmt chunk.
func (h *header) readFormat(in *counter, length uint32) error {
	at := in.offset
	if length < 16 || length > 1<<16 {
		return wrong(at-4, "fmt chunk of %d octets", length)
	}
	var b [40]byte
	known := b[:min(int(length), len(b))]
	if err := in.full(known, "the fmt chunk"); err != nil {
		return err
	}
	if err := in.skip(int64(length)+int64(length&1)-int64(len(known)), "fmt "); err != nil {
		return err
	}
	le := binary.LittleEndian
	h.encoding = Encoding(le.Uint16(b[0:]))
	h.channels = int(le.Uint16(b[2:]))
	rate := le.Uint32(b[4:])
	h.block = int(le.Uint16(b[12:]))
	h.bits = int(le.Uint16(b[14:]))
	if h.encoding == extensible {
		if length < 26 {
			return wrong(at, "extensible format without its extension: fmt chunk of %d octets", length)
		}
		h.encoding = Encoding(le.Uint16(b[24:]))
	}
	if h.channels < 1 || h.channels > maxChannels {
		return wrong(at+2, "%d channels, want 1 to %d", h.channels, maxChannels)
	}
	if rate < minRate || rate > maxRate {
		return wrong(at+4, "%d samples a second, want %d to %d", rate, minRate, maxRate)
	}
	h.rate = int(rate)

	valid := false
	switch h.encoding {
	case PCM:
		valid = h.bits == 8 || h.bits == 16 || h.bits == 24 || h.bits == 32
	case Float:
		valid = h.bits == 32
	case ALaw, MuLaw:
		h.bits, valid = 8, true // some state 16, meaning what it decodes to
	case GSM:
		if h.channels != 1 {
			return wrong(at+2, "%d channels of GSM, want 1", h.channels)
		}
		h.block = gsmBlock
		return nil
	default:
		return wrong(at, "unknown encoding: %v", h.encoding)
	}
	if !valid {
		return wrong(at+14, "%d bits a sample of %v", h.bits, h.encoding)
	}
	h.block = h.channels * h.bits / 8 // whatever the file states
	return nil
}

// length gives the octets of samples that h promises, or -1 where it does not
// know: its writer wrote to a pipe or was killed.
func (h *header) length() int64 {
	switch {
	case h.dataLength >= unknownLengthFrom:
		return -1
	case h.dataLength == 0 && int64(h.riffLength)+8 <= h.dataAt:
		return -1
	}
	return int64(h.dataLength)
}

// A counter reads and counts.
type counter struct {
	r      io.Reader
	offset int64
}

// full fills b with what the file should hold there.
func (c *counter) full(b []byte, what string) error {
	n, err := io.ReadFull(c.r, b)
	c.offset += int64(n)
	return c.ended(err, what)
}

// skip reads past n octets of a chunk.
func (c *counter) skip(n int64, chunk string) error {
	read, err := io.CopyN(io.Discard, c.r, n)
	c.offset += read
	return c.ended(err, "chunk "+chunk)
}

func (c *counter) ended(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return wrong(c.offset, "ends in %s", what)
	}
	return err
}
