package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"tandem/media/worker"
	"tandem/sip/transport"
)

// readings are metrics of which many come from one snapshot.
type readings struct{ n *node }

// A reading is one metric made of a snapshot of type T.
type reading[T any] struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	get  func(T) float64
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// workerReadings are shown for each media worker.
func workerReadings() []reading[worker.Stats] {
	const c, g = prometheus.CounterValue, prometheus.GaugeValue
	d := func(name, help string) *prometheus.Desc { return desc(name, help, "worker") }
	return []reading[worker.Stats]{
		{d("tandem_media_packets_total", "Datagrams received by media workers."), c, func(s worker.Stats) float64 { return float64(s.Packets) }},
		{d("tandem_media_ticks_total", "Phases of the media clock that ran."), c, func(s worker.Stats) float64 { return float64(s.Ticks) }},
		{d("tandem_media_late_ticks_total", "Phases of the media clock that began more than 5 ms late."), c, func(s worker.Stats) float64 { return float64(s.LateTicks) }},
		{d("tandem_media_skipped_ticks_total", "Phases of the media clock left out because the worker was far behind."), c, func(s worker.Stats) float64 { return float64(s.SkippedTicks) }},
		{d("tandem_media_tick_lateness_max_seconds", "Largest lateness of the media clock since the start."), g, func(s worker.Stats) float64 { return s.MaxLate.Seconds() }},
		{d("tandem_media_busy_seconds_total", "Time media workers were awake; its growth a second is the load, 0 to 1."), c, func(s worker.Stats) float64 { return s.Busy.Seconds() }},
		{d("tandem_media_sockets", "Sockets of media workers."), g, func(s worker.Stats) float64 { return float64(s.Sockets) }},
		{d("tandem_media_bridges", "Bridges that tick."), g, func(s worker.Stats) float64 { return float64(s.Tickers) }},
	}
}

// sipReadings are shown once.
func sipReadings() []reading[transport.Stats] {
	const c, g = prometheus.CounterValue, prometheus.GaugeValue
	d := func(name, help string) *prometheus.Desc { return desc(name, help) }
	return []reading[transport.Stats]{
		{d("tandem_sip_received_total", "SIP messages received."), c, func(s transport.Stats) float64 { return float64(s.Received) }},
		{d("tandem_sip_sent_total", "SIP messages sent."), c, func(s transport.Stats) float64 { return float64(s.Sent) }},
		{d("tandem_sip_send_failures_total", "SIP datagrams that could not be sent."), c, func(s transport.Stats) float64 { return float64(s.Failed) }},
		{d("tandem_sip_malformed_total", "SIP messages that were malformed."), c, func(s transport.Stats) float64 { return float64(s.Malformed) }},
		{d("tandem_sip_strangers_total", "SIP messages of unknown sources, dropped without an answer."), c, func(s transport.Stats) float64 { return float64(s.Strangers) }},
		{d("tandem_sip_overload_total", "SIP messages dropped because their loop was behind."), c, func(s transport.Stats) float64 { return float64(s.Overload) }},
		{d("tandem_sip_kernel_drops_total", "SIP datagrams that the kernel dropped because they were not read fast enough."), c, func(s transport.Stats) float64 { return float64(s.KernelDrops) }},
		{d("tandem_sip_refused_streams_total", "Connections closed at once because there were too many."), c, func(s transport.Stats) float64 { return float64(s.RefusedStreams) }},
		{d("tandem_sip_streams", "Connections that are open."), g, func(s transport.Stats) float64 { return float64(s.Streams) }},
	}
}

// trunkCalls and rtpDrops have a snapshot of their own.
func trunkCalls() *prometheus.Desc {
	return desc("tandem_trunk_calls", "Calls that a trunk carries, both directions.", "trunk")
}

func rtpDrops() *prometheus.Desc {
	return desc("tandem_rtp_kernel_drops_total", "RTP datagrams that the kernel dropped because they were not read fast enough.")
}

// Describe implements [prometheus.Collector].
func (r *readings) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range workerReadings() {
		ch <- m.desc
	}
	for _, m := range sipReadings() {
		ch <- m.desc
	}
	ch <- trunkCalls()
	ch <- rtpDrops()
}

// Collect implements [prometheus.Collector].
func (r *readings) Collect(ch chan<- prometheus.Metric) {
	for i, w := range r.n.engine.workers.Workers() {
		s := w.Stats()
		for _, m := range workerReadings() {
			ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.get(s), strconv.Itoa(i))
		}
	}
	ch <- prometheus.MustNewConstMetric(rtpDrops(), prometheus.CounterValue, float64(r.n.engine.ports.Drops()))
	for name := range r.n.cfg.Trunks {
		ch <- prometheus.MustNewConstMetric(trunkCalls(), prometheus.GaugeValue, float64(r.n.trunks.Trunk(name).Up()), name)
	}
	if !r.n.open.Load() {
		return
	}
	s := r.n.engine.ua.Transport().Stats()
	for _, m := range sipReadings() {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.get(s))
	}
}
