package ua

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tandem/codec"
	"tandem/media/rtp"
	"tandem/media/worker"
	"tandem/sip"
	"tandem/sip/dialog"
	"tandem/sip/loop"
	"tandem/sip/transaction"
	"tandem/sip/transport"
)

// Config says how a UA works. It is not changed after New.
type Config struct {
	// Loops run the legs, one each for as long as it lives.
	Loops *loop.Group
	// Transport says where to listen and whom to hear.
	Transport transport.Config
	// Timers are those of the transactions; the zero value is RFC 3261's.
	Timers transaction.Timers

	// Ports gives RTP ports, Workers run the streams.
	Ports   *rtp.Ports
	Workers *worker.Pool
	// MediaListen is the address that RTP sockets bind and SDP names. The zero
	// value is the local address of the way the leg's SIP messages take.
	MediaListen netip.Addr
	// MediaAdvertise, where valid, is the address in SDP.
	MediaAdvertise netip.Addr
	// MediaTimeout is after how long without a packet a leg posts
	// stream.Timeout; 0: never.
	MediaTimeout time.Duration
	// InbandDTMF makes legs that agree on no telephone-event listen for tones.
	InbandDTMF bool
	// Codecs are offered in this order, and accepted, on legs that name none.
	// Empty: codec.Table.
	Codecs []*codec.Codec

	// Identify says whose request this is that came from src outside of any
	// dialog. When it says false, the request gets no answer at all. It runs
	// on a loop and must not block. Nil: everybody is a nameless peer.
	Identify func(src netip.AddrPort, req *sip.Request) (Peer, bool)
	// Incoming decides about a new call: a refuse with a Status of 300 to 699
	// refuses it (its Headers go into the response); otherwise take is called
	// at once with the leg, whose stream is open, or with nil where no stream
	// could be opened: the call is refused with 503 then, and what was counted
	// for it is to be given back. Both run on the leg's loop and must not
	// block; take sets where the leg's messages go.
	Incoming func(info sip.LegInfo) (take func(*Leg), refuse sip.Cause)
	// Refused, which may be nil, hears of the INVITEs of known peers that the
	// UA refuses by itself, and how. It runs on a loop and must not block.
	Refused func(info sip.LegInfo, with *sip.ReplyError)
	// MaxLegs refuses new calls with 503 while there are that many legs; 0:
	// as many as there are ports.
	MaxLegs int

	// Agent is our Server and User-Agent header; empty: none.
	Agent string
	// NewID makes the ids of legs. Nil: UUIDv7.
	NewID func() string
	// Log gets what happens. Nil: nothing.
	Log *slog.Logger
}

// A Peer is who a request is from.
type Peer struct {
	// Name is the trunk's name.
	Name string
	// Codecs replaces [Config.Codecs] for its legs; nil: it does not.
	Codecs []*codec.Codec
	// OwnOrder makes answers choose by the order of Codecs instead of the
	// offer's.
	OwnOrder bool
}

// A UA is a user agent: the legs of one program. Its methods may be called from
// any goroutine, but not from a loop.
type UA struct {
	cfg    Config
	net    *transport.Layer
	shards []*shard
	ready  chan struct{} // closed when net is set
	legs   atomic.Int64
	drain  atomic.Int64 // seconds for Retry-After; 0: not draining
}

// shard is the part of a UA that lives on one loop.
type shard struct {
	ua   *UA
	loop *loop.Loop
	tx   *transaction.Layer
	set  dialog.Set
	legs map[*Leg]struct{}
}

// abilities are what we answer inside of dialogs; outside, REGISTER and the
// rest are refused by the same list.
func abilities() *sip.Abilities {
	return &sip.Abilities{
		Methods: []sip.RequestMethod{sip.INVITE, sip.ACK, sip.CANCEL, sip.BYE, sip.OPTIONS, sip.INFO},
		Types:   []string{sdpType, multipartType},
		Answers: []string{sdpType},
	}
}

// New opens the sockets and starts answering.
func New(cfg Config) (*UA, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Transport.Log == nil {
		cfg.Transport.Log = cfg.Log
	}
	if len(cfg.Codecs) == 0 {
		cfg.Codecs = codec.Table()
	}
	if cfg.Identify == nil {
		cfg.Identify = func(netip.AddrPort, *sip.Request) (Peer, bool) { return Peer{}, true }
	}
	if cfg.Incoming == nil {
		cfg.Incoming = func(sip.LegInfo) (func(*Leg), sip.Cause) { return nil, sip.StatusCause(404, sip.Local) }
	}
	if cfg.NewID == nil {
		cfg.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	u := &UA{cfg: cfg, ready: make(chan struct{})}
	can := abilities()
	for _, l := range cfg.Loops.Loops() {
		s := &shard{ua: u, loop: l, legs: make(map[*Leg]struct{})}
		s.tx = transaction.NewLayer(l, s, cfg.Timers)
		s.set = dialog.Set{Loop: l, Tx: s.tx, Abilities: can, Agent: cfg.Agent, Log: cfg.Log}
		s.set.Init()
		u.shards = append(u.shards, s)
	}
	net, err := transport.New(cfg.Transport, cfg.Loops, u.receive)
	if err != nil {
		return nil, fmt.Errorf("SIP sockets: %w", err)
	}
	u.net = net
	for _, s := range u.shards {
		s.set.Net = net
	}
	close(u.ready)
	return u, nil
}

// receive is the transport's handler.
func (u *UA) receive(l *loop.Loop, r *transport.Received) {
	<-u.ready // a message may come in while New is still at work
	u.shards[l.Index()].tx.Receive(r)
}

// Endpoints are the addresses listened at.
func (u *UA) Endpoints() []transport.Endpoint { return u.net.Endpoints() }

// Transport is the UA's transport layer, for its counters.
func (u *UA) Transport() *transport.Layer { return u.net }

// Drain makes the UA refuse new calls with 503 and Retry-After, and answer
// OPTIONS with 503, so that peers send their calls elsewhere. Calls that are
// up go on.
func (u *UA) Drain(retryAfter time.Duration) {
	u.drain.Store(int64(max(retryAfter.Round(time.Second)/time.Second, 1)))
}

// Legs says how many legs there are.
func (u *UA) Legs() int { return int(u.legs.Load()) }

// closeWait is how long Close waits for the answers to its BYEs.
const closeWait = time.Second

// Close ends all legs with a BYE, CANCEL or error response, waits a moment for
// the answers, and closes the sockets. The loops go on.
func (u *UA) Close() error {
	u.Drain(time.Minute)
	for waited := time.Duration(0); ; waited += closeWait / 50 {
		left := 0
		for _, s := range u.shards {
			done := make(chan int, 1)
			if !s.loop.Post(func() { done <- s.hangupAll() }) {
				continue
			}
			left += <-done
		}
		if left == 0 || waited >= closeWait {
			break
		}
		time.Sleep(closeWait / 50)
	}
	return u.net.Close()
}

// hangupAll ends the shard's legs and says how many dialogs are not done.
func (s *shard) hangupAll() int {
	for l := range s.legs {
		l.hangup(sip.StatusCause(503, sip.Local))
	}
	return s.set.Len()
}

// retryAfter is the header for those who come while we drain.
func (u *UA) retryAfter() (sip.Header, bool) {
	n := u.drain.Load()
	if n == 0 {
		return nil, false
	}
	return sip.NewHeader("Retry-After", strconv.FormatInt(n, 10)), true
}

// Census says how many dialogs, and server and client transactions there are,
// those that only wait for their timers too; for tests and metrics.
func (u *UA) Census() (dialogs, servers, clients int) {
	type count struct{ d, s, c int }
	for _, s := range u.shards {
		done := make(chan count, 1)
		if !s.loop.Post(func() {
			sv, cl := s.tx.Len()
			done <- count{s.set.Len(), sv, cl}
		}) {
			continue
		}
		n := <-done
		dialogs, servers, clients = dialogs+n.d, servers+n.s, clients+n.c
	}
	return dialogs, servers, clients
}
