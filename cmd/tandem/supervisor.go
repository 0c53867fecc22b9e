package main

import (
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// A supervisor is systemd, where it started us (Type=notify, WatchdogSec);
// without it nothing happens.
type supervisor struct{ log *slog.Logger }

func newSupervisor(log *slog.Logger) *supervisor { return &supervisor{log} }

func (s *supervisor) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("notify systemd", "err", err)
	}
}

func (s *supervisor) ready()    { s.tell(daemon.SdNotifyReady) }
func (s *supervisor) stopping() { s.tell(daemon.SdNotifyStopping) }

// watch tells the watchdog that we live, as long as alive says so within half
// its time. stop ends that.
func (s *supervisor) watch(alive func(within time.Duration) bool) (stop func()) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("watchdog", "err", err)
	}
	if interval <= 0 {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(interval / 3)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				if alive(interval / 3) {
					s.tell(daemon.SdNotifyWatchdog)
				} else {
					s.log.Error("a loop or media worker does not answer; the watchdog will end the process")
				}
			}
		}
	}()
	return func() { close(done); <-ended }
}

// alive says whether every loop and every media worker answers in time.
func (n *node) alive(within time.Duration) bool {
	loops, workers := n.engine.loops.Loops(), n.engine.workers.Workers()
	answer := make(chan struct{}, len(loops)+len(workers))
	yes := func() { answer <- struct{}{} }
	for _, l := range loops {
		l.Post(yes)
	}
	for _, w := range workers {
		w.Do(yes)
	}
	late := time.After(within)
	for range cap(answer) {
		select {
		case <-answer:
		case <-late:
			return false
		}
	}
	return true
}
