package flow

import (
	"sync"

	"tandem/media/dtmf"
	"tandem/sip"
)

// What a call's mailbox holds at most of each source. A call reads its mailbox
// within microseconds, so that these are met only by a flood.
const (
	maxPeerMsgs = 256 // what the far end can send at will
	maxCommands = 256 // what the outside asks for
)

// mailbox is a call's queue. Messages of the call's own doing (the end of a
// prompt, the result of slow work, the end of its leg) are as many as the call
// has started things, and always fit; those that somebody outside can send too
// much of are bounded each by their own limit, so that a flood of one starves
// no other.
type mailbox struct {
	mu       sync.Mutex
	queue    []Msg
	head     int
	peer     int
	commands int
	dropped  int
	closed   bool
	ready    chan struct{} // capacity 1: something came
}

func newMailbox() mailbox { return mailbox{ready: make(chan struct{}, 1)} }

// put queues m and says whether it did.
func (b *mailbox) put(m Msg) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	switch {
	case fromPeer(m):
		if b.peer >= maxPeerMsgs {
			b.dropped++
			b.mu.Unlock()
			return false
		}
		b.peer++
	case isCommand(m):
		if b.commands >= maxCommands {
			b.mu.Unlock()
			return false
		}
		b.commands++
	}
	b.queue = append(b.queue, m)
	b.mu.Unlock()
	b.wake()
	return true
}

// wake makes the reader look again.
func (b *mailbox) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// get takes the oldest message.
func (b *mailbox) get() (Msg, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.head == len(b.queue) {
		return nil, false
	}
	m := b.queue[b.head]
	b.queue[b.head] = nil
	b.head++
	if b.head == len(b.queue) {
		b.queue, b.head = b.queue[:0], 0
	}
	switch {
	case fromPeer(m):
		b.peer--
	case isCommand(m):
		b.commands--
	}
	return m, true
}

// close refuses all further messages and gives back those nobody will read.
func (b *mailbox) close() (rest []Msg, dropped int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rest, b.queue, b.head, b.closed = b.queue[b.head:], nil, 0, true
	return rest, b.dropped
}

// fromPeer says whether the far end decides how many of these there are.
func fromPeer(m Msg) bool {
	switch m.(type) {
	case dtmf.Digit, sip.Info, sip.Held, sip.Referred, sip.Ringing:
		return true
	}
	return false
}

func isCommand(m Msg) bool {
	_, ok := m.(*command)
	return ok
}
