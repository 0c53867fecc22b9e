package event

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Record is an event with its place in the journal.
type Record struct {
	// Index counts the journal's events since ever, from 0.
	Index uint64
	Event Event
}

// Where a reader begins that the journal does not know yet.
const (
	FromOldest = false
	FromNow    = true
)

// A Reader reads the journal in order and remembers on disk what its owner is
// done with. One goroutine calls Next; Ack may be called from any.
type Reader struct {
	j    *journal
	name string
	// acked is the first index that is still to be handed over after a
	// restart; guarded by the journal's lock.
	acked uint64

	// Next's own.
	next uint64
	base uint64 // of the open file
	file *os.File
	buf  *bufio.Reader
	at   uint64 // index of the next record in buf
	slab []byte // free memory for records
}

// slabSize is how much memory is taken at once for the records that are read.
const slabSize = 64 << 10

// Reader gives the durable reader of that name, which must be among
// Options.Readers, at the place it had acknowledged. One that is new begins at
// the oldest event kept, or at the next one where fromNow is set.
func (b *Bus) Reader(name string, fromNow bool) (*Reader, error) {
	j := b.journal
	if j == nil {
		return nil, fmt.Errorf("event reader %s: the bus has no journal", name)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	known := false
	for _, n := range j.named {
		known = known || n == name
	}
	if !known || j.readers[name] != nil {
		return nil, fmt.Errorf("event reader %s: not named when the bus was opened, or taken", name)
	}
	at, ok := readOffset(j.dir, name)
	switch {
	case !ok && fromNow:
		at = j.written
	case !ok:
		at = j.segments[0].base
	}
	// A journal that was removed by hand begins anew.
	at = min(at, j.written)
	r := &Reader{j: j, name: name, acked: at, next: at}
	if !ok {
		if err := r.save(at); err != nil {
			return nil, err
		}
	}
	j.readers[name] = r
	return r, nil
}

// Next waits for events and gives up to limit of them, in order. Its error is
// the context's, [ErrClosed] when the bus is closed and all was read, or the
// disk's.
func (r *Reader) Next(ctx context.Context, limit int) ([]Record, error) {
	for {
		j := r.j
		j.mu.Lock()
		synced, moved, closed := j.synced, j.moved, j.closed
		oldest := j.segments[0].base
		if r.next < oldest {
			j.lost[r.name] += oldest - r.next
			r.next = oldest
		}
		j.mu.Unlock()
		if r.next < synced {
			recs, err := r.read(synced, limit)
			if errors.Is(err, os.ErrNotExist) {
				continue // removed meanwhile: the loss is counted above
			}
			if len(recs) > 0 || err != nil {
				return recs, err
			}
		}
		if closed {
			r.close()
			return nil, ErrClosed
		}
		select {
		case <-moved:
		case <-ctx.Done():
			r.close()
			return nil, ctx.Err()
		}
	}
}

// Gather waits until n events can be read, the bus is closed or ctx is done: for
// a reader that does better with many at once.
func (r *Reader) Gather(ctx context.Context, n int) {
	for {
		r.j.mu.Lock()
		synced, moved, closed := r.j.synced, r.j.moved, r.j.closing
		r.j.mu.Unlock()
		if closed || synced >= r.next+uint64(n) {
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

// Readable is the index after the last event that Next can give now.
func (r *Reader) Readable() uint64 {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	return r.j.synced
}

// Lag says how many events are still to be acknowledged.
func (r *Reader) Lag() uint64 {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	return r.j.written - min(r.acked, r.j.written)
}

// Acked is the index after the last event that was acknowledged.
func (r *Reader) Acked() uint64 {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	return r.acked
}

// Ack says that everything up to and including index is done with: a restart
// goes on behind it. Ack of an earlier index does nothing.
func (r *Reader) Ack(index uint64) error {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	if index < r.acked {
		return nil
	}
	if err := r.save(index + 1); err != nil {
		return err
	}
	r.acked = index + 1
	return nil
}

// read gives records from r.next, below synced, out of one file.
func (r *Reader) read(synced uint64, limit int) ([]Record, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	recs := make([]Record, 0, min(uint64(limit), synced-r.next))
	for len(recs) < limit && r.at < synced {
		p, err := r.record()
		if err != nil {
			// The file's end, or damage in it: go on with the next file.
			if len(recs) > 0 {
				break
			}
			return nil, r.skipFile(err)
		}
		if p.Seqs != nil {
			continue
		}
		if r.at >= r.next {
			recs = append(recs, Record{r.at, p.Event})
			r.next = r.at + 1
		}
		r.at++
	}
	return recs, nil
}

// record reads one record of the open file.
func (r *Reader) record() (payload, error) {
	head, err := r.buf.Peek(recordHeader)
	if err != nil {
		return payload{}, err
	}
	n := int(uint32(head[0])<<24 | uint32(head[1])<<16 | uint32(head[2])<<8 | uint32(head[3]))
	if n > maxRecord {
		return payload{}, errTorn
	}
	rec := r.room(recordHeader + n)
	if _, err := io.ReadFull(r.buf, rec); err != nil {
		return payload{}, err
	}
	p, _, err := parseRecord(rec)
	return p, err
}

// room gives memory that the record's event keeps.
func (r *Reader) room(n int) []byte {
	if n > slabSize/8 {
		return make([]byte, n)
	}
	if n > len(r.slab) {
		r.slab = make([]byte, slabSize)
	}
	b := r.slab[:n:n]
	r.slab = r.slab[n:]
	return b
}

// open has the file open that holds r.next, with r.at not beyond it.
func (r *Reader) open() error {
	r.j.mu.Lock()
	var base uint64
	for _, s := range r.j.segments {
		if s.base <= r.next {
			base = s.base
		}
	}
	r.j.mu.Unlock()
	if r.file != nil && r.base == base && r.at <= r.next {
		return nil
	}
	r.close()
	f, err := os.Open(r.j.path(base))
	if err != nil {
		return err
	}
	r.file, r.base, r.at = f, base, base
	r.buf = bufio.NewReaderSize(f, 64<<10)
	return nil
}

// skipFile goes on with the file after the open one when that cannot be read
// further; what it should have held is lost.
func (r *Reader) skipFile(cause error) error {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	for _, s := range r.j.segments {
		if s.base > r.base {
			if s.base > r.next {
				r.j.log.Error("event journal is damaged; events are lost", "file", r.j.path(r.base), "reader", r.name, "count", s.base-r.next)
				r.j.lost[r.name] += s.base - r.next
				r.next = s.base
			}
			r.close()
			return nil
		}
	}
	r.close()
	return fmt.Errorf("event journal %s: %w", r.j.path(r.base), cause)
}

func (r *Reader) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// save writes the reader's position. It survives the end of the process
// without fsync; after a power cut some events may be given twice.
func (r *Reader) save(at uint64) error {
	name := filepath.Join(r.j.dir, r.name+offsetSuffix)
	if err := os.WriteFile(name+".new", []byte(strconv.FormatUint(at, 10)+"\n"), 0o640); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

func readOffset(dir, name string) (uint64, bool) {
	b, err := os.ReadFile(filepath.Join(dir, name+offsetSuffix))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}
