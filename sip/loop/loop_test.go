package loop

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOrder posts from many goroutines: what each posts runs in its order, and
// never two funcs at once.
func TestOrder(t *testing.T) {
	g := NewGroup(2)
	l := g.For("a call")
	const posters, each = 8, 5000
	last := make([]int, posters)
	var inside atomic.Int32
	var wg sync.WaitGroup
	for p := range posters {
		wg.Go(func() {
			for i := 1; i <= each; i++ {
				l.Post(func() {
					if inside.Add(1) != 1 {
						t.Error("two funcs at once")
					}
					if last[p] != i-1 {
						t.Errorf("poster %d: %d after %d", p, i, last[p])
					}
					last[p] = i
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
	if l.Post(func() { t.Error("ran after Stop") }) {
		t.Error("Post after Stop is not refused")
	}
}

func TestFor(t *testing.T) {
	g := NewGroup(4)
	defer g.Stop()
	seen := map[*Loop]int{}
	for i := range 1000 {
		id := fmt.Sprintf("call-%d", i)
		l := g.For(id)
		if again := g.For(id); again != l {
			t.Fatal("one Call-ID, two loops")
		}
		seen[l]++
	}
	for _, l := range g.Loops() {
		if seen[l] < 150 {
			t.Errorf("loop %d has %d of 1000 calls", l.Index(), seen[l])
		}
	}
}

func TestTryPost(t *testing.T) {
	g := NewGroup(1)
	defer g.Stop()
	l := g.Loops()[0]
	gate, started := make(chan struct{}), make(chan struct{})
	l.Post(func() { close(started); <-gate })
	<-started
	ran := 0
	for range 10 {
		l.TryPost(func() { ran++ }, 3)
	}
	done := make(chan struct{})
	l.Post(func() { close(done) })
	close(gate)
	<-done
	if ran != 3 {
		t.Errorf("%d ran, want 3", ran)
	}
}

// TestTimers makes, stops and resets timers in every order and holds what runs
// against a plain list.
func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(1)
		defer g.Stop()
		l := g.Loops()[0]
		rnd := rand.New(rand.NewPCG(1, 2))
		start := time.Now()
		const n = 2000
		var due [n]time.Duration // 0: stopped
		var ran [n]time.Duration
		l.Post(func() {
			timers := make([]*Timer, n)
			for i := range timers {
				due[i] = time.Duration(1+rnd.IntN(60_000)) * time.Millisecond
				timers[i] = l.AfterFunc(due[i], func() { ran[i] = time.Since(start) })
			}
			for range n / 2 {
				i := rnd.IntN(n)
				if timers[i].Stop() != (due[i] != 0) {
					t.Errorf("timer %d: Stop is wrong", i)
				}
				due[i] = 0
			}
			for range n / 2 {
				i := rnd.IntN(n)
				due[i] = time.Duration(1+rnd.IntN(60_000)) * time.Millisecond
				timers[i].Reset(due[i])
			}
		})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for i := range n {
			if ran[i] != due[i] {
				t.Errorf("timer %d ran after %v, want %v", i, ran[i], due[i])
			}
		}
	})
}

// TestTimerOrder: of one instant in the order in which they were made; a timer
// for now made by a timer does not keep the loop from its queue.
func TestTimerOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(1)
		defer g.Stop()
		l := g.Loops()[0]
		var got []int
		spins, posted := 0, false
		l.Post(func() {
			for i := range 10 {
				l.AfterFunc(time.Second, func() { got = append(got, i) })
			}
			var again func()
			again = func() {
				if spins++; !posted {
					l.AfterFunc(0, again)
				}
			}
			l.AfterFunc(2*time.Second, func() {
				l.Post(func() { posted = true })
				again()
			})
		})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if fmt.Sprint(got) != "[0 1 2 3 4 5 6 7 8 9]" {
			t.Errorf("order %v", got)
		}
		if !posted || spins > 3 {
			t.Errorf("posted %v after %d spins", posted, spins)
		}
	})
}

func BenchmarkPost(b *testing.B) {
	g := NewGroup(1)
	defer g.Stop()
	l := g.Loops()[0]
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for !l.TryPost(func() { n++ }, 1000) {
		}
	}
}

func BenchmarkTimer(b *testing.B) {
	g := NewGroup(1)
	defer g.Stop()
	l := g.Loops()[0]
	done := make(chan struct{})
	b.ReportAllocs()
	l.Post(func() {
		defer close(done)
		for i := range 20000 { // as many as 300 calls a second have
			l.AfterFunc(time.Hour+time.Duration(i), func() {})
		}
		for b.Loop() {
			l.AfterFunc(32*time.Second, func() {}).Stop()
		}
	})
	<-done
}
