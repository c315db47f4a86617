package web

import "net/http"

// routePages adds what people look at.
func (s *Server) routePages(_ *http.ServeMux) {}
