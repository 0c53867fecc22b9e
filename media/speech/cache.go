package speech

import (
	"cmp"
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// cache keeps segments that were spoken: the newest in memory, many more on
// disk as 16 kHz WAV files named by their key. It is safe for concurrent use. A
// cache that cannot be read or written is a miss, never an error: speech goes
// on without it.
type cache struct {
	dir         string // empty: memory only
	diskLimit   int64
	memoryLimit int64

	mu     sync.Mutex
	memory map[string]*list.Element // of *clip
	recent *list.List               // of *clip, newest first
	held   int64                    // bytes in memory
	files  map[string]*file
	stored int64 // bytes on disk

	writing chan *clip    // to the goroutine that writes files
	written chan struct{} // closed when that has ended
}

// writeQueue is how many segments may wait for the disk. One that finds it full
// is not stored this time.
const writeQueue = 64

type clip struct {
	key string
	pcm []int16
}

type file struct {
	key  string
	size int64
	used time.Time
}

// cacheKey names what an engine says in a voice.
func cacheKey(engine, voice, language, text string) string {
	h := sha256.New()
	fmt.Fprintf(h, "1\x00%s\x00%s\x00%s\x00%s", engine, voice, strings.ToLower(language), text)
	return hex.EncodeToString(h.Sum(nil)[:20])
}

func openCache(dir string, diskLimit, memoryLimit int64) (*cache, error) {
	c := &cache{
		dir:         dir,
		diskLimit:   diskLimit,
		memoryLimit: memoryLimit,
		memory:      map[string]*list.Element{},
		recent:      list.New(),
		files:       map[string]*file{},
		writing:     make(chan *clip, writeQueue),
		written:     make(chan struct{}),
	}
	if dir == "" {
		close(c.written)
		return c, nil
	}
	// What is spoken may be private.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("speech cache: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("speech cache: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		key, ok := strings.CutSuffix(e.Name(), ".wav")
		if !ok {
			// Left by a process that was killed while writing.
			if strings.HasSuffix(e.Name(), ".tmp") {
				os.Remove(filepath.Join(dir, e.Name()))
			}
			continue
		}
		c.files[key] = &file{key, info.Size(), info.ModTime()}
		c.stored += info.Size()
	}
	go c.write()
	return c, nil
}

// close waits until what was put is on disk. Nothing may be put after.
func (c *cache) close() {
	close(c.writing)
	<-c.written
}

// get returns the audio of key, or nil. It must not be changed.
func (c *cache) get(key string) []int16 {
	c.mu.Lock()
	if e, ok := c.memory[key]; ok {
		c.recent.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(*clip).pcm
	}
	f, ok := c.files[key]
	if ok {
		f.used = time.Now()
	}
	c.mu.Unlock()
	if !ok {
		return nil
	}
	pcm, err := readFile(c.path(key))
	if err != nil {
		// Removed by somebody, or torn by a power cut: made again.
		c.forget(key)
		return nil
	}
	c.remember(key, pcm)
	// The time of last use outlives the process; nothing hangs on it.
	_ = os.Chtimes(c.path(key), time.Time{}, time.Now())
	return pcm
}

// put keeps the audio of key, which must not be changed afterwards.
func (c *cache) put(key string, pcm []int16) {
	c.remember(key, pcm)
	if c.dir == "" {
		return
	}
	select {
	case c.writing <- &clip{key, pcm}:
	default:
	}
}

// write stores segments until the cache is closed.
func (c *cache) write() {
	defer close(c.written)
	for clip := range c.writing {
		size, err := writeFile(c.path(clip.key), clip.pcm)
		if err != nil {
			continue
		}
		c.mu.Lock()
		if old, ok := c.files[clip.key]; ok {
			c.stored -= old.size
		}
		c.files[clip.key] = &file{clip.key, size, time.Now()}
		c.stored += size
		stale := c.overflow()
		c.mu.Unlock()
		for _, k := range stale {
			os.Remove(c.path(k))
		}
	}
}

// overflow takes the files longest unused out of the index until a tenth of the
// room is free, and returns their keys.
func (c *cache) overflow() []string {
	if c.stored <= c.diskLimit {
		return nil
	}
	all := make([]*file, 0, len(c.files))
	for _, f := range c.files {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *file) int {
		return cmp.Or(a.used.Compare(b.used), strings.Compare(a.key, b.key))
	})
	var out []string
	for _, f := range all {
		if c.stored <= c.diskLimit-c.diskLimit/10 {
			break
		}
		delete(c.files, f.key)
		c.stored -= f.size
		out = append(out, f.key)
	}
	return out
}

func (c *cache) remember(key string, pcm []int16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.memory[key]; ok || int64(2*len(pcm)) > c.memoryLimit {
		return
	}
	c.memory[key] = c.recent.PushFront(&clip{key, pcm})
	c.held += int64(2 * len(pcm))
	for c.held > c.memoryLimit {
		last := c.recent.Back()
		old := c.recent.Remove(last).(*clip)
		delete(c.memory, old.key)
		c.held -= int64(2 * len(old.pcm))
	}
}

func (c *cache) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.files[key]; ok {
		delete(c.files, key)
		c.stored -= f.size
	}
}

func (c *cache) path(key string) string { return filepath.Join(c.dir, key+".wav") }
