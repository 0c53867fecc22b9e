// Package siptest is a scripted SIP peer for tests: it says what a test tells
// it, right or wrong, and expects what the test expects.
//
// A [Peer] has one socket, in memory or the kernel's, and no state machine: no
// retransmission, no automatic answer. A [Call] keeps tags and sequence numbers
// for tests that do not want to break these.
package siptest
