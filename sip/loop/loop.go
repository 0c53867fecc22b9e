// Package loop runs everything that concerns a Call-ID on one goroutine.
//
// A [Loop] owns the transactions, dialogs and timers of the Call-IDs that hash
// to it. Whoever wants to reach them hands it a func: messages of one Call-ID
// are thereby handled in the order in which they came, and nothing in
// sip/transaction, sip/dialog and sip/ua needs a lock. A func that runs on a
// loop must not block: a loop serves many calls.
package loop
