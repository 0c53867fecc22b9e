package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"tandem/sip"
)

// A stream is one TCP connection, accepted or dialled. One goroutine reads it
// and one writes it; the writer of a dialled one dials first.
type stream struct {
	layer         *Layer
	local, remote netip.AddrPort
	known         bool // Config.Accept knows the remote address
	dialled       bool

	wake chan struct{} // one token: queue or state changed

	mu    sync.Mutex
	conn  net.Conn // nil until dialled
	queue []queued
	bytes int // in queue
	state state
}

type state int

const (
	running  state = iota
	draining       // nothing more is read; closes when the queue is written
	closed
)

type queued struct {
	data   []byte
	failed func(error)
}

// listen accepts connections until ln is closed.
func (l *Layer) listen(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of files, mostly
			l.log.Warn("accept", "local", ln.Addr(), "err", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		remote := addrPort(conn.RemoteAddr())
		s := &stream{
			layer: l, local: addrPort(conn.LocalAddr()), remote: remote, known: l.accept(remote),
			wake: make(chan struct{}, 1), conn: conn,
		}
		if !l.addStream(s) {
			conn.Close()
			continue
		}
		go func() {
			defer l.done.Done()
			s.write()
		}()
		go func() {
			defer l.done.Done()
			s.read(conn)
		}()
	}
}

// streamTo gives a stream to an address: an open one, or one that is dialled
// while messages wait in it.
func (l *Layer) streamTo(remote netip.AddrPort) (*stream, error) {
	if remote.Port() == 0 || !sendable(remote.Addr()) {
		return nil, &net.AddrError{Err: "not an address to send to", Addr: remote.String()}
	}
	l.mu.Lock()
	s := l.streams[remote]
	l.mu.Unlock()
	if s != nil && s.open() {
		return s, nil
	}
	s = &stream{layer: l, remote: remote, known: l.accept(remote), dialled: true, wake: make(chan struct{}, 1)}
	if !l.addStream(s) {
		return nil, ErrClosed
	}
	go func() {
		defer l.done.Done()
		s.dial()
	}()
	return s, nil
}

// dial connects, starts the reader and becomes the writer.
func (s *stream) dial() {
	l := s.layer
	ctx, cancel := context.WithTimeout(l.ctx, l.limits.DialTimeout)
	conn, err := l.network.Dial(ctx, l.boundTo(s.remote.Addr()), s.remote)
	cancel()
	if err != nil {
		l.done.Done() // for the reader that never was
		s.close(err)
		return
	}
	s.mu.Lock()
	s.conn = conn
	gone := s.state == closed
	s.mu.Unlock()
	if gone {
		conn.Close()
		l.done.Done()
		return
	}
	s.local = addrPort(conn.LocalAddr())
	go func() {
		defer l.done.Done()
		s.read(conn)
	}()
	s.write()
}

func (s *stream) open() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == running
}

// send queues data for the writer.
func (s *stream) send(data []byte, failed func(error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == closed:
		return ErrClosed
	case s.bytes+len(data) > s.layer.limits.StreamQueue:
		return ErrFull
	}
	s.queue = append(s.queue, queued{data, failed})
	s.bytes += len(data)
	s.signal()
	return nil
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// write writes what is queued until the stream is closed.
func (s *stream) write() {
	for range s.wake {
		for {
			s.mu.Lock()
			batch, state, conn := s.queue, s.state, s.conn
			s.queue, s.bytes = nil, 0
			s.mu.Unlock()
			if state == closed {
				fail(batch, ErrClosed)
				return
			}
			if len(batch) == 0 {
				if state == draining {
					s.close(nil)
					return
				}
				break
			}
			for i, q := range batch {
				conn.SetWriteDeadline(time.Now().Add(s.layer.limits.WriteTimeout))
				if _, err := conn.Write(q.data); err != nil {
					s.close(err)
					fail(batch[i:], err)
					return
				}
				s.layer.sent("tcp", s.local, s.remote, q.data)
			}
		}
	}
}

func fail(batch []queued, err error) {
	for _, q := range batch {
		if q.failed != nil {
			q.failed(err)
		}
	}
}

// close ends the stream; what was queued fails.
func (s *stream) close(err error) {
	s.mu.Lock()
	if s.state == closed {
		s.mu.Unlock()
		return
	}
	s.state = closed
	batch, conn := s.queue, s.conn
	s.queue, s.bytes = nil, 0
	s.signal()
	s.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
	s.layer.removeStream(s)
	if err == nil {
		err = ErrClosed
	}
	fail(batch, err)
}

// drain reads no more and closes when all is written.
func (s *stream) drain() {
	s.mu.Lock()
	if s.state == running {
		s.state = draining
		s.signal()
	}
	s.mu.Unlock()
}

// read cuts the stream into messages until it ends. A message that is begun has
// to be complete after Limits.MessageTimeout, however slowly it trickles in.
func (s *stream) read(conn net.Conn) {
	lim := &s.layer.limits
	buf := make([]byte, 0, 4096)
	var framer sip.Framer
	begun := time.Time{} // when the first octet of the message came
	last := time.Now()   // when the last message came that meant something
	for {
		rest, pings := skipCRLF(buf)
		for range pings {
			if s.known || s.dialled {
				_ = s.send([]byte("\r\n"), nil) // pong (RFC 5626 §4.4.1)
			}
		}
		if len(rest) != len(buf) {
			buf, begun = buf[:copy(buf, rest)], time.Time{}
		}
		n, err := framer.Next(buf)
		if err != nil {
			s.layer.broken(s, buf, sip.AsReply(err))
			s.linger(conn)
			return
		}
		if n > 0 {
			begun = time.Time{}
			if s.layer.message(s, buf[:n]) {
				last = time.Now()
			}
			buf = buf[:copy(buf, buf[n:])]
			if len(buf) == 0 && cap(buf) > 16<<10 {
				buf = make([]byte, 0, 4096)
			}
			continue
		}

		var deadline time.Time
		switch {
		case len(buf) > 0:
			if begun.IsZero() {
				begun = time.Now()
			}
			deadline = begun.Add(lim.MessageTimeout)
		case !s.known && !s.dialled:
			deadline = last.Add(lim.StrangerTimeout)
		case lim.IdleTimeout > 0:
			deadline = last.Add(lim.IdleTimeout)
		}
		conn.SetReadDeadline(deadline)
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		m, err := conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+m]
		if err != nil {
			s.close(err)
			return
		}
	}
}

// linger lets what is answered to the messages so far leave, and closes.
func (s *stream) linger(conn net.Conn) {
	// Reading on and throwing away keeps the kernel from resetting the
	// connection before our answer is read.
	conn.SetReadDeadline(time.Now().Add(s.layer.limits.Linger))
	scrap := make([]byte, 4096)
	for {
		if _, err := conn.Read(scrap); err != nil {
			break
		}
	}
	s.drain()
}

// skipCRLF takes away the CRLF in front of a message. Two together are a ping
// (RFC 5626 §4.4.1) that is to be answered; one alone is not.
func skipCRLF(buf []byte) (rest []byte, pings int) {
	n := 0
	for len(buf) >= 2 && buf[0] == '\r' && buf[1] == '\n' {
		buf = buf[2:]
		n++
	}
	return buf, n / 2
}
