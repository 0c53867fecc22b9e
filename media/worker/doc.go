// Package worker runs the media engine: one goroutine per core that owns UDP
// sockets, the 20 ms clock and a queue of functions.
//
//	         Do(fn) from any goroutine
//	               │
//	               ▼
//	┌─► queued functions ─► timers ─► sockets swept ─► ticks that are due ─► sleep ─┐
//	│                                                                               │
//	└───────────────── packets, each handled as it arrives ◄────────────────────────┘
//
// Everything that belongs to a worker (a stream, a bridge, an RTP session) is
// touched by its goroutine alone and needs no lock; others reach it through
// [Worker.Do]. Nothing that runs on a worker may block.
//
// A worker sleeps in its own epoll instance rather than in Go's network
// poller: a relayed packet then costs its recvfrom, its sendto and a share of
// one wait, and no goroutine switch. What is mixed costs no wait at all: its
// sockets are looked at when its tick comes ([Worker.Sweep]).
//
// Given a [media.Clock], a pool sleeps on channels instead and its sockets are
// those of an in-memory network (package mediatest), so that tests and
// simulations run in virtual time through the same code.
package worker
