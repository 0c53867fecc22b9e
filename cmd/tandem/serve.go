package main

import (
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/config"
)

type serveCmd struct {
	Config string `short:"c" default:"/etc/tandem/tandem.yaml" help:"Configuration file; ${default} where none is given." placeholder:"FILE"`
	Log    string `enum:"debug,info,warn,error" default:"info" help:"Least level that is logged: debug, info, warn or error."`
}

// Run runs the node until a signal ends it.
func (s *serveCmd) Run() error {
	log := logger(s.Log)
	collectSeldom()
	cfg, flows, problems, err := mustLoad(s.Config, os.Stderr)
	if err != nil {
		return err
	}
	for _, p := range problems {
		log.Warn(p.What, "at", p.Pos.String(), "key", p.Path)
	}
	// Until the process is gone: a second signal in its last moment does not
	// kill it.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt, syscall.SIGHUP)

	n, err := newNode(cfg, flows, log)
	if err != nil {
		return exitError{exitRuntime, err}
	}
	supervisor := newSupervisor(log)
	stop := supervisor.watch(n.alive)
	supervisor.ready()
	log.Info("ready", "node", cfg.Node, "version", version, "trunks", len(cfg.Trunks), "routes", len(cfg.Routes), "flows", len(flows))
	if !slices.ContainsFunc(slices.Collect(maps.Values(cfg.Trunks)), func(t config.Trunk) bool { return len(t.From) > 0 }) {
		log.Warn("no trunk has addresses in its from: nobody who calls is answered")
	}

	s.wait(n, signals, log)
	supervisor.stopping()
	stop()
	n.shutdown()
	log.Info("ended")
	return nil
}

// wait returns when the node is to end: after a signal and its drain, or a
// second signal.
func (s *serveCmd) wait(n *node, signals <-chan os.Signal, log *slog.Logger) {
	var idle <-chan struct{}
	var deadline <-chan time.Time
	for {
		select {
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				log.Warn("SIGHUP: this build does not reload; restart to use a changed configuration", "config", s.Config)
				continue
			}
			if idle != nil {
				log.Warn("second signal: calls are ended", "calls", n.calls.Len())
				return
			}
			log.Info("draining", "calls", n.calls.Len(), "dur", n.cfg.Drain)
			idle, deadline = n.drain(), time.After(n.cfg.Drain)
		case <-idle:
			return
		case <-deadline:
			log.Warn("drain time is over: calls are ended", "calls", n.calls.Len())
			return
		}
	}
}

// logger writes text to a terminal, JSON to anything else.
func logger(level string) *slog.Logger {
	l := slog.LevelInfo
	_ = l.UnmarshalText([]byte(level)) // the command line takes only levels
	o := &slog.HandlerOptions{Level: l, ReplaceAttr: seconds}
	if isTerminal(os.Stderr) {
		return slog.New(slog.NewTextHandler(os.Stderr, o))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, o))
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// seconds writes durations as seconds with three decimals, in text and JSON.
func seconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(float64(a.Value.Duration().Round(time.Millisecond).Milliseconds()) / 1000)
	}
	return a
}
