package main

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// gcPercent is how much garbage may come on top of what is in use before
	// it is collected. A node's memory is small and what calls leave behind is
	// short-lived: Go's own 100 collects at a busy node every second, for a
	// quarter of its CPU.
	gcPercent = 300
	// memoryShare is the part of the memory there is beyond which garbage is
	// collected sooner, whatever gcPercent says.
	memoryShare = 0.7
)

// collectSeldom trades memory for CPU, unless the environment says how much of
// either is to be used (GOGC, GOMEMLIMIT).
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		if total := memory(); total > 0 {
			debug.SetMemoryLimit(int64(float64(total) * memoryShare))
		}
	}
}

// memory is how many bytes this process may use, as far as is known: the
// machine's or those of its control group; 0 where nothing is known.
func memory() uint64 {
	total := uint64(0)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		total = uint64(info.Totalram) * uint64(info.Unit) //nolint:unconvert // 32 bits wide on some machines
	}
	// systemd's MemoryMax= and containers show here; "max" is none.
	if b, err := os.ReadFile("/sys/fs/cgroup" + controlGroup() + "/memory.max"); err == nil {
		if limit, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64); err == nil && limit < math.MaxInt64 {
			total = min(total, limit)
		}
	}
	return total
}

// controlGroup is this process's path in the hierarchy of version 2.
func controlGroup() string {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimRight(path, "/\n")
		}
	}
	return ""
}
