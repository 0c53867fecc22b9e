package piper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/media/speech"
)

// program is the program that carries the engine and the voices.
const program = "tandem-voice"

// Unpack runs `tandem-voice unpack` at low priority until engine and voices are
// in the engine's folder, and warms the first voice. The program is looked for
// beside the running executable, in ../lib/tandem from there, in $PATH and in
// /usr/lib/tandem. It blocks; ctx ends it, and what was unpacked by then is
// found again the next time.
func (e *Engine) Unpack(ctx context.Context) error {
	path, err := findProgram()
	if err != nil {
		// A slim installation may have been given its voices otherwise.
		if _, verr := e.Voices(); verr == nil {
			return e.Warm(ctx, "")
		}
		return err
	}
	begin := time.Now()
	if err := run(ctx, path, "unpack", e.dir); err != nil {
		return fmt.Errorf("unpack voices: %w", err)
	}
	e.log.Info("voices unpacked", "dur", time.Since(begin))
	return e.Warm(ctx, "")
}

// findProgram looks where a checkout, a package and `make install` with a
// prefix of its own put the program.
func findProgram() (string, error) {
	var places []string
	if exe, err := os.Executable(); err == nil {
		if exe, err = filepath.EvalSymlinks(exe); err == nil {
			dir := filepath.Dir(exe)
			places = append(places, filepath.Join(dir, program), filepath.Join(dir, "../lib/tandem", program))
		}
	}
	for _, p := range append(places, program, "/usr/lib/tandem/"+program) {
		if path, err := exec.LookPath(p); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %s is neither beside tandem, nor in ../lib/tandem, $PATH or /usr/lib/tandem", speech.ErrNotReady, program)
}

// run runs a program at the lowest priority until it ends or ctx does.
func run(ctx context.Context, path string, args ...string) error {
	runtime.LockOSThread() // for Pdeathsig, as in supervise
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"LANG=C.UTF-8"}
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = unix.Setpriority(unix.PRIO_PGRP, cmd.Process.Pid, 19)
	err := cmd.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && said.Len() > 0 {
		return errors.New(strings.TrimSpace(said.String()))
	}
	return err
}
