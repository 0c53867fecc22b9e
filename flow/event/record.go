package event

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"time"
)

// A journal record is length, checksum and a JSON object:
//
//	0        4          8
//	| length | CRC-32C  | payload, length bytes |
//
// A process that is killed leaves at most one torn record, at the end of the
// last file; the checksum tells it from a whole one.
const recordHeader = 8

// maxRecord is the longest payload in bytes; a longer length is damage.
const maxRecord = 16 << 20

// recordVersion is the version of the payload.
const recordVersion = 1

// errTorn says that there is no whole record at a place.
var errTorn = errors.New("torn record")

// payload is a record's JSON. One of Event's fields or Seqs is set: the first
// record of a file holds the numbers at which the customers' streams stand, so
// that they survive the removal of the files before.
type payload struct {
	Version  int               `json:"v"`
	Seqs     map[string]uint64 `json:"seqs,omitempty"`
	Type     string            `json:"type,omitempty"`
	Customer string            `json:"customer,omitempty"`
	Call     string            `json:"call,omitempty"`
	Seq      uint64            `json:"seq,omitempty"`
	CallSeq  uint64            `json:"call_seq,omitempty"`
	Time     int64             `json:"time,omitempty"` // nanoseconds since 1970
	Data     json.RawMessage   `json:"data,omitempty"`
}

// encodeRecord frames an event whose Data is a json.RawMessage.
func encodeRecord(e *Event) []byte {
	raw, _ := e.Data.(json.RawMessage)
	return frame(payload{
		Version: recordVersion, Type: e.Type, Customer: e.Customer, Call: e.Call,
		Seq: e.Seq, CallSeq: e.CallSeq, Time: e.Time.UnixNano(), Data: raw,
	})
}

func frame(p payload) []byte {
	body, err := json.Marshal(p)
	if err != nil || len(body) > maxRecord {
		// The data is valid JSON by now, so only its size can be at fault.
		p.Data = json.RawMessage("null")
		body, _ = json.Marshal(p)
	}
	rec := make([]byte, recordHeader, recordHeader+len(body))
	binary.BigEndian.PutUint32(rec, uint32(len(body)))
	binary.BigEndian.PutUint32(rec[4:], crc32.Checksum(body, castagnoli()))
	return append(rec, body...)
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// parseRecord reads the record at the start of b and says how long it is.
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
	if err := json.Unmarshal(body, &p); err != nil {
		return p, 0, errTorn
	}
	return p, recordHeader + int(n), nil
}

func (p *payload) event() Event {
	return Event{
		Type: p.Type, Customer: p.Customer, Call: p.Call, Seq: p.Seq, CallSeq: p.CallSeq,
		Time: time.Unix(0, p.Time).UTC(), Data: p.Data,
	}
}
