package api

import (
	"net/http"
	"net/http/pprof"
)

// Debug registers Go's profiles under /debug/pprof/, behind a key that may do
// everything: `go tool pprof` of a process that is slow or grows.
func (s *Server) Debug() {
	profiles := map[string]http.Handler{
		"":        http.HandlerFunc(pprof.Index),
		"profile": http.HandlerFunc(pprof.Profile),
		"trace":   http.HandlerFunc(pprof.Trace),
		"symbol":  http.HandlerFunc(pprof.Symbol),
	}
	for _, name := range []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"} {
		profiles[name] = pprof.Handler(name)
	}
	for name, h := range profiles {
		s.Handle("GET /debug/pprof/"+name, func(w http.ResponseWriter, r *http.Request) error {
			if KeyOf(r.Context()).ReadOnly {
				return &Error{Code: http.StatusForbidden, Status: "PERMISSION_DENIED", Reason: "PERMISSION_DENIED", Message: "the access key may read calls only"}
			}
			h.ServeHTTP(w, r)
			return nil
		})
	}
}
