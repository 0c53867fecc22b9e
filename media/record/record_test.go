package record

import (
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media"
	"tandem/media/wav"
)

// The test binary is a recording process where the environment says so.
func TestMain(m *testing.M) {
	if dir := os.Getenv("RECORD_UNTIL_KILLED"); dir != "" {
		recordForever(dir)
	}
	os.Exit(m.Run())
}

// recordForever records a tone in real time, until it is killed.
func recordForever(dir string) {
	d, err := NewDesk(DeskOptions{Dir: dir})
	if err != nil {
		panic(err)
	}
	r, err := d.Start("killed.wav", Options{})
	if err != nil {
		panic(err)
	}
	in, out := media.NewFrame(8000), media.NewFrame(8000)
	in.Silent, out.Silent = false, false
	for tick := range time.Tick(media.Tick) {
		_ = tick
		for i := range in.Samples {
			in.Samples[i], out.Samples[i] = 3000, -3000
		}
		r.Tap(&in, &out)
	}
}

// counted fills a frame with samples that tell where in the stream they are.
func counted(f *media.Frame, at *int, sign int16) {
	f.Silent = false
	for i := range f.Samples {
		f.Samples[i] = sign * int16(1000+*at%20000)
		*at++
	}
}

func read(t *testing.T, path string) (pcm []int16, rate, channels int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := wav.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]int16, 8192)
	for {
		n, err := r.Read(buf)
		pcm = append(pcm, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return pcm, r.Rate(), r.Channels()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func newDesk(t *testing.T) (*Desk, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "recordings")
	d, err := NewDesk(DeskOptions{Dir: dir, Goroutines: 1})
	if err != nil {
		t.Fatal(err)
	}
	return d, dir
}

func TestTwoChannelsAligned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, dir := newDesk(t)
		var res []Result
		r, err := d.Start("a.wav", Options{Done: func(r Result) { res = append(res, r) }})
		if err != nil {
			t.Fatal(err)
		}
		in, out := media.NewFrame(8000), media.NewFrame(8000)
		var a, b int
		for i := range 500 {
			time.Sleep(media.Tick)
			counted(&in, &a, 1)
			counted(&out, &b, -1)
			in.Silent = i >= 100 && i < 150
			out.Silent = i >= 120 && i < 130
			r.Tap(&in, &out)
		}
		r.Stop()
		r.Stop()
		r.Tap(&in, &out) // too late
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		pcm, rate, channels := read(t, filepath.Join(dir, "a.wav"))
		if rate != 8000 || channels != 2 || len(pcm) != 2*500*160 {
			t.Fatalf("%d samples of %d channels at %d Hz", len(pcm), channels, rate)
		}
		for i := range len(pcm) / 2 {
			tick := i / 160
			left, right := int16(1000+i%20000), -int16(1000+i%20000)
			if tick >= 100 && tick < 150 {
				left = 0
			}
			if tick >= 120 && tick < 130 {
				right = 0
			}
			if pcm[2*i] != left || pcm[2*i+1] != right {
				t.Fatalf("sample %d is %d, %d; want %d, %d", i, pcm[2*i], pcm[2*i+1], left, right)
			}
		}
		if len(res) != 1 {
			t.Fatalf("Done called %d times", len(res))
		}
		info, err := os.Stat(filepath.Join(dir, "a.wav"))
		if err != nil {
			t.Fatal(err)
		}
		want := Result{Path: filepath.Join(dir, "a.wav"), Duration: 10 * time.Second, Bytes: info.Size(), Peak: 20999, Reason: Stopped}
		if res[0] != want {
			t.Errorf("got  %+v\nwant %+v", res[0], want)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
	})
}

func TestMono(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, dir := newDesk(t)
		mix, err := d.Start("mix.wav", Options{Channels: 1, Rate: 16000})
		if err != nil {
			t.Fatal(err)
		}
		both, err := d.Start("both.wav", Options{Channels: 1})
		if err != nil {
			t.Fatal(err)
		}
		m := media.NewFrame(16000)
		in, out := media.NewFrame(8000), media.NewFrame(8000)
		at := 0
		for i := range in.Samples {
			in.Samples[i], out.Samples[i] = 30000, int16(i)
		}
		in.Silent, out.Silent = false, false
		for range 100 {
			time.Sleep(media.Tick)
			counted(&m, &at, 1)
			mix.TapMix(&m)
			both.Tap(&in, &out)
		}
		d.Close()
		pcm, rate, channels := read(t, filepath.Join(dir, "mix.wav"))
		if rate != 16000 || channels != 1 || len(pcm) != 32000 || pcm[31999] != 1000+11999 {
			t.Errorf("mix: %d samples of %d channels at %d Hz, the last %d", len(pcm), channels, rate, pcm[len(pcm)-1])
		}
		pcm, _, _ = read(t, filepath.Join(dir, "both.wav"))
		if len(pcm) != 16000 || pcm[0] != 30000 || pcm[100] != 30100 {
			t.Errorf("both: %d samples, %d, %d", len(pcm), pcm[0], pcm[100])
		}
	})
}

// Frames at another rate than the file's come out at the file's, aligned.
func TestResamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, dir := newDesk(t)
		r, err := d.Start("a.wav", Options{})
		if err != nil {
			t.Fatal(err)
		}
		in, out := media.NewFrame(48000), media.NewFrame(48000)
		in.Silent, out.Silent = false, false
		for tick := range 50 {
			time.Sleep(media.Tick)
			for i := range in.Samples {
				s := int16(8000 * math.Sin(2*math.Pi*440*float64(tick*960+i)/48000))
				in.Samples[i], out.Samples[i] = s, s
			}
			in.Silent = tick == 20 // its samples are as good as none
			r.Tap(&in, &out)
		}
		d.Close()
		pcm, rate, _ := read(t, filepath.Join(dir, "a.wav"))
		if rate != 8000 || len(pcm) != 2*8000 {
			t.Fatalf("%d samples at %d Hz", len(pcm), rate)
		}
		for i := 22 * 160; i < 8000; i++ {
			if pcm[2*i] != pcm[2*i+1] {
				t.Fatalf("sample %d: %d and %d", i, pcm[2*i], pcm[2*i+1])
			}
		}
	})
}

func TestEndsByItself(t *testing.T) {
	for _, tt := range []struct {
		name  string
		o     Options
		quiet int // tick at which the caller falls silent
		want  time.Duration
		why   Reason
	}{
		{"duration", Options{MaxDuration: 1010 * time.Millisecond}, 1 << 30, 1020 * time.Millisecond, Duration},
		{"silence", Options{EndOfSilence: time.Second}, 100, 3 * time.Second, Silence},
		{"silence from the beginning", Options{EndOfSilence: time.Second}, 0, time.Second, Silence},
		{"no silence", Options{EndOfSilence: time.Second, MaxDuration: 8 * time.Second}, 1 << 30, 8 * time.Second, Duration},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, _ := newDesk(t)
				var got Result
				var at time.Time
				tt.o.Done = func(r Result) { got, at = r, time.Now() }
				r, err := d.Start("a.wav", tt.o)
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				in, out := media.NewFrame(8000), media.NewFrame(8000)
				var a, b int
				for i := range 500 {
					time.Sleep(media.Tick)
					counted(&in, &a, 1)
					counted(&out, &b, 1) // the other party goes on
					if i >= tt.quiet {
						for j := range in.Samples {
							in.Samples[j] = int16(j%3*100 - 100) // noise
						}
						in.Silent = i%2 == 0
					}
					r.Tap(&in, &out)
				}
				synctest.Wait()
				if got.Reason != tt.why || got.Duration != tt.want {
					t.Errorf("%s after %v, want %s after %v", got.Reason, got.Duration, tt.why, tt.want)
				}
				if late := at.Sub(begin) - tt.want; late > 2*media.Tick {
					t.Errorf("told %v late", late)
				}
				d.Close()
			})
		})
	}
}

// While nobody taps, time goes on in the file.
func TestMissingTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, dir := newDesk(t)
		var res Result
		r, err := d.Start("a.wav", Options{Done: func(r Result) { res = r }})
		if err != nil {
			t.Fatal(err)
		}
		in := media.NewFrame(8000)
		in.Silent = false
		for i := range in.Samples {
			in.Samples[i] = 5000
		}
		for i := range 100 {
			time.Sleep(media.Tick)
			if i == 50 {
				time.Sleep(10 * time.Second)
			}
			r.Tap(&in, nil)
		}
		d.Close()
		pcm, _, _ := read(t, filepath.Join(dir, "a.wav"))
		if got := len(pcm) / 2; got != 12*8000 {
			t.Errorf("%d samples, want 12 s", got)
		}
		if res.Missing != 10*time.Second {
			t.Errorf("missing %v", res.Missing)
		}
		for _, at := range []int{0, 49*160 + 159, len(pcm)/2 - 1} {
			if pcm[2*at] != 5000 {
				t.Errorf("sample %d is %d", at, pcm[2*at])
			}
		}
		if pcm[2*50*160] != 0 || pcm[2*(len(pcm)/2-50*160-1)] != 0 {
			t.Error("the gap is not silent or not in its place")
		}
	})
}

// A disk that stands still loses audio, but no time: what follows stands where
// it belongs.
func TestSlowDisk(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{}
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	clock := &stepClock{now: time.Unix(0, 0)}
	r, err := newRecorder(o, f, clock)
	if err != nil {
		t.Fatal(err)
	}
	r.wake = make(chan struct{}, 1)
	frame := media.NewFrame(8000)
	frame.Silent = false
	at := 0
	tick := func() {
		clock.now = clock.now.Add(media.Tick)
		counted(&frame, &at, 1)
		r.Tap(&frame, &frame)
	}
	// More than the ring holds, many times, with a little writing between, so
	// that there are many gaps.
	for range 5 {
		for range 1000 {
			tick()
		}
		if r.write() {
			t.Fatal(r.err)
		}
	}
	tick()
	r.Stop()
	if !r.write() {
		t.Fatal("not over")
	}
	res := r.finish()
	if res.Err != nil || res.Missing == 0 {
		t.Errorf("%+v", res)
	}
	pcm, _, _ := read(t, path)
	if len(pcm)/2 != 5001*160 {
		t.Fatalf("%d samples, want %d", len(pcm)/2, 5001*160)
	}
	silent := 0
	for i := range len(pcm) / 2 {
		want := int16(1000 + i%20000)
		if got := pcm[2*i]; got == 0 {
			silent++
		} else if got != want {
			t.Fatalf("sample %d is %d, want %d", i, got, want)
		}
	}
	if missing := time.Duration(silent) * time.Second / 8000; missing != res.Missing {
		t.Errorf("%v are silent, %v said to be missing", missing, res.Missing)
	}
	if pcm[len(pcm)-1] == 0 {
		t.Error("the last tick is not in its place")
	}
}

// stepClock is a clock for a recorder without a desk.
type stepClock struct {
	media.SystemClock
	now time.Time
}

func (c *stepClock) Now() time.Time { return c.now }

// A file that cannot be written ends the recording, and says so.
func TestDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	o := Options{}
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "a.wav"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRecorder(o, f, media.SystemClock{})
	if err != nil {
		t.Fatal(err)
	}
	if r.w, err = wav.NewWriter(discardThenFull{full}, wav.Options{Rate: 8000, Channels: 2}); err != nil {
		t.Fatal(err)
	}
	r.Tap(nil, nil)
	if !r.write() {
		t.Fatal("the recording goes on")
	}
	if res := r.finish(); res.Reason != Failed || !errors.Is(res.Err, syscall.ENOSPC) {
		t.Errorf("%+v", res)
	}
}

// discardThenFull takes the header, and then nothing more.
type discardThenFull struct{ full *os.File }

func (d discardThenFull) WriteAt(b []byte, at int64) (int, error) {
	if at == 0 {
		return len(b), nil
	}
	return d.full.Write(b)
}

func TestStartRefuses(t *testing.T) {
	d, dir := newDesk(t)
	if err := os.WriteFile(filepath.Join(dir, "there.wav"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/tmp", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/tmp/tandem-outside.wav", filepath.Join(dir, "link.wav")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		o    Options
	}{
		{"there.wav", Options{}},
		{"link.wav", Options{}},
		{"link/a.wav", Options{}},
		{"../a.wav", Options{}},
		{"/tmp/a.wav", Options{}},
		{"a\x00.wav", Options{}},
		{"", Options{}},
		{"..", Options{}},
		{"a.mp3", Options{}},
		{"a.wav", Options{Rate: 11025}},
		{"a.wav", Options{Channels: 3}},
		{"a.wav", Options{EndOfSilence: -1}},
	} {
		if _, err := d.Start(tt.name, tt.o); err == nil {
			t.Errorf("%q %+v: no error", tt.name, tt.o)
		}
	}
	d.Close()
	if _, err := d.Start("a.wav", Options{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("files left: %v", entries)
	}
}

// A process that is killed leaves a file that can be played, all but its last
// half second.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "killed.wav")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RECORD_UNTIL_KILLED="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for size := int64(0); size < 32000 && time.Since(begin) < 20*time.Second; {
		if info, err := os.Stat(path); err == nil {
			size = info.Size()
		}
		time.Sleep(5 * time.Millisecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
	pcm, rate, channels := read(t, path)
	if rate != 8000 || channels != 2 || len(pcm) < 2*7000 {
		t.Fatalf("%d samples of %d channels at %d Hz", len(pcm), channels, rate)
	}
	for i := range len(pcm) / 2 {
		if pcm[2*i] != 3000 || pcm[2*i+1] != -3000 {
			t.Fatalf("sample %d: %d, %d", i, pcm[2*i], pcm[2*i+1])
		}
	}
	sox(t, path)

	// As if it had been killed between the samples and the header.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 4001)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.WriteFile(filepath.Join(dir, "empty.wav"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Repair(dir); err == nil || !strings.Contains(err.Error(), "empty.wav") || strings.Contains(err.Error(), "killed") {
		t.Errorf("Repair: %v", err)
	}
	again, _, _ := read(t, path)
	if len(again) != len(pcm)+2000 {
		t.Errorf("%d samples after repair, want %d", len(again), len(pcm)+2000)
	}
	sox(t, path)
	if err := Repair(filepath.Join(dir, "none")); err != nil {
		t.Error(err)
	}
}

// sox says that a common player takes the file without a word.
func sox(t *testing.T, path string) {
	t.Helper()
	if _, err := exec.LookPath("sox"); err != nil {
		t.Log("sox is not installed")
		return
	}
	out, err := exec.Command("sox", path, "-n", "stat").CombinedOutput()
	if err != nil || strings.Contains(string(out), "WARN") {
		t.Errorf("sox: %v\n%s", err, out)
	}
}

func TestTapDoesNotAllocate(t *testing.T) {
	d, _ := newDesk(t)
	defer d.Close()
	for _, rate := range []int{8000, 16000} {
		r, err := d.Start(map[int]string{8000: "a.wav", 16000: "b.wav"}[rate], Options{EndOfSilence: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		in, out := media.NewFrame(rate), media.NewFrame(rate)
		in.Silent = false
		r.Tap(&in, &out)
		if n := testing.AllocsPerRun(100, func() { r.Tap(&in, &out) }); n > 0 {
			t.Errorf("%v allocations a tick at %d Hz", n, rate)
		}
	}
}

func BenchmarkTap(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "a.wav"))
	if err != nil {
		b.Fatal(err)
	}
	o := Options{EndOfSilence: time.Hour}
	if err := o.check(); err != nil {
		b.Fatal(err)
	}
	r, err := newRecorder(o, f, media.SystemClock{})
	if err != nil {
		b.Fatal(err)
	}
	in, out := media.NewFrame(8000), media.NewFrame(8000)
	in.Silent, out.Silent = false, false
	discard := make([]int16, 320)
	b.ReportAllocs()
	for b.Loop() {
		r.began, r.total, r.quiet = time.Time{}, 0, 0 // for ever
		r.Tap(&in, &out)
		r.ring.Read(discard)
	}
}
