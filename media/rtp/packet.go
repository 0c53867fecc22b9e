package rtp

import (
	"encoding/binary"
	"errors"
)

const (
	version    = 2
	headerSize = 12
	// maxPayload is the largest payload that Send takes, in bytes: what fits
	// an Ethernet frame.
	maxPayload = 1460
)

// A Packet is a received RTP packet (RFC 3550 §5.1). It and its payload are
// valid only during the call that hands it over.
type Packet struct {
	PayloadType uint8 // 0 to 127
	Marker      bool
	Seq         uint16
	Timestamp   uint32
	SSRC        uint32
	// Payload is without padding. It may be empty.
	Payload []byte
}

// Malformed packets; all of them are counted and dropped.
var (
	errShort     = errors.New("packet is shorter than its header")
	errVersion   = errors.New("RTP version is not 2")
	errExtension = errors.New("header extension is longer than the packet")
	errPadding   = errors.New("padding is longer than the payload")
)

// parse sets p from data, whose memory it shares. Nothing in data is trusted.
func (p *Packet) parse(data []byte) error {
	if len(data) < headerSize {
		return errShort
	}
	first := data[0]
	if first>>6 != version {
		return errVersion
	}
	offset := headerSize + 4*int(first&0x0f) // contributing sources
	if offset > len(data) {
		return errShort
	}
	if first&0x10 != 0 {
		if offset+4 > len(data) {
			return errExtension
		}
		offset += 4 + 4*int(binary.BigEndian.Uint16(data[offset+2:]))
		if offset > len(data) {
			return errExtension
		}
	}
	end := len(data)
	if first&0x20 != 0 {
		padding := int(data[end-1])
		if padding == 0 || offset+padding > end {
			return errPadding
		}
		end -= padding
	}
	p.Marker = data[1]&0x80 != 0
	p.PayloadType = data[1] & 0x7f
	p.Seq = binary.BigEndian.Uint16(data[2:])
	p.Timestamp = binary.BigEndian.Uint32(data[4:])
	p.SSRC = binary.BigEndian.Uint32(data[8:])
	p.Payload = data[offset:end:end]
	return nil
}

// appendHeader appends a header without contributing sources or extension.
func (p *Packet) appendHeader(dst []byte) []byte {
	second := p.PayloadType & 0x7f
	if p.Marker {
		second |= 0x80
	}
	dst = append(dst, version<<6, second)
	dst = binary.BigEndian.AppendUint16(dst, p.Seq)
	dst = binary.BigEndian.AppendUint32(dst, p.Timestamp)
	return binary.BigEndian.AppendUint32(dst, p.SSRC)
}
