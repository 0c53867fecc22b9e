package event

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A journal is a folder of append-only files. Each is named after the index of
// its first event, counted since ever, and begins with a record of the
// streams' numbers. The bus's goroutine appends; a goroutine of the journal's
// own syncs, at most every SyncEvery; readers read what is synced.
type journal struct {
	dir   string
	o     Options
	log   *slog.Logger
	stop  chan struct{}
	ended chan struct{}
	dirty chan struct{} // holds one token: something was written

	// The bus's goroutine's, and openJournal's before it.
	seqs map[string]uint64 // numbers of what was written

	mu       sync.Mutex
	segments []segment     // oldest first; the last one is written
	file     *os.File      // of the last segment
	written  uint64        // index after the last event written
	synced   uint64        // index after the last event that fsync has taken
	moved    chan struct{} // closed and replaced when synced grows or the journal ends
	closing  bool
	closed   bool // all is synced that ever will be
	readers  map[string]*Reader
	named    []string
	lost     map[string]uint64
}

// A segment is one file.
type segment struct {
	base uint64 // index of its first event
	size int64
}

const segmentSuffix, offsetSuffix = ".journal", ".offset"

func (j *journal) path(base uint64) string {
	return filepath.Join(j.dir, fmt.Sprintf("%020d%s", base, segmentSuffix))
}

// openJournal reads the last file, cuts off what a kill left torn, and says at
// which numbers the streams stand.
func openJournal(dir string, o Options) (*journal, map[string]uint64, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, nil, fmt.Errorf("event journal: %w", err)
	}
	j := &journal{
		dir: dir, o: o, log: o.Log,
		stop: make(chan struct{}), ended: make(chan struct{}), dirty: make(chan struct{}, 1),
		moved: make(chan struct{}), readers: map[string]*Reader{}, named: slices.Clone(o.Readers), lost: map[string]uint64{},
	}
	if err := j.scan(); err != nil {
		return nil, nil, fmt.Errorf("event journal: %w", err)
	}
	if err := j.recover(); err != nil {
		return nil, nil, fmt.Errorf("event journal: %w", err)
	}
	go j.sync()
	return j, maps.Clone(j.seqs), nil
}

// scan lists the files and forgets the positions of readers that are no more.
func (j *journal) scan() error {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), offsetSuffix); ok && !slices.Contains(j.named, name) {
			if err := os.Remove(filepath.Join(j.dir, e.Name())); err != nil {
				return err
			}
			continue
		}
		base, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		n, err := strconv.ParseUint(base, 10, 64)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		j.segments = append(j.segments, segment{n, info.Size()})
	}
	slices.SortFunc(j.segments, func(a, b segment) int { return int(int64(a.base - b.base)) })
	return nil
}

// recover makes the last file ready to be written.
func (j *journal) recover() error {
	for len(j.segments) > 0 {
		last := &j.segments[len(j.segments)-1]
		data, err := os.ReadFile(j.path(last.base))
		if err != nil {
			return err
		}
		head, n, err := parseRecord(data)
		if err != nil || head.Seqs == nil {
			// Killed while it was begun: nothing is in it.
			if len(j.segments) == 1 {
				j.seqs = map[string]uint64{}
				return j.begin(last.base)
			}
			if err := os.Remove(j.path(last.base)); err != nil {
				return err
			}
			j.segments = j.segments[:len(j.segments)-1]
			continue
		}
		j.seqs = head.Seqs
		at, count := n, uint64(0)
		for at < len(data) {
			p, n, err := parseRecord(data[at:])
			if err != nil {
				j.log.Warn("event journal ends in a torn record, which is cut off", "file", j.path(last.base), "bytes", len(data)-at)
				break
			}
			if p.Seqs != nil {
				break
			}
			j.seqs[p.Event.Customer] = p.Event.Seq
			at, count = at+n, count+1
		}
		f, err := os.OpenFile(j.path(last.base), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Truncate(int64(at)), f.Sync()); err != nil {
			f.Close()
			return err
		}
		j.file, last.size = f, int64(at)
		j.written = last.base + count
		j.synced = j.written
		return nil
	}
	j.seqs = map[string]uint64{}
	return j.begin(0)
}

// begin makes the file whose first event will be base, with the streams'
// numbers as its first record.
func (j *journal) begin(base uint64) error {
	f, err := os.OpenFile(j.path(base), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	seqs := maps.Clone(j.seqs)
	if len(seqs) == 0 {
		seqs = map[string]uint64{"": 0}
	}
	head := encodeHead(seqs)
	if _, err := f.Write(head); err != nil {
		return errors.Join(err, f.Close(), os.Remove(j.path(base)))
	}
	if err := errors.Join(f.Sync(), syncDir(j.dir)); err != nil {
		return errors.Join(err, f.Close(), os.Remove(j.path(base)))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.file = f
	if n := len(j.segments); n > 0 && j.segments[n-1].base == base {
		j.segments = j.segments[:n-1]
	}
	j.segments = append(j.segments, segment{base, int64(len(head))})
	j.written, j.synced = base, base
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// append writes what is pending as far as it can. What a refused write left
// behind is cut off again. Only the bus's goroutine calls it.
func (j *journal) append(p *pending) error {
	for len(p.entries) > 0 {
		if err := j.rotate(); err != nil {
			return err
		}
		j.mu.Lock()
		room, at, f := j.o.SegmentSize-j.last().size, j.last().size, j.file
		j.mu.Unlock()
		records, entries := p.fit(room)
		if _, err := f.WriteAt(records, at); err != nil {
			return errors.Join(err, f.Truncate(at))
		}
		for _, e := range entries {
			j.seqs[e.customer] = e.seq
		}
		j.mu.Lock()
		j.last().size += int64(len(records))
		j.written += uint64(len(entries))
		j.mu.Unlock()
		p.written(len(entries))
		select {
		case j.dirty <- struct{}{}:
		default:
		}
	}
	return nil
}

func (j *journal) last() *segment { return &j.segments[len(j.segments)-1] }

// rotate begins a new file when the last one is full, and removes what nobody
// needs any more.
func (j *journal) rotate() error {
	j.mu.Lock()
	full, base, f := j.last().size >= j.o.SegmentSize, j.written, j.file
	full = full && base > j.last().base
	j.mu.Unlock()
	if !full {
		return nil
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := j.begin(base); err != nil {
		return err
	}
	j.mu.Lock()
	j.advance(base)
	j.trim()
	j.mu.Unlock()
	return f.Close()
}

// trim removes files that every reader has done with, and the oldest while
// the journal is too large. The lock is held.
func (j *journal) trim() {
	need := j.written
	for _, name := range j.named {
		if r := j.readers[name]; r != nil {
			need = min(need, r.acked)
		} else if at, ok := readOffset(j.dir, name); ok {
			need = min(need, at)
		}
	}
	total := int64(0)
	for _, s := range j.segments {
		total += s.size
	}
	for len(j.segments) > 1 && (j.segments[1].base <= need || total > j.o.MaxSize) {
		first := j.segments[0]
		if err := os.Remove(j.path(first.base)); err != nil && !errors.Is(err, os.ErrNotExist) {
			j.log.Error("event journal", "err", err)
			return
		}
		total -= first.size
		j.segments = j.segments[1:]
	}
}

// sync is the journal's goroutine.
func (j *journal) sync() {
	defer close(j.ended)
	for {
		select {
		case <-j.dirty:
		case <-j.stop:
			return
		}
		j.mu.Lock()
		f, upto := j.file, j.written
		j.mu.Unlock()
		if err := f.Sync(); err == nil {
			j.mu.Lock()
			j.advance(upto)
			j.mu.Unlock()
		} else if !errors.Is(err, os.ErrClosed) { // closed: rotate has synced it
			j.log.Error("event journal", "err", err)
		}
		select {
		case <-time.After(j.o.SyncEvery - j.o.SyncEvery/gatherShare): // the bus has gathered for the rest
		case <-j.stop:
			return
		}
	}
}

// advance tells the readers how far they may read. The lock is held.
func (j *journal) advance(upto uint64) {
	if upto <= j.synced {
		return
	}
	j.synced = upto
	close(j.moved)
	j.moved = make(chan struct{})
}

func (j *journal) size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := int64(0)
	for _, s := range j.segments {
		n += s.size
	}
	return n
}

// takeLost says what was removed unread since the last call, by reader.
func (j *journal) takeLost() map[string]uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lost) == 0 {
		return nil
	}
	l := j.lost
	j.lost = map[string]uint64{}
	return l
}

// close syncs and ends the journal. The bus's goroutine has ended.
func (j *journal) close() error {
	j.mu.Lock()
	if j.closing {
		j.mu.Unlock()
		return nil
	}
	j.closing = true
	j.mu.Unlock()
	close(j.stop)
	<-j.ended
	err := j.file.Sync()
	j.mu.Lock()
	if err == nil {
		j.advance(j.written)
	}
	j.closed = true
	close(j.moved)
	j.mu.Unlock()
	return errors.Join(err, j.file.Close())
}
