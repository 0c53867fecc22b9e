package prompt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tandem/media"
	"tandem/media/wav"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// file is a WAV file of so many samples of value v.
func file(t testing.TB, rate, samples int, v int16) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.wav")
	w, err := wav.Create(path, wav.Options{Rate: rate, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, samples)
	for i := range pcm {
		pcm[i] = v
	}
	if err := errors.Join(w.Write(pcm), w.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// endless is a WAV stream without an end.
func endless(w io.Writer, header []byte) {
	h := bytes.Clone(header[:44])
	binary.LittleEndian.PutUint32(h[40:], 0xffffffff)
	noise := bytes.Repeat([]byte{1, 2}, 4096)
	for _, err := w.Write(h); err == nil; {
		_, err = w.Write(noise)
	}
}

func library(t testing.TB, o Options) *Library {
	t.Helper()
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// play reads a source to its end and gives what was heard.
func play(t testing.TB, src media.Source, rate int) (pcm []int16, err error) {
	t.Helper()
	f := media.NewFrame(rate)
	hung := time.Now().Add(20 * time.Second)
	for {
		if err := src.ReadFrame(&f); err != nil {
			return pcm, err
		}
		if f.Silent {
			// The reader goes far faster than a worker would.
			if time.Now().After(hung) {
				t.Fatal("nothing but silence")
			}
			runtime.Gosched()
			continue
		}
		pcm = append(pcm, f.Samples...)
		if len(pcm) > 50_000_000 {
			t.Fatal("no end")
		}
	}
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.wav"), file(t, 8000, 8000, 1000))
	write(t, filepath.Join(dir, "sub/b c.wav"), file(t, 44100, 44100, 2000))
	write(t, filepath.Join(dir, "long.wav"), file(t, 22050, 62*22050, 3000))
	if err := os.Symlink("a.wav", filepath.Join(dir, "inside.wav")); err != nil {
		t.Fatal(err)
	}
	l := library(t, Options{Dir: dir})
	for _, tt := range []struct {
		specs   []string
		seconds float64
		level   int16 // near the end
	}{
		{[]string{"a.wav"}, 1, 1000},
		{[]string{"file:a.wav"}, 1, 1000},
		{[]string{"file:///a.wav"}, 1, 1000},
		{[]string{"FILE:/a.wav"}, 1, 1000},
		{[]string{"inside.wav"}, 1, 1000},
		{[]string{"sub/../a.wav"}, 1, 1000},
		{[]string{"file:sub/b c.wav"}, 1, 2000},
		{[]string{"file:///sub/b%20c.wav"}, 1, 2000},
		{[]string{"a.wav", "file:sub/b c.wav", "a.wav"}, 3, 1000},
		{[]string{"tone:beep", "a.wav"}, 1.25, 1000},
	} {
		for _, rate := range []int{8000, 48000} {
			for range 2 { // decoded, and from the cache
				src, err := l.Open(t.Context(), rate, tt.specs...)
				if err != nil {
					t.Fatal(tt.specs, err)
				}
				pcm, err := play(t, src, rate)
				if err != io.EOF {
					t.Error(tt.specs, err)
				}
				if got, want := len(pcm), int(tt.seconds*float64(rate)); got < want-rate/25 || got > want+rate/10 {
					t.Errorf("%v at %d Hz: %d samples, want %d", tt.specs, rate, got, want)
				}
				if v := pcm[len(pcm)-rate/10]; v < tt.level-60 || v > tt.level+60 {
					t.Errorf("%v at %d Hz: level %d, want %d", tt.specs, rate, v, tt.level)
				}
			}
		}
	}
	// Read at another rate than it was opened for, which a long one is while
	// it plays.
	for spec, seconds := range map[string]int{"a.wav": 1, "long.wav": 62} {
		src, err := l.Open(t.Context(), 8000, spec)
		if err != nil {
			t.Fatal(err)
		}
		pcm, err := play(t, src, 16000)
		if n := len(pcm) / 16000; err != io.EOF || n != seconds {
			t.Errorf("%s: %d samples, %v", spec, len(pcm), err)
		}
	}
	// A file that has changed is read again.
	write(t, filepath.Join(dir, "a.wav"), file(t, 8000, 16000, 500))
	src, err := l.Open(t.Context(), 8000, "a.wav")
	if err != nil {
		t.Fatal(err)
	}
	if pcm, _ := play(t, src, 8000); len(pcm) != 16000 || pcm[0] != 500 {
		t.Errorf("a changed file gives %d samples of %d", len(pcm), pcm[0])
	}
}

// Attack 38: nothing outside the root is read, whatever the name.
func TestFilesOutside(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "prompts")
	write(t, filepath.Join(top, "secret.wav"), file(t, 8000, 8000, 1))
	write(t, filepath.Join(dir, "sub/in.wav"), file(t, 8000, 8000, 1))
	for link, to := range map[string]string{
		"out.wav": filepath.Join(top, "secret.wav"), "up.wav": "../secret.wav", "dir": "..", "etc": "/etc", "loop.wav": "loop.wav",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.wav"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(top, "secret.wav")
	l := library(t, Options{Dir: dir})
	for _, spec := range []string{
		"../secret.wav", "file:../secret.wav", "file:///../secret.wav", "file:////" + secret, "file:" + secret,
		"file://" + secret, secret, "sub/../../secret.wav", "file:///%2e%2e/secret.wav", "file:///%2E%2E%2Fsecret.wav",
		"file:%2e%2e/secret.wav", "file:///..%2fsecret.wav", "..\\secret.wav", "out.wav", "up.wav", "dir/secret.wav",
		"etc/passwd", "file:///etc/passwd", "file://localhost/sub/in.wav", "in.wav\x00.wav", "file:///sub/in.wav%00",
		"", "file:", "file:///", ".", "/", "sub", "pipe.wav", "loop.wav", "none.wav", "file:///%zz",
		strings.Repeat("a", 5000), "gopher://x/", "ftp://x/y.wav", "data:audio/wav;base64,AAAA", "unix:/x", "/dev/zero", "http:///x", "http:x",
	} {
		src, err := l.Open(t.Context(), 8000, spec)
		if err == nil {
			t.Errorf("%q: opened", spec)
			closeSource(src)
			continue
		}
		if strings.Contains(err.Error(), dir) {
			t.Errorf("%q: the error tells where the folder is: %v", spec, err)
		}
	}
	none := library(t, Options{})
	for _, spec := range []string{"a.wav", "http://127.0.0.1/"} {
		if _, err := none.Open(t.Context(), 8000, spec); err == nil {
			t.Errorf("%s: opened without folder and client", spec)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	good := file(t, 8000, 8000, 1)
	write(t, filepath.Join(dir, "good.wav"), good)
	write(t, filepath.Join(dir, "text.wav"), []byte("hello, this is no audio"))
	write(t, filepath.Join(dir, "empty.wav"), nil)
	write(t, filepath.Join(dir, "header.wav"), good[:30])
	write(t, filepath.Join(dir, "silent.wav"), file(t, 8000, 0, 0))
	write(t, filepath.Join(dir, "odd.wav"), file(t, 12345, 100, 0))
	l := library(t, Options{Dir: dir})
	for _, tt := range []struct {
		rate  int
		specs []string
		want  string
	}{
		{8000, nil, "none given"},
		{8000, make([]string, 300), "at most 256"},
		{11025, []string{"good.wav"}, "not a frame's rate"},
		{8000, []string{"text.wav"}, `open prompt "text.wav": wav: offset`},
		{8000, []string{"empty.wav"}, "wav"},
		{8000, []string{"header.wav"}, "wav"},
		{8000, []string{"silent.wav"}, "no audio"},
		{8000, []string{"odd.wav"}, "12345 Hz"},
		{8000, []string{"tone:none"}, "unknown tone"},
		{8000, []string{"tone:"}, "unknown tone"},
		{8000, []string{"tone:99999999/1"}, "tone"},
	} {
		if _, err := l.Open(t.Context(), tt.rate, tt.specs...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.specs, err, tt.want)
		}
	}
	// A list goes as far as it can.
	src, err := l.Open(t.Context(), 8000, "good.wav", "none.wav", "good.wav")
	if err != nil {
		t.Fatal(err)
	}
	if pcm, err := play(t, src, 8000); len(pcm) != 8000 || !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOENT) {
		t.Errorf("%d samples, %v", len(pcm), err)
	}
	// One that is left before its end leaves nothing behind (goleak).
	src, err = l.Open(t.Context(), 8000, "good.wav", "tone:ringback", "good.wav")
	if err != nil {
		t.Fatal(err)
	}
	closeSource(src)
	closeSource(src)
}

func TestURLs(t *testing.T) {
	data, long := file(t, 16000, 16000, 1000), file(t, 8000, 62*8000, 700)
	var bodies atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/a.wav", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		bodies.Add(1)
		w.Write(data)
	})
	mux.HandleFunc("/long.wav", func(w http.ResponseWriter, _ *http.Request) { w.Write(long) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/a.wav", http.StatusFound) })
	s := httptest.NewServer(mux)
	defer s.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	l := library(t, Options{Client: &http.Client{}})
	for _, tt := range []struct {
		path    string
		seconds int
	}{{"/a.wav", 1}, {"/a.wav", 1}, {"/moved", 1}, {"/long.wav", 62}} {
		src, err := l.Open(t.Context(), 8000, s.URL+tt.path)
		if err != nil {
			t.Fatal(err)
		}
		pcm, err := play(t, src, 8000)
		if err != io.EOF || len(pcm) < tt.seconds*8000 || len(pcm) > tt.seconds*8000+400 {
			t.Errorf("%s: %d samples, %v", tt.path, len(pcm), err)
		}
	}
	if n := bodies.Load(); n != 2 {
		t.Errorf("the file was sent %d times: the second time it is known", n)
	}
	// What one client may reach, another library's does not get from the
	// cache.
	other := l.With(&http.Client{Transport: refusing{}})
	if _, err := other.Open(t.Context(), 8000, s.URL+"/a.wav"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("another client: %v", err)
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }

// Attack 44: a server that sends for ever, too slowly or nonsense costs a call
// its prompt and nothing more.
func TestURLsHostile(t *testing.T) {
	data := file(t, 8000, 8000, 1000)
	stop := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) { endless(w, data) })
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(1<<30))
		w.Write(data)
	})
	mux.HandleFunc("/404", http.NotFound)
	mux.HandleFunc("/html", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) { <-stop })
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		for _, b := range data {
			w.Write([]byte{b})
			w.(http.Flusher).Flush()
			select {
			case <-stop:
				return
			case <-r.Context().Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	mux.HandleFunc("/stalls", func(w http.ResponseWriter, _ *http.Request) {
		w.Write(data[:len(data)-1600])
		w.(http.Flusher).Flush()
		<-stop
	})
	mux.HandleFunc("/breaks", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data[:len(data)/2])
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	defer close(stop)
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	l := library(t, Options{Client: &http.Client{}, FetchBytes: 1 << 20, FetchTimeout: 300 * time.Millisecond})
	for _, tt := range []struct{ path, want string }{
		{"/404", "404"},
		{"/html", "wav"},
		{"/big", "at most 1048576"},
		{"/silent", "no audio within 300ms"},
		{"/drip", "no audio within 300ms"},
	} {
		begin := time.Now()
		_, err := l.Open(t.Context(), 8000, s.URL+tt.path)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.path, err, tt.want)
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("%s took %v", tt.path, d)
		}
	}
	// These are heard as far as they come.
	for _, tt := range []struct {
		path    string
		samples int
		end     string
	}{
		{"/endless", (1<<20 - 44) / 2, "longer"},
		{"/stalls", 6600, "nothing came for"},
		{"/breaks", 3000, "EOF"},
	} {
		src, err := l.Open(t.Context(), 8000, s.URL+tt.path)
		if err != nil {
			t.Error(tt.path, err)
			continue
		}
		pcm, err := play(t, src, 8000)
		if len(pcm) < tt.samples-400 || len(pcm) > tt.samples+2000 || err == nil || !strings.Contains(err.Error(), tt.end) {
			t.Errorf("%s: %d samples, %v; want %d, %q", tt.path, len(pcm), err, tt.samples, tt.end)
		}
	}
	// The caller's patience counts too.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := l.Open(ctx, 8000, s.URL+"/silent"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a deadline: %v", err)
	}
	// A listener who leaves ends the fetch.
	src, err := l.Open(t.Context(), 8000, s.URL+"/stalls")
	if err != nil {
		t.Fatal(err)
	}
	closeSource(src)
}

// A file of hours plays without being read into memory, and ends with the
// library.
func TestLongFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hours.wav")
	write(t, path, file(t, 8000, 8000, 1000))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	// 37 hours, of which the disk holds nothing.
	const size = 1<<31 - 1<<10
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], size-44)
	if _, err := f.WriteAt(length[:], 40); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}
	l := library(t, Options{Dir: dir})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	src, err := l.Open(t.Context(), 8000, "hours.wav")
	if err != nil {
		t.Fatal(err)
	}
	frame := media.NewFrame(8000)
	for range 10000 {
		if err := src.ReadFrame(&frame); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("%d bytes more in memory", grown)
	}
	l.Close()
	for {
		if err := src.ReadFrame(&frame); err != nil {
			if !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
			break
		}
	}
	if _, err := l.Open(t.Context(), 8000, "hours.wav"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCacheLimit(t *testing.T) {
	dir := t.TempDir()
	l := library(t, Options{Dir: dir, CacheBytes: 100_000})
	for i := range 20 {
		name := fmt.Sprintf("%d.wav", i)
		write(t, filepath.Join(dir, name), file(t, 8000, 8000, int16(i+1)))
		if _, err := l.Open(t.Context(), 8000, name); err != nil {
			t.Fatal(err)
		}
	}
	if l.cache.held > 100_000 || l.cache.recent.Len() < 2 || len(l.cache.clips) != l.cache.recent.Len() {
		t.Errorf("%d bytes in %d clips", l.cache.held, l.cache.recent.Len())
	}
}

func TestReadFrameDoesNotAllocate(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "clip.wav"), file(t, 8000, 50*8000, 1))
	write(t, filepath.Join(dir, "long.wav"), file(t, 8000, 200*8000, 1))
	l := library(t, Options{Dir: dir})
	for _, spec := range []string{"clip.wav", "tone:ringback"} {
		for _, rate := range []int{8000, 16000} {
			src, err := l.Open(t.Context(), 8000, spec, "clip.wav")
			if err != nil {
				t.Fatal(err)
			}
			f := media.NewFrame(rate)
			if n := testing.AllocsPerRun(100, func() { src.ReadFrame(&f) }); n > 0 {
				t.Errorf("%s at %d Hz: %v allocations a frame", spec, rate, n)
			}
			closeSource(src)
		}
	}
}

func FuzzFileName(f *testing.F) {
	for _, s := range []string{"a.wav", "///a%20b.wav", "../x", "///%2e%2e/x", "//host/x", "/x", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := fileName(s)
		if err == nil && (!filepath.IsLocal(name) || strings.ContainsRune(name, 0)) {
			t.Errorf("%q gives %q", s, name)
		}
	})
}
