package runtimetest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// killed is the exit code of a process that SIGKILL ended.
const killed = 137

// A container of a Fake. All but the log is under Fake.mu.
type container struct {
	runtime.Container
	program Program
	log     runtime.LogBuffer
	over    chan struct{} // closed at the end
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

func newContainer(id string, spec *runtime.Spec, imageID string) *container {
	return &container{
		Container: clone(runtime.Container{
			ID: id, Name: spec.Name, Image: spec.Image, ImageID: imageID, State: runtime.StateCreated,
			Labels: spec.Labels, Command: spec.Command, Publish: spec.Publish,
		}),
		over: make(chan struct{}),
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
	c.write()
	if c.program.Repeat {
		serving.Go(c.flood)
	}
	return nil
}

// write adds what the program writes to its log.
func (c *container) write() {
	stdout, stderr := runtime.LineWriter{Yield: c.log.Add}, runtime.LineWriter{Yield: c.log.Add, Stderr: true}
	_, _ = io.WriteString(&stdout, c.program.Stdout)
	_, _ = io.WriteString(&stderr, c.program.Stderr)
	_, _ = stdout.Close(), stderr.Close() // nothing fails, as the log wants all
}

// flood writes again and again until the program is over, a hundred times a
// millisecond.
func (c *container) flood() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c.over:
			return
		case <-tick.C:
			for range 100 {
				c.write()
			}
		}
	}
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
		c.log.Add(runtime.Line{Text: "SIGTERM"})
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
	c.log.End()
	close(c.over)
	c.happens(runtime.EventExit)
}

// awaitEnd waits until the program has ended, for as long as grace.
func (c *container) awaitEnd(ctx context.Context, grace time.Duration) error {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.over:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
