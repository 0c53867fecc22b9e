package speech

import (
	"errors"
	"fmt"
	"io"
	"os"

	"tandem/media/wav"
)

// readFile reads a file of the cache.
func readFile(path string) ([]int16, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, err := wav.NewReader(f)
	if err != nil {
		return nil, err
	}
	if r.Rate() != cacheRate || r.Channels() != 1 {
		return nil, fmt.Errorf("%s: %d channels at %d Hz", path, r.Channels(), r.Rate())
	}
	pcm := make([]int16, 0, info.Size()/2)
	for {
		if len(pcm) == cap(pcm) {
			return nil, fmt.Errorf("%s: more samples than octets", path)
		}
		n, err := r.Read(pcm[len(pcm):cap(pcm)])
		pcm = pcm[:len(pcm)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if len(pcm) == 0 {
		return nil, fmt.Errorf("%s: empty", path)
	}
	return pcm, nil
}

// writeFile writes a file that is there whole or not at all, also after a power
// cut, and returns its size.
func writeFile(path string, pcm []int16) (size int64, err error) {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp)
		}
	}()
	size, err = fill(f, pcm)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	return size, os.Rename(tmp, path)
}

func fill(f *os.File, pcm []int16) (int64, error) {
	w, err := wav.NewWriter(f, wav.Options{Rate: cacheRate, Channels: 1})
	if err != nil {
		return 0, err
	}
	if err := w.Write(pcm); err != nil {
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
