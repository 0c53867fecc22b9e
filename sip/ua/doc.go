// Package ua is where SIP and media meet: a [Leg] is one dialog joined to one
// audio stream.
//
// A [UA] owns a transport layer and serves the legs of one program. Incoming
// INVITEs are identified (whose trunk is this?), checked and offered to
// [Config.Incoming]; outgoing ones start with [UA.Dial]. What happens to a leg
// is posted, in order, to the func(any) that was set with [Leg.SetPost] or
// [DialOptions.Post]: sip.Ringing, sip.Answered, sip.Held, sip.Info,
// dtmf.Digit, and last and exactly once sip.Hungup.
//
//	        any goroutine                     the loop of the leg's Call-ID
//	call ── Answer, Hangup, … ──▶ Post ──▶ Leg ── dialog ── transaction ── transport
//	  ▲                                     │
//	  └───────── Post(sip.Hungup) ◀─────────┤
//	                                        └── Configure ──▶ stream (media worker)
package ua
