package ua

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"tandem/sip"
	"tandem/sip/sdp"
)

const (
	sdpType       = "application/sdp"
	multipartType = "multipart/mixed"
)

// maxParts bounds how many parts of a body are looked at.
const maxParts = 16

// parseBody reads the description in a message: its body, or the part of a
// multipart body that is one (emergency calls carry a location beside it). An
// error is a *sip.ReplyError where the body's form is wrong, else of sdp.Parse.
func parseBody(m sip.Message) (*sdp.Description, error) {
	if sip.ContentType(m) != multipartType {
		return sdp.Parse(m.Body())
	}
	part, err := sdpPart(m)
	if err != nil {
		return nil, err
	}
	return sdp.Parse(part)
}

func sdpPart(m sip.Message) ([]byte, error) {
	bad := &sip.ReplyError{Status: 400, Reason: "Bad Multipart Body"}
	header := ""
	if hs := m.GetHeaders("content-type"); len(hs) > 0 {
		header = hs[0].Value()
	}
	_, params, err := mime.ParseMediaType(header)
	if err != nil || params["boundary"] == "" {
		return nil, bad
	}
	r := multipart.NewReader(bytes.NewReader(m.Body()), params["boundary"])
	for range maxParts {
		p, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, bad
		}
		t, _, _ := strings.Cut(p.Header.Get("Content-Type"), ";")
		if !strings.EqualFold(strings.TrimSpace(t), sdpType) {
			continue
		}
		body, err := io.ReadAll(p)
		if err != nil {
			return nil, bad
		}
		return body, nil
	}
	return nil, &sip.ReplyError{Status: 415, Headers: []sip.Header{sip.NewHeader("Accept", sdpType)}}
}
