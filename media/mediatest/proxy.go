package mediatest

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"tandem/media"
)

// A Proxy puts a link of each direction before a real UDP port: a client sends
// to [Proxy.Addr], the target sees packets from the proxy and answers to it.
type Proxy struct {
	target netip.AddrPort
	front  *net.UDPConn // before the client
	back   [2]*net.UDPConn
	there  *flight
	hither *flight

	mu     sync.Mutex // guards the links and client
	out    *Link
	in     *Link
	client netip.AddrPort

	running sync.WaitGroup
}

// NewProxy starts a proxy at local (port 0: any) that sends to target, with the
// conditions out on the way there and in on the way back.
func NewProxy(local, target netip.AddrPort, seed uint64, out, in Conditions) (*Proxy, error) {
	p := &Proxy{target: target, out: NewLink(seed, out), in: NewLink(seed+1, in)}
	var err error
	if p.front, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(local)); err != nil {
		return nil, err
	}
	for i := range p.back {
		if p.back[i], err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local.Addr(), 0))); err != nil {
			p.closeSockets()
			return nil, err
		}
	}
	p.there = newFlight(media.SystemClock{}, func(d delivery) {
		socket := p.back[0]
		if d.NewPort {
			socket = p.back[1]
		}
		_, _ = socket.WriteToUDPAddrPort(d.Data, d.to) // what cannot be sent is lost
	})
	p.hither = newFlight(media.SystemClock{}, func(d delivery) {
		_, _ = p.front.WriteToUDPAddrPort(d.Data, d.to)
	})
	p.running.Go(p.fromClient)
	for _, c := range p.back {
		p.running.Go(func() { p.fromTarget(c) })
	}
	return p, nil
}

// Addr is where the client sends.
func (p *Proxy) Addr() netip.AddrPort { return p.front.LocalAddr().(*net.UDPAddr).AddrPort() }

// Stats are the counters of the way to the target and of the way back.
func (p *Proxy) Stats() (out, in LinkStats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Stats(), p.in.Stats()
}

// Close ends the proxy and waits for its goroutines.
func (p *Proxy) Close() {
	p.there.close()
	p.hither.close()
	p.closeSockets()
	p.running.Wait()
}

func (p *Proxy) closeSockets() {
	for _, c := range append(p.back[:], p.front) {
		if c != nil {
			_ = c.Close()
		}
	}
}

func (p *Proxy) fromClient() {
	buf := make([]byte, 65536)
	for {
		n, from, err := p.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.client = from
		arrivals := p.out.Pass(time.Now(), buf[:n])
		p.mu.Unlock()
		for _, d := range arrivals {
			p.there.add(delivery{Delivery: d, to: p.target})
		}
	}
}

func (p *Proxy) fromTarget(c *net.UDPConn) {
	buf := make([]byte, 65536)
	for {
		n, _, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		client := p.client
		var arrivals []Delivery
		if client.IsValid() {
			arrivals = p.in.Pass(time.Now(), buf[:n])
		}
		p.mu.Unlock()
		for _, d := range arrivals {
			p.hither.add(delivery{Delivery: d, to: client})
		}
	}
}
