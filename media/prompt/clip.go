package prompt

import (
	lru "container/list"
	"io"
	"sync"

	"tandem/codec"
	"tandem/media"
)

// A clip is a short prompt, decoded. It does not change.
type clip struct {
	rate    int // a frame's
	pcm     []int16
	version string // of what it was decoded from
}

// clipKey says what a clip was made from, and for which rate.
type clipKey struct {
	kind string // file or url
	name string
	rate int
}

// A clipSource plays a clip. It holds nothing that needs an end.
type clipSource struct {
	clip     *clip
	at       int
	resample *codec.Resampler // to a rate that the clip was not made for
	to       int
	out      []int16
}

// ReadFrame implements [media.Source].
func (s *clipSource) ReadFrame(f *media.Frame) error {
	if s.at >= len(s.clip.pcm) {
		return io.EOF
	}
	f.SetRate(f.Rate)
	f.Silent = false
	tick := s.clip.pcm[s.at:min(s.at+media.SamplesPerTick(s.clip.rate), len(s.clip.pcm))]
	s.at += len(tick)
	if f.Rate != s.clip.rate {
		if s.to != f.Rate {
			r, err := codec.NewResampler(s.clip.rate, f.Rate)
			if err != nil {
				return err
			}
			s.resample, s.to = r, f.Rate
			s.out = make([]int16, 0, media.SamplesPerTick(f.Rate)+8)
		}
		s.out = s.resample.Resample(s.out[:0], tick)
		tick = s.out
	}
	clear(f.Samples[copy(f.Samples, tick):])
	return nil
}

// A cache keeps the clips used last. It is safe for concurrent use.
type cache struct {
	limit int64

	mu     sync.Mutex
	clips  map[clipKey]*lru.Element // of entry
	recent *lru.List
	held   int64
}

type entry struct {
	key  clipKey
	clip *clip
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, clips: map[clipKey]*lru.Element{}, recent: lru.New()}
}

func (c *cache) get(key clipKey) *clip {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.clips[key]
	if !ok {
		return nil
	}
	c.recent.MoveToFront(e)
	return e.Value.(entry).clip
}

func (c *cache) put(key clipKey, clip *clip) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.clips[key]; ok {
		c.remove(old)
	}
	c.clips[key] = c.recent.PushFront(entry{key, clip})
	c.held += clip.size()
	for c.held > c.limit {
		c.remove(c.recent.Back())
	}
}

func (c *cache) remove(e *lru.Element) {
	old := c.recent.Remove(e).(entry)
	delete(c.clips, old.key)
	c.held -= old.clip.size()
}

// size is about what the clip occupies, in bytes.
func (c *clip) size() int64 { return int64(2*cap(c.pcm)) + 512 }
