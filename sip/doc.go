// Package sip holds the words the SIP side is written in: messages, URIs and
// headers, what a leg says, why it ended, and the checks a message has to pass.
// It does no I/O and starts no goroutine.
//
// The message types are sipgo's, under names of our own, so that nobody above
// this package and sip/transaction depends on sipgo. [Parse] puts a scanner in
// front of sipgo's parser and header parsers of our own into it: what sipgo
// takes too leniently (several Content-Length, SIP/7.0, CSeq of another method)
// or gets wrong (spaces round separators, commas between Via values, quoted
// parameters) is settled there, once.
//
//	datagram or stream ── Frame ──▶ Parse ──▶ Check… ──▶ transaction ──▶ ua
//	                        │         │ 400, 413, 416, 505: ReplyError
//	                        │         └──▶ Refusal, made of the raw message
//	                        └ 413, 400: the stream cannot be followed any more
package sip
