package dtmf

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxInfo is the longest INFO body that is looked at; real ones have 30 bytes.
const maxInfo = 512

// ParseInfo reads the body of a SIP INFO request that carries a digit:
// application/dtmf-relay ("Signal=5\r\nDuration=160\r\n", the duration in
// milliseconds) or application/dtmf (the bare key). The Leg of the digit is
// left for the caller to fill in. Any other content type, or a body that names
// no key, is an error; a bad duration is taken for unknown.
func ParseInfo(contentType string, body []byte) (Digit, error) {
	ct, _, _ := strings.Cut(contentType, ";")
	ct = strings.ToLower(strings.TrimSpace(ct))
	if len(body) > maxInfo {
		return Digit{}, fmt.Errorf("%s: body of %d bytes", ct, len(body))
	}
	switch ct {
	case "application/dtmf-relay":
		return parseRelay(string(body))
	case "application/dtmf":
		// Some send the form of dtmf-relay under this name.
		if strings.Contains(string(body), "=") {
			return parseRelay(string(body))
		}
		return infoDigit(string(body))
	}
	return Digit{}, fmt.Errorf("content type %q carries no digit", ct)
}

func parseRelay(body string) (Digit, error) {
	var signal string
	var duration time.Duration
	for line := range strings.FieldsFuncSeq(body, func(r rune) bool { return r == '\r' || r == '\n' }) {
		key, value, _ := strings.Cut(line, "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "signal":
			if signal == "" {
				signal = value
			}
		case "duration":
			if ms, err := strconv.ParseUint(value, 10, 16); err == nil {
				duration = time.Duration(ms) * time.Millisecond
			}
		}
	}
	d, err := infoDigit(signal)
	d.Duration = duration
	return d, err
}

// infoDigit reads a key, or 10 and 11, which some send for * and #.
func infoDigit(s string) (Digit, error) {
	s = strings.TrimSpace(s)
	switch s {
	case "10":
		s = "*"
	case "11":
		s = "#"
	}
	if len(s) != 1 {
		return Digit{}, fmt.Errorf("bad signal %.20q", s)
	}
	event, ok := EventOf(s[0])
	if !ok {
		return Digit{}, fmt.Errorf("bad signal %q", s)
	}
	char, _ := CharOf(event)
	return Digit{Char: char, Source: Info}, nil
}

// AppendInfo appends the application/dtmf-relay body for a digit.
func AppendInfo(dst []byte, char byte, duration time.Duration) []byte {
	dst = append(dst, "Signal="...)
	dst = append(dst, char)
	dst = append(dst, "\r\nDuration="...)
	dst = strconv.AppendInt(dst, duration.Milliseconds(), 10)
	return append(dst, "\r\n"...)
}
