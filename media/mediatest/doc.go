// Package mediatest is the bad network that media is tested on: a [Link] with
// delay, jitter, loss, reordering, duplicates, corruption, skew, pauses and
// changes of the source port, all from a seed, so that what went wrong once
// goes wrong again; a [Network] in memory, in virtual time; and a [Proxy] that
// puts a link before real sockets.
package mediatest
