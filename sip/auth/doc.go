// Package auth answers digest challenges (RFC 3261 §22, RFC 7616, RFC 8760).
//
// A [Client] holds the credentials for one peer and what that peer's realms
// asked for. It belongs to one leg, so that no other peer can draw an answer
// made with them; without credentials no challenge is answered at all. What is
// sent for a challenge is bound to its realm, nonce, method and URI.
package auth
