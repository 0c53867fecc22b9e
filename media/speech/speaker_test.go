package speech

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media"
)

// fake is an engine that says each letter as 10 ms of a constant.
type fake struct {
	name   string
	voices []Voice
	err    error         // of Voices
	delay  time.Duration // before a segment
	fail   error         // of Synthesize
	after  int           // letters before it fails

	mu   sync.Mutex
	said []string
}

const fakeRate = 24000

func (e *fake) Name() string { return e.name }

func (e *fake) Voices() ([]Voice, error) { return e.voices, e.err }

func (e *fake) Synthesize(ctx context.Context, req Request, out PCMWriter) error {
	e.mu.Lock()
	e.said = append(e.said, req.Voice+":"+req.Text)
	e.mu.Unlock()
	select {
	case <-time.After(e.delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	pcm := slices.Repeat([]int16{1000}, fakeRate/100)
	for i := range len(req.Text) {
		if e.fail != nil && i == e.after {
			return e.fail
		}
		if err := out.WritePCM(fakeRate, pcm); err != nil {
			return err
		}
	}
	return nil
}

func (e *fake) log() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.said, " ")
}

// english is an engine with the two voices that tandem has.
func english() *fake {
	return &fake{name: "first", voices: []Voice{{"jenny", "en-GB", "female"}, {"alan", "en-GB", "male"}}}
}

func german() *fake {
	return &fake{name: "second", voices: []Voice{{"en", "en-us", "male"}, {"de", "de", "male"}, {"de+f", "de", "female"}}}
}

// heard is what a source gave, a tick each 20 ms of virtual time.
type heard struct {
	wait  time.Duration // until the first sound
	total time.Duration
	loud  time.Duration
	gaps  int // silences between sounds that the speaker did not make
	err   error
}

func listen(src media.Source, rate int) heard {
	var h heard
	f := media.NewFrame(rate)
	begun := false
	for {
		synctest.Wait() // the synthesis is infinitely fast but for its delays
		err := src.ReadFrame(&f)
		if err != nil {
			h.err = err
			return h
		}
		h.total += media.Tick
		if f.Silent {
			if begun {
				h.gaps++
			} else {
				h.wait += media.Tick
			}
		} else {
			begun = true
			for _, s := range f.Samples {
				if s > 500 {
					h.loud += time.Second / time.Duration(rate)
				}
			}
		}
		time.Sleep(media.Tick)
	}
}

func newSpeaker(t *testing.T, dir string, engines ...Synthesizer) *Speaker {
	t.Helper()
	s, err := NewSpeaker(Options{Engines: engines, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func near(got, want time.Duration) bool { return (got - want).Abs() <= 15*time.Millisecond }

func TestSpeak(t *testing.T) {
	for _, rate := range []int{0, 8000, 16000, 24000, 48000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := english()
				e.delay = 100 * time.Millisecond
				s := newSpeaker(t, "", e)
				defer s.Close()
				src, err := s.Speak(t.Context(), Request{Text: strings.Repeat("a", 30) + ". " + strings.Repeat("B", 30) + ".", Rate: rate})
				if err != nil {
					t.Fatal(err)
				}
				read := rate
				if rate == 0 {
					read = 8000 // another rate than it was made for
				}
				h := listen(src, read)
				if h.err != io.EOF {
					t.Error("end:", h.err)
				}
				// 2 sentences of 31 letters; the second is made while the
				// first is heard.
				if !near(h.loud, 620*time.Millisecond) {
					t.Errorf("%v of speech, want 620ms", h.loud)
				}
				if h.wait < 80*time.Millisecond || h.wait > 140*time.Millisecond {
					t.Errorf("first sound after %v, want 100ms", h.wait)
				}
				if h.gaps > 0 {
					t.Errorf("%d gaps", h.gaps)
				}
				if want := h.wait + 620*time.Millisecond + sentencePause; (h.total - want).Abs() > 2*media.Tick {
					t.Errorf("%v in all, want %v", h.total, want)
				}
			})
		})
	}
}

func TestSpeakChoosesVoice(t *testing.T) {
	for _, tt := range []struct {
		name string
		req  Request
		want string // what the engines were asked
	}{
		{"default", Request{}, "jenny:Hi | "},
		{"same", Request{Language: "en-GB"}, "jenny:Hi | "},
		{"nearest region", Request{Language: "en-US"}, "jenny:Hi | "},
		{"gender", Request{Language: "en-US", Gender: "male"}, "alan:Hi | "},
		{"named", Request{Language: "en-US", Gender: "female", Voice: "Alan"}, "alan:Hi | "},
		{"unknown name", Request{Language: "en-GB", Voice: "en-GB-Wavenet-A"}, "jenny:Hi | "},
		{"named, other language", Request{Language: "de-DE", Voice: "jenny"}, " | de:Hi"},
		{"second engine", Request{Language: "de-AT", Gender: "female"}, " | de+f:Hi"},
		{"underscore", Request{Language: "DE_at"}, " | de:Hi"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := english(), german()
				s := newSpeaker(t, "", a, b)
				defer s.Close()
				tt.req.Text = "Hi"
				src, err := s.Speak(t.Context(), tt.req)
				if err != nil {
					t.Fatal(err)
				}
				if h := listen(src, 16000); h.err != io.EOF {
					t.Error(h.err)
				}
				if got := a.log() + " | " + b.log(); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestSpeakErrors(t *testing.T) {
	notReady := &fake{name: "first", err: fmt.Errorf("%w: still unpacking", ErrNotReady)}
	for _, tt := range []struct {
		name    string
		engines []Synthesizer
		req     Request
		want    error
		text    string
	}{
		{"no language", []Synthesizer{english(), german()}, Request{Text: "hej", Language: "sv-SE"}, ErrNoVoice, `"sv-SE": first does not speak it; second does not speak it`},
		{"not ready", []Synthesizer{notReady}, Request{Text: "hi"}, ErrNoVoice, "still unpacking"},
		{"no engine", nil, Request{Text: "hi"}, ErrNoVoice, "there is no engine"},
		{"empty", []Synthesizer{english()}, Request{Text: " \n"}, ErrEmpty, ""},
		{"only marks", []Synthesizer{english()}, Request{Text: "<speak>...</speak>"}, ErrEmpty, ""},
		{"long", []Synthesizer{english()}, Request{Text: strings.Repeat("a", MaxText+1)}, ErrTooLong, ""},
		{"rate", []Synthesizer{english()}, Request{Text: "a", Rate: 11025}, nil, "11025"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSpeaker(t, "", tt.engines...)
			defer s.Close()
			_, err := s.Speak(t.Context(), tt.req)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
			}
		})
	}
	s := newSpeaker(t, "", english())
	s.Close()
	if _, err := s.Speak(t.Context(), Request{Text: "hi"}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// An engine that fails is replaced by the next, unless it was heard; then the
// listener is told.
func TestSpeakFallsBack(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name  string
		after int
		end   error
		want  string
	}{
		{"at once", 0, io.EOF, "jenny:Hello there. | en:Hello there. en:Good bye."},
		{"in the middle", 6, broken, "jenny:Hello there. | "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := english(), german()
				a.fail, a.after = broken, tt.after
				s := newSpeaker(t, "", a, b)
				defer s.Close()
				src, err := s.Speak(t.Context(), Request{Text: "Hello there. Good bye."})
				if err != nil {
					t.Fatal(err)
				}
				if h := listen(src, 16000); !errors.Is(h.err, tt.end) {
					t.Errorf("ended with %v, want %v", h.err, tt.end)
				}
				if got := a.log() + " | " + b.log(); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// What was said once is not synthesised again, by this process or the next; and
// text that several say at once is synthesised once.
func TestSpeakCaches(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	synctest.Test(t, func(t *testing.T) {
		e := english()
		e.delay = 200 * time.Millisecond
		s := newSpeaker(t, dir, e)
		var all []media.Source
		for range 3 {
			src, err := s.Speak(t.Context(), Request{Text: "Welcome. Press one."})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, src)
		}
		for _, src := range all {
			if h := listen(src, 16000); h.err != io.EOF || !near(h.loud, 180*time.Millisecond) {
				t.Errorf("%+v", h)
			}
		}
		s.Close()
		if got, want := e.log(), "jenny:Welcome. jenny:Press one."; got != want {
			t.Errorf("asked %q, want %q", got, want)
		}

		// A file that is broken is made again, one that was being written is
		// gone.
		if err := os.WriteFile(filepath.Join(dir, "x.wav.tmp"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		broken := filepath.Join(dir, cacheKey("first", "jenny", "en-GB", "Press one.")+".wav")
		if err := os.WriteFile(broken, []byte("RIFF"), 0o600); err != nil {
			t.Fatal(err)
		}
		e.said = nil
		s = newSpeaker(t, dir, e)
		src, err := s.Speak(t.Context(), Request{Text: "Welcome. Press one.", Language: "en-US"})
		if err != nil {
			t.Fatal(err)
		}
		if h := listen(src, 16000); h.err != io.EOF || h.wait > 0 || !near(h.loud, 180*time.Millisecond) {
			t.Errorf("from disk: %+v", h)
		}
		s.Close()
		if got, want := e.log(), "jenny:Press one."; got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
	})
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		info, _ := e.Info()
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		names = append(names, e.Name())
	}
	if len(names) != 2 {
		t.Errorf("files %v, want 2", names)
	}
}

func TestCacheLimits(t *testing.T) {
	dir := t.TempDir()
	pcm := slices.Repeat([]int16{7}, 5000) // 10 kB
	c, err := openCache(dir, 105_000, 35_000)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for i := range 30 {
		key := cacheKey("e", "v", "en", fmt.Sprint(i))
		keys = append(keys, key)
		c.put(key, pcm)
	}
	c.close()
	if c.held > 35_000 || len(c.memory) != 3 {
		t.Errorf("%d bytes of %d segments in memory", c.held, len(c.memory))
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) > 10 || len(entries) < 8 || len(entries) != len(c.files) {
		t.Errorf("%d files, %d known", len(entries), len(c.files))
	}
	if got := c.get(keys[29]); !slices.Equal(got, pcm) {
		t.Error("the newest is gone")
	}
	if c.get(keys[0]) != nil {
		t.Error("the oldest is still there")
	}
	again, err := openCache(dir, 105_000, 35_000)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if again.stored != c.stored || len(again.files) != len(c.files) {
		t.Errorf("reopened: %d bytes in %d files, want %d in %d", again.stored, len(again.files), c.stored, len(c.files))
	}
}

// Whoever stops listening ends the synthesis; nothing stays behind (synctest
// reports goroutines that do).
func TestSpeakClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := english()
		e.delay = time.Hour
		s := newSpeaker(t, "", e)
		src, err := s.Speak(t.Context(), Request{Text: "Hello"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		src.(media.Closer).Close()
		src.(media.Closer).Close()
		synctest.Wait()

		// A reader who stands still holds up the synthesis, not memory.
		e.delay = 0
		var text strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&text, "Sentence %d takes less than a second. ", i)
		}
		slow, err := s.Speak(t.Context(), Request{Text: text.String()})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := strings.Count(e.log(), "jenny"); n < 10 || n > 60 {
			t.Errorf("%d sentences made ahead of the reader", n)
		}
		s.Close() // ends those still speaking
		f := media.NewFrame(16000)
		for {
			if err := slow.ReadFrame(&f); err != nil {
				if !errors.Is(err, ErrClosed) {
					t.Error("after Close:", err)
				}
				break
			}
		}
	})
}

func TestReadFrameDoesNotAllocate(t *testing.T) {
	e := english()
	s := newSpeaker(t, "", e)
	defer s.Close()
	src, err := s.Speak(t.Context(), Request{Text: strings.Repeat("word ", 50)})
	if err != nil {
		t.Fatal(err)
	}
	defer src.(media.Closer).Close()
	for _, rate := range []int{16000, 8000} {
		f := media.NewFrame(rate)
		for f.Silent {
			if err := src.ReadFrame(&f); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(20, func() {
			if err := src.ReadFrame(&f); err != nil {
				t.Error(err)
			}
		}); n > 0 {
			t.Errorf("%v allocations a frame at %d Hz", n, rate)
		}
	}
}
