package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tandem/flow/cdr"
	"tandem/flow/event"
	"tandem/flow/webhook"
)

// metrics is the registry of one server and what the server itself counts.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(cs []prometheus.Collector) (*metrics, error) {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_http_requests_total", Help: "HTTP requests answered.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tandem_http_request_duration_seconds", Help: "Time from a request to its answer.",
			Buckets: []float64{0.001, 0.005, 0.02, 0.1, 0.5, 2, 10},
		}, []string{"route"}),
	}
	own := []prometheus.Collector{m.requests, m.duration, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})}
	for _, c := range append(own, cs...) {
		if err := m.registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// observe counts a request. Routes are patterns, so that labels are bounded;
// so are methods.
func (m *metrics) observe(route, method string, code int, d time.Duration) {
	if route == "" {
		route = "none"
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(code)).Inc()
	m.duration.WithLabelValues(route).Observe(d.Seconds())
}

// EventMetrics shows how the bus fares.
func EventMetrics(b *event.Bus) []prometheus.Collector {
	return []prometheus.Collector{
		counterFunc("tandem_events_published_total", "Events accepted by the bus.", nil, func() float64 { return float64(b.Stats().Published) }),
		counterFunc("tandem_events_lost_total", "Events lost because the disk did not take them.", nil, func() float64 { return float64(b.Stats().Lost) }),
		counterFunc("tandem_events_live_lost_total", "Events dropped for slow live subscribers.", nil, func() float64 { return float64(b.Stats().LostLive) }),
		counterFunc("tandem_journal_write_errors_total", "Refused writes to the event journal.", nil, func() float64 { return float64(b.Stats().WriteErrors) }),
		gaugeFunc("tandem_events_queued", "Events that wait for the disk.", nil, func() float64 { return float64(b.Stats().Queued) }),
		gaugeFunc("tandem_journal_bytes", "Size of the event journal.", nil, func() float64 { return float64(b.Stats().JournalBytes) }),
	}
}

// RecordMetrics shows how records fare.
func RecordMetrics(r *cdr.Recorder) []prometheus.Collector {
	return []prometheus.Collector{
		counterFunc("tandem_records_written_total", "Events turned into records.", nil, func() float64 { return float64(r.Stats().Written) }),
		counterFunc("tandem_records_refused_total", "Batches that the store did not take.", nil, func() float64 { return float64(r.Stats().Refused) }),
		gaugeFunc("tandem_records_lag", "Events in the journal that are not records yet.", nil, func() float64 { return float64(r.Stats().Lag) }),
	}
}

// WebhookMetrics shows how one receiver of events fares.
func WebhookMetrics(s *webhook.Sender) []prometheus.Collector {
	l := prometheus.Labels{"url": s.URL(), "hook": s.Name()} // URLs may differ in what is not shown
	return []prometheus.Collector{
		counterFunc("tandem_webhook_delivered_total", "Events that the receiver took.", l, func() float64 { return float64(s.Stats().Delivered) }),
		counterFunc("tandem_webhook_failed_total", "Tries that the receiver did not take.", l, func() float64 { return float64(s.Stats().Failed) }),
		counterFunc("tandem_webhook_dropped_total", "Events given up.", l, func() float64 { return float64(s.Stats().Dropped) }),
		gaugeFunc("tandem_webhook_lag", "Events in the journal that the receiver does not have yet.", l, func() float64 { return float64(s.Stats().Lag) }),
	}
}

func counterFunc(name, help string, l prometheus.Labels, f func() float64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: l}, f)
}

func gaugeFunc(name, help string, l prometheus.Labels, f func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: l}, f)
}
