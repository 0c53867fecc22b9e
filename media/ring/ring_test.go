package ring

import (
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media"
)

// Both ends at once: every sample comes out once, in order.
func TestRing(t *testing.T) {
	const total = 200_000
	r := New(1000)
	if r.Cap() != 1024 {
		t.Errorf("room for %d", r.Cap())
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]int16, 333)
		for n := 0; n < total; {
			k := min(1+n%len(buf), total-n)
			for i := range k {
				buf[i] = int16(n + i)
			}
			if r.Room() < 0 || r.Room() > r.Cap() {
				t.Error("room", r.Room())
			}
			n += r.Write(buf[:k])
		}
	})
	buf := make([]int16, 257)
	for n := 0; n < total; {
		have := r.Len()
		k := r.Read(buf[:1+n%len(buf)])
		if k < min(have, 1+n%len(buf)) {
			t.Fatalf("%d samples read, %d were there", k, have)
		}
		for i, s := range buf[:k] {
			if s != int16(n+i) {
				t.Fatalf("sample %d is %d", n+i, s)
			}
		}
		n += k
	}
	wg.Wait()
	if r.Written() != total || r.Taken() != total || r.Len() != 0 {
		t.Errorf("%d written, %d taken, %d left", r.Written(), r.Taken(), r.Len())
	}
}

func constant(n int, v int16) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = v
	}
	return pcm
}

// A source is silent until there is a whole tick, gives what is left at the end
// filled up, and then its end.
func TestSource(t *testing.T) {
	s := NewSource(8000, time.Second)
	f := media.NewFrame(8000)
	read := func(want string) {
		t.Helper()
		got := "sound"
		switch err := s.ReadFrame(&f); {
		case err != nil:
			got = err.Error()
		case f.Silent:
			got = "silence"
		}
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	read("silence")
	if s.Late() != 0 {
		t.Error("late before it began")
	}
	if err := s.Write(constant(250, 7)); err != nil {
		t.Fatal(err)
	}
	read("sound")
	read("silence") // 90 samples are no tick
	if s.Late() != 1 {
		t.Errorf("late %d", s.Late())
	}
	s.Finish(nil)
	s.Finish(errors.New("too late"))
	read("sound")
	if f.Samples[89] != 7 || f.Samples[90] != 0 {
		t.Error("the last tick is not filled up with silence")
	}
	read(io.EOF.Error())
	read(io.EOF.Error())

	s = NewSource(8000, time.Second)
	s.Finish(errors.New("broken"))
	read("broken")
}

// The writer waits for room; the reader's Close sets it free.
func TestSourceHoldsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSource(8000, 100*time.Millisecond)
		var err error
		done := make(chan struct{})
		go func() {
			defer close(done)
			err = s.Write(constant(8000, 1))
		}()
		f := media.NewFrame(8000)
		for range 20 {
			synctest.Wait()
			if s.ReadFrame(&f) != nil || f.Silent {
				t.Fatal("no sound")
			}
		}
		synctest.Wait()
		select {
		case <-done:
			t.Error("the writer did not wait")
		default:
		}
		s.Close()
		s.Close()
		<-done
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if err := s.Write(nil); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// Read at any rate, and at another from one tick to the next, it lasts as long.
func TestSourceRates(t *testing.T) {
	s := NewSource(16000, 2*time.Second)
	if err := s.Write(constant(16000, 1000)); err != nil {
		t.Fatal(err)
	}
	s.Finish(nil)
	f := media.NewFrame(48000)
	ticks := 0
	for i := 0; ; i++ {
		f.SetRate([]int{8000, 16000, 24000, 48000}[i/10%4])
		err := s.ReadFrame(&f)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if i%10 == 9 && f.Samples[0] < 950 {
			t.Errorf("tick %d: level %d", i, f.Samples[0])
		}
		ticks++
	}
	if ticks < 48 || ticks > 52 {
		t.Errorf("%d ticks, want 50", ticks)
	}
	f.SetRate(44100)
	s = NewSource(8000, time.Second)
	if err := s.ReadFrame(&f); err == nil || err == io.EOF {
		t.Errorf("at 44100 Hz: %v", err)
	}
}

func TestSourceDoesNotAllocate(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		s := NewSource(16000, 10*time.Second)
		s.Write(constant(100_000, 1))
		f := media.NewFrame(rate)
		s.ReadFrame(&f)
		if n := testing.AllocsPerRun(100, func() { s.ReadFrame(&f) }); n > 0 {
			t.Errorf("%v allocations a tick at %d Hz", n, rate)
		}
	}
}

func BenchmarkReadFrame(b *testing.B) {
	for _, rate := range []int{16000, 8000} {
		b.Run(map[int]string{16000: "same", 8000: "resampled"}[rate], func(b *testing.B) {
			s := NewSource(16000, time.Second)
			pcm := constant(320, 1)
			f := media.NewFrame(rate)
			b.ReportAllocs()
			for b.Loop() {
				s.TryWrite(pcm)
				s.ReadFrame(&f)
			}
		})
	}
}
