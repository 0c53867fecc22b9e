package flowtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"tandem/flow"
	"tandem/media"
	"tandem/media/record"
	"tandem/media/speech"
)

// A Sound is what prompts and speech give: it lasts for a while and is not
// heard.
type Sound struct {
	Name string
	// Lasts is its length; negative: for ever.
	Lasts time.Duration
	// Err ends it.
	Err error

	left   int
	once   sync.Once
	closed chan struct{}
}

// NewSound makes a sound.
func NewSound(name string, lasts time.Duration) *Sound {
	return &Sound{Name: name, Lasts: lasts, left: int(lasts / media.Tick), closed: make(chan struct{})}
}

// ReadFrame implements media.Source.
func (s *Sound) ReadFrame(f *media.Frame) error {
	if s.Lasts >= 0 {
		if s.left == 0 {
			return io.EOF
		}
		s.left--
	}
	f.Silent = true
	return nil
}

// Close implements media.Closer.
func (s *Sound) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Closed says whether the sound was closed before its end.
func (s *Sound) Closed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// ErrStopped is what a prompt ends with that was stopped.
var ErrStopped = errors.New("stopped")

// Media makes bridges that play sounds for as long as they last.
type Media struct {
	Clock media.Clock
	Log   *Log

	mu   sync.Mutex
	made int
}

// Bridge implements flow.Media.
func (m *Media) Bridge(kind flow.BridgeKind, _ media.Port) flow.Bridge {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.made++
	name := fmt.Sprintf("bridge%d", m.made)
	if kind == flow.RoomBridge {
		name = fmt.Sprintf("room%d", m.made)
	}
	return &Bridge{Name: name, media: m}
}

// A Bridge writes down who comes and goes.
type Bridge struct {
	Name  string
	media *Media

	mu      sync.Mutex
	members []*Participant
	taps    int
}

// Join implements flow.Bridge; so do the methods below.
func (b *Bridge) Join(port media.Port) flow.Participant {
	name := "?"
	if p, ok := port.(*Port); ok {
		name = p.Name
	}
	p := &Participant{name: name, media: b.media}
	p.enter(b)
	return p
}

// Play implements flow.Bridge.
func (b *Bridge) Play(src media.Source, done func(error)) (stop func()) {
	b.media.Log.Add(b.Name, "play "+nameOf(src))
	return func() {}
}

// Tap implements flow.Bridge.
func (b *Bridge) Tap(func(*media.Frame)) (cancel func()) {
	b.mu.Lock()
	b.taps++
	b.mu.Unlock()
	return sync.OnceFunc(func() { b.mu.Lock(); b.taps--; b.mu.Unlock() })
}

// Close implements flow.Bridge.
func (b *Bridge) Close() { b.media.Log.Add(b.Name, "close") }

// Members are the names of those who are in it.
func (b *Bridge) Members() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, p := range b.members {
		names = append(names, p.name)
	}
	return strings.Join(names, " ")
}

// A Participant writes down what it hears.
type Participant struct {
	name  string
	media *Media

	mu      sync.Mutex
	bridge  *Bridge
	playing *playing
	left    bool
	taps    int
}

type playing struct {
	src   media.Source
	done  func(error)
	timer media.Timer
}

func (p *Participant) enter(b *Bridge) {
	p.mu.Lock()
	p.bridge = b
	p.mu.Unlock()
	b.mu.Lock()
	b.members = append(b.members, p)
	b.mu.Unlock()
	p.media.Log.Add(p.name, "in "+b.Name)
}

func (p *Participant) exit() {
	p.mu.Lock()
	b := p.bridge
	p.bridge = nil
	p.mu.Unlock()
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, m := range b.members {
		if m == p {
			b.members = append(b.members[:i:i], b.members[i+1:]...)
			return
		}
	}
}

// Play implements flow.Participant; so do the methods below.
func (p *Participant) Play(src media.Source, done func(error)) {
	p.mu.Lock()
	old := p.playing
	p.playing = nil
	left := p.left
	p.mu.Unlock()
	if old != nil && (old.timer == nil || old.timer.Stop()) {
		p.media.Log.Add(p.name, "stop "+nameOf(old.src))
		old.end(ErrStopped)
	}
	if src == nil {
		return
	}
	now := &playing{src: src, done: done}
	if left {
		now.end(ErrStopped)
		return
	}
	p.media.Log.Add(p.name, "play "+nameOf(src))
	p.mu.Lock()
	p.playing = now
	if s, ok := src.(*Sound); ok && s.Lasts >= 0 {
		now.timer = p.media.Clock.AfterFunc(s.Lasts, func() {
			p.mu.Lock()
			if p.playing == now {
				p.playing = nil
			}
			p.mu.Unlock()
			if now.done != nil {
				now.done(s.Err)
			}
		})
	}
	p.mu.Unlock()
}

// end stops a sound before its end.
func (p *playing) end(err error) {
	if c, ok := p.src.(media.Closer); ok {
		c.Close()
	}
	if p.done != nil {
		p.done(err)
	}
}

// Tap implements flow.Participant.
func (p *Participant) Tap(func(in, out *media.Frame)) (cancel func()) {
	p.mu.Lock()
	p.taps++
	p.mu.Unlock()
	return sync.OnceFunc(func() { p.mu.Lock(); p.taps--; p.mu.Unlock() })
}

// Mute implements flow.Participant.
func (p *Participant) Mute(in, out bool) {
	p.media.Log.Add(p.name, fmt.Sprintf("mute in=%v out=%v", in, out))
}

// Echo implements flow.Participant.
func (p *Participant) Echo(on bool) { p.media.Log.Add(p.name, fmt.Sprintf("echo %v", on)) }

// EchoPackets implements flow.Participant.
func (p *Participant) EchoPackets(on bool) {
	p.media.Log.Add(p.name, fmt.Sprintf("echo packets %v", on))
}

// Move implements flow.Participant.
func (p *Participant) Move(to flow.Bridge) {
	p.exit()
	p.enter(to.(*Bridge))
}

// Leave implements flow.Participant.
func (p *Participant) Leave(then func()) {
	p.mu.Lock()
	left := p.left
	p.left = true
	p.mu.Unlock()
	if !left {
		p.Play(nil, nil)
		p.exit()
		p.media.Log.Add(p.name, "out")
	}
	if then != nil {
		then()
	}
}

func nameOf(src media.Source) string {
	if s, ok := src.(*Sound); ok {
		return s.Name
	}
	return fmt.Sprintf("%T", src)
}

// Prompts opens sounds named as what was asked for.
type Prompts struct {
	Clock media.Clock
	// Lasts is how long each lasts; what is not listed lasts a second. Errs
	// are those that cannot be opened.
	Lasts map[string]time.Duration
	Errs  map[string]error
	// Delay is how long opening takes.
	Delay time.Duration

	mu   sync.Mutex
	open []*Sound
}

// Open implements flow.Prompts.
func (p *Prompts) Open(ctx context.Context, _ int, specs ...string) (media.Source, error) {
	if err := pause(ctx, p.Clock, p.Delay); err != nil {
		return nil, err
	}
	var total time.Duration
	for _, spec := range specs {
		if err := p.Errs[spec]; err != nil {
			return nil, err
		}
		d, ok := p.Lasts[spec]
		if !ok {
			d = time.Second
		}
		total += d
	}
	s := NewSound(strings.Join(specs, "+"), total)
	p.mu.Lock()
	p.open = append(p.open, s)
	p.mu.Unlock()
	return s, nil
}

// Speech speaks sounds that last 100 ms a character.
type Speech struct {
	Clock media.Clock
	Delay time.Duration
	Err   error
}

// Speak implements flow.Speech.
func (s *Speech) Speak(ctx context.Context, r speech.Request) (media.Source, error) {
	if err := pause(ctx, s.Clock, s.Delay); err != nil {
		return nil, err
	}
	if s.Err != nil {
		return nil, s.Err
	}
	return NewSound("say "+r.Text, time.Duration(len(r.Text))*100*time.Millisecond), nil
}

func pause(ctx context.Context, clock media.Clock, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	over := make(chan struct{})
	t := clock.AfterFunc(d, func() { close(over) })
	defer t.Stop()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Recordings writes down what is recorded.
type Recordings struct {
	Clock media.Clock
	Log   *Log
	// Fails is the error of the next Start.
	Fails error
}

// Start implements flow.Recordings.
func (r *Recordings) Start(name string, o record.Options) (flow.Recorder, error) {
	if r.Fails != nil {
		return nil, r.Fails
	}
	r.Log.Add("recordings", fmt.Sprintf("start channels=%d silence=%v", o.Channels, o.EndOfSilence))
	rec := &Recorder{recordings: r, options: o, began: r.Clock.Now()}
	if o.MaxDuration > 0 {
		rec.mu.Lock()
		rec.timer = r.Clock.AfterFunc(o.MaxDuration, func() { rec.end(record.Duration) })
		rec.mu.Unlock()
	}
	return rec, nil
}

// A Recorder is a recording in progress.
type Recorder struct {
	recordings *Recordings
	options    record.Options
	began      time.Time
	once       sync.Once

	mu    sync.Mutex
	timer media.Timer
}

// Tap implements flow.Recorder.
func (r *Recorder) Tap(in, out *media.Frame) {}

// TapMix implements flow.Recorder.
func (r *Recorder) TapMix(mix *media.Frame) {}

// Stop implements flow.Recorder.
func (r *Recorder) Stop() { r.end(record.Stopped) }

func (r *Recorder) end(why record.Reason) {
	r.once.Do(func() {
		r.mu.Lock()
		if r.timer != nil {
			r.timer.Stop()
		}
		r.mu.Unlock()
		d := r.recordings.Clock.Now().Sub(r.began)
		r.recordings.Log.Add("recordings", fmt.Sprintf("end %s after %v", why, d))
		if r.options.Done != nil {
			go r.options.Done(record.Result{Duration: d, Reason: why})
		}
	})
}
