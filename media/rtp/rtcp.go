package rtp

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// RTCP packet types (RFC 3550 §6).
const (
	typeSR   = 200
	typeRR   = 201
	typeSDES = 202
	typeBYE  = 203
)

const (
	reportBlockSize = 24
	senderInfoSize  = 20
	sdesCNAME       = 1
)

// errRTCP says that a datagram is no compound RTCP packet.
var errRTCP = errors.New("malformed RTCP")

// A report is what a received compound packet says that we use.
type report struct {
	ssrc   uint32 // of its sender
	sender bool   // it is a sender report
	ntp    uint32 // the middle of its NTP time stamp
	block  reportBlock
	about  bool // block is about our stream
	bye    bool
	byeOf  [31]uint32
	byes   int
}

// A reportBlock is RFC 3550 §6.4.1's.
type reportBlock struct {
	ssrc     uint32
	fraction uint8
	lost     int32 // 24 bits
	highest  uint32
	jitter   uint32
	lsr      uint32
	dlsr     uint32
}

// parse reads a compound packet, with the checks of RFC 3550 A.2, and keeps the
// block about our stream. Packets of types that it does not know are passed
// over.
func (r *report) parse(data []byte, own uint32) error {
	*r = report{}
	for first := true; first || len(data) > 0; first = false {
		if len(data) < 4 {
			return errRTCP
		}
		head, kind := data[0], data[1]
		size := 4 * (int(binary.BigEndian.Uint16(data[2:])) + 1)
		if head>>6 != version || size > len(data) {
			return errRTCP
		}
		if first && (head&0x20 != 0 || (kind != typeSR && kind != typeRR)) {
			return errRTCP
		}
		body := data[4:size]
		data = data[size:]
		if head&0x20 != 0 { // padding: of the last one alone
			if len(data) > 0 || len(body) == 0 {
				return errRTCP
			}
			padding := int(body[len(body)-1])
			if padding == 0 || padding > len(body) {
				return errRTCP
			}
			body = body[:len(body)-padding]
		}
		if !r.part(kind, int(head&0x1f), body, own, first) {
			return errRTCP
		}
	}
	return nil
}

// part reads one packet of a compound.
func (r *report) part(kind uint8, count int, body []byte, own uint32, first bool) bool {
	switch kind {
	case typeSR:
		if len(body) < 4+senderInfoSize {
			return false
		}
		if first {
			r.ssrc, r.sender = binary.BigEndian.Uint32(body), true
			r.ntp = binary.BigEndian.Uint32(body[6:])
		}
		return r.blocks(count, body[4+senderInfoSize:], own)
	case typeRR:
		if len(body) < 4 {
			return false
		}
		if first {
			r.ssrc = binary.BigEndian.Uint32(body)
		}
		return r.blocks(count, body[4:], own)
	case typeBYE:
		if len(body) < 4*count {
			return false
		}
		for i := range count {
			if r.byes < len(r.byeOf) {
				r.byeOf[r.byes] = binary.BigEndian.Uint32(body[4*i:])
				r.byes++
			}
		}
		r.bye = r.byes > 0
	}
	return true
}

func (r *report) blocks(count int, body []byte, own uint32) bool {
	if len(body) < count*reportBlockSize {
		return false
	}
	for i := range count {
		b := body[i*reportBlockSize:]
		if binary.BigEndian.Uint32(b) != own {
			continue
		}
		r.about = true
		r.block = reportBlock{
			ssrc:     own,
			fraction: b[4],
			lost:     int32(binary.BigEndian.Uint32(b[4:])<<8) >> 8, // 24 bits with their sign
			highest:  binary.BigEndian.Uint32(b[8:]),
			jitter:   binary.BigEndian.Uint32(b[12:]),
			lsr:      binary.BigEndian.Uint32(b[16:]),
			dlsr:     binary.BigEndian.Uint32(b[20:]),
		}
	}
	return true
}

// names says whether the BYE names ssrc.
func (r *report) names(ssrc uint32) bool {
	for _, s := range r.byeOf[:r.byes] {
		if s == ssrc {
			return true
		}
	}
	return false
}

// A senderInfo is the part of a sender report that tells of our sending.
type senderInfo struct {
	ntp             uint64
	timestamp       uint32
	packets, octets uint32
}

// appendReport appends a sender report, or a receiver report where info is nil.
func appendReport(dst []byte, ssrc uint32, info *senderInfo, block *reportBlock) []byte {
	at := len(dst)
	kind, count := uint8(typeRR), uint8(0)
	if info != nil {
		kind = typeSR
	}
	if block != nil {
		count = 1
	}
	dst = append(dst, version<<6|count, kind, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, ssrc)
	if info != nil {
		dst = binary.BigEndian.AppendUint64(dst, info.ntp)
		dst = binary.BigEndian.AppendUint32(dst, info.timestamp)
		dst = binary.BigEndian.AppendUint32(dst, info.packets)
		dst = binary.BigEndian.AppendUint32(dst, info.octets)
	}
	if block != nil {
		dst = binary.BigEndian.AppendUint32(dst, block.ssrc)
		dst = binary.BigEndian.AppendUint32(dst, uint32(block.fraction)<<24|uint32(block.lost)&0xffffff)
		dst = binary.BigEndian.AppendUint32(dst, block.highest)
		dst = binary.BigEndian.AppendUint32(dst, block.jitter)
		dst = binary.BigEndian.AppendUint32(dst, block.lsr)
		dst = binary.BigEndian.AppendUint32(dst, block.dlsr)
	}
	return setLength(dst, at)
}

// appendCNAME appends a source description with the canonical name alone, which
// every compound packet must have.
func appendCNAME(dst []byte, ssrc uint32, cname string) []byte {
	at := len(dst)
	dst = append(dst, version<<6|1, typeSDES, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, ssrc)
	dst = append(dst, sdesCNAME, uint8(len(cname)))
	dst = append(dst, cname...)
	dst = append(dst, 0) // the end of the items
	for (len(dst)-at)%4 != 0 {
		dst = append(dst, 0)
	}
	return setLength(dst, at)
}

func appendBYE(dst []byte, ssrc uint32) []byte {
	at := len(dst)
	dst = append(dst, version<<6|1, typeBYE, 0, 0)
	return setLength(binary.BigEndian.AppendUint32(dst, ssrc), at)
}

// setLength sets the length of the packet that begins at at.
func setLength(dst []byte, at int) []byte {
	binary.BigEndian.PutUint16(dst[at+2:], uint16((len(dst)-at)/4-1))
	return dst
}

// ntpTime is t as RFC 3550 §4 wants it: seconds since 1900 and their fraction.
func ntpTime(t time.Time) uint64 {
	const since1900 = 2208988800
	sec := uint64(t.Unix()+since1900) & math.MaxUint32
	return sec<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// shortNTP is d in units of 1/65536 s.
func shortNTP(d time.Duration) uint32 { return uint32(int64(d/1000) << 16 / 1_000_000) }

// fromShortNTP is the reverse.
func fromShortNTP(n uint32) time.Duration {
	return time.Duration(uint64(n) * uint64(time.Second) >> 16)
}
