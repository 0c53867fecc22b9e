//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tandem/codec"
)

// A talker is one end of a call under load: a socket that sends a packet every
// 20 ms and notes when it hears what the other end said.
//
// The node under test is to pay for nothing that it would not pay for if its
// peers were other machines. Over loopback, whoever sends a packet also wakes
// the one who waits for it; so nobody waits: a talker's socket is in no poller,
// is looked at every 10 ms, and the kernel notes when each packet came.
type talker struct {
	t      testing.TB
	fd     int
	port   int
	remote unix.Sockaddr
	pt     byte
	dec    codec.Decoder
	loud   []byte // payload of a burst
	quiet  []byte // payload of silence
	peer   *talker

	sent   int
	bursts chan int64 // when those were sent that the peer has not heard yet, in Unix nanoseconds

	// What it hears.
	pcm     []int16
	was     bool // the last packet was loud
	got     int
	lastSeq uint16
	lastAt  int64
	lost    int             // gaps in the sequence
	gaps    []time.Duration // between packets
	delays  []time.Duration // from the peer's sending of a burst to its arrival here
}

func newTalker(t testing.TB, c *codec.Codec) *talker {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		t.Fatal(err)
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	k := &talker{t: t, fd: fd, port: local.(*unix.SockaddrInet4).Port, pt: c.PayloadType, dec: c.NewDecoder(codec.Params{}), bursts: make(chan int64, 64)}
	enc := c.NewEncoder(codec.Params{})
	pcm := make([]int16, 160)
	k.quiet, _ = enc.Encode(nil, pcm)
	for i := range pcm {
		pcm[i] = int16(12000 * math.Sin(2*math.Pi*600*float64(i)/8000))
	}
	k.loud, _ = enc.Encode(nil, pcm)
	return k
}

func (k *talker) sdp() string {
	name := map[byte]string{0: "PCMU", 3: "GSM", 8: "PCMA"}[k.pt]
	return fmt.Sprintf("v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio %d RTP/AVP %d 101\na=rtpmap:%d %s/8000\na=rtpmap:101 telephone-event/8000\n", k.port, k.pt, k.pt, name)
}

// setRemote takes the address from an answer or offer.
func (k *talker) setRemote(sdp string) {
	for _, l := range strings.Split(sdp, "\n") {
		if rest, ok := strings.CutPrefix(l, "m=audio "); ok {
			port, _ := strconv.Atoi(strings.Fields(rest)[0])
			k.remote = &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
		}
	}
}

// say sends the next packet. pkt is room for it.
func (k *talker) say(pkt []byte, loud bool) {
	pkt[0], pkt[1] = 0x80, k.pt
	binary.BigEndian.PutUint16(pkt[2:], uint16(k.sent))
	binary.BigEndian.PutUint32(pkt[4:], uint32(k.sent*160))
	binary.BigEndian.PutUint32(pkt[8:], uint32(k.port))
	payload := k.quiet
	if loud {
		payload = k.loud
		select {
		case k.bursts <- time.Now().UnixNano():
		default:
		}
	}
	if err := unix.Sendto(k.fd, append(pkt[:12], payload...), 0, k.remote); err == nil {
		k.sent++
	}
}

// hear takes what has come since it looked last.
func (k *talker) hear(buf, oob []byte) {
	for {
		n, oobn, _, _, err := unix.Recvmsg(k.fd, buf, oob, unix.MSG_DONTWAIT)
		if err != nil {
			return
		}
		if n <= 12 || buf[1]&0x7f != k.pt {
			continue // RTCP of the talker at the port below
		}
		k.take(buf[:n], arrival(oob[:oobn]))
	}
}

// take counts a packet. One that is loud after quiet ones is the peer's burst.
func (k *talker) take(pkt []byte, at int64) {
	seq := binary.BigEndian.Uint16(pkt[2:])
	if k.got > 0 {
		k.gaps = append(k.gaps, time.Duration(at-k.lastAt))
		if step := int16(seq - k.lastSeq); step > 1 {
			k.lost += int(step) - 1
		}
	}
	k.got++
	k.lastSeq, k.lastAt = seq, at
	var err error
	if k.pcm, err = k.dec.Decode(k.pcm[:0], pkt[12:]); err != nil {
		k.t.Error(err)
	}
	peak := 0
	for _, s := range k.pcm {
		peak = max(peak, int(s), -int(s))
	}
	is := peak > 4000
	for is && !k.was {
		select {
		case sent := <-k.peer.bursts:
			d := time.Duration(at - sent)
			if d > 400*time.Millisecond {
				continue // of one that was lost
			}
			k.delays = append(k.delays, d)
		default:
		}
		break
	}
	k.was = is
}

// arrival is when the kernel got the packet that oob came with, in Unix
// nanoseconds.
func arrival(oob []byte) int64 {
	if len(oob) < unix.CmsgSpace(int(unsafe.Sizeof(unix.Timespec{}))) {
		return time.Now().UnixNano()
	}
	ts := (*unix.Timespec)(unsafe.Pointer(&oob[unix.CmsgLen(0)]))
	return ts.Nano()
}

// talk makes all send a packet every 20 ms for d, with a burst twice a second,
// and hear what comes. Each sends at its own moment of the 20 ms, as from many
// hosts.
func talk(all []*talker, d time.Duration) {
	var done atomic.Bool
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		buf, oob := make([]byte, 2048), make([]byte, 128)
		for last := false; ; time.Sleep(10 * time.Millisecond) {
			for _, k := range all {
				k.hear(buf, oob)
			}
			if last {
				return
			}
			last = done.Load()
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pkt := make([]byte, 12, 200)
	start := time.Now()
	for n := 0; time.Since(start) < d; n++ {
		due := start.Add(time.Duration(n) * 20 * time.Millisecond / time.Duration(len(all)))
		if wait := time.Until(due); wait > 0 {
			ts := unix.NsecToTimespec(int64(wait))
			_ = unix.Nanosleep(&ts, nil) // the next one is not later for it
		}
		i, tick := n%len(all), n/len(all)
		all[i].say(pkt, (tick+i)%25 == 20)
	}
	time.Sleep(100 * time.Millisecond)
	done.Store(true)
	<-heard
}

// forget begins a new measurement.
func (k *talker) forget() {
	k.got, k.lost = 0, 0
	k.gaps, k.delays = k.gaps[:0], k.delays[:0]
}

// percentile of d in milliseconds; d gets sorted.
func percentile(d []time.Duration, p float64) float64 {
	if len(d) == 0 {
		return math.NaN()
	}
	slices.Sort(d)
	return float64(d[min(len(d)-1, int(p*float64(len(d))))]) / float64(time.Millisecond)
}
