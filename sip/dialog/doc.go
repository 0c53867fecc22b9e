// Package dialog is what RFC 3261 §12 to §15 calls a dialog and a session: two
// tags and a Call-ID, the way to the other side, sequence numbers, and the
// INVITE that made it. A file is a use of it: invite_client.go,
// invite_server.go, reinvite.go, bye.go, info.go, request.go.
//
// Everything here runs on one loop. A [Set] holds the dialogs of that loop; a
// [User], a leg, has each of them and is told what it has to decide or know. It
// is told of the end exactly once, by Ended, and of nothing after. The dialog
// may live on for a while to finish what the protocol asks: acknowledging a 200
// that crossed our CANCEL, waiting for the ACK before it may send BYE.
package dialog
