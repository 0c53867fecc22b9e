package prompt

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tandem/media"
)

var (
	errOutside = errors.New("outside the prompts folder")
	errNoFiles = errors.New("no prompts folder is set up")
	errNoFile  = errors.New("not a file")
)

// fileName is the path under the root that the part of a spec behind "file:"
// names: NAME, or as a URL (RFC 8089) /NAME or ///NAME with escapes.
func fileName(rest string) (string, error) {
	name := rest
	if strings.HasPrefix(rest, "/") {
		if after, ok := strings.CutPrefix(rest, "//"); ok {
			if !strings.HasPrefix(after, "/") {
				return "", errors.New("a file URL names no host: file:NAME or file:///NAME")
			}
			rest = after
		}
		unescaped, err := url.PathUnescape(rest[1:])
		if err != nil {
			return "", err
		}
		name = unescaped
	}
	// The root would refuse these too; it is said here in clear.
	if strings.ContainsRune(name, 0) || !filepath.IsLocal(name) {
		return "", errOutside
	}
	return filepath.Clean(name), nil
}

// openFile opens a file under the root, from the cache where that knows it as
// it is now.
func (l *Library) openFile(rate int, rest string) (media.Source, error) {
	if l.root == nil {
		return nil, errNoFiles
	}
	name, err := fileName(rest)
	if err != nil {
		return nil, err
	}
	// Without O_NONBLOCK, a pipe in the folder would block for ever.
	f, err := l.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, plain(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNoFile
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	key := clipKey{kind: "file", name: name, rate: rate}
	version := fmt.Sprint(info.Size(), " ", info.ModTime().Format(time.RFC3339Nano))
	if c := l.cache.get(key); c != nil && c.version == version {
		f.Close()
		return &clipSource{clip: c}, nil
	}
	return l.decode(rate, input{ctx: l.ctx, r: f, whole: true, keep: func(c *clip) {
		c.version = version
		l.cache.put(key, c)
	}})
}

// plain takes the path out of an error that is told with it anyway, and names
// an escape from the root as such.
func plain(err error) error {
	var pe *os.PathError
	if !errors.As(err, &pe) {
		return err
	}
	if strings.Contains(pe.Err.Error(), "escapes") {
		return errOutside
	}
	return pe.Err
}
