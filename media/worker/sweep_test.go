package worker

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"tandem/media"
)

// A hand is a worker of kernel sockets that the test turns by hand.
func hand(t *testing.T) *Worker {
	t.Helper()
	w := newWorker(0, media.SystemClock{})
	s, err := newEpollSleeper(-1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	w.sleeper = s
	w.start = time.Now()
	w.now = w.start
	return w
}

type arrived struct {
	text string
	at   time.Time
}

// ear makes w receive from a new socket.
func ear(t *testing.T, w *Worker, got *[]arrived) *Socket {
	t.Helper()
	s := listen(t, "127.0.0.1:0")
	if err := w.AddSocket(s, func(pkt []byte, _ netip.AddrPort, now time.Time) {
		*got = append(*got, arrived{string(pkt), now})
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

func texts(got []arrived) (list []string) {
	for _, g := range got {
		list = append(list, g.text)
	}
	return list
}

func TestSweptSocketIsLookedAtTwiceATick(t *testing.T) {
	w := hand(t)
	// In the past: what the kernel stamps is not from before the looks.
	w.start = w.start.Add(-time.Hour)
	w.now = w.start.Add(3 * phaseWidth)
	var got []arrived
	s, from := ear(t, w, &got), listen(t, "127.0.0.1:0")
	w.Sweep(s)
	send := func(text string) {
		if err := from.Send([]byte(text), s.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	turn := func(phase int) {
		w.now = w.start.Add(time.Duration(phase)*phaseWidth + time.Millisecond)
		w.runSweeps()
	}
	send("a")
	w.sleeper.wait(w, 0)
	if len(got) != 0 {
		t.Fatal("received at once")
	}
	turn(4)
	if len(got) != 0 {
		t.Fatal("received in the other phase")
	}
	turn(5)
	send("b")
	turn(6)
	turn(6)
	if want := []string{"a"}; !slices.Equal(texts(got), want) {
		t.Fatalf("got %q, want %q", texts(got), want)
	}
	w.Sweep(s) // in phase 6 now
	turn(7)
	if want := []string{"a"}; !slices.Equal(texts(got), want) {
		t.Fatalf("after a change of phase: got %q, want %q", texts(got), want)
	}
	turn(8)
	send("c")
	turn(100) // late: once
	send("d")
	w.Watch(s)
	w.Watch(s)
	w.sleeper.wait(w, 0)
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(texts(got), want) {
		t.Fatalf("got %q, want %q", texts(got), want)
	}
	if at, ok := w.nextSweep(); ok {
		t.Errorf("a sweep at %v without sockets", at)
	}
}

func TestSweptPacketsBearTheTimeOfTheirArrival(t *testing.T) {
	w := hand(t)
	var got []arrived
	s, from := ear(t, w, &got), listen(t, "127.0.0.1:0")
	w.Sweep(s)
	before := time.Now()
	for _, text := range []string{"1", "2", "3"} {
		_ = from.Send([]byte(text), s.LocalAddr())
	}
	after := time.Now()
	w.now = after.Add(5 * time.Millisecond)
	w.look(s)
	if len(got) != 1 {
		t.Fatalf("%d packets at the first look, want 1", len(got))
	}
	w.now = w.now.Add(sweepWidth)
	w.look(s)
	if want := []string{"1", "2", "3"}; !slices.Equal(texts(got), want) {
		t.Fatalf("those that waited since before the last look: got %q, want %q", texts(got), want)
	}
	const clocks = time.Millisecond // the kernel's and the process's are not read at once
	for _, g := range got {
		if g.at.Before(before.Add(-clocks)) || g.at.After(after.Add(clocks)) {
			t.Errorf("%s at %v, sent between 0 and %v", g.text, g.at.Sub(before), after.Sub(before))
		}
	}
}

// The machine's clock may be set between a packet's arrival and the look at it.
func TestArrivalIsBounded(t *testing.T) {
	now := time.Now()
	before := now.Add(-sweepWidth)
	for name, test := range map[string]struct {
		stamp time.Time
		want  time.Time
	}{
		"plain":       {now.Add(-3 * time.Millisecond), now.Add(-3 * time.Millisecond)},
		"from before": {before.Add(-time.Millisecond), before.Add(-time.Millisecond)},
		"set back":    {now.Add(time.Hour), now},
		"set forward": {now.Add(-time.Hour), before.Add(-sweepWidth)},
	} {
		var in incoming
		in.init()
		in.msg.SetControllen(32)
		in.stamp.head.Level, in.stamp.head.Type = 1, 0x23
		in.stamp.time.Sec, in.stamp.time.Nsec = test.stamp.Unix(), int64(test.stamp.Nanosecond())
		if at := in.arrival(now, before); !at.Equal(test.want) {
			t.Errorf("%s: %v before now, want %v", name, now.Sub(at), now.Sub(test.want))
		}
		in.msg.SetControllen(0)
		if at := in.arrival(now, before); !at.Equal(now) {
			t.Errorf("%s: without a stamp: %v before now", name, now.Sub(at))
		}
	}
}

func TestSilentSocketRests(t *testing.T) {
	w := hand(t)
	var got []arrived
	s, from := ear(t, w, &got), listen(t, "127.0.0.1:0")
	w.Sweep(s)
	for range restAfter + 1 {
		if s.mode != swept {
			t.Fatal("rests too soon")
		}
		w.look(s)
	}
	w.Sweep(s) // as its owner does each tick
	if _, ok := w.nextSweep(); ok || s.mode != resting {
		t.Fatal("does not rest")
	}
	_ = from.Send([]byte("a"), s.LocalAddr())
	w.sleeper.wait(w, 0)
	_ = from.Send([]byte("b"), s.LocalAddr())
	w.sleeper.wait(w, 0)
	if want := []string{"a"}; !slices.Equal(texts(got), want) || s.mode != swept {
		t.Fatalf("got %q, want %q; swept: %v", texts(got), want, s.mode == swept)
	}
	w.look(s)
	if want := []string{"a", "b"}; !slices.Equal(texts(got), want) {
		t.Errorf("got %q, want %q", texts(got), want)
	}
}

func TestSocketsMayLeaveWhileTheyAreSwept(t *testing.T) {
	w := hand(t)
	w.start = w.start.Add(-time.Hour)
	w.now = w.start
	from := listen(t, "127.0.0.1:0")
	var sockets [6]*Socket
	var heard [6]int
	for i := range sockets {
		sockets[i] = listen(t, "127.0.0.1:0")
		_ = w.AddSocket(sockets[i], func([]byte, netip.AddrPort, time.Time) {
			heard[i]++
			if i == 3 {
				for _, k := range []int{0, 3, 5} {
					w.RemoveSocket(sockets[k])
				}
				w.Watch(sockets[4])
			}
		})
		w.Sweep(sockets[i])
	}
	for range 2 {
		for _, s := range sockets {
			_ = from.Send([]byte("x"), s.LocalAddr())
		}
		w.now = w.now.Add(sweepWidth)
		w.runSweeps()
	}
	w.sleeper.wait(w, 0)
	// The last is looked at first, 4 then as packets come.
	if want := [6]int{0, 2, 2, 1, 2, 1}; heard != want {
		t.Errorf("heard %v, want %v", heard, want)
	}
	if n := len(w.sweeps[0].sockets) + len(w.sweeps[1].sockets); n != 2 {
		t.Errorf("%d sockets swept, want 2", n)
	}
	if err := w.AddSocket(sockets[3], func([]byte, netip.AddrPort, time.Time) { heard[3]++ }); err != nil {
		t.Fatal(err)
	}
	w.sleeper.wait(w, 0)
	if heard[3] != 2 {
		t.Error("what came meanwhile was lost")
	}
}

// A running worker looks at swept sockets by itself.
func TestWorkerSweeps(t *testing.T) {
	w := real(t)
	s, from := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	got := make(chan string, 10)
	on(w, func() {
		_ = w.AddSocket(s, func(pkt []byte, _ netip.AddrPort, _ time.Time) { got <- string(pkt) })
		w.Sweep(s)
	})
	for _, want := range []string{"one", "two", "three"} {
		_ = from.Send([]byte(want), s.LocalAddr())
		if text := <-got; text != want {
			t.Errorf("got %q, want %q", text, want)
		}
	}
}
