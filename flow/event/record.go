package event

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"maps"
	"slices"
	"time"
)

// A journal record is length, checksum and payload:
//
//	0        4          8
//	| length | CRC-32C  | payload, length bytes |
//
// A process that is killed leaves at most one torn record, at the end of the
// last file; the checksum tells it from a whole one. The payload is a version,
// a kind, and
//
//	head:  n, then n times: customer, number
//	event: number, call's number, time, type, customer, call, data
//
// with numbers as varints, the time in nanoseconds since 1970, texts behind
// their length and the data, JSON, up to the end.
const recordHeader = 8

// maxRecord is the longest payload in bytes; a longer length is damage.
const maxRecord = 16 << 20

// recordVersion is the version of the payload.
const recordVersion = 1

// Kinds of records. The first of a file is its head: the numbers at which the
// customers' streams stand, so that they survive the removal of the files
// before.
const (
	headRecord  = 0
	eventRecord = 1
)

// errTorn says that there is no whole record at a place.
var errTorn = errors.New("torn record")

// errTooLong says that an event's data are more than a record should hold.
var errTooLong = errors.New("data too long")

// payload is what a record holds: a head where Seqs is not nil, else an event.
type payload struct {
	Seqs  map[string]uint64
	Event Event
}

// appendRecord appends the record of an event and says where in b its data
// begin. Data that cannot be encoded are written as null, with an error.
func appendRecord(b []byte, e *Event) (_ []byte, data int, err error) {
	start := len(b)
	b = append(b, make([]byte, recordHeader)...)
	b = append(b, recordVersion, eventRecord)
	b = binary.AppendUvarint(b, e.Seq)
	b = binary.AppendUvarint(b, e.CallSeq)
	b = binary.AppendVarint(b, e.Time.UnixNano())
	b = appendText(b, e.Type)
	b = appendText(b, e.Customer)
	b = appendText(b, e.Call)
	data = len(b)
	if b, err = appendData(b, e.Data); err == nil && len(b)-data > maxRecord/2 {
		err = errTooLong
	}
	if err != nil {
		b = append(b[:data], "null"...)
	}
	seal(b[start:])
	return b, data, err
}

// appendData appends an event's data. Calls are most of what is published; they
// need no reflection.
func appendData(b []byte, data any) ([]byte, error) {
	switch d := data.(type) {
	case *Call:
		if d != nil {
			return d.AppendJSON(b), nil
		}
	case Call:
		return d.AppendJSON(b), nil
	case json.RawMessage:
		if json.Valid(d) {
			return append(b, d...), nil
		}
	}
	text, err := json.Marshal(data)
	return append(b, text...), err
}

// encodeHead frames the numbers of the streams.
func encodeHead(seqs map[string]uint64) []byte {
	b := append(make([]byte, recordHeader), recordVersion, headRecord)
	b = binary.AppendUvarint(b, uint64(len(seqs)))
	for _, customer := range slices.Sorted(maps.Keys(seqs)) {
		b = appendText(b, customer)
		b = binary.AppendUvarint(b, seqs[customer])
	}
	return seal(b)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// seal fills in the header.
func seal(b []byte) []byte {
	binary.BigEndian.PutUint32(b, uint32(len(b)-recordHeader))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[recordHeader:], castagnoli()))
	return b
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // made once, by crc32

// parseRecord reads the record at the start of b and says how long it is. The
// event's data is a part of b.
func parseRecord(b []byte) (payload, int, error) {
	var p payload
	if len(b) < recordHeader {
		return p, 0, errTorn
	}
	n := binary.BigEndian.Uint32(b)
	if n > maxRecord || int(n) > len(b)-recordHeader {
		return p, 0, errTorn
	}
	body := b[recordHeader : recordHeader+int(n)]
	if crc32.Checksum(body, castagnoli()) != binary.BigEndian.Uint32(b[4:]) {
		return p, 0, errTorn
	}
	f := fields{b: body}
	version, kind := f.byte(), f.byte()
	switch {
	case version != recordVersion:
		return p, 0, errTorn
	case kind == headRecord:
		p.Seqs = map[string]uint64{}
		for range f.uint() {
			if f.bad {
				break
			}
			customer := f.text()
			p.Seqs[customer] = f.uint()
		}
	case kind == eventRecord:
		e := &p.Event
		e.Seq, e.CallSeq = f.uint(), f.uint()
		e.Time = time.Unix(0, f.int()).UTC()
		e.Type, e.Customer, e.Call = f.text(), f.text(), f.text()
		e.Data = json.RawMessage(f.b)
	default:
		return p, 0, errTorn
	}
	if f.bad {
		return p, 0, errTorn
	}
	return p, recordHeader + int(n), nil
}

// fields reads a payload; bad says that it ended too early.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) take(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.bad, f.b = true, nil
		return nil
	}
	t := f.b[:n]
	f.b = f.b[n:]
	return t
}

func (f *fields) byte() byte {
	if t := f.take(1); t != nil {
		return t[0]
	}
	return 0xff
}

func (f *fields) uint() uint64 {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		n = -1
	}
	f.take(n)
	return v
}

func (f *fields) int() int64 {
	v, n := binary.Varint(f.b)
	if n <= 0 {
		n = -1
	}
	f.take(n)
	return v
}

func (f *fields) text() string {
	n := f.uint()
	if n > uint64(len(f.b)) {
		n = uint64(len(f.b)) + 1
	}
	return string(f.take(int(n)))
}
