package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	headerWithin = 5 * time.Second
	readWithin   = 10 * time.Second
	writeWithin  = 30 * time.Second // the stream of events sets its own, for each
	idleFor      = 2 * time.Minute
	maxHeader    = 16 << 10
	// lingerFor is how long answers that are under way may take once the server is
	// told to end.
	lingerFor = 5 * time.Second
)

// Serve answers on a listener, and watches the box, until ctx ends; then it lets
// what is under way end, for five seconds at most. It blocks, closes the listener,
// and leaves nothing running. The error says why it ended by itself.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	return s.serve(ctx, listener, s.newHTTP())
}

func (s *Server) newHTTP() *http.Server {
	return &http.Server{
		Handler: s.Handler(), ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: headerWithin, ReadTimeout: readWithin, WriteTimeout: writeWithin, IdleTimeout: idleFor,
		MaxHeaderBytes: maxHeader,
	}
}

func (s *Server) serve(ctx context.Context, listener net.Listener, server *http.Server) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan error, 1)
	go func() {
		watched <- s.Run(ctx)
		cancel()
	}()
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(listener)
		cancel()
	}()
	<-ctx.Done()
	problem := <-watched // its readers are told to leave
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), lingerFor)
	defer stop()
	if err := server.Shutdown(end); err != nil {
		problem = errors.Join(problem, server.Close())
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		problem = errors.Join(problem, err)
	}
	return problem
}
