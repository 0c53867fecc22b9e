// Package rtp receives and sends the RTP and RTCP of calls (RFC 3550, 3551).
//
//	socket ─► RTCP? ─► parse ─► latch ─► rate cap ─► sequence, jitter ─► OnPacket
//	                                                                       │
//	socket ◄─ own SSRC, sequence, timestamp ◄─ Send, SendEvent, Forward ◄──┘
//
// A [Session] is one stream with one peer. It lives on a worker, which alone
// touches it; its methods say "on the worker" where that matters. The path of a
// packet allocates nothing.
//
// Headers are parsed here and not by pion/rtp, which allocates for contributing
// sources and extensions; the tests hold both against each other.
package rtp
