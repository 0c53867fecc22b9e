package jitter

import (
	"time"

	"tandem/media"
)

const (
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
// once it has seen the largest payload. Of a stream that is relayed it sees
// none, and has no room for any.
type Buffer struct {
	clock, rate int
	exact       time.Duration // of a sample; 0 where that is no whole number
	dec         Decoder
	store       store
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
	largest   int      // samples of a payload so far
	recent    [8]int32 // where within a tick the last packets began
	recentAt  int
	sinceFix  int // ticks since the last correction
	delaySum  float64
	delayN    float64
}

// New makes a buffer for RTP timestamps at clock Hz and samples at rate Hz.
func New(clock, rate int, dec Decoder) *Buffer {
	b := &Buffer{dec: dec}
	b.Reset(clock, rate)
	return b
}

// Reset forgets everything but the counters, as for a new stream.
func (b *Buffer) Reset(clock, rate int) {
	b.clock, b.rate = max(clock, 1), max(rate, 50)
	b.store.clear(nil)
	b.exact = 0
	if int(time.Second)%b.rate == 0 {
		b.exact = time.Second / time.Duration(b.rate)
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
	b.recent = [8]int32{}
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
	if b.store.seen(seq) {
		b.stats.Duplicate++
		return
	}
	if len(p.Payload) == 0 {
		b.put(seq, 0, p)
		return
	}
	pos := b.position(p, seq, verdict == jumped, at)
	b.recent[b.recentAt%len(b.recent)] = b.within(pos)
	b.recentAt++
	b.transit.add(at, at-b.time(pos))
	if !b.tick.runs || at-b.tick.last > idle {
		if seq < b.seq.high {
			return
		}
		b.flush(seq, pos, nil)
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
	b.store.reach(seq - b.next + 1)
	if seq >= b.next+maxSlots {
		b.drop(seq - maxSlots + 1)
	}
	b.store.put(seq, pos, p.Format, p.Payload)
}

// drop passes all packets before seq.
func (b *Buffer) drop(seq int64) {
	for n := max(b.next, seq-maxSlots); n < seq; n++ {
		if s := b.store.at(n); s != nil && len(s.payload) > 0 {
			b.stats.Overflow++
			b.store.pass(s)
		}
	}
	b.next = max(b.next, seq)
}

// flush begins again at seq: nobody has been listening to what came before. Of
// the packets here keep stays, which may be nil.
func (b *Buffer) flush(seq, pos int64, keep *slot) {
	b.store.clear(keep)
	b.next, b.end, b.real = seq, pos, pos
	b.fifo.reset(b.rate)
	b.started = false
}

// perTick is how many samples a tick holds.
func (b *Buffer) perTick() int64 { return int64(b.rate / int(time.Second/media.Tick)) }

// within is where in a tick pos lies, if ticks begin at position 0.
func (b *Buffer) within(pos int64) int32 {
	n := b.perTick()
	return int32((pos%n + n) % n)
}

// time is the time that lies between position 0 and pos.
func (b *Buffer) time(pos int64) time.Duration {
	if b.exact > 0 {
		return time.Duration(pos) * b.exact
	}
	rate := int64(b.rate)
	return time.Duration(pos/rate)*time.Second + time.Duration(pos%rate)*time.Second/time.Duration(rate)
}

// samples is how many samples d holds.
func (b *Buffer) samples(d time.Duration) int64 {
	if b.exact > 0 {
		return int64(d / b.exact)
	}
	return int64(d/time.Second)*int64(b.rate) + int64(d%time.Second)*int64(b.rate)/int64(time.Second)
}
