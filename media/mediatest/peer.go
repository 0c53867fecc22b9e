package mediatest

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/pion/rtp"
)

// A Peer is the far end of a stream: it sends RTP as told and keeps what it
// gets.
type Peer struct {
	// RTP and RTCP are its two addresses.
	RTP, RTCP *Conn
	// To and ToRTCP are where it sends.
	To, ToRTCP netip.AddrPort
	// Header is that of the next packet; Send moves sequence number and
	// timestamp on.
	Header rtp.Header

	mu      sync.Mutex
	packets []rtp.Packet
	reports [][]byte
}

// NewPeer opens a peer at addr and the port after it. It panics where that is
// taken: it is for tests.
func NewPeer(n *Network, addr netip.AddrPort) *Peer {
	p := &Peer{Header: rtp.Header{Version: 2, SSRC: 0x70656572, SequenceNumber: 1000, Timestamp: 160000}}
	var err error
	if p.RTP, err = n.Listen(addr); err != nil {
		panic(err)
	}
	if p.RTCP, err = n.Listen(netip.AddrPortFrom(addr.Addr(), p.RTP.LocalAddr().Port()+1)); err != nil {
		panic(err)
	}
	p.RTP.OnReceive(func(pkt []byte, from netip.AddrPort) {
		var got rtp.Packet
		if got.Unmarshal(slices.Clone(pkt)) != nil {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.packets = append(p.packets, got)
	})
	p.RTCP.OnReceive(func(pkt []byte, _ netip.AddrPort) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.reports = append(p.reports, slices.Clone(pkt))
	})
	return p
}

// SendTo makes the peer send to a session that listens at addr and the port
// after it.
func (p *Peer) SendTo(addr netip.AddrPort) {
	p.To = addr
	p.ToRTCP = netip.AddrPortFrom(addr.Addr(), addr.Port()+1)
}

// Send sends one packet with p.Header and moves that on by one packet and by
// step timestamp units.
func (p *Peer) Send(payload []byte, step uint32) {
	pkt := rtp.Packet{Header: p.Header, Payload: payload}
	p.Header.SequenceNumber++
	p.Header.Timestamp += step
	if data, err := pkt.Marshal(); err == nil {
		p.SendRaw(data)
	}
}

// SendRaw sends any bytes as RTP.
func (p *Peer) SendRaw(data []byte) { _ = p.RTP.Send(data, p.To) }

// SendReport sends any bytes as RTCP.
func (p *Peer) SendReport(data []byte) { _ = p.RTCP.Send(data, p.ToRTCP) }

// Packets are the RTP packets received so far.
func (p *Peer) Packets() []rtp.Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.packets)
}

// Reports are the RTCP packets received so far.
func (p *Peer) Reports() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.reports)
}
