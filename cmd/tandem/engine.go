package main

import (
	"fmt"
	"runtime"

	"tandem/codec"
	"tandem/media/rtp"
	"tandem/media/worker"
	"tandem/sip/loop"
	"tandem/sip/ua"
)

// An engine is what places and takes calls: loops, workers, RTP ports and the
// user agent on them. `serve` and `call` each have one.
type engine struct {
	loops   *loop.Group
	workers *worker.Pool
	ports   *rtp.Ports
	ua      *ua.UA
}

// newEngine starts an engine without sockets for SIP. n is the number of loops
// and of workers, 0: as many as processors.
func newEngine(firstPort, lastPort, n int) (*engine, error) {
	if n == 0 {
		// A spare beside the media workers: without one, Go's monitor keeps
		// taking the workers' places while they wait in epoll.
		n = runtime.NumCPU()
		runtime.GOMAXPROCS(n + 1)
	}
	e := new(engine)
	var err error
	if e.ports, err = rtp.NewPorts(firstPort, lastPort, rtp.PortsOptions{}); err != nil {
		return nil, err
	}
	if e.workers, err = worker.New(n, worker.Options{}); err != nil {
		return nil, fmt.Errorf("media workers: %w", err)
	}
	e.loops = loop.NewGroup(n)
	return e, nil
}

// listen opens the SIP sockets. Of cfg, Loops, Workers, Ports and Agent are
// filled in.
func (e *engine) listen(cfg ua.Config) (err error) {
	cfg.Loops, cfg.Workers, cfg.Ports = e.loops, e.workers, e.ports
	cfg.Agent = "tandem/" + version
	e.ua, err = ua.New(cfg)
	return err
}

// close ends every leg, then the goroutines.
func (e *engine) close() error {
	var err error
	if e.ua != nil {
		err = e.ua.Close()
	}
	e.loops.Stop()
	e.workers.Stop()
	return err
}

// codecs finds codecs by their names.
func codecs(names []string) ([]*codec.Codec, error) {
	var list []*codec.Codec
	for _, name := range names {
		c := codec.ByName(name)
		if c == nil {
			return nil, fmt.Errorf("unknown codec %q", name)
		}
		list = append(list, c)
	}
	return list, nil
}
