package piper

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tandem/media/speech"
)

// The test binary is the piper program where it is called by that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "piper" {
		actPiper()
		return
	}
	goleak.VerifyTestMain(m)
}

// actPiper does what piper does: a line of JSON in, samples out in pieces, a
// line in the log. Each letter is ten samples of the process's number of lines
// so far. Some texts make it misbehave.
func actPiper() {
	in := bufio.NewScanner(os.Stdin)
	fmt.Fprintln(os.Stderr, "[2026-01-01 00:00:00.000] [piper] [info] Loaded voice in 0.2 second(s)")
	total, lines := 0, 0
	for in.Scan() {
		var line struct{ Text string }
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			fmt.Fprintln(os.Stderr, "bad JSON:", err)
			os.Exit(1)
		}
		lines++
		switch {
		case line.Text == "crash":
			fmt.Fprintln(os.Stderr, "terminate called after throwing an instance of 'std::bad_alloc'")
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case line.Text == "hang":
			select {}
		case line.Text == "half":
			os.Stdout.Write([]byte{1, 0, 2})
			os.Exit(3)
		case strings.HasPrefix(line.Text, "crash once "):
			// The path of a file that says that it has.
			path := strings.TrimPrefix(line.Text, "crash once ")
			if _, err := os.Stat(path); err != nil {
				os.WriteFile(path, nil, 0o600)
				os.Exit(4)
			}
		case line.Text == "env":
			line.Text = strings.Repeat("x", len(os.Environ()))
		}
		n := 10 * len(line.Text)
		pcm := make([]byte, 2*n)
		for i := range n {
			pcm[2*i], pcm[2*i+1] = byte(lines), 1
		}
		// An odd number of bytes first.
		cut := min(len(pcm), 7)
		os.Stdout.Write(pcm[:cut])
		os.Stdout.Write(pcm[cut:])
		total += n
		fmt.Fprintf(os.Stderr, "[2026-01-01 00:00:00.000] [piper] [info] Real-time factor: 0.09 (infer=0.2 sec, audio=%v sec)\n", float64(total)/22050)
	}
}

// install makes a folder as tandem-voice does, with the test binary as the
// program.
func install(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("engine/2/tandem.json", "{}")
	if err := os.Symlink(exe, filepath.Join(dir, "engine/2/piper")); err != nil {
		t.Fatal(err)
	}
	write("engine/.partial-3/tandem.json", "{}")
	for _, v := range []string{`{"name":"alan","language":"en-GB","gender":"male"}`, `{"name":"jenny","language":"en-GB","gender":"female"}`} {
		var d Description
		if err := json.Unmarshal([]byte(v), &d); err != nil {
			t.Fatal(err)
		}
		write("voices/"+d.Name+"/1/tandem.json", v)
		write("voices/"+d.Name+"/1/voice.json", `{"audio":{"sample_rate":22050}}`)
	}
	write("voices/half/.partial-1/tandem.json", "{}")
	return dir
}

type collector struct {
	mu   sync.Mutex
	rate int
	pcm  []int16
	err  error
}

func (c *collector) WritePCM(rate int, pcm []int16) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rate = rate
	c.pcm = append(c.pcm, pcm...)
	return c.err
}

func say(e *Engine, text string) (*collector, error) {
	var c collector
	err := e.Synthesize(context.Background(), speech.Request{Text: text, Voice: "jenny"}, &c)
	return &c, err
}

func TestVoices(t *testing.T) {
	e := New(Options{Dir: install(t)})
	defer e.Close()
	got, err := e.Voices()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != (speech.Voice{Name: "jenny", Language: "en-GB", Gender: "female"}) || got[1].Name != "alan" {
		t.Errorf("%+v", got)
	}
	for _, name := range []string{"", "..", "../voices/jenny", "half", "nobody", ".partial"} {
		if err := e.Synthesize(context.Background(), speech.Request{Text: "x", Voice: name}, &collector{}); err == nil {
			t.Errorf("voice %q: no error", name)
		}
	}
	empty := New(Options{Dir: t.TempDir()})
	defer empty.Close()
	if _, err := empty.Voices(); !errors.Is(err, speech.ErrNotReady) {
		t.Errorf("empty folder: %v", err)
	}
}

// Each text gets its own audio, to the sample, from one process.
func TestSynthesizeDivides(t *testing.T) {
	e := New(Options{Dir: install(t)})
	defer e.Close()
	for i, text := range []string{"hello", "", "a", strings.Repeat("long ", 2000), `"quoted" \ and` + "\nlines ä", "end"} {
		c, err := say(e, text)
		if err != nil {
			t.Fatal(i, err)
		}
		if len(c.pcm) != 10*len(text) {
			t.Errorf("%d: %d samples, want %d", i, len(c.pcm), 10*len(text))
		}
		for j, s := range c.pcm {
			if s != int16(0x100+i+1) {
				t.Fatalf("%d: sample %d is %#x: another text's", i, j, s)
			}
		}
		if len(text) > 0 && c.rate != 22050 {
			t.Errorf("rate %d", c.rate)
		}
	}
	// Nothing of our environment reaches the program.
	t.Setenv("SECRET", "x")
	if c, err := say(e, "env"); err != nil || len(c.pcm) != 10 {
		t.Errorf("the program has %d environment variables, %v", len(c.pcm)/10, err)
	}
}

// Callers at once take turns; one who leaves does not harm the next.
func TestSynthesizeConcurrently(t *testing.T) {
	e := New(Options{Dir: install(t), Processes: 2})
	defer e.Close()
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			text := strings.Repeat("x", 50+i)
			var c collector
			if i%4 == 0 {
				c.err = errors.New("gone")
			}
			err := e.Synthesize(context.Background(), speech.Request{Text: text, Voice: "alan"}, &c)
			if c.err != nil {
				if !errors.Is(err, c.err) {
					t.Errorf("writer's error: %v", err)
				}
				return
			}
			if err != nil || len(c.pcm) != 10*len(text) {
				t.Errorf("%d samples, want %d: %v", len(c.pcm), 10*len(text), err)
			}
		})
	}
	wg.Wait()
	if n := e.pools["alan"].workers; n != 2 {
		t.Errorf("%d processes", n)
	}
}

func TestProcessEnds(t *testing.T) {
	dir := install(t)
	e := New(Options{Dir: dir})
	defer e.Close()
	for _, tt := range []struct{ text, want string }{
		{"crash", "bad_alloc"},
		{"half", "exit status 3"},
	} {
		if _, err := say(e, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
		// The next is served by a new one.
		if c, err := say(e, "hello"); err != nil || len(c.pcm) != 50 {
			t.Errorf("after %q: %v", tt.text, err)
		}
	}
	once := "crash once " + filepath.Join(t.TempDir(), "crashed")
	if c, err := say(e, once); err != nil || len(c.pcm) != 10*len(once) {
		t.Errorf("a process that died before it spoke is not replaced: %v", err)
	}
}

func TestCloseEndsProcesses(t *testing.T) {
	e := New(Options{Dir: install(t)})
	ctx, cancel := context.WithCancel(context.Background())
	hung := make(chan error, 2)
	go func() {
		hung <- e.Synthesize(ctx, speech.Request{Text: "hang", Voice: "jenny"}, &collector{})
	}()
	// A second, who waits for the process, may go at any time.
	cancelled, stop := context.WithCancel(context.Background())
	stop()
	if err := e.Synthesize(cancelled, speech.Request{Text: "x", Voice: "jenny"}, &collector{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	cancel()
	if err := <-hung; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	begin := time.Now()
	e.Close()
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("Close took %v", d)
	}
	if _, err := say(e, "x"); !errors.Is(err, speech.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestMark(t *testing.T) {
	for _, tt := range []struct {
		line    string
		seconds float64
		ok      bool
	}{
		{"[x] [piper] [info] Real-time factor: 0.08254522116448479 (infer=0.177294407 sec, audio=2.147845804988662 sec)\n", 2.147845804988662, true},
		{"Real-time factor: 0 (infer=0 sec, audio=0 sec)", 0, true},
		{"Real-time factor: -nan (infer=0 sec, audio=1e-05 sec)", 1e-05, true},
		{"Real-time factor: 1 (infer=0 sec, audio=-1 sec)", 0, false},
		{"Real-time factor: 1 (infer=0 sec, audio=inf sec)", 0, false},
		{"Real-time factor: 1", 0, false},
		{"Waiting for audio to finish playing...", 0, false},
	} {
		if s, ok := mark(tt.line); ok != tt.ok || ok && s != tt.seconds {
			t.Errorf("%q: %v, %v", tt.line, s, ok)
		}
	}
}
