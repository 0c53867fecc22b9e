package piper

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process is a running piper with its voice loaded. It takes lines of JSON on
// its standard input and gives raw samples on its standard output, which says
// nothing about where one line's audio ends. That is learnt from its log on
// standard error: behind the audio of each line it writes
//
//	Real-time factor: 0.09 (infer=0.71 sec, audio=7.685804988662132 sec)
//
// where audio is all that it has made since its start, exact to the sample. The
// line's audio has been written by then, but may not have been read.
type process struct {
	cmd   *exec.Cmd
	rate  int
	stdin io.WriteCloser
	pcm   chan []int16  // what standard output gave
	marks chan int64    // samples made since the start, one a line
	ended chan struct{} // closed when the process is gone
	err   error         // why; set before ended is closed

	taken int64 // samples read since the start
}

// startProcess starts piper at low priority, in a process group of its own, so
// that an interrupt at the terminal does not reach it, and such that it dies
// with this process, or when ctx ends.
func startProcess(ctx context.Context, program string, v voice) (*process, error) {
	dir := filepath.Dir(program)
	cmd := exec.CommandContext(ctx, program,
		"--model", v.model,
		"--config", v.config,
		"--espeak_data", filepath.Join(dir, "espeak-ng-data"),
		"--output_raw", "--json-input", "--sentence_silence", "0")
	cmd.Dir = dir
	cmd.Env = []string{"LANG=C.UTF-8"} // nothing of our own environment, which may hold secrets
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// The pipes are ours and not exec's, which would close them when the
	// process ends and what it wrote may not have been read.
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		closeAll(inR, inW)
		return nil, err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		closeAll(inR, inW, outR, outW)
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, errW
	p := &process{
		cmd:   cmd,
		rate:  v.rate,
		stdin: inW,
		pcm:   make(chan []int16, 16),
		marks: make(chan int64, 16),
		ended: make(chan struct{}),
	}
	started := make(chan error, 1)
	go p.supervise(started, closer{inR, outW, errW}, errR)
	if err := <-started; err != nil {
		closeAll(inW, outR, errR)
		return nil, err
	}
	go p.readAudio(outR)
	return p, nil
}

// supervise starts the process, reads its log and waits for its end. The kernel
// sends Pdeathsig when the thread that started the process ends, so the thread
// is kept until then.
func (p *process) supervise(started chan<- error, theirs closer, log *os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	theirs.close()
	if err != nil {
		started <- err
		return
	}
	pid := p.cmd.Process.Pid
	// Speech must not take the processor from audio. That this may be refused
	// is no reason not to speak.
	_ = unix.Setpriority(unix.PRIO_PGRP, pid, 10)
	started <- nil

	last := p.readLog(log)
	err = p.cmd.Wait()
	if err == nil {
		err = errors.New("exit status 0")
	}
	if last != "" {
		err = fmt.Errorf("%w: %s", err, last)
	}
	p.err = err
	close(p.ended)
}

// readLog passes the marks on until the log ends, and returns its last line
// that was none of the usual.
func (p *process) readLog(log *os.File) (last string) {
	defer log.Close()
	r := bufio.NewReaderSize(log, 4096)
	for {
		line, err := r.ReadSlice('\n')
		switch seconds, ok := mark(string(line)); {
		case ok:
			p.marks <- int64(math.Round(seconds * float64(p.rate)))
		case !strings.Contains(string(line), "[info]") && len(line) > 1:
			last = strings.TrimSpace(string(line))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return last
		}
	}
}

// mark is the audio made so far that a line of the log tells, in seconds.
func mark(line string) (seconds float64, ok bool) {
	_, s, ok := strings.Cut(line, "Real-time factor: ")
	if !ok {
		return 0, false
	}
	_, s, ok = strings.Cut(s, "audio=")
	if !ok {
		return 0, false
	}
	s, _, _ = strings.Cut(s, " ")
	seconds, err := strconv.ParseFloat(s, 64)
	return seconds, err == nil && seconds >= 0 && !math.IsInf(seconds, 0)
}

// readAudio passes samples on until the output ends.
func (p *process) readAudio(r *os.File) {
	defer r.Close()
	defer close(p.pcm)
	buf := make([]byte, 32<<10)
	odd := 0 // bytes of half a sample at the beginning of buf
	for {
		n, err := r.Read(buf[odd:])
		n += odd
		if n >= 2 {
			pcm := make([]int16, n/2)
			for i := range pcm {
				pcm[i] = int16(uint16(buf[2*i]) | uint16(buf[2*i+1])<<8)
			}
			p.pcm <- pcm
		}
		odd = n & 1
		if odd == 1 {
			buf[0] = buf[n-1]
		}
		if err != nil {
			return
		}
	}
}

// speak has one segment made and passes the audio to the job. Where the job's
// caller has gone the audio is thrown away, so that the next finds its own. An
// error means that the process cannot be used again. given says whether the
// caller got something.
func (p *process) speak(ctx context.Context, j *job) (given bool, err error) {
	line, err := json.Marshal(struct {
		Text string `json:"text"`
	}{j.text})
	if err != nil {
		return false, nil
	}
	// Less than a pipe holds, so this does not block on a process that hangs.
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		return false, p.why(err)
	}
	limit := time.NewTimer(sentenceTime)
	defer limit.Stop()
	target := int64(-1)
	for target < 0 || p.taken < target {
		select {
		case pcm, ok := <-p.pcm:
			if !ok {
				return given, p.why(io.ErrUnexpectedEOF)
			}
			p.taken += int64(len(pcm))
			select {
			case j.pcm <- pcm:
				given = true
			case <-j.ctx.Done():
			}
		case target = <-p.marks:
		case <-limit.C:
			return given, fmt.Errorf("no end of a sentence within %v", sentenceTime)
		case <-ctx.Done():
			return given, ctx.Err()
		case <-p.ended:
			return given, p.err
		}
	}
	if p.taken > target {
		return given, fmt.Errorf("%d samples where %d were announced", p.taken, target)
	}
	return given, nil
}

// why is the reason of the process's end where that is known soon, else err.
func (p *process) why(err error) error {
	select {
	case <-p.ended:
		return p.err
	case <-time.After(time.Second):
		return err
	}
}

// stop ends the process and waits for it.
func (p *process) stop() {
	p.stdin.Close()
	_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
	for {
		select {
		case _, ok := <-p.pcm:
			if !ok {
				p.pcm = nil
			}
		case <-p.marks:
		case <-p.ended:
			return
		}
	}
}

// closer is the child's ends of the pipes.
type closer []*os.File

func (c closer) close() { closeAll(c...) }

func closeAll(files ...*os.File) {
	for _, f := range files {
		f.Close()
	}
}
