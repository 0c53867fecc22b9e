package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tandem/codec"
	"tandem/config"
	"tandem/media"
	"tandem/media/mixer"
	"tandem/media/record"
	"tandem/media/stream"
	"tandem/sip"
	"tandem/sip/resolve"
	"tandem/sip/transport"
	"tandem/sip/ua"
)

type callCmd struct {
	URI      string        `arg:"" help:"Whom to call: sip:USER@HOST[:PORT], or with --trunk a number."`
	Say      string        `help:"Speak this text once the call is answered." placeholder:"TEXT"`
	Language string        `help:"Language of --say." default:"en-GB"`
	Play     string        `help:"Play this WAV file once the call is answered." placeholder:"FILE" type:"existingfile"`
	Digits   string        `help:"Send these digits after that; w waits for half a second." placeholder:"\"1w2#\""`
	Record   string        `help:"Write what is heard to this WAV file." placeholder:"FILE"`
	Codec    []string      `help:"Codecs to offer, in order." placeholder:"pcmu"`
	Duration time.Duration `help:"How long the call lasts, from its answer, unless the other side ends it." default:"30s"`
	From     string        `help:"Number or name the call comes from." default:"tandem"`
	Trunk    string        `help:"Call through this trunk of the configuration." placeholder:"NAME"`
	Config   string        `short:"c" help:"Configuration file that names the trunk." placeholder:"FILE"`
	Output   string        `short:"o" enum:"text,json" default:"text" help:"text or json."`
}

// ringLimit is how long a test call may ring.
const ringLimit = 60 * time.Second

// testPorts are the RTP ports of a test call: outside the default range of a
// node on the same host.
const testPortsLow, testPortsHigh = 30000, 39999

// Run places the call.
func (c *callCmd) Run(out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &report{URI: c.URI}
	err := c.place(ctx, r)
	if err != nil && !r.placed && c.Output == "text" {
		return err // there is no call to report on
	}
	if err != nil {
		r.Error = err.Error()
	}
	if werr := r.write(out, c.Output); werr != nil {
		return werr
	}
	var bad exitError
	switch {
	case errors.As(err, &bad):
		return exitError{bad.code, nil}
	case err != nil || !r.Answered:
		return exitError{exitRuntime, nil}
	}
	return nil
}

// say tells whoever waits at a terminal how the call gets on.
func (c *callCmd) say(format string, args ...any) {
	if c.Output == "text" && isTerminal(os.Stderr) {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}

// place runs the call and fills the report.
func (c *callCmd) place(ctx context.Context, r *report) error {
	o, cfg, err := c.target(ctx)
	if err != nil {
		return err
	}
	script, err := newScript(ctx, c, cfg)
	if err != nil {
		return err
	}
	defer script.close()
	e, err := newEngine(testPortsLow, testPortsHigh, 1)
	if err != nil {
		return err
	}
	defer e.close()
	local := anyPort(o.Remotes[0])
	err = e.listen(ua.Config{
		Transport: transport.Config{
			Listen: []transport.Endpoint{{Network: "udp", Addr: local}, {Network: "tcp", Addr: local}},
			Accept: func(src netip.AddrPort) bool { return src.Addr().Unmap() == o.Remotes[0].Addr().Unmap() },
		},
		Codecs: o.Codecs,
	})
	if err != nil {
		return err
	}

	begin := time.Now()
	post := make(chan any, 256)
	o.Post = bounded(post)
	leg, err := e.ua.Dial(o)
	if err != nil {
		return err
	}
	r.placed, r.Network, r.Address = true, o.Network, o.Remotes[0].String()
	c.say("calling %s by %s", r.Address, r.Network)
	t := &testCall{cmd: c, script: script, leg: leg, report: r, begin: begin, post: post, engine: e}
	return t.run(ctx)
}

// bounded posts to ch, and drops what is far more than a call can bring, but
// never its end.
func bounded(ch chan any) func(any) {
	return func(m any) {
		if _, end := m.(sip.Hungup); end || len(ch) < cap(ch)-1 {
			ch <- m
		}
	}
}

// target finds out whom to call and how.
func (c *callCmd) target(ctx context.Context) (o ua.DialOptions, cfg *config.Config, err error) {
	o.RingTimeout = ringLimit
	if o.Codecs, err = codecs(c.Codec); err != nil {
		return o, nil, err
	}
	if c.Config != "" {
		var problems []config.Problem
		if cfg, problems = config.Load(c.Config, os.LookupEnv); config.Faulty(problems) {
			return o, nil, exitError{exitBadConfig, fmt.Errorf("tandem check -c %s says what is wrong with it", c.Config)}
		}
	}
	switch {
	case c.Trunk != "" && cfg == nil:
		return o, nil, errors.New("--trunk needs -c FILE, the configuration that describes the trunk")
	case c.Trunk != "":
		t, ok := cfg.Trunks[c.Trunk]
		if !ok {
			return o, nil, fmt.Errorf("%s has no trunk %q", c.Config, c.Trunk)
		}
		if t.To.IsZero() {
			return o, nil, fmt.Errorf("trunk %s has no `to`: calls cannot go to it", c.Trunk)
		}
		if o.To, err = sip.ParseURI(t.To.String()); err != nil {
			return o, nil, err
		}
		number := strings.TrimPrefix(strings.TrimPrefix(c.URI, "sip:"), "tel:")
		number, _, _ = strings.Cut(number, "@")
		o.To.User = sip.EscapeUser(number)
		o.Trunk, o.Username, o.Password = c.Trunk, t.Username, t.Password.Reveal()
		if len(o.Codecs) == 0 {
			if o.Codecs, err = codecs(names(t.Codecs)); err != nil {
				return o, nil, err
			}
		}
	default:
		if o.To, err = sip.ParseURI(c.URI); err != nil {
			return o, nil, fmt.Errorf("%q: %w; write one such as sip:100@127.0.0.1:5060, or a number with --trunk", c.URI, err)
		}
		if o.To.Scheme != "sip" && o.To.Scheme != "sips" {
			return o, nil, fmt.Errorf("%q is no SIP URI; write one such as sip:100@127.0.0.1:5060, or a number with --trunk", c.URI)
		}
	}
	if len(o.Codecs) == 0 {
		o.Codecs = codec.Table()
	}
	res := resolve.New(resolve.Config{})
	defer res.Close()
	found := make(chan []resolve.Target, 1)
	failed := make(chan error, 1)
	targets, ready, err := res.Resolve(&o.To, func(t []resolve.Target, err error) {
		if err != nil {
			failed <- err
			return
		}
		found <- t
	})
	if err != nil {
		return o, nil, err
	}
	if !ready {
		select {
		case targets = <-found:
		case err = <-failed:
			return o, nil, err
		case <-ctx.Done():
			return o, nil, ctx.Err()
		}
	}
	o.Network = targets[0].Network
	for _, t := range targets {
		if t.Network == o.Network {
			o.Remotes = append(o.Remotes, t.Addr)
		}
	}
	o.From = sip.FromTo{URI: sip.Uri{Scheme: "sip", User: sip.EscapeUser(c.From), Host: "tandem.invalid"}}
	return o, cfg, nil
}

// anyPort is a free port of the address from which remote is reached: this
// host's loopback address for a peer on it, else any.
func anyPort(remote netip.AddrPort) netip.AddrPort {
	a := remote.Addr().Unmap()
	switch {
	case a.IsLoopback():
		return netip.AddrPortFrom(a, 0)
	case a.Is4():
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
}

func names(list []config.Codec) []string {
	var out []string
	for _, c := range list {
		out = append(out, string(c))
	}
	return out
}

// A testCall is the call in progress.
type testCall struct {
	cmd    *callCmd
	script *script
	engine *engine
	leg    *ua.Leg
	report *report
	begin  time.Time
	post   chan any

	bridge *mixer.Bridge
	part   *mixer.Participant
	desk   *record.Desk
	taking *record.Recorder
	saved  chan record.Result
}

// run sees the call through to its end.
func (t *testCall) run(ctx context.Context) error {
	defer t.closeRecording()
	var script chan error // the script's end
	var over <-chan time.Time
	scriptCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	for {
		select {
		case m := <-t.post:
			switch m := m.(type) {
			case sip.Ringing:
				if t.report.RingMS == 0 {
					t.report.RingMS = t.since()
					t.cmd.say("ringing")
				}
				if m.Media {
					t.join()
				}
			case sip.Answered:
				t.report.Answered = true
				t.report.SetupMS = t.since()
				t.join()
				t.cmd.say("answered; the call lasts %v, Ctrl-C ends it", t.cmd.Duration)
				over = time.After(t.cmd.Duration)
				script = make(chan error, 1)
				go func() { script <- t.script.run(scriptCtx, t) }()
			case sip.Hungup:
				t.stats()
				t.report.EndMS = t.since()
				t.report.hungup(m.Cause)
				return failed
			}
		case err := <-script:
			script = nil
			if err != nil && !errors.Is(err, context.Canceled) {
				failed = err
				t.hangup()
			}
		case <-over:
			t.hangup()
			over = nil
		case <-ctx.Done():
			t.hangup()
			ctx = context.Background()
		}
	}
}

func (t *testCall) since() int64 { return time.Since(t.begin).Milliseconds() }

// hangup takes the statistics, which go with the leg, and ends it.
func (t *testCall) hangup() {
	t.stats()
	_ = t.leg.Hangup(sip.Cleared(sip.Local)) // it may be over already
}

// stats asks the stream for its figures.
func (t *testCall) stats() {
	got := make(chan stream.Stats, 1)
	t.leg.Stats(func(s stream.Stats) { got <- s })
	select {
	case s := <-got:
		t.report.media(s)
	case <-time.After(time.Second):
	}
}

// join puts the leg into a bridge of one, where it is played to and listened to.
func (t *testCall) join() {
	port := t.leg.Port()
	if t.part != nil || port == nil {
		return
	}
	t.bridge = mixer.NewBridge(t.leg.Stream().Worker(), mixer.Options{})
	t.part = t.bridge.Join(port)
	if t.cmd.Record == "" {
		return
	}
	path, err := filepath.Abs(t.cmd.Record)
	if err == nil {
		if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		t.desk, err = record.NewDesk(record.DeskOptions{Dir: filepath.Dir(path), Goroutines: 1})
	}
	if err == nil {
		t.saved = make(chan record.Result, 1)
		t.taking, err = t.desk.Start(filepath.Base(path), record.Options{Channels: 1, Done: func(r record.Result) { t.saved <- r }})
	}
	if err != nil {
		t.report.Error = "record: " + err.Error()
		return
	}
	t.part.Tap(func(in, _ *media.Frame) { t.taking.TapMix(in) })
}

func (t *testCall) closeRecording() {
	if t.taking != nil {
		t.taking.Stop()
		r := <-t.saved
		t.report.RecordedS = r.Duration.Seconds()
	}
	if t.desk != nil {
		t.desk.Close()
	}
}

// play plays src to its end.
func (t *testCall) play(ctx context.Context, src media.Source) error {
	done := make(chan error, 1)
	t.part.Play(src, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		t.part.Play(nil, nil)
		return ctx.Err()
	}
}
