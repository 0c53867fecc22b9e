package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"tandem/codec"
)

// chunk builds a chunk whose stated length may be another than its own.
func chunk(id string, stated uint32, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), stated)
	return append(b, body...)
}

// formatChunk builds a fmt chunk of 16 octets.
func formatChunk(tag, channels, rate, bits int) []byte {
	var b []byte
	le := binary.LittleEndian
	b = le.AppendUint16(b, uint16(tag))
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*bits/8))
	b = le.AppendUint16(b, uint16(channels*bits/8))
	b = le.AppendUint16(b, uint16(bits))
	return chunk("fmt ", 16, b)
}

// file builds a file of chunks with the right RIFF length.
func file(chunks ...[]byte) []byte {
	body := slices.Concat(chunks...)
	return slices.Concat(chunk("RIFF", uint32(4+len(body)), []byte("WAVE")), body)
}

func words(v ...int16) []byte {
	var b []byte
	for _, w := range v {
		b = binary.LittleEndian.AppendUint16(b, uint16(w))
	}
	return b
}

func readAll(r io.Reader) (rd *Reader, pcm []int16, err error) {
	if rd, err = NewReader(r); err != nil {
		return nil, nil, err
	}
	var buf [333]int16
	for {
		n, err := rd.Read(buf[:])
		pcm = append(pcm, buf[:n]...)
		if err == io.EOF {
			return rd, pcm, nil
		}
		if err != nil {
			return rd, pcm, err
		}
	}
}

func TestRead(t *testing.T) {
	fmt16 := formatChunk(1, 1, 8000, 16)
	samples := words(1, -2, 3, -4)
	want := []int16{1, -2, 3, -4}
	float := func(v ...float32) (b []byte) {
		for _, f := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		}
		return b
	}
	ext := formatChunk(0xfffe, 1, 8000, 16)
	ext = chunk("fmt ", 40, slices.Concat(ext[8:], []byte{22, 0, 16, 0, 4, 0, 0, 0, 1, 0}, make([]byte, 14)))
	noRIFFLength := file(fmt16, chunk("data", 0, samples))
	binary.LittleEndian.PutUint32(noRIFFLength[4:], 0)
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		file []byte
		want []int16
	}{
		"plain":                       {file(fmt16, chunk("data", 8, samples)), want},
		"chunks before":               {file(chunk("LIST", 3, []byte("abc\x00")), fmt16, chunk("fact", 4, make([]byte, 4)), chunk("data", 8, samples)), want},
		"chunk behind":                {file(fmt16, chunk("data", 8, samples), chunk("LIST", 4, []byte("abcd"))), want},
		"RF64":                        {append([]byte("RF64"), file(chunk("ds64", 28, make([]byte, 28)), fmt16, chunk("data", 0xffffffff, samples))[4:]...), want},
		"extensible":                  {file(ext, chunk("data", 8, samples)), want},
		"length of a pipe":            {file(fmt16, chunk("data", 0xffffffff, samples)), want},
		"length of sox to a pipe":     {file(fmt16, chunk("data", 0x7ffff000, samples)), want},
		"writer killed":               {noRIFFLength, want},
		"empty":                       {file(fmt16, chunk("data", 0, nil)), nil},
		"empty with a chunk behind":   {file(fmt16, chunk("data", 0, nil), chunk("LIST", 4, []byte("abcd"))), nil},
		"too long":                    {file(fmt16, chunk("data", 800, samples)), want},
		"breaks off within a sample":  {file(fmt16, chunk("data", 8, samples[:7])), want[:3]},
		"odd length":                  {file(fmt16, chunk("data", 7, samples)), want[:3]},
		"wrong block and byte rate":   {file(append(slices.Clone(fmt16[:16]), 0, 0, 0, 0, 9, 0, 16, 0), chunk("data", 8, samples)), want},
		"8 bits":                      {file(formatChunk(1, 1, 8000, 8), chunk("data", 3, []byte{0, 128, 255})), []int16{-32768, 0, 32512}},
		"24 bits":                     {file(formatChunk(1, 1, 8000, 24), chunk("data", 6, []byte{9, 0x34, 0x12, 0, 0, 0x80})), []int16{0x1234, -32768}},
		"32 bits":                     {file(formatChunk(1, 1, 8000, 32), chunk("data", 4, []byte{9, 9, 0x34, 0x12})), []int16{0x1234}},
		"float":                       {file(formatChunk(3, 1, 8000, 32), chunk("data", 20, float(0.5, -0.25, 2, -2, nan))), []int16{16384, -8192, 32767, -32768, 0}},
		"A-law":                       {file(formatChunk(6, 1, 8000, 8), chunk("data", 2, []byte{0xd5, 0x2a})), []int16{8, -32256}},
		"µ-law":                       {file(formatChunk(7, 1, 8000, 8), chunk("data", 2, []byte{0xff, 0x00})), []int16{0, -32124}},
		"µ-law that states 16 bits":   {file(formatChunk(7, 1, 8000, 16), chunk("data", 2, []byte{0xff, 0x00})), []int16{0, -32124}},
		"two channels":                {file(formatChunk(1, 2, 8000, 16), chunk("data", 8, samples)), want},
		"two channels, half a sample": {file(formatChunk(1, 2, 8000, 16), chunk("data", 6, samples)), want[:2]},
	} {
		t.Run(name, func(t *testing.T) {
			_, got, err := readAll(bytes.NewReader(c.file))
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("read %v, %v; want %v", got, err, c.want)
			}
			_, got, err = readAll(iotest.OneByteReader(bytes.NewReader(c.file)))
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("octet by octet: read %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestReadWrong(t *testing.T) {
	data := chunk("data", 2, words(1))
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"nothing":           {nil, "wav: offset 0: ends in the RIFF header"},
		"text":              {[]byte("<!doctype html>"), `wav: offset 0: no WAV file: begins with "<!do", not with RIFF`},
		"AVI":               {[]byte("RIFF\x00\x00\x00\x00AVI LIST"), `wav: offset 8: no WAV file: RIFF of type "AVI "`},
		"no format":         {file(data), "wav: offset 12: data chunk before any fmt chunk"},
		"no data":           {file(formatChunk(1, 1, 8000, 16)), "wav: offset 36: ends in a chunk's header; there is no data chunk"},
		"ends in chunk":     {file(chunk("LIST", 99, []byte("abc"))), "wav: offset 23: ends in chunk LIST"},
		"endless chunk":     {file(chunk("LIST", 1<<31, nil)), `wav: offset 12: chunk "LIST" of 2147483648 octets: more than 16777216 octets before the data chunk`},
		"short format":      {file(chunk("fmt ", 14, make([]byte, 14)), data), "wav: offset 16: fmt chunk of 14 octets"},
		"long format":       {file(chunk("fmt ", 1<<20, nil), data), "wav: offset 16: fmt chunk of 1048576 octets"},
		"MP3":               {file(formatChunk(0x55, 1, 8000, 16), data), "wav: offset 20: unknown encoding: tag 0x0055"},
		"no channel":        {file(formatChunk(1, 0, 8000, 16), data), "wav: offset 22: 0 channels, want 1 to 8"},
		"many channels":     {file(formatChunk(1, 999, 8000, 16), data), "wav: offset 22: 999 channels, want 1 to 8"},
		"no rate":           {file(formatChunk(1, 1, 0, 16), data), "wav: offset 24: 0 samples a second, want 1000 to 192000"},
		"12 bits":           {file(formatChunk(1, 1, 8000, 12), data), "wav: offset 34: 12 bits a sample of pcm"},
		"float of 64 bits":  {file(formatChunk(3, 1, 8000, 64), data), "wav: offset 34: 64 bits a sample of float"},
		"GSM in stereo":     {file(formatChunk(0x31, 2, 8000, 0), data), "wav: offset 22: 2 channels of GSM, want 1"},
		"extension missing": {file(formatChunk(0xfffe, 1, 8000, 16), data), "wav: offset 20: extensible format without its extension: fmt chunk of 16 octets"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(c.file))
			if err == nil || err.Error() != c.want {
				t.Errorf("error %v\nwant  %s", err, c.want)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("error is a %T", err)
			}
		})
	}
	// An error of the medium is passed on as it is.
	broken := errors.New("broken")
	whole := file(formatChunk(1, 1, 8000, 16), chunk("data", 8, words(1, 2, 3, 4)))
	_, got, err := readAll(io.MultiReader(bytes.NewReader(whole[:48]), iotest.ErrReader(broken)))
	if err != broken || !slices.Equal(got, []int16{1, 2}) {
		t.Errorf("read %v, %v; want 1 and 2, then the error", got, err)
	}
}

func TestReadMono(t *testing.T) {
	whole := file(formatChunk(1, 2, 8000, 16), chunk("data", 12, words(10, 20, -30, 10, 32767, 32767)))
	r, err := NewReader(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	var got []int16
	for buf := make([]int16, 2); ; {
		n, err := r.ReadMono(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			break
		}
	}
	if want := []int16{15, -10, 32767}; !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	if _, err := r.Read(make([]int16, 1)); err != io.ErrShortBuffer {
		t.Errorf("half a sample of two channels: %v", err)
	}
}

// speech makes n samples of something that is neither tone nor noise.
func speech(n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		x := float64(i) / 8000
		pcm[i] = int16(9000 * math.Sin(2*math.Pi*(200+300*x)*x) * (1 + math.Sin(20*x)) / 2)
	}
	return pcm
}

func TestWrite(t *testing.T) {
	pcm := speech(20001)
	for _, o := range []Options{
		{Rate: 8000, Channels: 1},
		{Rate: 16000, Channels: 1, Encoding: PCM},
		{Rate: 8000, Channels: 1, Encoding: ALaw},
		{Rate: 8000, Channels: 1, Encoding: MuLaw},
		{Rate: 8000, Channels: 2},
		{Rate: 8000, Channels: 2, Encoding: MuLaw},
	} {
		path := filepath.Join(t.TempDir(), "a.wav")
		w, err := Create(path, o)
		if err != nil {
			t.Fatal(err)
		}
		in := pcm[:len(pcm)-len(pcm)%o.Channels]
		for rest := in; len(rest) > 0; {
			n := min(320*o.Channels, len(rest))
			if err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if got, want := w.Length(), int64(len(in)/o.Channels); got != want {
			t.Errorf("%+v: %d samples, want %d", o, got, want)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("closed again: %v", err)
		}
		if err := w.Write(pcm[:2]); !errors.Is(err, os.ErrClosed) {
			t.Errorf("write to a closed file: %v", err)
		}
		want := in
		if c := o.Encoding.g711(); c != nil {
			coded, _ := c.NewEncoder(codec.Params{}).Encode(nil, in)
			want, _ = c.NewDecoder(codec.Params{}).Decode(nil, coded)
		}
		whole, _ := os.ReadFile(path)
		if riff := binary.LittleEndian.Uint32(whole[4:]); int(riff)+8 != len(whole) {
			t.Errorf("%+v: file of %d octets states %d", o, len(whole), riff+8)
		}
		r, got, err := readAll(bytes.NewReader(whole))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v: read back %d samples, %v", o, len(got), err)
			continue
		}
		if r.Rate() != o.Rate || r.Channels() != o.Channels {
			t.Errorf("%+v: read back %d Hz, %d channels", o, r.Rate(), r.Channels())
		}
	}
	for _, o := range []Options{{Rate: 10, Channels: 1}, {Rate: 8000, Channels: 3}, {Rate: 8000, Channels: 1, Encoding: GSM}} {
		if _, err := Create(filepath.Join(t.TempDir(), "a.wav"), o); err == nil {
			t.Errorf("%+v can be created", o)
		}
	}
}

// disk is a file that notes what it holds after each write.
type disk struct {
	b     []byte
	after func([]byte)
	fail  error
}

func (d *disk) WriteAt(p []byte, at int64) (int, error) {
	if d.fail != nil {
		return 0, d.fail
	}
	if end := int(at) + len(p); end > len(d.b) {
		d.b = append(d.b, make([]byte, end-len(d.b))...)
	}
	copy(d.b[at:], p)
	if d.after != nil {
		d.after(d.b)
	}
	return len(p), nil
}

// Whenever the process is killed, the file can be played, by our reader as by
// one that believes its lengths, and Repair gives back all that was written.
func TestKilledWriter(t *testing.T) {
	pcm := speech(30000)
	for _, o := range []Options{{Rate: 8000, Channels: 2}, {Rate: 8000, Channels: 1, Encoding: MuLaw}} {
		states := 0
		d := &disk{after: func(b []byte) {
			states++
			le := binary.LittleEndian
			h, err := readHeader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if end := h.dataAt + int64(h.dataLength); end > int64(len(b)) || int64(le.Uint32(b[4:])) < end-8 {
				t.Fatalf("states samples to %d in a file of %d octets, RIFF to %d", end, len(b), le.Uint32(b[4:])+8)
			}
			path := filepath.Join(t.TempDir(), "killed.wav")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := Repair(path); err != nil {
				t.Fatal(err)
			}
			repaired, _ := os.ReadFile(path)
			_, got, err := readAll(bytes.NewReader(repaired))
			if want := (len(b) - int(h.dataAt)) * 8 / h.bits; err != nil || len(got) != want {
				t.Fatalf("repaired file has %d samples, %v; want %d", len(got), err, want)
			}
			if riff := le.Uint32(repaired[4:]); int(riff)+8 != len(repaired) {
				t.Fatalf("repaired file of %d octets states %d", len(repaired), riff+8)
			}
			if err := Repair(path); err != nil {
				t.Fatal(err)
			}
			if again, _ := os.ReadFile(path); !bytes.Equal(again, repaired) {
				t.Fatal("repaired twice is not repaired once")
			}
		}}
		w, err := NewWriter(d, o)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(pcm); i += 750 {
			if err := w.Write(pcm[i : i+750]); err != nil {
				t.Fatal(err)
			}
			if i%4500 == 0 {
				if err := w.Write(pcm[:o.Channels]); err != nil { // odd lengths
					t.Fatal(err)
				}
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if states < 10 {
			t.Errorf("%d states seen", states)
		}
	}
}

func TestRepair(t *testing.T) {
	fmt16 := formatChunk(1, 1, 8000, 16)
	list := chunk("LIST", 4, []byte("abcd"))
	whole := file(fmt16, chunk("data", 4, words(1, 2)), list)
	for name, c := range map[string]struct {
		file, want []byte
	}{
		"right":            {whole, whole},
		"never stated":     {file(fmt16, chunk("data", 0xffffffff, words(1, 2, 3))), file(fmt16, chunk("data", 6, words(1, 2, 3)))},
		"breaks off":       {file(fmt16, chunk("data", 99, words(1, 2, 3))), file(fmt16, chunk("data", 6, words(1, 2, 3)))},
		"half a sample":    {append(file(fmt16, chunk("data", 99, words(1, 2))), 9), file(fmt16, chunk("data", 4, words(1, 2)), []byte{9})},
		"breaks off later": {whole[:len(whole)-2], file(fmt16, chunk("data", 4, words(1, 2)), list[:len(list)-2])},
	} {
		path := filepath.Join(t.TempDir(), "a.wav")
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Repair(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, c.want) {
			t.Errorf("%s: repaired to\n%q, want\n%q", name, got, c.want)
		}
	}
	path := filepath.Join(t.TempDir(), "short.wav")
	_ = os.WriteFile(path, []byte("RIFF"), 0o600)
	var e *Error
	if err := Repair(path); !errors.As(err, &e) {
		t.Errorf("a header that breaks off: %v", err)
	}
	if err := Repair(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestWriteErrors(t *testing.T) {
	d := &disk{}
	w, err := NewWriter(d, Options{Rate: 8000, Channels: 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]int16, 3)); err == nil {
		t.Error("three samples for two channels are taken")
	}
	d.fail = errors.New("disk full")
	if err := w.Write(make([]int16, 40000)); err != d.fail {
		t.Errorf("write: %v", err)
	}
	d.fail = nil
	if err := w.Flush(); err == nil || err.Error() != "disk full" {
		t.Errorf("the error is forgotten: %v", err)
	}
	w, _ = NewWriter(&disk{}, Options{Rate: 8000, Channels: 2})
	w.length = unknownLength - 100
	if err := errors.Join(w.Write(make([]int16, 100)), w.Flush()); !errors.Is(err, ErrFull) {
		t.Errorf("a full file: %v", err)
	}
}

func TestWriteDoesNotAllocate(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "a.wav"), Options{Rate: 8000, Channels: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	frame := make([]int16, 320)
	if n := testing.AllocsPerRun(500, func() { _ = w.Write(frame) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// sox writes what we read, and reads what we write, even when it was never
// closed.
func TestSox(t *testing.T) {
	sox, err := exec.LookPath("sox")
	if err != nil {
		t.Skip("no sox")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "ours.wav")
	w, err := Create(path, Options{Rate: 8000, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	pcm := speech(16000)
	if err := errors.Join(w.Write(pcm), w.Flush()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(sox, args...).CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("sox %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	raw := filepath.Join(dir, "a.raw")
	run(path, "-e", "signed-integer", "-b", "16", "-L", raw)
	if b, _ := os.ReadFile(raw); !bytes.Equal(b, words(pcm...)) {
		t.Errorf("sox reads %d octets of a file that is not closed, want %d, or others", len(b), 2*len(pcm))
	}
	for _, c := range []struct {
		args  []string
		noise float64 // RMS of the difference
	}{
		{[]string{"-e", "signed-integer", "-b", "24"}, 1},
		{[]string{"-e", "signed-integer", "-b", "32"}, 1},
		{[]string{"-e", "unsigned-integer", "-b", "8"}, 200},
		{[]string{"-e", "floating-point", "-b", "32"}, 1},
		{[]string{"-e", "a-law"}, 200},
		{[]string{"-e", "mu-law"}, 200},
		{[]string{"-e", "gsm-full-rate"}, 900},
		{[]string{"-c", "2"}, 1},
	} {
		out := filepath.Join(dir, "sox.wav")
		run(append(append([]string{"-D", path}, c.args...), out)...)
		f, err := os.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(f)
		if err != nil {
			t.Fatalf("%v: %v", c.args, err)
		}
		got := make([]int16, 0, len(pcm)+1000)
		for {
			n, err := r.ReadMono(got[len(got):cap(got)])
			got = got[:len(got)+n]
			if err != nil || n == 0 {
				break
			}
		}
		_ = f.Close()
		if len(got) < len(pcm) || len(got) > len(pcm)+320 {
			t.Fatalf("%v: %d samples, want %d", c.args, len(got), len(pcm))
		}
		var sum float64
		for i, v := range pcm {
			sum += (float64(v) - float64(got[i])) * (float64(v) - float64(got[i]))
		}
		if noise := math.Sqrt(sum / float64(len(pcm))); noise > c.noise {
			t.Errorf("%v: differs by %.0f", c.args, noise)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, tag := range []int{1, 3, 6, 7, 0x31, 0xfffe} {
		for _, bits := range []int{8, 16, 24, 32} {
			f.Add(file(formatChunk(tag, 1+bits/16, 8000, bits), chunk("LIST", 3, []byte("abcd")), chunk("data", 130, make([]byte, 130))))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, pcm, err := readAll(bytes.NewReader(b))
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("error is a %T: %v", err, err)
		}
		if len(pcm) > 5*len(b) { // GSM: 320 samples for 65 octets
			t.Fatalf("%d samples from %d octets", len(pcm), len(b))
		}
		if r == nil {
			return
		}
		if len(pcm)%r.Channels() != 0 {
			t.Fatalf("%d samples for %d channels", len(pcm), r.Channels())
		}
		if r.Channels() > 2 {
			return
		}
		// What is written is what is read again.
		d := &disk{}
		w, err := NewWriter(d, Options{Rate: r.Rate(), Channels: r.Channels()})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(pcm), w.Close()); err != nil {
			t.Fatal(err)
		}
		if _, again, err := readAll(bytes.NewReader(d.b)); err != nil || !slices.Equal(again, pcm) {
			t.Fatalf("read again: %d samples, %v; want %d", len(again), err, len(pcm))
		}
	})
}
