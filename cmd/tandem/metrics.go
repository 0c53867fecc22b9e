package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"tandem/flow/api"
)

// collectors are what /metrics shows of the node.
func (n *node) collectors() []prometheus.Collector {
	list := []prometheus.Collector{
		gauge("tandem_calls", "Calls that live, either direction.", func() float64 { return float64(n.calls.Len()) }),
		gauge("tandem_conferences", "Conferences that are open.", func() float64 { return float64(len(n.rooms.List())) }),
		gauge("tandem_legs", "SIP legs.", func() float64 {
			if !n.open.Load() {
				return 0
			}
			return float64(n.engine.ua.Legs())
		}),
		gauge("tandem_rtp_ports_in_use", "Pairs of RTP ports in use.", func() float64 { return float64(n.engine.ports.InUse()) }),
		gauge("tandem_draining", "1 while no new calls are taken.", func() float64 {
			if n.draining.Load() {
				return 1
			}
			return 0
		}),
		counter("tandem_refused_total", "INVITEs refused before they became calls.", func() float64 { return float64(n.refusals.Total()) }),
		info(),
	}
	list = append(list, api.EventMetrics(n.bus)...)
	list = append(list, api.RecordMetrics(n.recorder)...)
	for _, h := range n.hooks {
		list = append(list, api.WebhookMetrics(h)...)
	}
	return append(list, &readings{n})
}

func gauge(name, help string, f func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
}

func counter(name, help string, f func() float64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, f)
}

func info() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tandem_build_info", Help: "The build, in its labels.", ConstLabels: prometheus.Labels{"version": version, "commit": commit},
	}, func() float64 { return 1 })
}
