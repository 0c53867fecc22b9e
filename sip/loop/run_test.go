package loop

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRun: an idle loop's func runs on the caller's goroutine, and with it what
// it posts; that of a busy one waits for its turn.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(1)
		defer g.Stop()
		l := g.Loops()[0]
		synctest.Wait() // its goroutine sleeps
		var got []int
		l.Run(func() {
			l.Run(func() { got = append(got, 2) })
			l.Post(func() { got = append(got, 3) })
			got = append(got, 1)
		})
		if fmt.Sprint(got) != "[1 2 3]" {
			t.Errorf("order %v", got)
		}
		gate := make(chan struct{})
		l.Post(func() { <-gate; got = append(got, 4) })
		synctest.Wait()
		l.Run(func() { got = append(got, 5) })
		close(gate)
		synctest.Wait()
		if fmt.Sprint(got) != "[1 2 3 4 5]" {
			t.Errorf("order %v", got)
		}
	})
}

// TestRunAndPost: whoever runs it, one func runs at a time, and those of one
// poster in their order.
func TestRunAndPost(t *testing.T) {
	g := NewGroup(1)
	l := g.Loops()[0]
	const posters, each = 8, 3000
	var last [posters]int
	var inside atomic.Int32
	var wg sync.WaitGroup
	for p := range posters {
		hand := l.Post
		if p%2 == 0 {
			hand = l.Run
		}
		wg.Go(func() {
			for i := 1; i <= each; i++ {
				hand(func() {
					if inside.Add(1) != 1 {
						t.Error("two funcs at once")
					}
					if last[p] != i-1 {
						t.Errorf("poster %d: %d after %d", p, i, last[p])
					}
					last[p] = i
					if i%100 == 0 {
						l.AfterFunc(0, func() { inside.Add(1); inside.Add(-1) })
					}
					inside.Add(-1)
				})
			}
		})
	}
	wg.Wait()
	g.Stop()
	for p, n := range last {
		if n != each {
			t.Errorf("poster %d: %d of %d ran", p, n, each)
		}
	}
	if l.Run(func() { t.Error("ran after Stop") }) || l.TryRun(func() {}, 1) {
		t.Error("Run after Stop is not refused")
	}
}

// TestRunSetsTimers: a timer that is set by a func of Run runs in time, though
// the loop's goroutine sleeps meanwhile.
func TestRunSetsTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(1)
		defer g.Stop()
		l := g.Loops()[0]
		synctest.Wait()
		start := time.Now()
		var ran []time.Duration
		for _, d := range []time.Duration{3 * time.Second, time.Second, 2 * time.Second} {
			l.Run(func() { l.AfterFunc(d, func() { ran = append(ran, time.Since(start)) }) })
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if fmt.Sprint(ran) != "[1s 2s 3s]" {
			t.Errorf("ran at %v", ran)
		}
	})
}

// TestRunPanics: a func that panics does not keep the loop.
func TestRunPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(1)
		defer g.Stop()
		l := g.Loops()[0]
		synctest.Wait()
		func() {
			defer func() { _ = recover() }()
			l.Run(func() { panic("a fault") })
		}()
		done := false
		l.Post(func() { done = true })
		synctest.Wait()
		if !done {
			t.Error("the loop is stuck")
		}
	})
}

// TestAbout: never early, at most 100 ms late, together.
func TestAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(1)
		defer g.Stop()
		l := g.Loops()[0]
		start := time.Now()
		const n = 1000
		var ran [n]time.Duration
		turns := map[time.Duration]bool{}
		l.Post(func() {
			timers := make([]*Timer, n)
			for i := range timers {
				timers[i] = l.About(time.Duration(i)*time.Millisecond, func() {
					ran[i] = time.Since(start) + 1
					turns[time.Since(start)] = true
					if i%10 == 4 && i+1 < n { // takes one of the same time with it
						timers[i+1].Stop()
					}
				})
			}
			for i := 3; i < n; i += 10 {
				if !timers[i].Stop() || timers[i].Stop() {
					t.Error("Stop is wrong")
				}
			}
			timers[7].Reset(5 * time.Second)
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		for i := range n {
			due, at := time.Duration(i)*time.Millisecond, ran[i]-1
			switch {
			case i%10 == 3 && at >= 0:
				t.Errorf("timer %d was stopped and ran", i)
			case i%10 == 3, i%10 == 5:
			case i == 7 && at != 5*time.Second:
				t.Errorf("timer %d ran at %v", i, at)
			case i != 7 && (at < due || at > due+grain):
				t.Errorf("timer %d ran at %v", i, at)
			}
		}
		if len(turns) > 13 {
			t.Errorf("woke %d times", len(turns))
		}
		if len(l.about) != 0 || len(l.timers.heap) != 0 {
			t.Errorf("left behind: %d buckets, %d timers", len(l.about), len(l.timers.heap))
		}
	})
}

func BenchmarkRun(b *testing.B) {
	g := NewGroup(1)
	defer g.Stop()
	l := g.Loops()[0]
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		l.Run(func() { n++ })
	}
}

func BenchmarkAbout(b *testing.B) {
	g := NewGroup(1)
	defer g.Stop()
	l := g.Loops()[0]
	done := make(chan struct{})
	b.ReportAllocs()
	l.Post(func() {
		defer close(done)
		for b.Loop() {
			l.About(32*time.Second, func() {}).Stop()
		}
	})
	<-done
}
