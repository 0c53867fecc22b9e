package mixer

import "tandem/media"

// relayPair says which two members' packets could be handed from one to the
// other as far as the bridge is concerned; one who hears himself counts twice.
func (b *Bridge) relayPair() (pair [2]*Participant, ok bool) {
	if !b.opts.RelayAllowed || len(b.taps) > 0 || len(b.plays) > 0 {
		return pair, false
	}
	switch {
	case len(b.members) == 1 && b.members[0].echo == echoPackets:
		pair = [2]*Participant{b.members[0], b.members[0]}
	case len(b.members) == 2 && b.members[0].echo == echoOff && b.members[1].echo == echoOff:
		pair = [2]*Participant{b.members[0], b.members[1]}
	default:
		return pair, false
	}
	return pair, pair[0].plain() && pair[1].plain()
}

// enterRelay hands over to the ports where they agree.
func (b *Bridge) enterRelay() {
	pair, ok := b.relayPair()
	if !ok || b.relay[0] != nil {
		return
	}
	first, ok1 := pair[0].port.(media.Relay)
	second, ok2 := pair[1].port.(media.Relay)
	if !ok1 || !ok2 || !first.RelayTo(second) {
		return
	}
	if pair[0] != pair[1] && !second.RelayTo(first) {
		first.StopRelay()
		return
	}
	b.relay = pair
}

func (b *Bridge) leaveRelay() {
	if b.relay[0] == nil {
		return
	}
	for i, p := range b.relay {
		if i == 1 && p == b.relay[0] {
			break
		}
		p.port.(media.Relay).StopRelay()
		p.fresh = true
	}
	b.relay = [2]*Participant{}
}

// retry asks the ports again whether they relay.
func (b *Bridge) retry() {
	b.leaveRelay()
	b.update()
}

// link passes the keys of two on to each other.
func (b *Bridge) link() {
	var want [2]*Participant
	if b.opts.PassDigits && len(b.members) == 2 {
		want = [2]*Participant{b.members[0], b.members[1]}
	}
	if want == b.passing {
		return
	}
	b.unlink()
	if want[0] == nil {
		return
	}
	b.passing = want
	for i, p := range want {
		if d, ok := p.port.(DigitPasser); ok {
			d.PassDigits(want[1-i].port)
		}
	}
}

func (b *Bridge) unlink() {
	for _, p := range b.passing {
		if p == nil {
			continue
		}
		if d, ok := p.port.(DigitPasser); ok {
			d.PassDigits(nil)
		}
	}
	b.passing = [2]*Participant{}
}
