package jitter

const (
	// maxSlots is how many packets are held, fewSlots for how many there is
	// room at first: powers of two. A stream from a clean network never needs
	// more, and what it does not need is not fetched from memory either.
	maxSlots = 64
	fewSlots = 16
	// slotSize is how long the payloads are that room is made for; a longer
	// one gets its own.
	slotSize = 172
)

// A store holds packets by their sequence numbers. Its zero value is empty and
// has no room: that of a stream that is relayed stays so.
type store struct {
	slots []slot
	spare [][]byte // of payloads that have been played; the last one first
}

type slot struct {
	state   state
	format  uint8
	seq     int64
	pos     int64
	payload []byte // empty: holds no audio
}

type state uint8

const (
	empty  state = iota // what else the slot says means nothing
	full                // the packet is to be played
	passed              // it was played; a second one of its kind is a duplicate
)

// slot is the one that a sequence number has, whoever is in it.
func (st *store) slot(seq int64) *slot { return &st.slots[seq&int64(len(st.slots)-1)] }

// at gives the slot of a packet that is to be played, or nil.
func (st *store) at(seq int64) *slot {
	if len(st.slots) == 0 {
		return nil
	}
	if s := st.slot(seq); s.state == full && s.seq == seq {
		return s
	}
	return nil
}

// seen says whether the packet is here or was, not long ago.
func (st *store) seen(seq int64) bool {
	if len(st.slots) == 0 {
		return false
	}
	s := st.slot(seq)
	return s.seq == seq && s.state != empty
}

// reach makes room for packets up to n places apart, as far as there may be.
func (st *store) reach(n int64) {
	if n <= int64(len(st.slots)) || len(st.slots) == maxSlots {
		return
	}
	old := st.slots
	st.slots = make([]slot, fewSlots)
	if n > fewSlots {
		st.slots = make([]slot, maxSlots)
	}
	for i := range old {
		if old[i].state != empty {
			*st.slot(old[i].seq) = old[i]
		}
	}
}

// put stores a packet; nothing that is still to be played is in its slot.
func (st *store) put(seq, pos int64, format uint8, payload []byte) {
	s := st.slot(seq)
	st.drop(s)
	s.state, s.seq, s.pos, s.format = full, seq, pos, format
	if len(payload) == 0 {
		return
	}
	var room []byte
	if n := len(st.spare); n > 0 {
		room, st.spare = st.spare[n-1], st.spare[:n-1]
	} else {
		room = make([]byte, 0, max(slotSize, len(payload)))
	}
	s.payload = append(room, payload...)
}

// pass takes a packet out.
func (st *store) pass(s *slot) {
	s.state = passed
	st.drop(s)
}

// drop takes the slot's payload back.
func (st *store) drop(s *slot) {
	if s.payload != nil {
		st.spare = append(st.spare, s.payload[:0])
		s.payload = nil
	}
}

// clear empties all slots but keep, which may be nil.
func (st *store) clear(keep *slot) {
	for i := range st.slots {
		if s := &st.slots[i]; s != keep {
			s.state = empty
			st.drop(s)
		}
	}
}
