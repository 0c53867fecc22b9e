package dtmf

import (
	"errors"
	"fmt"
	"time"
)

// What a sender does where it is not told otherwise.
const (
	DefaultDuration = 100 * time.Millisecond
	DefaultGap      = 100 * time.Millisecond
	DefaultVolume   = 10 // -10 dBm0, as most gateways send
)

// Limits of what can be sent.
const (
	MaxDigits   = 256 // keys waiting to be sent
	MinDuration = 40 * time.Millisecond
	MaxDuration = 8 * time.Second // what fits one event at 8000 Hz
)

// endPackets is how often the end of an event is sent (RFC 4733 §2.5.1.4).
const endPackets = 3

// A pause in a string of digits: w half a second, a comma a whole one.
const (
	shortPause = 500 * time.Millisecond
	longPause  = time.Second
)

// ErrTooMany says that more digits wait to be sent than [MaxDigits].
var ErrTooMany = errors.New("too many digits wait to be sent")

// Check says what is wrong with a string of digits: anything but 0-9 * # A-D
// a-d and the pauses w and comma, or more than [MaxDigits] of them.
func Check(digits string) error {
	if len(digits) > MaxDigits {
		return ErrTooMany
	}
	for i := range len(digits) {
		if _, ok := EventOf(digits[i]); !ok && pauseOf(digits[i]) == 0 {
			return fmt.Errorf("bad digit %q at %d", digits[i], i+1)
		}
	}
	return nil
}

func pauseOf(c byte) time.Duration {
	switch c {
	case 'w', 'W':
		return shortPause
	case ',':
		return longPause
	}
	return 0
}

// A Packet is what a [Sender] wants sent.
type Packet struct {
	// Event is the payload.
	Event Event
	// Timestamp is the beginning of the event.
	Timestamp uint32
	// Marker is set on the first packet of an event.
	Marker bool
	// Repeat is set where the end of the event is sent again: it is over.
	Repeat bool
}

// A Sender turns strings of digits into telephone-event packets: for each digit
// one packet every packet time while it lasts, and its end three times. It
// allocates only when digits are queued, and is used by one goroutine.
type Sender struct {
	clock  uint32
	volume uint8
	jobs   []job
	queued int

	state    senderState
	event    Event
	begun    uint32 // timestamp of the event
	length   uint32 // units that it is to last
	open     bool   // it lasts until Release
	repeats  int
	gap      time.Duration
	resumeAt uint32 // timestamp at which the next digit may begin
}

type senderState uint8

const (
	idle senderState = iota
	sending
	ending
	pausing
)

// job is one string to send.
type job struct {
	digits   string
	at       int
	duration time.Duration
	gap      time.Duration
	open     bool
	done     func()
}

// NewSender makes a sender whose timestamps run at clockRate Hz and whose
// events say that the tone has a power of -volume dBm0 (0-63).
func NewSender(clockRate int, volume uint8) *Sender {
	return &Sender{clock: uint32(max(clockRate, 1)), volume: min(volume, 63)}
}

// Queue adds digits to what is to be sent, each held for duration and followed
// by at least gap. Zero or less is the default; a duration is kept within
// [MinDuration] and [MaxDuration]. done may be nil; it is called once, from
// Step or Reset, when the last of them has been sent and its gap is over.
func (s *Sender) Queue(digits string, duration, gap time.Duration, done func()) error {
	if err := Check(digits); err != nil {
		return err
	}
	if s.queued+len(digits) > MaxDigits {
		return ErrTooMany
	}
	if duration <= 0 {
		duration = DefaultDuration
	}
	if gap <= 0 {
		gap = DefaultGap
	}
	s.queued += len(digits)
	s.jobs = append(s.jobs, job{
		digits:   digits,
		duration: min(max(duration, MinDuration), MaxDuration),
		gap:      gap,
		done:     done,
	})
	return nil
}

// Press begins a digit that lasts until [Sender.Release]; it waits for those
// queued before it. What is no digit is left alone.
func (s *Sender) Press(char byte) {
	if _, ok := EventOf(char); !ok || s.queued >= MaxDigits {
		return
	}
	s.queued++
	s.jobs = append(s.jobs, job{digits: string(char), duration: MaxDuration, gap: MinDuration, open: true})
}

// Release ends the digit that Press has begun, once it has lasted as long as
// duration, or at once where it has already, but never before [MinDuration].
func (s *Sender) Release(duration time.Duration) {
	duration = min(max(duration, MinDuration), MaxDuration)
	for i := range s.jobs {
		if j := &s.jobs[i]; j.open {
			if j.at == 0 {
				j.duration, j.open = duration, false
				return
			}
		}
	}
	if s.open {
		s.open = false
		s.length = max(s.units(duration), uint32(s.event.Duration))
	}
}

// Held says whether a digit that Press has begun is still held.
func (s *Sender) Held() bool {
	if s.open {
		return true
	}
	for i := range s.jobs {
		if s.jobs[i].open {
			return true
		}
	}
	return false
}

// Busy says whether there is anything left to do.
func (s *Sender) Busy() bool { return s.state != idle || len(s.jobs) > 0 }

// SetClock changes the rate of the timestamps. An event that is being sent is
// given up: its timestamps mean nothing on the new clock.
func (s *Sender) SetClock(clockRate int) {
	if uint32(clockRate) == s.clock || clockRate <= 0 {
		return
	}
	s.clock = uint32(clockRate)
	s.state, s.open = idle, false
}

// Reset forgets all that is to be sent and calls what waited for it.
func (s *Sender) Reset() {
	s.state, s.queued, s.open = idle, 0, false
	jobs := s.jobs
	s.jobs = nil
	for _, j := range jobs {
		if j.done != nil {
			j.done()
		}
	}
}

// Step is called once in every packet time while the sender is busy. timestamp
// is that of the audio which begins now and step the packet time in its units.
// It says whether p is to be sent; where not, a pause goes on and audio may
// take its place.
func (s *Sender) Step(timestamp, step uint32) (p Packet, ok bool) {
	switch s.state {
	case pausing:
		if int32(timestamp-s.resumeAt) < 0 {
			return Packet{}, false
		}
		s.state = idle
		fallthrough
	case idle:
		if !s.begin(timestamp) {
			return Packet{}, false
		}
		return s.update(timestamp, step, true), true
	case sending:
		return s.update(timestamp, step, false), true
	case ending:
		s.repeats--
		if s.repeats == 0 {
			s.state = pausing
		}
		p = s.packet(false)
		p.Repeat = true
		return p, true
	}
	return Packet{}, false
}

// begin takes up the next digit or pause. It says whether an event has begun.
func (s *Sender) begin(timestamp uint32) bool {
	for len(s.jobs) > 0 {
		j := &s.jobs[0]
		if j.at == len(j.digits) {
			done := j.done
			s.jobs = s.jobs[1:]
			if len(s.jobs) == 0 {
				s.jobs = nil
			}
			if done != nil {
				done()
			}
			continue
		}
		c := j.digits[j.at]
		j.at++
		s.queued--
		if d := pauseOf(c); d > 0 {
			s.state, s.resumeAt = pausing, timestamp+s.units(d)
			return false
		}
		code, _ := EventOf(c)
		s.event = Event{Code: code, Volume: s.volume}
		s.begun, s.length, s.gap = timestamp, min(s.units(j.duration), 0xffff), j.gap
		s.open, j.open = j.open, false
		s.state = sending
		return true
	}
	return false
}

// update is the packet that says how long the event has lasted at the end of
// this packet time.
func (s *Sender) update(timestamp, step uint32, first bool) Packet {
	if sofar := timestamp + step - s.begun; sofar >= s.length {
		s.event.Duration, s.event.End = uint16(s.length), true
		s.open = false
		s.state, s.repeats = ending, endPackets-1
		s.resumeAt = s.begun + s.length + s.units(s.gap)
	} else {
		s.event.Duration = uint16(sofar)
	}
	return s.packet(first)
}

func (s *Sender) packet(marker bool) Packet {
	return Packet{Event: s.event, Timestamp: s.begun, Marker: marker}
}

func (s *Sender) units(d time.Duration) uint32 {
	return uint32(uint64(s.clock) * uint64(d) / uint64(time.Second))
}
