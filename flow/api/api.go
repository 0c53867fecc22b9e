// Package api is the HTTP port: the mux, access keys, the form of errors, lists
// in pages, health and metrics. What is served under /v1.0 and elsewhere are
// dialects, which register their paths here.
//
//	request ─▶ recover, count ─▶ mux ─┬▶ open: /health /ready /metrics
//	                                  └▶ key ─▶ body limit ─▶ dialect's handler
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// Limits of requests.
const (
	// MaxBody is the largest body in bytes that handlers behind a key get.
	MaxBody = 1 << 20

	maxHeader         = 64 << 10
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	// shutdownTime is how long requests under way may go on at the end.
	shutdownTime = time.Second
)

// A Config is what a server needs.
type Config struct {
	// Keys open the paths that are not open to everybody.
	Keys []Key
	// Ready says why the node takes no calls now; nil, or a nil Ready: it
	// does. It is called for every /ready and must be quick.
	Ready func() error
	// Collectors are what /metrics shows beside the server's own, the
	// process's and Go's.
	Collectors []prometheus.Collector
	// Log takes what goes wrong; nil means slog.Default().
	Log *slog.Logger
}

// A Handler answers a request. An error, best an [*Error], is written as one;
// nothing may have been written then.
type Handler func(w http.ResponseWriter, r *http.Request) error

// A Server is the HTTP port. Handlers are registered before it serves.
type Server struct {
	cfg     Config
	mux     *http.ServeMux
	log     *slog.Logger
	metrics *metrics
}

// New makes a server with its open paths.
func New(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	m, err := newMetrics(cfg.Collectors)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), log: cfg.Log, metrics: m}
	s.mux.Handle("GET /metrics", m.handler())
	s.mux.HandleFunc("GET /health", s.health)
	s.mux.HandleFunc("GET /ready", s.ready)
	return s, nil
}

// Handle registers a handler behind a key. The pattern is one of
// [http.ServeMux], such as "GET /v1.0/calls/{id}".
func (s *Server) Handle(pattern string, h Handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		key, err := s.authenticate(r)
		if err != nil {
			s.writeError(w, r, err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		if err := h(w, r.WithContext(withKey(r.Context(), key))); err != nil {
			s.writeError(w, r, err)
		}
	})
}

// HandleOpen registers a handler for everybody.
func (s *Server) HandleOpen(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	rw := &response{ResponseWriter: w}
	id := uuid.NewString()
	r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
	rw.Header().Set("X-Request-Id", id)
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	handler, pattern := s.mux.Handler(r)
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			s.log.Error("handler panicked", "method", r.Method, "path", r.URL.Path, "err", p, "stack", string(debug.Stack()))
			if rw.status == 0 {
				s.writeError(rw, r, Internal())
			}
		}
		s.metrics.observe(pattern, r.Method, rw.status, time.Since(begin))
		s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", rw.status, "dur", time.Since(begin))
	}()
	if pattern == "" {
		s.noHandler(rw, r, handler)
		return
	}
	s.mux.ServeHTTP(rw, r)
}

// noHandler answers a path or method that nobody has. Without a key it does
// not tell which paths there are.
func (s *Server) noHandler(w http.ResponseWriter, r *http.Request, h http.Handler) {
	if strings.HasPrefix(r.URL.Path, "/v1.0/") {
		if _, err := s.authenticate(r); err != nil {
			s.writeError(w, r, err)
			return
		}
	}
	// The mux's own answer says whether it is the method (RFC 9110 §15.5.6).
	probe := &probe{header: http.Header{}}
	h.ServeHTTP(probe, r)
	switch {
	case probe.status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", probe.header.Get("Allow"))
		s.writeError(w, r, &Error{Code: http.StatusMethodNotAllowed, Status: "INVALID_ARGUMENT", Reason: "METHOD_NOT_ALLOWED", Message: r.Method + " is not possible here"})
	case probe.status >= 300 && probe.status < 400:
		h.ServeHTTP(w, r)
	default:
		s.writeError(w, r, &Error{Code: http.StatusNotFound, Status: "NOT_FOUND", Reason: "ROUTE_NOT_FOUND", Message: "there is nothing here"})
	}
}

// Serve answers requests on l until ctx is done; requests under way may then go
// on for a second. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-done:
			return
		case <-ctx.Done():
		}
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if srv.Shutdown(end) != nil {
			srv.Close()
		}
	}()
	err := srv.Serve(l)
	close(done)
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", l.Addr(), err)
}

// A response notes the status for metrics.
type response struct {
	http.ResponseWriter
	status int
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A probe takes an answer and keeps its status and header only.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }
