package web

import (
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
)

// policy lets pages load what this server serves, and nothing else: nothing from
// other hosts, and no script or style within a page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// maxBody is how many bytes a request may bring along. Nothing here reads any.
const maxBody = 1 << 10

// guard refuses what must not reach a page or an answer, and outlives what goes
// wrong in one.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recovered(w, r)
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		switch {
		case !s.isFor(r.Host):
			s.fail(w, http.StatusMisdirectedRequest, failure{
				Code: "host.unknown", Message: "this server does not answer for that host name: ask it by one of its own", Details: s.config.Hosts,
			})
			return
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			s.fail(w, http.StatusMethodNotAllowed, failure{Code: "method.not_allowed", Message: "everything here is read only: ask with GET or HEAD"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// isFor reports whether a request's Host header names this server. A page of
// somebody else whose name was made to resolve to this address is refused by it.
func (s *Server) isFor(host string) bool {
	return slices.ContainsFunc(s.config.Hosts, func(own string) bool { return strings.EqualFold(own, host) })
}

func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	problem := recover()
	if problem == nil {
		return
	}
	if err, ok := problem.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(problem) // net/http's own word for ending an answer
	}
	s.log.Error("a request failed", "path", r.URL.Path, "panic", problem, "stack", string(debug.Stack()))
	if w.Header().Get("Content-Type") != "" {
		panic(http.ErrAbortHandler) // what has been sent is not to be taken for all
	}
	s.fail(w, http.StatusInternalServerError, failure{Code: "internal", Message: "the request failed; the server's log has more"})
}

// HostsOf returns what requests may be for that reach a listener at addr: its
// address, and localhost if it is on the loopback interface, each with the port.
// A listener on all addresses has no name of its own: those that it is reached by
// come in as more. One without a port has the listener's; one with a port is for who
// comes through a tunnel or a proxy that listens there.
func HostsOf(addr net.Addr, more ...string) []string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return more
	}
	names := slices.Clone(more)
	if tcp.IP.IsLoopback() || tcp.IP.IsUnspecified() {
		names = append(names, "localhost", "127.0.0.1", "::1")
	}
	if !tcp.IP.IsUnspecified() {
		names = append(names, tcp.IP.String())
	}
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return more
	}
	var hosts []string
	for _, name := range names {
		host := name
		if _, _, err := net.SplitHostPort(name); err != nil {
			host = net.JoinHostPort(strings.Trim(name, "[]"), port)
		}
		hosts = append(hosts, host)
		for _, usual := range []string{":80", ":443"} { // browsers leave those out
			if bare, ok := strings.CutSuffix(host, usual); ok {
				hosts = append(hosts, bare)
			}
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
