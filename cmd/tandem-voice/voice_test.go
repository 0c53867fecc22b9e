package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/compress/zstd"

	"tandem/media"
	"tandem/media/speech"
	"tandem/media/speech/piper"
)

// The test binary is tandem-voice where it is called by that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "tandem-voice" {
		main()
		return
	}
	os.Exit(m.Run())
}

// archive makes a dist.tzst.
func archive(t *testing.T, version string, headers []tar.Header, contents ...string) fs.FS {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for i, h := range headers {
		if i < len(contents) {
			h.Size = int64(len(contents[i]))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(contents[i])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		"dist.tzst": {Data: b.Bytes()},
		"dist.json": {Data: []byte(`{"Version":"` + version + `"}`)},
	}
}

func small(t *testing.T, version, content string) asset {
	return asset{
		Description: piper.Description{Name: "tiny", Language: "en-GB", Gender: "male"},
		archive: archive(t, version, []tar.Header{
			{Name: "voice.onnx", Typeflag: tar.TypeReg},
			{Name: "sub/voice.json", Typeflag: tar.TypeReg},
			{Name: "sub/link.json", Typeflag: tar.TypeSymlink, Linkname: "voice.json"},
		}, content, "{}"),
		programs: []string{"voice.onnx"},
	}
}

// tree is the files below dir, with their contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, dir+"/")] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	check := func(version, content string) {
		t.Helper()
		if err := unpack(dir, []asset{small(t, version, content)}); err != nil {
			t.Fatal(err)
		}
		got := tree(t, filepath.Join(dir, "voices"))
		at := "tiny/" + version
		if len(got) != 4 || got[at+"/voice.onnx"] != content || got[at+"/sub/link.json"] != "{}" {
			t.Errorf("%s: %v", version, got)
		}
		if info, err := os.Stat(filepath.Join(dir, "voices", at, "voice.onnx")); err != nil || info.Mode().Perm()&0o111 == 0 {
			t.Errorf("program: %v, %v", info.Mode(), err)
		}
	}
	check("1", "one")
	before, _ := os.Stat(filepath.Join(dir, "voices/tiny/1"))
	check("1", "one")
	after, _ := os.Stat(filepath.Join(dir, "voices/tiny/1"))
	if !os.SameFile(before, after) {
		t.Error("unpacked again what was there")
	}
	// A file was lost: made again.
	if err := os.Truncate(filepath.Join(dir, "voices/tiny/1/voice.onnx"), 1); err != nil {
		t.Fatal(err)
	}
	check("1", "one")
	// Another version replaces it; what a killed process left goes too.
	if err := os.MkdirAll(filepath.Join(dir, "voices/tiny/.partial-77"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "voices/tiny/.partial-77/x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	check("2", "two")
}

func TestUnpackRefuses(t *testing.T) {
	reg := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg} }
	for name, headers := range map[string][]tar.Header{
		"parent":       {reg("../outside")},
		"absolute":     {reg("/outside")},
		"through link": {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "../.."}, reg("l/outside")},
		"device":       {{Name: "d", Typeflag: tar.TypeChar}},
		"twice":        {reg("a"), reg("a")},
	} {
		dir := t.TempDir()
		a := asset{Description: piper.Description{Name: "bad"}, archive: archive(t, "1", headers)}
		if err := unpack(dir, []asset{a}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := tree(t, filepath.Join(dir, "voices")); len(got) > 0 {
			t.Errorf("%s: left %v", name, got)
		}
	}
}

// listener takes what a caller would hear.
type listener struct {
	first time.Duration // until the first loud frame
	took  time.Duration // until the end, read at once
	audio time.Duration
	rms   float64 // of the loud frames
}

func listen(t *testing.T, s *speech.Speaker, req speech.Request) (l listener) {
	t.Helper()
	begin := time.Now()
	src, err := s.Speak(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	f := media.NewFrame(8000)
	var sum float64
	var n int
	for {
		if err := src.ReadFrame(&f); err != nil {
			if err.Error() != "EOF" {
				t.Fatal(err)
			}
			break
		}
		if f.Silent {
			time.Sleep(time.Millisecond) // the engine is a real process
			continue
		}
		if l.audio == 0 {
			l.first = time.Since(begin)
		}
		l.audio += media.Tick
		for _, s := range f.Samples {
			sum += float64(s) * float64(s)
			n++
		}
	}
	l.took = time.Since(begin)
	l.rms = math.Sqrt(sum / float64(max(n, 1)))
	return l
}

// The whole way: tandem finds tandem-voice, has it unpack, warms the voice, and
// speech comes out. One test, as unpacking and loading take their time.
func TestSpeaks(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the engine inside is for amd64")
	}
	bin := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(bin, "tandem-voice")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	dir := t.TempDir()

	// Killed in the middle, it leaves nothing that is taken for whole.
	cmd := exec.Command(filepath.Join(bin, "tandem-voice"), "unpack", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		if found, _ := filepath.Glob(filepath.Join(dir, "engine", partial+"*", "lib*")); len(found) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if got, _ := filepath.Glob(filepath.Join(dir, "*", "*", piper.Manifest)); len(got) > 0 {
		t.Log("killed after", got)
	}

	e := piper.New(piper.Options{Dir: dir})
	defer e.Close()
	begin := time.Now()
	if err := e.Unpack(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Logf("unpacked and warm after %v", time.Since(begin))
	if left, _ := filepath.Glob(filepath.Join(dir, "*", partial+"*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	s, err := speech.NewSpeaker(speech.Options{Engines: []speech.Synthesizer{e}, Dir: filepath.Join(dir, "cache")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const text = "Welcome to tandem. Press one for sales, two for support, or stay on the line. Your call is important to us."
	for _, tt := range []struct {
		name string
		req  speech.Request
	}{
		{"warm, not cached", speech.Request{Text: text, Language: "en-US", Rate: 8000}},
		{"cached", speech.Request{Text: text, Language: "en-GB", Rate: 8000}},
		{"long sentence, not cached", speech.Request{Text: "Your call is important to us, so please stay on the line and one of our agents will be with you as soon as somebody is free.", Rate: 8000}},
		{"cold voice, not cached", speech.Request{Text: text, Gender: "male", Rate: 8000}},
	} {
		l := listen(t, s, tt.req)
		t.Logf("%s: first sample after %v, %v of speech within %v", tt.name, l.first, l.audio, l.took)
		if l.audio < 4*time.Second || l.audio > 15*time.Second || l.rms < 300 {
			t.Errorf("%s: %v of speech, RMS %.0f", tt.name, l.audio, l.rms)
		}
	}
}
