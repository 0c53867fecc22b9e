// Package espeak speaks through the espeak-ng program: robotic, but in some
// hundred languages and at a thousandth of real time. A process an utterance;
// the program is under the GPL and is neither linked nor embedded.
package espeak

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/media/speech"
)

const (
	// sentenceTime is the longest a process may take; milliseconds are usual.
	sentenceTime = 10 * time.Second
	// processes is how many may run at once.
	processes = 4
)

// An Engine implements [speech.Synthesizer].
type Engine struct {
	program string
	slots   chan struct{}

	mu     sync.Mutex
	voices []speech.Voice // once they are known
}

// New makes an engine that runs the program at path; empty: espeak-ng in $PATH.
func New(path string) *Engine {
	if path == "" {
		path = "espeak-ng"
	}
	return &Engine{program: path, slots: make(chan struct{}, processes)}
}

// Name implements [speech.Synthesizer].
func (e *Engine) Name() string { return "espeak" }

// Voices implements [speech.Synthesizer]. The program is asked once; while it
// is not installed it is looked for each time.
func (e *Engine) Voices() ([]speech.Voice, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.voices != nil {
		return e.voices, nil
	}
	path, err := e.find()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), sentenceTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--voices")
	cmd.Env = environment()
	list, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s --voices: %w", speech.ErrNotReady, path, err)
	}
	voices := parseVoices(string(list))
	if len(voices) == 0 {
		return nil, fmt.Errorf("%w: %s --voices lists none", speech.ErrNotReady, path)
	}
	e.voices = voices
	return voices, nil
}

func (e *Engine) find() (string, error) {
	path, err := exec.LookPath(e.program)
	if err != nil {
		return "", fmt.Errorf("%w: %s is not installed (Debian: apt-get install espeak-ng)", speech.ErrNotReady, e.program)
	}
	return path, nil
}

// Synthesize implements [speech.Synthesizer].
func (e *Engine) Synthesize(ctx context.Context, req speech.Request, out speech.PCMWriter) error {
	path, err := e.find()
	if err != nil {
		return err
	}
	if strings.HasPrefix(req.Voice, "-") || strings.ContainsAny(req.Voice, "/\\") {
		return fmt.Errorf("voice %q: no such voice", req.Voice)
	}
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.slots }()
	ctx, cancel := context.WithTimeout(ctx, sentenceTime)
	defer cancel()

	// The kernel sends Pdeathsig when the thread that started the process
	// ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, path, "--stdin", "--stdout", "-b", "1", "-v", req.Voice)
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Stdin = strings.NewReader(req.Text)
	var said bytes.Buffer
	cmd.Stderr = &said
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	_ = unix.Setpriority(unix.PRIO_PGRP, cmd.Process.Pid, 10)
	copyErr := copyWAV(out, pipe)
	if copyErr != nil {
		cancel() // nobody reads any more: the process must not wait
	}
	err = cmd.Wait()
	switch {
	case said.Len() > 0 && (err != nil || copyErr != nil):
		return fmt.Errorf("%s: %s", e.program, strings.TrimSpace(said.String()))
	case copyErr != nil:
		return copyErr
	case err != nil:
		return fmt.Errorf("%s: %w", e.program, err)
	}
	return nil
}

// environment keeps our own, which may hold secrets, from the program.
func environment() []string { return []string{"LANG=C.UTF-8"} }

// copyWAV writes the samples of a WAV stream, whose sizes espeak-ng cannot know
// and so sets to the largest.
func copyWAV(out speech.PCMWriter, r io.Reader) error {
	var h [44]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return fmt.Errorf("no audio: %w", err)
	}
	if string(h[:4]) != "RIFF" || string(h[8:16]) != "WAVEfmt " || string(h[36:40]) != "data" {
		return errors.New("no WAV header")
	}
	rate := int(binary.LittleEndian.Uint32(h[24:]))
	if channels, bits := binary.LittleEndian.Uint16(h[22:]), binary.LittleEndian.Uint16(h[34:]); channels != 1 || bits != 16 {
		return fmt.Errorf("%d channels of %d bits", channels, bits)
	}
	buf := make([]byte, 16<<10)
	pcm := make([]int16, len(buf)/2)
	for {
		n, err := io.ReadFull(r, buf)
		for i := range n / 2 {
			pcm[i] = int16(binary.LittleEndian.Uint16(buf[2*i:]))
		}
		if n >= 2 {
			if err := out.WritePCM(rate, pcm[:n/2]); err != nil {
				return err
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
