package sip

import (
	"bytes"
	"errors"
)

// ErrLineBreak says that a part of a message holds a line break, so that it
// would be another message on the wire.
var ErrLineBreak = errors.New("line break in a header")

// Append appends the message as it goes on the wire to dst. A message with CR
// or LF in its start line or in a header is refused with [ErrLineBreak]: text
// from applications and far ends can never become a header of its own.
func Append(dst []byte, m Message) ([]byte, error) {
	w := writer{buf: dst}
	var fields int
	var body []byte
	switch m := m.(type) {
	case *Request:
		fields, body = len(m.Headers()), m.Body()
	case *Response:
		fields, body = len(m.Headers()), m.Body()
	}
	m.StringWrite(&w)
	head := w.buf[len(dst) : len(w.buf)-len(body)]
	if bytes.Count(head, []byte{'\n'}) != fields+2 || bytes.Count(head, []byte{'\r'}) != fields+2 {
		return dst, ErrLineBreak
	}
	return w.buf, nil
}

// writer is the io.StringWriter that sipgo prints to.
type writer struct{ buf []byte }

func (w *writer) WriteString(s string) (int, error) {
	w.buf = append(w.buf, s...)
	return len(s), nil
}
