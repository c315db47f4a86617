package runtimetest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// killed is the exit code of a process that SIGKILL ended.
const killed = 137

// A container of a Fake. What it is and what it wrote is under Fake.mu.
type container struct {
	runtime.Container
	program Program
	written []writtenLine
	changed chan struct{} // closed at the next line, and at the end
	open    []io.Closer   // while it is alive
	tell    func(runtime.Event)
}

// happens tells those who watch; of a container that nobody started there is
// nothing to tell.
func (c *container) happens(kind runtime.EventKind) {
	if c.tell != nil && c.Managed() {
		c.tell(runtime.Event{Kind: kind, Container: c.ID, Name: c.Name, ExitCode: c.ExitCode})
	}
}

type writtenLine struct {
	line runtime.Line
	at   time.Time
}

func newContainer(id string, spec *runtime.Spec, imageID string) *container {
	return &container{
		Container: clone(runtime.Container{
			ID: id, Name: spec.Name, Image: spec.Image, ImageID: imageID, State: runtime.StateCreated,
			Labels: spec.Labels, Command: spec.Command, Publish: spec.Publish,
		}),
		changed: make(chan struct{}),
	}
}

// begin runs the program up to its end, or leaves nothing.
func (c *container) begin(serving *sync.WaitGroup) error {
	if c.program.StartError != nil {
		return c.program.StartError
	}
	if err := c.listen(serving); err != nil {
		c.close()
		return err
	}
	c.State, c.StartedAt = runtime.StateRunning, time.Now()
	c.write(false, c.program.Stdout)
	c.write(true, c.program.Stderr)
	return nil
}

// listen takes the published ports, and has the program's handler answer there.
// Of a program without one, nothing answers.
func (c *container) listen(serving *sync.WaitGroup) error {
	handler := c.program.Handler
	if handler == nil {
		handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	c.open = append(c.open, server)
	for _, p := range c.Publish {
		address := netip.AddrPortFrom(p.HostIP, uint16(p.HostPort)).String() //nolint:gosec // Validate bounds it
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return problem(runtime.ErrPortInUse, "host port %s: %w", address, err)
		}
		if err != nil {
			return err
		}
		c.open = append(c.open, listener)
		serving.Go(func() { _ = server.Serve(listener) }) // it says that it was closed
	}
	return nil
}

func (c *container) close() {
	for _, o := range c.open {
		_ = o.Close() // the server may have closed its listeners
	}
	c.open = nil
}

func (c *container) alive() bool {
	return c.State == runtime.StateRunning || c.State == runtime.StateStopping
}

// terminate is SIGTERM.
func (c *container) terminate() {
	switch {
	case !c.alive():
	case c.program.IgnoresTerm:
		c.State = runtime.StateStopping
		c.write(false, "SIGTERM\n")
	default:
		c.end(0)
	}
}

// end ends the program, if it still runs.
func (c *container) end(code int) {
	if !c.alive() {
		return
	}
	c.State, c.ExitCode = runtime.StateExited, code
	c.close()
	c.change()
	c.happens(runtime.EventExit)
}

// change wakes those who wait for one.
func (c *container) change() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// awaitEnd waits until the program has ended, for as long as grace; mu is
// Fake.mu, which is not held.
func (c *container) awaitEnd(ctx context.Context, mu sync.Locker, grace time.Duration) error {
	over := time.NewTimer(grace)
	defer over.Stop()
	for {
		mu.Lock()
		alive, changed := c.alive(), c.changed
		mu.Unlock()
		if !alive {
			return nil
		}
		select {
		case <-changed:
		case <-over.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write adds what the program writes to its log.
func (c *container) write(stderr bool, text string) {
	now := time.Now()
	w := runtime.LineWriter{Stderr: stderr, Yield: func(l runtime.Line) bool {
		c.written = append(c.written, writtenLine{l, now})
		return true
	}}
	_, _ = io.WriteString(&w, text)
	_ = w.Close() // neither fails, as Yield wants all
	c.change()
}

// since returns where in the log what opts choose begins.
func (c *container) since(opts runtime.LogOptions) int {
	first := slices.IndexFunc(c.written, func(w writtenLine) bool { return !w.at.Before(opts.Since) })
	if first < 0 {
		return len(c.written)
	}
	if opts.Tail > 0 {
		first = max(first, len(c.written)-opts.Tail)
	}
	return first
}

// from returns the lines from number next on that are there. A program that
// repeats itself has always written one more.
func (c *container) from(next int) []writtenLine {
	switch n := len(c.written); {
	case next < n:
		return c.written[next:n:n]
	case c.program.Repeat && c.alive() && n > 0:
		return c.written[next%n : next%n+1]
	}
	return nil
}
