package event

// A pending is events on their way to the disk: their records, one behind the
// other as the file will have them, in memory that is used again.
type pending struct {
	buf     []byte
	entries []entry // what of buf is still to be written
	first   int     // where in buf the first entry begins
	whole   []entry // entries' memory
}

// An entry is the end of an event's record and what it means for the numbers.
type entry struct {
	end      int
	customer string
	seq      uint64
}

// keepPending is how much memory in bytes is kept for the next events.
const keepPending = 1 << 20

// add encodes an event and gives its data, which are valid until the next call
// of a method. Where they cannot be encoded there is null in their place.
func (p *pending) add(e *Event) ([]byte, error) {
	switch {
	case len(p.entries) == 0:
		p.reset()
	case p.first > keepPending: // the disk takes some, again and again, and never all
		p.compact()
	}
	b, data, err := appendRecord(p.buf, e)
	p.buf = b
	p.entries = append(p.entries, entry{len(b), e.Customer, e.Seq})
	if p.first == 0 {
		p.whole = p.entries
	}
	return b[data:], err
}

// fit gives the records that stand first and have room in a file, at least one.
func (p *pending) fit(room int64) (records []byte, entries []entry) {
	n := 1
	for n < len(p.entries) && int64(p.entries[n].end-p.first) <= room {
		n++
	}
	return p.buf[p.first:p.entries[n-1].end], p.entries[:n]
}

// written says that the first n events are.
func (p *pending) written(n int) {
	p.first = p.entries[n-1].end
	p.entries = p.entries[n:]
	if len(p.entries) == 0 {
		p.reset()
	}
}

// compact drops what is written from the memory.
func (p *pending) compact() {
	p.buf = append([]byte(nil), p.buf[p.first:]...)
	p.entries = append([]entry(nil), p.entries...)
	for i := range p.entries {
		p.entries[i].end -= p.first
	}
	p.whole, p.first = p.entries, 0
}

// reset forgets all events.
func (p *pending) reset() {
	clear(p.whole)
	p.buf, p.entries, p.first = p.buf[:0], p.whole[:0], 0
	if cap(p.buf) > keepPending {
		p.buf, p.entries, p.whole = nil, nil, nil
	}
}
