package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem/config"
	"tandem/flow"
	"tandem/flow/action"
	"tandem/flow/api"
	"tandem/flow/api/guard"
	"tandem/flow/api/voipbin"
	"tandem/flow/cdr"
	"tandem/flow/conference"
	"tandem/flow/event"
	"tandem/flow/route"
	"tandem/flow/store/sqlite"
	"tandem/flow/webhook"
	"tandem/media/prompt"
	"tandem/media/record"
	"tandem/sip"
	"tandem/sip/resolve"
	"tandem/sip/transport"
	"tandem/sip/trunk"
	"tandem/sip/ua"
)

// implicitCustomer is the id of the customer whom everything belongs to where
// the configuration names none.
const implicitCustomer = event.NilID

// lastRecords is how long the store may take for the last records; what it has
// not taken then is read from the journal at the next start.
const lastRecords = 5 * time.Second

// keptRefusals is how many refused INVITEs /v1.0/sip/refusals remembers.
const keptRefusals = 1000

// A node is one running tandem: everything wired together.
type node struct {
	cfg *config.Config
	log *slog.Logger

	bus      *event.Bus
	store    *sqlite.Store
	recorder *cdr.Recorder
	hooks    []*webhook.Sender

	trunks    *trunk.Table
	strangers strangers
	resolver  *resolve.Resolver
	engine    *engine

	speech   *voices
	prompts  *prompt.Library
	desk     *record.Desk
	calls    *flow.Calls
	rooms    *conference.Rooms
	rules    []route.Rule
	starter  *route.Starter
	flows    map[string][]flow.Step // by name
	flowIDs  map[string]string      // name by id
	refusals *api.Refusals
	api      *api.Server
	listener net.Listener
	files    *os.Root // recordings

	open     atomic.Bool // the SIP sockets are
	draining atomic.Bool
	cancel   context.CancelFunc
	giveUp   context.CancelFunc // on writing records
	running  sync.WaitGroup
	closers  []io.Closer // in the order of opening
	lock     io.Closer   // on state_dir; given back last
}

// newNode builds and starts a node. Whatever was started is stopped when it
// fails. When it returns, calls are taken.
func newNode(cfg *config.Config, flows map[string][]flow.Step, log *slog.Logger) (n *node, err error) {
	n = &node{cfg: cfg, log: log, flows: flows, flowIDs: map[string]string{}, refusals: api.NewRefusals(keptRefusals)}
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	defer func() {
		if err != nil {
			n.shutdown()
		}
	}()
	if cfg.Node == "" {
		if cfg.Node, err = os.Hostname(); err != nil {
			return n, fmt.Errorf("node: %w; name this host in the configuration", err)
		}
	}
	// Programs that are started in other folders are given paths of it.
	if cfg.StateDir, err = filepath.Abs(cfg.StateDir); err != nil {
		return n, err
	}
	for name := range flows {
		n.flowIDs[event.NamedID(name)] = name
	}
	for _, dir := range []string{"", "recordings", "prompts", "speech", "journal"} {
		if err := os.MkdirAll(filepath.Join(cfg.StateDir, dir), 0o750); err != nil {
			return n, fmt.Errorf("state_dir: %w", err)
		}
	}
	if n.lock, err = lockState(cfg.StateDir); err != nil {
		return n, fmt.Errorf("state_dir: %w", err)
	}
	for _, step := range []func(context.Context) error{n.openRecords, n.openMedia, n.openCalls, n.openAPI, n.openSIP} {
		if err := step(ctx); err != nil {
			return n, err
		}
	}
	return n, nil
}

// state is a path under state_dir.
func (n *node) state(name string) string { return filepath.Join(n.cfg.StateDir, name) }

// keep remembers what shutdown is to close, last opened first.
func (n *node) keep(c io.Closer) { n.closers = append(n.closers, c) }

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// run runs fn on a goroutine that shutdown waits for.
func (n *node) run(what string, fn func() error) {
	n.running.Go(func() {
		if err := fn(); err != nil && !errors.Is(err, context.Canceled) {
			n.log.Error(what, "err", err)
		}
	})
}

// openRecords opens the journal, the store and what reads the one into the
// other, and closes what a killed process left open.
func (n *node) openRecords(ctx context.Context) error {
	if err := record.Repair(n.state("recordings")); err != nil {
		n.log.Warn("recordings of a killed process", "err", err)
	}
	var hooks []webhook.Hook
	for _, w := range n.cfg.Events.Webhooks {
		hooks = append(hooks, webhook.Hook{URL: string(w.URL), Secret: w.Secret.Reveal(), Want: wants(w.Types)})
	}
	bus, err := event.Open(n.state("journal"), event.Options{Readers: append(webhook.Readers(hooks), cdr.Reader), Log: n.log})
	if err != nil {
		return err
	}
	n.bus = bus
	if n.store, err = sqlite.Open(ctx, n.state("tandem.db")); err != nil {
		return err
	}
	n.keep(n.store)
	if n.recorder, err = cdr.New(bus, n.store, cdr.Options{Node: n.cfg.Node, Log: n.log}); err != nil {
		return err
	}
	cut, err := n.recorder.Recover(ctx)
	if err != nil {
		return err
	}
	if cut > 0 {
		n.log.Warn("calls were up when the last process ended; their records are marked aborted", "calls", cut)
	}
	// It ends with the bus, when everything is written.
	records, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	n.giveUp = giveUp
	n.run("records", func() error { return n.recorder.Run(records) })
	for _, h := range hooks {
		s, err := webhook.New(bus, h, webhook.Options{Client: guard.Trusting(), Log: n.log})
		if err != nil {
			return err
		}
		n.hooks = append(n.hooks, s)
		n.run("webhook", func() error { return s.Run(ctx) })
	}
	return nil
}

// wants says which types of events a receiver takes.
func wants(types []config.Pattern) func(string) bool {
	if len(types) == 0 {
		return nil
	}
	return func(typ string) bool {
		for _, p := range types {
			if p.Match(typ) {
				return true
			}
		}
		return false
	}
}

// openMedia opens what calls play, speak and record with.
func (n *node) openMedia(ctx context.Context) (err error) {
	n.speech, err = newVoices(n.cfg.Speech.TTS, n.state("speech"), n.log)
	if err != nil {
		return err
	}
	n.keep(n.speech)
	n.run("voices", func() error { n.speech.unpack(ctx); return nil })
	n.prompts, err = prompt.New(prompt.Options{Dir: n.state("prompts"), Client: guard.Trusting(), Log: n.log})
	if err != nil {
		return err
	}
	n.keep(n.prompts)
	n.desk, err = record.NewDesk(record.DeskOptions{Dir: n.state("recordings"), Log: n.log})
	if err != nil {
		return err
	}
	n.keep(n.desk)
	n.files, err = os.OpenRoot(n.state("recordings"))
	if err != nil {
		return err
	}
	n.keep(n.files)
	return nil
}

// openCalls makes the peers, the engine's configuration and the registry of
// calls with all that actions draw on.
func (n *node) openCalls(context.Context) (err error) {
	if n.trunks, err = trunk.New(trunks(n.cfg), outbound(n.cfg)); err != nil {
		return err
	}
	if err := bindable(n.cfg.Media.Listen); err != nil {
		return fmt.Errorf("media.listen: %w", err)
	}
	if n.engine, err = newEngine(int(n.cfg.Media.Ports.First), int(n.cfg.Media.Ports.Last), 0); err != nil {
		return err
	}
	n.resolver = resolve.New(resolve.Config{})
	n.keep(closerFunc(func() error { n.resolver.Close(); return nil }))
	n.calls = flow.NewCalls(flow.Config{
		Node: n.cfg.Node, Customer: implicitCustomer, Publisher: n.bus, MaxCall: n.cfg.MaxCall, Log: n.log,
		Services: flow.Services{
			Media: flow.Mixer(n.engine.workers), Prompts: n.prompts, Speech: n.speech.Speaker, Recordings: flow.Desk(n.desk), Dialer: (*dialer)(n),
		},
	})
	n.rooms = conference.New(n.calls, n.log)
	n.keep(closerFunc(func() error { n.rooms.Close(); return nil }))
	private := guard.Client(n.cfg.Network.AllowPrivate)
	env := &action.Env{Rooms: n.rooms, HTTP: guard.Trusting(), Prompts: n.prompts}
	env.Fetched = &action.Env{Rooms: n.rooms, HTTP: private, Prompts: n.prompts.With(private)}
	n.starter = &route.Starter{Env: env, Flow: n.flow}
	n.rules = rules(n.cfg)
	return nil
}

// flow finds a flow by its name or by its id.
func (n *node) flow(name string) (steps []flow.Step, id string, ok bool) {
	if known, is := n.flowIDs[name]; is {
		name = known
	}
	steps, ok = n.flows[name]
	return steps, event.NamedID(name), ok
}

// openAPI opens the HTTP port. It answers from now on; /ready says when calls
// are taken.
func (n *node) openAPI(ctx context.Context) (err error) {
	var keys []api.Key
	for name, k := range n.cfg.API.AccessKeys {
		keys = append(keys, api.Key{Name: name, Secret: k.Key.Reveal(), ReadOnly: k.Scope == "read", Expires: k.Expires.Time})
	}
	if len(keys) == 0 {
		secret, made, err := api.LoadKey(n.cfg.StateDir)
		if err != nil {
			return err
		}
		keys = append(keys, api.Key{Name: "local", Secret: secret})
		if made {
			n.log.Info("an access key for the API was made", "file", n.state(api.KeyFile))
		}
	}
	n.api, err = api.New(api.Config{Keys: keys, Ready: n.ready, Collectors: n.collectors(), Log: n.log})
	if err != nil {
		return err
	}
	n.api.Debug()
	voipbin.Mount(n.api, voipbin.Backend{
		Store: n.recorder.Reading(), Calls: (*backend)(n), Conferences: rooms{n.rooms}, Refusals: n.refusals, Recordings: n.files, Customer: implicitCustomer,
	})
	host, port := n.cfg.API.Listen.Split()
	if n.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port)); err != nil {
		return fmt.Errorf("api.listen: %w", taken(err))
	}
	n.log.Info("API", "local", n.listener.Addr().String())
	n.run("API", func() error { return n.api.Serve(ctx, n.listener) })
	return nil
}

// openSIP opens the SIP sockets: calls come in from now on.
func (n *node) openSIP(ctx context.Context) error {
	order, err := codecs(names(n.cfg.Media.Codecs))
	if err != nil {
		return err
	}
	var listen []transport.Endpoint
	for _, l := range n.cfg.SIP.Listen {
		if l.Network == "udp" || l.Network == "tcp" {
			listen = append(listen, transport.Endpoint{Network: l.Network, Addr: l.Addr})
		}
	}
	err = n.engine.listen(ua.Config{
		Transport:   transport.Config{Listen: listen, Advertise: string(n.cfg.SIP.Advertise), Accept: n.known},
		MediaListen: n.cfg.Media.Listen, MediaAdvertise: n.cfg.Media.Advertise, Codecs: order,
		InbandDTMF: true, // where a peer has no telephone-event
		Identify:   n.identify, Incoming: n.incoming, Refused: n.refused, Log: n.log,
	})
	if err != nil {
		return taken(err)
	}
	for _, l := range n.engine.ua.Endpoints() {
		n.log.Info("SIP", "local", l.Network+"://"+l.Addr.String())
	}
	dropped := func() uint64 { return n.engine.ua.Transport().Stats().Strangers }
	n.run("strangers", func() error { n.strangers.watch(ctx, dropped, n.log); return nil })
	n.open.Store(true)
	return nil
}

// ready says why no calls are taken, if none are.
func (n *node) ready() error {
	switch {
	case n.draining.Load():
		return errors.New("draining")
	case !n.open.Load():
		return errors.New("the SIP sockets are not open yet")
	}
	return nil
}

// drain refuses new calls and returns a channel that closes with the last call.
func (n *node) drain() <-chan struct{} {
	n.draining.Store(true)
	const retryAfter = 30 * time.Second
	n.engine.ua.Drain(retryAfter)
	return n.calls.Drain()
}

// shutdown ends what is left, in the order in which it depends on each other:
// calls, sockets, sources and files, records.
func (n *node) shutdown() {
	n.draining.Store(true)
	if n.calls != nil {
		idle := n.calls.Drain()
		n.calls.EndAll()
		select {
		case <-idle:
		case <-time.After(3 * time.Second):
			n.log.Warn("calls are left at the end", "calls", n.calls.Len())
		}
	}
	if n.engine != nil {
		if err := n.engine.close(); err != nil {
			n.log.Warn("close SIP", "err", err)
		}
	}
	// The files are complete before the bus closes, so that their events are
	// in the journal.
	for i := len(n.closers) - 1; i > 0; i-- {
		if err := n.closers[i].Close(); err != nil {
			n.log.Warn("close", "err", err)
		}
	}
	if n.bus != nil {
		if err := n.bus.Close(); err != nil {
			n.log.Warn("close the journal", "err", err)
		}
	}
	n.cancel()
	if n.giveUp != nil {
		late := time.AfterFunc(lastRecords, n.giveUp)
		defer late.Stop()
	}
	n.running.Wait()
	if len(n.closers) > 0 { // the store, which the recorder wrote to until now
		if err := n.closers[0].Close(); err != nil {
			n.log.Warn("close the store", "err", err)
		}
	}
	if n.lock != nil {
		_ = n.lock.Close() // the end of the process does it as well
	}
}

// trunks are the peers of the configuration.
func trunks(cfg *config.Config) []trunk.Config {
	var list []trunk.Config
	for name, t := range cfg.Trunks {
		c := trunk.Config{
			Name: name, From: t.From, Username: t.Username, Password: t.Password.Reveal(), Codecs: names(t.Codecs),
			Calls: t.Limits.Calls, Rate: t.Limits.Rate,
		}
		if !t.To.IsZero() {
			// The configuration has checked it.
			c.To, _ = sip.ParseURI(t.To.String())
		}
		list = append(list, c)
	}
	return list
}

func outbound(cfg *config.Config) []trunk.Outbound {
	var list []trunk.Outbound
	for _, o := range cfg.Outbound {
		list = append(list, trunk.Outbound{To: string(o.To), Trunks: o.Trunks})
	}
	return list
}

func rules(cfg *config.Config) []route.Rule {
	var list []route.Rule
	for _, r := range cfg.Routes {
		list = append(list, route.Rule{
			Trunk: r.Trunk, From: string(r.From), To: string(r.To), Flow: r.Flow, Conference: r.Conference,
			Service: r.Service, Jambonz: r.Jambonz, Mediaservice: r.MediaService, Reject: r.Reject,
		})
	}
	return list
}

// identify says whose request this is.
func (n *node) identify(src netip.AddrPort, _ *sip.Request) (ua.Peer, bool) {
	t := n.trunks.Identify(src.Addr())
	if t == nil {
		return ua.Peer{}, false
	}
	p := ua.Peer{Name: t.Name, OwnOrder: len(t.Codecs) > 0}
	// The names were checked when the configuration was read.
	p.Codecs, _ = codecs(t.Codecs)
	return p, true
}

// userOf is the user part of a URI, as people write it: a number without the
// parameters that carriers hang on it (RFC 3261 §19.1.6).
func userOf(u *sip.Uri) string {
	user := strings.TrimSpace(sip.User(u))
	if number, _, ok := strings.Cut(user, ";"); ok && isNumber(number) {
		return number
	}
	return user
}
