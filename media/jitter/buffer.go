package jitter

import "time"

const (
	// slots is how many packets are held: a power of two.
	slots = 64
	// slotSize is the payload that a slot has room for from the beginning;
	// longer ones make it grow once.
	slotSize = 172
	// maxDepth is how much audio is held; what comes on top of it, after a
	// standstill of the network, pushes out the oldest.
	maxDepth = time.Second
	// idle is after how long without a Read the buffer is no longer played
	// from, and keeps the newest packet only.
	idle = 100 * time.Millisecond
)

// A Packet is one of a stream.
type Packet struct {
	SSRC      uint32
	Seq       uint16
	Timestamp uint32
	// Format is handed to the decoder with the payload.
	Format uint8
	// Payload is copied. An empty one stands for a packet that holds no audio
	// for this buffer (a telephone-event): its sequence number is accounted
	// for, and its timestamp not looked at.
	Payload []byte
}

// A Decoder appends the samples of a payload to dst, at the buffer's rate. A
// nil payload stands for 20 ms that were lost (package codec); format is then
// that of the last payload.
type Decoder interface {
	Decode(dst []int16, format uint8, payload []byte) ([]int16, error)
}

// Stats are a buffer's counters so far.
type Stats struct {
	// Played counts packets that were decoded, Late those that came when a
	// later one had been played, Duplicate those that were there already,
	// Overflow those pushed out by newer ones, Undecodable those that the
	// decoder refused. Lost counts sequence numbers whose place was passed
	// without them, late ones included.
	Played, Late, Duplicate, Overflow, Undecodable, Lost uint64
	// Resyncs counts jumps of sequence, timestamp or SSRC.
	Resyncs uint64
	// Stretches and Squeezes count corrections of the delay.
	Stretches, Squeezes uint64
	// Underruns counts ticks at which nothing was there to play, in mid-stream.
	Underruns uint64
	// Concealed is how much audio was made up.
	Concealed time.Duration
	// Delay is how long a packet of mean transit waits now until it is played,
	// MeanDelay and MaxDelay are over the buffer's life.
	Delay, MeanDelay, MaxDelay time.Duration
}

// A Buffer plays one stream. It is used by one goroutine, and allocates nothing
// once it has seen the largest payload.
type Buffer struct {
	clock, rate int
	dec         Decoder
	slots       [slots]slot
	seq         sequence
	transit     transit
	fifo        fifo
	stats       Stats

	epoch   time.Time // zero of times
	started bool      // next and end have a meaning
	// next is the sequence number after that of the last packet played, end
	// the position after the last sample made, decoded or concealed, and real
	// that after the last one decoded.
	next      int64
	end, real int64
	concealed int           // samples made up since the last packet
	format    uint8         // of the last packet played
	reach     time.Duration // how long a missing packet is waited for beyond its time
	tick      ticks
	recent    [8]int64 // positions of the last packets
	recentAt  int
	sinceFix  int // ticks since the last correction
	delaySum  float64
	delayN    float64
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

// New makes a buffer for RTP timestamps at clock Hz and samples at rate Hz.
func New(clock, rate int, dec Decoder) *Buffer {
	b := &Buffer{dec: dec}
	room := make([]byte, slots*slotSize)
	for i := range b.slots {
		b.slots[i].payload = room[i*slotSize : i*slotSize : (i+1)*slotSize]
	}
	b.Reset(clock, rate)
	return b
}

// Reset forgets everything but the counters, as for a new stream.
func (b *Buffer) Reset(clock, rate int) {
	b.clock, b.rate = max(clock, 1), max(rate, 50)
	for i := range b.slots {
		b.slots[i].state = empty
	}
	b.seq = sequence{}
	b.transit = transit{}
	b.tick = ticks{}
	b.fifo.reset(b.rate)
	b.started = false
	b.next, b.end, b.real = 0, 0, 0
	b.concealed = b.rate // silent until the first packet
	b.reach = -1
	b.recentAt = 0
	b.recent = [8]int64{}
}

// Stats gives the counters so far.
func (b *Buffer) Stats() Stats {
	s := b.stats
	if b.delayN > 0 {
		s.MeanDelay = time.Duration(b.delaySum / b.delayN)
	}
	return s
}

// Push takes a packet that arrived at now.
func (b *Buffer) Push(p Packet, now time.Time) {
	if b.epoch.IsZero() {
		b.epoch = now
	}
	at := now.Sub(b.epoch)
	seq, verdict := b.seq.place(p.SSRC, p.Seq)
	if verdict == implausible {
		return
	}
	if s := &b.slots[seq&(slots-1)]; s.seq == seq && s.state != empty {
		b.stats.Duplicate++
		return
	}
	if len(p.Payload) == 0 {
		b.put(seq, 0, p)
		return
	}
	pos := b.position(p, seq, verdict == jumped, at)
	b.recent[b.recentAt%len(b.recent)] = pos
	b.recentAt++
	b.transit.add(at, at-b.time(pos))
	if !b.tick.runs || at-b.tick.last > idle {
		if seq < b.seq.high {
			return
		}
		b.flush(seq, pos)
	}
	if b.started && seq < b.next {
		// Its place has been passed. Had it been held, this packet would have
		// been in time; so hold the next one that is missing.
		b.stats.Late++
		b.reach = min(at-b.time(pos)-b.transit.mean+5*time.Millisecond, maxReach)
		return
	}
	b.put(seq, pos, p)
}

// put stores a packet in its slot.
func (b *Buffer) put(seq, pos int64, p Packet) {
	if b.started && seq < b.next {
		return
	}
	if seq >= b.next+slots {
		b.drop(seq - slots + 1)
	}
	s := &b.slots[seq&(slots-1)]
	s.state, s.seq, s.pos, s.format = full, seq, pos, p.Format
	s.payload = append(s.payload[:0], p.Payload...)
}

// drop passes all packets before seq.
func (b *Buffer) drop(seq int64) {
	for n := max(b.next, seq-slots); n < seq; n++ {
		if s := b.at(n); s != nil && len(s.payload) > 0 {
			b.stats.Overflow++
			s.state = passed
		}
	}
	b.next = max(b.next, seq)
}

// flush begins again at seq: nobody has been listening to what came before.
func (b *Buffer) flush(seq, pos int64) {
	for i := range b.slots {
		b.slots[i].state = empty
	}
	b.next, b.end, b.real = seq, pos, pos
	b.fifo.reset(b.rate)
	b.started = false
}

// at gives the slot of a sequence number, or nil where that is not here.
func (b *Buffer) at(seq int64) *slot {
	s := &b.slots[seq&(slots-1)]
	if s.state == full && s.seq == seq {
		return s
	}
	return nil
}

// time is the time that lies between position 0 and pos.
func (b *Buffer) time(pos int64) time.Duration {
	rate := int64(b.rate)
	return time.Duration(pos/rate)*time.Second + time.Duration(pos%rate)*time.Second/time.Duration(rate)
}

// samples is how many samples d holds.
func (b *Buffer) samples(d time.Duration) int64 {
	return int64(d/time.Second)*int64(b.rate) + int64(d%time.Second)*int64(b.rate)/int64(time.Second)
}
