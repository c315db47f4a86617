package web

import "net/http"

// routeAPI adds what programs ask for.
func (s *Server) routeAPI(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
}

func (s *Server) guard(next http.Handler) http.Handler { return next }
