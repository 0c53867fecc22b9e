package sip

import "bytes"

// A Framer finds where messages end in a stream (RFC 3261 §18.3). The zero
// value is ready; it serves one stream.
type Framer struct {
	scanned int // octets that hold no end of a head
	size    int // octets of the message whose head was seen
}

// Next says how long the message at the start of buf is, 0 if more has to be
// read. buf must start where the last message ended, and only grow until a
// message was found; whatever CRLF stands between messages has been taken away.
// After an error, a *[ReplyError], the stream cannot be followed any more.
//
// A message without Content-Length has no body: the field is a must on streams,
// but many a peer leaves it out of requests that have none.
func (f *Framer) Next(buf []byte) (int, error) {
	if f.size == 0 {
		from := max(f.scanned-3, 0)
		i := bytes.Index(buf[from:], []byte("\r\n\r\n"))
		if i < 0 {
			f.scanned = len(buf)
			if len(buf) > MaxMessage {
				return 0, refuse(513, "")
			}
			return 0, nil
		}
		head := from + i + 4
		length, err := bodyLength(buf[:head])
		if err != nil {
			return 0, err
		}
		if head+length > MaxMessage {
			return 0, refuse(513, "")
		}
		f.size = head + length
	}
	if len(buf) < f.size {
		return 0, nil
	}
	n := f.size
	f.size, f.scanned = 0, 0
	return n, nil
}

// bodyLength reads Content-Length out of a head.
func bodyLength(head []byte) (int, error) {
	length, seen := 0, false
	_, rest, err := nextLine(head)
	for err == nil {
		f, more, done, ferr := nextField(rest)
		if ferr != nil || done {
			err = ferr
			break
		}
		rest = more
		if f.kind != kindContentLength {
			continue
		}
		if seen {
			return 0, badRequest("Several Content-Length")
		}
		seen = true
		if length, err = contentLength(f.value); err != nil {
			return 0, err
		}
	}
	return length, err
}
