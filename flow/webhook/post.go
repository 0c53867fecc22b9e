package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// post sends one event. retry says whether it is worth another try.
func (s *Sender) post(ctx context.Context, body []byte) (retry bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.hook.URL, bytes.NewReader(body))
	if err != nil {
		return false, hideURL(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "tandem")
	if s.hook.Secret != "" {
		now := time.Now()
		req.Header.Set("X-Tandem-Signature", Signature(s.hook.Secret, now, body))
		req.Header.Set("X-VoIPBIN-Signature", "sha256="+sign(s.hook.Secret, body))
	}
	res, err := s.client.Do(req)
	if err != nil {
		return true, hideURL(err)
	}
	defer res.Body.Close()
	// The rest is read so that the connection can be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return false, nil
	case res.StatusCode >= 500, res.StatusCode == http.StatusRequestTimeout, res.StatusCode == http.StatusTooEarly, res.StatusCode == http.StatusTooManyRequests:
		return true, fmt.Errorf("answered %d", res.StatusCode)
	default:
		return false, fmt.Errorf("answered %d", res.StatusCode)
	}
}

// Signature is the value of X-Tandem-Signature for a body sent at a time: the
// HMAC-SHA256 of the Unix time, a dot and the body.
func Signature(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	return "t=" + t + ",v1=" + sign(secret, []byte(t+"."), body)
}

func sign(secret string, parts ...[]byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	for _, p := range parts {
		mac.Write(p)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// hideURL takes the URL out of an HTTP error: its user and query may be secret.
func hideURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

func safeURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "(bad URL)"
	}
	return u.Scheme + "://" + u.Host + u.Path
}
