package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lockFile is the file in state_dir whose lock the process holds that writes
// there. It names that process.
const lockFile = "lock"

// lockState takes state_dir for this process alone: two that write one journal
// destroy it, and each takes the other's calls for those of a killed process.
// The kernel gives the lock back when the process ends, however it ends.
func lockState(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		owner, _ := io.ReadAll(io.LimitReader(f, 20))
		return nil, fmt.Errorf("%s is in use by another tandem, process %s; stop that, or name another folder", dir, strings.TrimSpace(string(owner)))
	}
	// The number is for whoever reads the message above; the lock does without.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}
