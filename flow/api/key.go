package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Key opens the API.
type Key struct {
	// Name is for logs and /v1.0/me.
	Name string
	// Secret is what the client shows.
	Secret string
	// ReadOnly lets it look only.
	ReadOnly bool
	// Expires is when it ends to open anything; zero: never.
	Expires time.Time
}

type keyKey struct{}

func withKey(ctx context.Context, k *Key) context.Context {
	return context.WithValue(ctx, keyKey{}, k)
}

// KeyOf is the key that a request was let in with.
func KeyOf(ctx context.Context) *Key {
	k, _ := ctx.Value(keyKey{}).(*Key)
	return k
}

// authenticate finds the key that a request shows, wherever clients put it.
func (s *Server) authenticate(r *http.Request) (*Key, error) {
	shown := shownKey(r)
	if shown == "" {
		return nil, &Error{Code: http.StatusUnauthorized, Status: "UNAUTHENTICATED", Reason: "AUTHENTICATION_REQUIRED", Message: "an access key is required: Authorization: Bearer KEY, or ?accesskey=KEY"}
	}
	// Digests are compared, all of them, so that time tells nothing.
	sum := sha256.Sum256([]byte(shown))
	var found *Key
	for i := range s.cfg.Keys {
		k := &s.cfg.Keys[i]
		have := sha256.Sum256([]byte(k.Secret))
		if subtle.ConstantTimeCompare(sum[:], have[:]) == 1 && k.Secret != "" {
			found = k
		}
	}
	switch {
	case found == nil, !found.Expires.IsZero() && time.Now().After(found.Expires):
		return nil, &Error{Code: http.StatusUnauthorized, Status: "UNAUTHENTICATED", Reason: "INVALID_CREDENTIALS", Message: "the access key is not valid"}
	case found.ReadOnly && r.Method != http.MethodGet && r.Method != http.MethodHead:
		return nil, &Error{Code: http.StatusForbidden, Status: "PERMISSION_DENIED", Reason: "PERMISSION_DENIED", Message: "the access key may read only"}
	}
	return found, nil
}

func shownKey(r *http.Request) string {
	if h := r.Header.Get("Authorization"); len(h) > 7 && strings.EqualFold(h[:7], "Bearer ") {
		return strings.TrimSpace(h[7:])
	}
	q := r.URL.Query()
	for _, name := range [...]string{"accesskey", "token"} {
		if v := q.Get(name); v != "" {
			return v
		}
	}
	if c, err := r.Cookie("token"); err == nil {
		return c.Value
	}
	return ""
}

// KeyFile is the name of the file in state_dir with the key that is used where
// the configuration has none.
const KeyFile = "access_key"

// LoadKey reads the key in the state directory, or makes one that only the
// owner of the process can read. made says which.
func LoadKey(stateDir string) (key string, made bool, err error) {
	path := filepath.Join(stateDir, KeyFile)
	b, err := os.ReadFile(path)
	if err == nil {
		if key = strings.TrimSpace(string(b)); key == "" {
			return "", false, fmt.Errorf("access key: %s is empty; remove it to have one made", path)
		}
		return key, false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", false, fmt.Errorf("access key: %w", err)
	}
	key = rand.Text()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", false, fmt.Errorf("access key: %w", err)
	}
	_, err = f.WriteString(key + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", false, fmt.Errorf("access key: %w", err)
	}
	return key, true, nil
}
