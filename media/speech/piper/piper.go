// Package piper speaks through the piper program and the voices that
// tandem-voice has unpacked into a folder:
//
//	engine/VERSION/piper …            the program, its libraries and data
//	voices/NAME/VERSION/voice.onnx …  a voice, described by its tandem.json
//
// A process a voice is kept warm, as loading a voice takes a quarter of a second
// and speaking a sentence less. Sentences of different calls take turns.
//
// The program is under the MIT licence but holds espeak-ng's phonemes (GPL 3),
// which is why it is a program of its own: nothing of it is linked or embedded
// here.
package piper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tandem/media/speech"
)

// Options say where the engine is and how much of the machine it may have.
type Options struct {
	// Dir is the folder that tandem-voice unpacks into: state_dir/speech.
	Dir string
	// Processes is the most processes a voice may have at once, some 120 MB
	// each; 0: 1.
	Processes int
	// Log takes starts and crashes; nil: none.
	Log *slog.Logger
}

// sentenceTime is the longest that a process may take for one segment. A
// loaded machine may be slow; one that hangs is ended.
const sentenceTime = 30 * time.Second

// An Engine implements [speech.Synthesizer].
type Engine struct {
	dir       string
	processes int
	log       *slog.Logger

	ctx    context.Context // ends the processes
	cancel context.CancelFunc

	mu      sync.Mutex // guards what follows
	closed  bool
	pools   map[string]*pool // by voice name
	running sync.WaitGroup
}

// A pool is the processes of one voice: goroutines that take jobs, each with a
// process of its own.
type pool struct {
	jobs    chan *job
	workers int
	busy    int
}

// New makes an engine. It is not ready until Dir holds an engine and a voice.
func New(o Options) *Engine {
	if o.Processes == 0 {
		o.Processes = 1
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{dir: o.Dir, processes: o.Processes, log: o.Log, pools: map[string]*pool{}}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// Name implements [speech.Synthesizer].
func (e *Engine) Name() string { return "piper" }

// Voices implements [speech.Synthesizer].
func (e *Engine) Voices() ([]speech.Voice, error) {
	if _, err := findEngine(e.dir); err != nil {
		return nil, err
	}
	found, err := findVoices(e.dir)
	if err != nil {
		return nil, err
	}
	out := make([]speech.Voice, len(found))
	for i, v := range found {
		out[i] = v.Voice
	}
	return out, nil
}

// A job is one segment for a process.
type job struct {
	ctx  context.Context
	text string
	pcm  chan []int16 // closed when the segment is complete or has failed
	err  error        // set before pcm is closed
}

// Synthesize implements [speech.Synthesizer]. The audio comes as the process
// makes it: a sentence in one piece.
func (e *Engine) Synthesize(ctx context.Context, req speech.Request, out speech.PCMWriter) error {
	v, err := findVoice(e.dir, req.Voice)
	if err != nil {
		return err
	}
	p, done, err := e.pool(v.Name)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a writer that fails lets go of the process
	j := &job{ctx: ctx, text: req.Text, pcm: make(chan []int16, 8)}
	select {
	case p.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.ctx.Done():
		return speech.ErrClosed
	}
	for {
		select {
		case pcm, ok := <-j.pcm:
			if !ok {
				return j.err
			}
			if err := out.WritePCM(v.rate, pcm); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Warm starts a process for a voice, so that the first sentence need not wait
// for it. An empty name is the first voice there is.
func (e *Engine) Warm(ctx context.Context, voice string) error {
	if voice == "" {
		voices, err := e.Voices()
		if err != nil {
			return err
		}
		voice = voices[0].Name
	}
	// The first inference is slower than those that follow.
	return e.Synthesize(ctx, speech.Request{Text: "Ready.", Voice: voice}, discard{})
}

type discard struct{}

func (discard) WritePCM(int, []int16) error { return nil }

// pool is the pool of a voice with one process more when all are busy and the
// limit allows it. done says that the caller has what it wanted.
func (e *Engine) pool(voice string) (p *pool, done func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, nil, speech.ErrClosed
	}
	p = e.pools[voice]
	if p == nil {
		p = &pool{jobs: make(chan *job)}
		e.pools[voice] = p
	}
	p.busy++
	if p.busy > p.workers && p.workers < e.processes {
		p.workers++
		e.running.Add(1)
		go func() {
			defer e.running.Done()
			e.work(voice, p.jobs)
		}()
	}
	return p, func() {
		e.mu.Lock()
		p.busy--
		e.mu.Unlock()
	}, nil
}

// work serves one voice with one process, which is started again when it has
// ended, until the engine is closed.
func (e *Engine) work(voice string, jobs <-chan *job) {
	var proc *process
	defer func() {
		if proc != nil {
			proc.stop()
		}
	}()
	for {
		var j *job
		select {
		case j = <-jobs:
		case <-e.ctx.Done():
			return
		}
		for attempt := 1; ; attempt++ {
			var err error
			if proc == nil {
				proc, err = e.start(voice)
			}
			var given bool
			if err == nil {
				given, err = proc.speak(e.ctx, j)
				if err != nil {
					e.log.Warn("piper process ended", "voice", voice, "err", err)
					proc.stop()
					proc = nil
				}
			}
			// A process that died while idle, or of this text: once more,
			// unless the caller has heard a part of it.
			if err != nil && !given && attempt == 1 && e.ctx.Err() == nil {
				continue
			}
			j.err = err
			close(j.pcm)
			break
		}
	}
}

func (e *Engine) start(voice string) (*process, error) {
	program, err := findEngine(e.dir)
	if err != nil {
		return nil, err
	}
	v, err := findVoice(e.dir, voice)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	proc, err := startProcess(e.ctx, program, v)
	if err != nil {
		return nil, fmt.Errorf("start piper: %w", err)
	}
	e.log.Info("piper process started", "voice", voice, "pid", proc.cmd.Process.Pid, "dur", time.Since(begin))
	return proc, nil
}

// Close ends all processes and waits for them.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	e.running.Wait()
	return nil
}

var errNoVoice = errors.New("no such voice")
