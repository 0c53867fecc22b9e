package flow

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"io"
	"sync/atomic"
	"time"
)

// NilID is the id of nothing: objects show it where an id has no value.
const NilID = "00000000-0000-0000-0000-000000000000"

// IDs makes the ids of one node: UUIDs of version 8 (RFC 9562 §5.8) that carry
// the time and the node, so that any node can tell an id's owner and ids sort
// by their age. Safe for concurrent use.
//
//	48 bits Unix milliseconds | version 8 | 12 bits sequence | variant |
//	14 bits random | 16 bits node | 32 bits random
type IDs struct {
	node uint16
	now  func() time.Time
	rand io.Reader
	seq  atomic.Uint32
}

// NewIDs makes ids for the named node; now gives their time. A nil random
// stands for crypto/rand.
func NewIDs(node string, now func() time.Time, random io.Reader) *IDs {
	if random == nil {
		random = rand.Reader
	}
	return &IDs{node: NodeNumber(node), now: now, rand: random}
}

// NodeNumber is the number that stands for a node's name in its ids.
func NodeNumber(name string) uint16 {
	h := fnv.New32a()
	_, _ = io.WriteString(h, name) // a hash takes everything
	s := h.Sum32()
	return uint16(s>>16) ^ uint16(s)
}

// New makes an id.
func (g *IDs) New() string {
	var b [16]byte
	if _, err := io.ReadFull(g.rand, b[8:]); err != nil {
		// crypto/rand never fails; a simulator's own source that runs dry
		// still gets ids that differ by time and sequence.
		clear(b[8:])
	}
	ms := uint64(g.now().UnixMilli())
	binary.BigEndian.PutUint64(b[:8], ms<<16|0x8000|uint64(g.seq.Add(1)&0x0fff))
	b[8] = b[8]&0x3f | 0x80
	binary.BigEndian.PutUint16(b[10:], g.node)
	return formatUUID(b)
}

// ParseID says when and on which node an id was made. ok is false for text that
// is not an id of ours.
func ParseID(id string) (at time.Time, node uint16, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return time.Time{}, 0, false
	}
	var b [16]byte
	hexed := id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]
	if _, err := hex.Decode(b[:], []byte(hexed)); err != nil || b[6]>>4 != 8 || b[8]>>6 != 2 {
		return time.Time{}, 0, false
	}
	ms := binary.BigEndian.Uint64(b[:8]) >> 16
	return time.UnixMilli(int64(ms)), binary.BigEndian.Uint16(b[10:]), true
}

func formatUUID(b [16]byte) string {
	var s [36]byte
	hex.Encode(s[:8], b[:4])
	s[8] = '-'
	hex.Encode(s[9:13], b[4:6])
	s[13] = '-'
	hex.Encode(s[14:18], b[6:8])
	s[18] = '-'
	hex.Encode(s[19:23], b[8:10])
	s[23] = '-'
	hex.Encode(s[24:], b[10:])
	return string(s[:])
}
