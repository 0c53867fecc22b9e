// Package e2e tries the built binary with real peers: SIPp and baresip from
// Debian, real sockets and real RTP. Its tests assert what was heard and what
// was on the wire. They carry the build tag e2e and run by `make e2e`, which
// names the binary in TANDEM_BIN.
package e2e
