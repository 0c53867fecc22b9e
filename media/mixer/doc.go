// Package mixer joins the audio of ports: a bridge of one hears prompts, a
// bridge of two is a call, a bridge of many a conference.
//
//	port.ReadFrame ─► fade, mute ─► sum ◄─ bridge's prompts     every 20 ms
//	                                 │
//	port.WriteFrame ◄─ taps ◄─ own prompt, or sum less own voice ─► bridge's taps
//
// Everyone hears all others and never himself. Where two members need nothing
// of this, and their ports allow it, the bridge hands their packets from one to
// the other as they come (media.Relay), and ticks no more until somebody
// listens, speaks or joins.
//
// A [Bridge] and its [Participant]s belong to one worker. Their methods may be
// called from any goroutine; they take effect on the worker between two ticks,
// those of one participant in the order of the calls. What is called back
// (done, then, taps) runs on the worker and must do no more than post.
package mixer
