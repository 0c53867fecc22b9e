package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// ErrClosed is the error of a bus that was closed.
var ErrClosed = errors.New("event bus is closed")

// Options are a bus's settings; the zero value is good for all.
type Options struct {
	// Readers names the durable readers. The journal keeps what one of them
	// has not acknowledged; positions of readers that are not named here are
	// forgotten.
	Readers []string
	// Queue is how many events may wait for the disk before new ones are lost;
	// 0 means 65,536.
	Queue int
	// SegmentSize is the size in bytes at which the journal begins a new file;
	// 0 means 8 MiB.
	SegmentSize int64
	// MaxSize is the size in bytes which the journal may reach although a
	// reader lags; then its oldest file goes and the loss is an event.
	// 0 means 1 GiB.
	MaxSize int64
	// SyncEvery is the longest time that what was published may wait for
	// fsync; 0 means 100 ms.
	SyncEvery time.Duration
	// Log takes what the operator must know; nil means slog.Default().
	Log *slog.Logger
}

func (o *Options) setDefaults() {
	if o.Queue <= 0 {
		o.Queue = 65536
	}
	if o.SegmentSize <= 0 {
		o.SegmentSize = 8 << 20
	}
	if o.MaxSize <= 0 {
		o.MaxSize = 1 << 30
	}
	if o.SyncEvery <= 0 {
		o.SyncEvery = 100 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

// callMemory is how long after a call's end the bus remembers its numbering,
// for events that come late (a recording that is closed, statistics).
const callMemory = time.Minute

// retryEvery is how long the bus waits after the disk refused to write.
const retryEvery = time.Second

// gatherShare is the part of SyncEvery for which the bus gathers events before
// it writes them: each call tells of a dozen things within milliseconds, and a
// write for each of them costs more than all else that becomes of it.
const gatherShare = 20

// A Bus numbers events, keeps them in its journal and hands them on. All
// methods may be called from any goroutine.
type Bus struct {
	o       Options
	journal *journal // nil: events are kept nowhere
	done    chan struct{}
	wake    chan struct{} // holds one token: there is something to do

	mu      sync.Mutex
	closed  bool
	queue   []Event
	spare   []Event // empty: the queue's next memory
	held    int     // events that the bus's goroutine has taken and the disk has not
	seqs    map[string]uint64
	calls   map[string]*callSeq
	lost    uint64 // since the last TypeLost
	total   Stats
	subs    map[*Subscription]struct{}
	lastSee time.Time // when calls was swept last
}

type callSeq struct {
	last  uint64
	ended time.Time
}

// Stats counts what the bus did since its start.
type Stats struct {
	// Published were accepted; Lost found the queue full because the disk
	// did not take them; LostLive were dropped for slow live subscribers.
	Published, Lost, LostLive uint64
	// Queued wait for the disk now.
	Queued int
	// JournalBytes is the journal's size on disk now.
	JournalBytes int64
	// WriteErrors counts refused writes to the journal.
	WriteErrors uint64
}

// Open makes a bus whose journal is in dir, which is made where it is not
// there; numbers go on where the journal ends. An empty dir means no journal:
// then there are live subscribers only.
func Open(dir string, o Options) (*Bus, error) {
	o.setDefaults()
	b := &Bus{
		o:     o,
		done:  make(chan struct{}),
		wake:  make(chan struct{}, 1),
		seqs:  map[string]uint64{},
		calls: map[string]*callSeq{},
		subs:  map[*Subscription]struct{}{},
	}
	if dir != "" {
		j, seqs, err := openJournal(dir, o)
		if err != nil {
			return nil, err
		}
		b.journal, b.seqs = j, seqs
	}
	go b.run()
	return b, nil
}

// Publish numbers e and hands it on. It never blocks and keeps the order of
// its callers' events. After Close it does nothing.
func (b *Bus) Publish(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	if len(b.queue)+b.held >= b.o.Queue {
		b.lost++
		b.total.Lost++
		return
	}
	if b.lost > 0 {
		b.push(Event{Type: TypeLost, Data: Lost{Count: b.lost}})
		b.lost = 0
	}
	b.push(e)
	b.signal()
}

// push numbers e and queues it. The lock is held.
func (b *Bus) push(e Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if e.Customer == NilID {
		e.Customer = ""
	}
	b.seqs[e.Customer]++
	e.Seq = b.seqs[e.Customer]
	if e.Call != "" {
		c := b.calls[e.Call]
		if c == nil {
			c = &callSeq{}
			b.calls[e.Call] = c
		}
		c.last++
		e.CallSeq = c.last
		if e.Type == TypeCallHangup {
			c.ended = e.Time
		}
	}
	b.total.Published++
	b.queue = append(b.queue, e)
}

// Resume says that the call's last event was numbered seq, for a call of an
// earlier run about which something is still to be told.
func (b *Bus) Resume(call string, seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.calls[call]; c == nil {
		b.calls[call] = &callSeq{last: seq}
	} else {
		c.last = max(c.last, seq)
	}
}

// Stats gives the counters.
func (b *Bus) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.total
	s.Queued = len(b.queue) + b.held
	if b.journal != nil {
		s.JournalBytes = b.journal.size()
	}
	return s
}

// Close writes and syncs what was published and ends the bus, its
// subscriptions and its readers. It returns the error with which the journal
// refused the last events, if any.
func (b *Bus) Close() error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		b.signal()
	}
	b.mu.Unlock()
	<-b.done
	if b.journal != nil {
		return b.journal.close()
	}
	return nil
}

func (b *Bus) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run is the bus's goroutine: it encodes, writes and delivers.
func (b *Bus) run() {
	defer close(b.done)
	defer b.endSubscriptions()
	var unwritten pending // encoded, and not taken by the disk so far
	var retry <-chan time.Time
	for {
		select {
		case <-b.wake:
			if b.journal != nil {
				time.Sleep(b.o.SyncEvery / gatherShare)
			}
		case <-retry:
		}
		b.mu.Lock()
		batch := b.queue
		b.queue = b.spare
		b.held = len(unwritten.entries) + len(batch)
		closed := b.closed
		subs := b.subscriptions()
		b.sweep()
		b.mu.Unlock()

		b.encode(&unwritten, batch, len(subs) > 0)
		var err error
		if b.journal == nil {
			unwritten.reset()
		} else if err = b.journal.append(&unwritten); err != nil {
			b.o.Log.Error("event journal does not take events; they wait in memory", "err", err, "waiting", len(unwritten.entries))
		}
		retry = nil
		b.mu.Lock()
		b.held = len(unwritten.entries)
		if err != nil {
			b.total.WriteErrors++
			retry = time.After(retryEvery)
		}
		b.mu.Unlock()
		b.deliver(batch, subs)
		b.tellTrimmed()
		if closed {
			return
		}
		clear(batch)
		b.mu.Lock()
		b.spare = batch[:0]
		b.mu.Unlock()
	}
}

// tellTrimmed publishes what the journal had to drop unread.
func (b *Bus) tellTrimmed() {
	if b.journal == nil {
		return
	}
	for reader, n := range b.journal.takeLost() {
		b.o.Log.Error("event journal is full; a reader lost events", "reader", reader, "count", n)
		b.Publish(Event{Type: TypeLost, Data: Lost{Count: n, Reader: reader}})
	}
}

// encode appends batch to p. Where the events are delivered besides, they get
// their data encoded, in memory of their own: p's is used again.
func (b *Bus) encode(p *pending, batch []Event, deliver bool) {
	for i := range batch {
		e := &batch[i]
		data, err := p.add(e)
		if err != nil {
			b.o.Log.Error("event cannot be encoded", "type", e.Type, "call", e.Call, "err", err)
		}
		if deliver {
			e.Data = json.RawMessage(bytes.Clone(data))
		}
	}
}

// sweep forgets the numbering of calls that ended a while ago. The lock is
// held.
func (b *Bus) sweep() {
	now := time.Now()
	if now.Sub(b.lastSee) < callMemory/4 {
		return
	}
	b.lastSee = now
	maps.DeleteFunc(b.calls, func(_ string, c *callSeq) bool {
		return !c.ended.IsZero() && now.Sub(c.ended) > callMemory
	})
}
