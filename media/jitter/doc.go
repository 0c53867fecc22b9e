// Package jitter turns packets that come when the network likes into audio that
// leaves every 20 ms.
//
//	Push ─► order by sequence ─► slots ─► due? ─► decode ─► samples ─► Read
//	          │                            │ no                ▲
//	          └─► transit times ─► target  └─► conceal ────────┤
//	                                 └─► stretch, squeeze ─────┘
//
// A packet is played at the first tick after it arrives, unless earlier ones
// have shown that packets come unevenly. The buffer then adds as much delay as
// nearly all packets of the last five seconds would have needed, and takes it
// away again when they would have needed less. It adds delay at no cost when
// nothing was there to play, and by repeating a pitch period of some 20 ms
// otherwise; it takes delay away by leaving one out. A clock that runs faster or
// slower than ours looks like delay that shrinks or grows, and is met in the
// same way.
//
// Positions are in samples on one timeline, onto which the RTP timestamps of
// all the sources and jumps of a stream are mapped; times are nanoseconds since
// the first packet. The play-out of a sample at position p at time t makes the
// offset t - p; a packet that arrived at time a makes the transit a - p, and is
// in time while its transit is no larger than the offset.
package jitter
