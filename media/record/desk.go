package record

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tandem/media"
	"tandem/media/wav"
)

// ErrClosed says that the desk has been closed.
var ErrClosed = errors.New("recording has been shut down")

// writeInterval is how often rings are emptied into files, and so what a killed
// process loses.
const writeInterval = 250 * time.Millisecond

// DeskOptions are a desk's folder and limits.
type DeskOptions struct {
	// Dir is the folder of the files, made with mode 0700 when missing.
	Dir string
	// Goroutines is how many write; 0: 2. Each serves many recorders.
	Goroutines int
	// Clock tells the time; nil: the system's.
	Clock media.Clock
	// Log takes what goes wrong; nil: none.
	Log *slog.Logger
}

// A Desk owns the recordings folder and the goroutines that write to it. It is
// safe for concurrent use.
type Desk struct {
	dir    string
	root   *os.Root
	clock  media.Clock
	log    *slog.Logger
	clerks []*clerk
	ended  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	next   int
	closed bool
}

// NewDesk makes a desk.
func NewDesk(o DeskOptions) (*Desk, error) {
	if o.Goroutines == 0 {
		o.Goroutines = 2
	}
	if o.Clock == nil {
		o.Clock = media.SystemClock{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	d := &Desk{dir: o.Dir, root: root, clock: o.Clock, log: o.Log}
	for range o.Goroutines {
		c := &clerk{clock: o.Clock, log: o.Log, wake: make(chan struct{}, 1), recorders: map[*Recorder]bool{}}
		d.clerks = append(d.clerks, c)
		d.ended.Go(c.run)
	}
	return d, nil
}

// Start creates the file name (one element, ending in .wav) in the desk's
// folder and begins. It blocks on the disk; a file that is there already is an
// error.
func (d *Desk) Start(name string, o Options) (*Recorder, error) {
	if name != filepath.Base(name) || !strings.HasSuffix(name, ".wav") || !filepath.IsLocal(name) {
		return nil, fmt.Errorf("record to %q: not the name of a WAV file", name)
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("record to %q: %w", name, err)
	}
	// What people say is private.
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrClosed) {
		return nil, ErrClosed
	}
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	r, err := newRecorder(o, f, d.clock)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("record to %q: %w", name, err), f.Close(), d.root.Remove(name))
	}
	r.path = filepath.Join(d.dir, name)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errors.Join(ErrClosed, f.Close(), d.root.Remove(name))
	}
	c := d.clerks[d.next%len(d.clerks)]
	d.next++
	r.wake = c.wake
	c.add(r)
	return r, nil
}

func (o *Options) check() error {
	if o.Rate == 0 {
		o.Rate = 8000
	}
	if o.Channels == 0 {
		o.Channels = 2
	}
	if o.MaxDuration == 0 || o.MaxDuration > MaxDuration {
		o.MaxDuration = MaxDuration
	}
	switch {
	case o.Rate != 8000 && o.Rate != 16000 && o.Rate != 24000 && o.Rate != 48000:
		return fmt.Errorf("%d Hz is not a frame's rate", o.Rate)
	case o.Channels != 1 && o.Channels != 2:
		return fmt.Errorf("%d channels", o.Channels)
	case o.MaxDuration < 0 || o.EndOfSilence < 0:
		return errors.New("negative duration")
	}
	return nil
}

// Close stops all recorders, waits until their files are complete and ends the
// goroutines.
func (d *Desk) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	for _, c := range d.clerks {
		c.close()
	}
	d.ended.Wait()
	return d.root.Close()
}

// A clerk is one of a desk's goroutines and the recorders it writes for.
type clerk struct {
	clock media.Clock
	log   *slog.Logger
	wake  chan struct{} // a token when a recorder ends or comes

	mu        sync.Mutex // guards what follows
	recorders map[*Recorder]bool
	closed    bool
}

func (c *clerk) add(r *Recorder) {
	c.mu.Lock()
	c.recorders[r] = true
	c.mu.Unlock()
	notify(c.wake)
}

// close ends the goroutine when the files of its recorders are complete.
func (c *clerk) close() {
	c.mu.Lock()
	c.closed = true
	for r := range c.recorders {
		r.Stop()
	}
	c.mu.Unlock()
	notify(c.wake)
}

func (c *clerk) run() {
	for {
		c.mu.Lock()
		closed := c.closed
		batch := make([]*Recorder, 0, len(c.recorders))
		for r := range c.recorders {
			batch = append(batch, r)
		}
		c.mu.Unlock()
		left := len(batch)
		for _, r := range batch {
			if !r.write() {
				continue
			}
			left--
			c.mu.Lock()
			delete(c.recorders, r)
			c.mu.Unlock()
			res := r.finish()
			if res.Err != nil {
				c.log.Error("recording", "file", res.Path, "err", res.Err)
			} else if res.Missing > 0 {
				c.log.Warn("recording has gaps", "file", res.Path, "missing", res.Missing)
			}
			if r.o.Done != nil {
				r.o.Done(res)
			}
		}
		if closed && left == 0 {
			return
		}
		if left == 0 {
			<-c.wake
			continue
		}
		timer := c.clock.AfterFunc(writeInterval, func() { notify(c.wake) })
		<-c.wake
		timer.Stop()
	}
}

func notify(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// Repair sets right the headers of the WAV files in dir that a killed process
// left behind. It is called at start, before a desk is made for dir, and goes
// on after an error; those it returns name the files that hold no audio. A
// folder that does not exist needs no repair.
func Repair(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".wav") {
			continue
		}
		if err := wav.Repair(filepath.Join(dir, e.Name())); err != nil {
			errs = append(errs, fmt.Errorf("repair %s: %w", e.Name(), err))
		}
	}
	return errors.Join(errs...)
}
