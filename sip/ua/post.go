package ua

import "sync"

// maxKept bounds the messages that are kept until somebody wants them.
const maxKept = 64

// outbox hands a leg's messages to whoever it was given, in order: the loop and
// the media worker post at once. Nothing comes after the last.
type outbox struct {
	mu   sync.Mutex
	post func(any)
	kept []any // until post is set
	over bool
}

func (o *outbox) set(post func(any)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.post = post
	if post == nil {
		return
	}
	for _, m := range o.kept {
		post(m)
	}
	o.kept = nil
}

func (o *outbox) put(m any) { o.deliver(m, false) }

// last puts the message after which there is none.
func (o *outbox) last(m any) { o.deliver(m, true) }

func (o *outbox) deliver(m any, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return
	}
	o.over = last
	switch {
	case o.post != nil:
		o.post(m)
	case len(o.kept) < maxKept || last:
		o.kept = append(o.kept, m)
	}
}
