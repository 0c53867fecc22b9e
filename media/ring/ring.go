// Package ring passes samples from one goroutine to another without locks, so
// that a media worker at one end never waits for a disk, a network or a program
// at the other.
package ring

import "sync/atomic"

// A Ring is a queue of samples with one writer and one reader. Neither end
// blocks or allocates.
type Ring struct {
	buf  []int16
	mask uint64
	// read and write count samples since the beginning; their difference is
	// what is queued. Each is stored by its own end only.
	read, write atomic.Uint64
}

// New makes a ring with room for at least n samples (n > 0).
func New(n int) *Ring {
	size := 1
	for size < n {
		size <<= 1
	}
	return &Ring{buf: make([]int16, size), mask: uint64(size - 1)}
}

// Cap is the number of samples the ring has room for.
func (r *Ring) Cap() int { return len(r.buf) }

// Len is the number of samples queued. It may be called at either end: the
// reader finds at least so many, the writer at most.
func (r *Ring) Len() int {
	// The read position first: a write in between can only add.
	read := r.read.Load()
	return int(r.write.Load() - read)
}

// Room is the number of samples that can be written now.
func (r *Ring) Room() int { return len(r.buf) - r.Len() }

// Written is the number of samples written since the beginning.
func (r *Ring) Written() uint64 { return r.write.Load() }

// Taken is the number of samples read since the beginning.
func (r *Ring) Taken() uint64 { return r.read.Load() }

// Write queues as much of pcm as there is room for and says how much that was.
func (r *Ring) Write(pcm []int16) int {
	w := r.write.Load()
	n := min(len(pcm), len(r.buf)-int(w-r.read.Load()))
	at := int(w & r.mask)
	first := copy(r.buf[at:], pcm[:n])
	copy(r.buf, pcm[first:n])
	r.write.Store(w + uint64(n))
	return n
}

// Read takes up to len(pcm) samples and says how many they were.
func (r *Ring) Read(pcm []int16) int {
	rd := r.read.Load()
	n := min(len(pcm), int(r.write.Load()-rd))
	at := int(rd & r.mask)
	first := copy(pcm[:n], r.buf[at:])
	copy(pcm[first:n], r.buf)
	r.read.Store(rd + uint64(n))
	return n
}
