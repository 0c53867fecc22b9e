package worker

import (
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// maxEvents is how many sockets one wait may report.
	maxEvents = 128
	// yieldEvery is how often the worker passes through Go's scheduler. The
	// scheduler's monitor takes a goroutine that was not rescheduled for 10 ms
	// for one that runs too long, takes its P at every system call and, having
	// found something to do, looks again every 20 µs: together, that cost more
	// than the packets. (It also takes the P where no other is idle, so
	// GOMAXPROCS should be greater than the number of workers.) To yield wakes
	// another thread in vain and costs some 20 µs, so no oftener than need be.
	yieldEvery = 8 * time.Millisecond
)

// An epollSleeper waits in an epoll instance of its own, level-triggered: one
// recvfrom per event, with no second call to learn that a socket is empty. A
// socket that has more is reported again, after the others.
type epollSleeper struct {
	epfd            int
	eventfd         int
	gather          time.Duration
	polled, yielded time.Time // when last
	noWait2         bool      // the kernel (before 5.11) or a seccomp filter has no epoll_pwait2
	sockets         []*Socket
	free            []int
	events          [maxEvents]unix.EpollEvent
	in              incoming
}

// wakeSlot stands for the eventfd; a socket's slot is its place in sockets.
const wakeSlot = -1

func newEpollSleeper(gather time.Duration) (sleeper, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll instance: %w", err)
	}
	eventfd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(epfd)
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	e := &epollSleeper{epfd: epfd, eventfd: eventfd, gather: gather}
	e.in.init()
	if err := e.control(unix.EPOLL_CTL_ADD, eventfd, wakeSlot); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *epollSleeper) control(op, fd, slot int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(slot)}
	if err := unix.EpollCtl(e.epfd, op, fd, &ev); err != nil {
		return fmt.Errorf("change epoll instance: %w", err)
	}
	return nil
}

func (e *epollSleeper) add(s *Socket) error {
	slot := len(e.sockets)
	if n := len(e.free); n > 0 {
		slot, e.free = e.free[n-1], e.free[:n-1]
	} else {
		e.sockets = append(e.sockets, nil)
	}
	if err := e.control(unix.EPOLL_CTL_ADD, s.fd, slot); err != nil {
		e.free = append(e.free, slot)
		return err
	}
	s.slot = slot
	e.sockets[slot] = s
	return nil
}

func (e *epollSleeper) remove(s *Socket) {
	_ = e.control(unix.EPOLL_CTL_DEL, s.fd, 0) // fails only for a descriptor that is not there
	e.sockets[s.slot] = nil
	e.free = append(e.free, s.slot)
}

func (e *epollSleeper) wake() {
	one := uint64(1)
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(e.eventfd), uintptr(unsafe.Pointer(&one)), 8)
}

func (e *epollSleeper) wait(w *Worker, d time.Duration) {
	if d != 0 {
		now := w.clock.Now()
		// At the latest before a sleep that would last past the time.
		if now.Add(max(d, e.gather)).Sub(e.yielded) > yieldEvery {
			runtime.Gosched()
			e.yielded = now
		}
		d = e.moderate(now, d)
	}
	n := e.poll(d)
	w.now = w.clock.Now()
	e.polled = w.now
	if n > 0 {
		// What was queued before a packet came takes effect on it: an answer
		// that went out is known to the stream.
		w.runQueue()
	}
	for i := range n {
		e.handle(w, int(e.events[i].Fd))
	}
}

// moderate gathers packets, as a network card does that moderates its
// interrupts: it sleeps until the poll comes no sooner than gather after the
// last one, and says how long that may wait then.
func (e *epollSleeper) moderate(now time.Time, d time.Duration) time.Duration {
	pause := e.gather - now.Sub(e.polled)
	if pause <= 0 {
		return d
	}
	if d > 0 {
		pause = min(pause, d)
	}
	ts := unix.NsecToTimespec(int64(pause))
	_, _, _ = unix.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
	if d > 0 {
		d -= pause
	}
	return d
}

// handle receives one packet. A slot may have been emptied, or even given to
// another socket, by a packet of the same batch: then there is nothing to
// receive, or it is received a little earlier.
func (e *epollSleeper) handle(w *Worker, slot int) {
	if slot == wakeSlot {
		var count uint64
		_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(e.eventfd), uintptr(unsafe.Pointer(&count)), 8)
		return
	}
	s := e.sockets[slot]
	if s == nil {
		return
	}
	if s.mode == resting {
		w.rouse(s)
	}
	if n := e.in.receive(s.fd); n >= 0 {
		e.in.deliver(w, s, n, w.now)
	}
}

func (e *epollSleeper) take(w *Worker, s *Socket, before time.Time) (at time.Time, ok bool) {
	n := e.in.receiveStamped(s.fd)
	if n < 0 {
		return at, false
	}
	at = e.in.arrival(w.now, before)
	e.in.deliver(w, s, n, at)
	return at, true
}

// poll waits in the kernel. A wait that may block is announced to Go's
// scheduler (Syscall), so that a garbage collection does not wait for it; one
// that does not is not (RawSyscall).
func (e *epollSleeper) poll(d time.Duration) int {
	if d == 0 {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.epfd), uintptr(unsafe.Pointer(&e.events)), maxEvents, 0, 0, 0)
		if errno != 0 {
			return 0
		}
		return int(n)
	}
	if !e.noWait2 {
		var ts *unix.Timespec
		if d > 0 {
			t := unix.NsecToTimespec(int64(d))
			ts = &t
		}
		n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(e.epfd), uintptr(unsafe.Pointer(&e.events)), maxEvents, uintptr(unsafe.Pointer(ts)), 0, 0)
		if errno == 0 {
			return int(n)
		}
		if errno != unix.ENOSYS && errno != unix.EPERM {
			return 0 // EINTR
		}
		e.noWait2 = true
	}
	ms := -1
	if d > 0 {
		ms = int((d + time.Millisecond - 1) / time.Millisecond)
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.epfd), uintptr(unsafe.Pointer(&e.events)), maxEvents, uintptr(ms), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

func (e *epollSleeper) close() {
	_ = unix.Close(e.eventfd)
	_ = unix.Close(e.epfd)
}
