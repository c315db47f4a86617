// Package web serves a hal0 box over HTTP, read-only: as JSON for programs, as
// pages for people, and as a stream of what changes. Another program can mount
// it: make a [Server], run [Server.Run] beside the program, and hand
// [Server.Handler] to an HTTP server.
//
// One goroutine watches the box, however many look. What it has seen is a view,
// which never changes; each answer is made from the newest one.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hal0ai/hal0-go"
)

const (
	// openAgain is the pause after which a box that can't be opened is tried again.
	openAgain = time.Second
	// observeAgain is the same for one whose slots can't be observed.
	observeAgain = 2 * time.Second
	// readAgain is the pause after which what nobody tells of is looked at again:
	// model files, and the hardware.
	readAgain = time.Minute
)

// A Config says what a [Server] serves.
type Config struct {
	// Home is the box.
	Home hal0.Home
	// Options open it. With [hal0.WithRuntime] there are the states of slots, and
	// with [hal0.WithFiles] files do not change.
	Options []hal0.Option
	// Hosts are the names and addresses that requests may be for, with the port as
	// their Host header has it: all others are refused. See [HostsOf]. Set it before the first request.
	Hosts []string
	// Path is below which path of those hosts the server is, such as "/hal0"; it is
	// part of the requests that [Server.Handler] gets. "" is the root.
	Path string
	// AskRegistry has images compared with what registries serve, not only with
	// what is in the local store, when somebody asks for them: at most every ten
	// minutes while files stay as they are. It takes [hal0.WithRegistry].
	AskRegistry bool
	// Log is told what goes wrong; nil is nobody.
	Log *slog.Logger
}

// A Server serves one box. Its methods may be called concurrently.
type Server struct {
	config  Config
	log     *slog.Logger
	current atomic.Pointer[view]
	hub     hub
	checker checker
	metrics *metrics

	watching chan struct{} // closed once the files are watched
	ended    chan struct{} // closed once they are not any more

	mu sync.Mutex // of those who make the next view
}

// New opens the box and returns a server that says what it has now. Nothing is
// watched before [Server.Run]. The error is that of [hal0.Open]; files with
// problems are none, they are what is served.
func New(config Config) (*Server, error) {
	s := &Server{config: config, log: config.Log, watching: make(chan struct{}), ended: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	box, err := hal0.Open(config.Home, config.Options...)
	if err != nil {
		return nil, err
	}
	first := newView(box)
	first.number = time.Now().UnixMilli() // a page of an earlier server has another one
	s.current.Store(first)
	s.metrics = newMetrics(s)
	return s, nil
}

// Handler returns what answers requests. The stream of events waits for [Server.Run].
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.routeAPI(mux)
	s.routePages(mux)
	return s.guard(http.StripPrefix(s.config.Path, mux))
}

// at is the address of a path of this server.
func (s *Server) at(path string) string { return s.config.Path + path }

// view is the box as it was seen last.
func (s *Server) view() *view { return s.current.Load() }

// Run watches the box until ctx ends, and tells those who listen to events. It
// blocks, and leaves nothing running. The error says why watching is over
// otherwise. It is run once.
func (s *Server) Run(ctx context.Context) error {
	begun := sync.OnceFunc(func() { close(s.watching) })
	defer begun()
	defer s.hub.close()
	defer close(s.ended)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opened := make(chan *hal0.Box, 1)
	var observing sync.WaitGroup
	defer observing.Wait()
	observing.Go(func() { s.observe(ctx, opened) })
	observing.Go(func() {
		for pause(ctx, readAgain) {
			s.next((*view).again)
		}
	})
	opened <- s.view().box
	return s.follow(ctx, opened, begun)
}

// follow opens the box again whenever its files change. It calls begun, more than
// once, when it has seen what there is.
func (s *Server) follow(ctx context.Context, opened chan *hal0.Box, begun func()) error {
	first := true
	for changes, err := range hal0.Watch(ctx, s.config.Home, s.config.Options...) {
		switch {
		case errors.Is(err, errors.ErrUnsupported): // these files don't change
			begun()
			<-ctx.Done()
			return nil
		case err != nil:
			return err
		}
		box := s.open(ctx, begun)
		if box == nil {
			return nil
		}
		s.next(func(v *view) *view { return v.withBox(box) })
		if !first { // the first step is what there is
			s.metrics.files(changes)
			s.hub.send(fileEvents(changes)...)
		}
		first = false
		begun()
		select {
		case <-opened: // nobody took it: this one is newer
		default:
		}
		opened <- box
	}
	return nil
}

// open opens the box again, for as often as that takes: what keeps it from being
// opened may end without a change of its files. It returns nil once ctx has ended,
// and calls begun when it can't be done at once.
func (s *Server) open(ctx context.Context, begun func()) *hal0.Box {
	for told := false; ; told = true {
		box, err := hal0.Open(s.config.Home, s.config.Options...)
		if err == nil {
			return box
		}
		if !told {
			s.log.Error("the box can't be opened again: it is shown as it was", "error", err)
		}
		begun()
		if !pause(ctx, openAgain) {
			return nil
		}
	}
}

// pause waits; false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// observe takes in the states of the slots of the newest box.
func (s *Server) observe(ctx context.Context, opened <-chan *hal0.Box) {
	stop := func() {}
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			stop()
			return
		case box := <-opened:
			stop()
			running.Wait()
			var observed context.Context
			observed, stop = context.WithCancel(ctx)
			running.Go(func() {
				for s.observeBox(observed, box) && pause(observed, observeAgain) {
				}
			})
		}
	}
}

// observeBox takes in the states of a box's slots until ctx ends, or that fails; it
// reports whether it is worth another try.
func (s *Server) observeBox(ctx context.Context, box *hal0.Box) bool {
	whole := true // the next step has all slots
	for statuses, err := range box.Observe(ctx) {
		switch {
		case errors.Is(err, hal0.ErrNoRuntime):
			return false
		case err != nil: // unless the runtime is away, it is the last step
			s.log.Warn("the states of slots are not known", "error", err)
			s.next(func(v *view) *view {
				s.metrics.lost()
				return v.withoutStates(err)
			})
			s.hub.send(runtimeEvent(err))
			whole = true
		default:
			var changed []hal0.Status
			s.next(func(v *view) *view {
				if whole {
					statuses = append(statuses, v.gone(statuses)...)
				}
				next, c := v.withStates(statuses)
				for _, now := range c {
					s.metrics.moved(v.states[now.Slot].State, now, time.Now())
				}
				changed = c
				return next
			})
			s.hub.send(stateEvents(changed)...)
			whole = false
		}
	}
	return true
}

// next makes the next view out of the one there is.
func (s *Server) next(make func(*view) *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := make(s.view())
	next.number = s.view().number + 1
	s.current.Store(next)
}
