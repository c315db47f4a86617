package runtimetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/hal0ai/hal0-go/internal/sharedpull"
	"github.com/hal0ai/hal0-go/runtime"
)

var _ runtime.Runtime = (*Fake)(nil)

// A Fake is a [runtime.Runtime] in memory, for the tests of programs that use
// one: containers without processes, which do what a [Program] says. It is a
// [runtime.Watcher], a [runtime.Runner] and a [runtime.ImageLoader] too. It keeps the
// contract, as it passes the suite of [Run]. What a test of errors needs
// besides is in [Fake.Intercept] and [Fake.FailNext], and [Fake.Calls] is what
// was asked of it.
//
// It listens for real on the ports that its containers publish, so that
// readiness probes pass: tests that use one port can't run in parallel. It does
// not look for mounts and devices: every host path is there.
//
// It may be used concurrently. Make it with [NewFake], and close it.
type Fake struct {
	mu         sync.Mutex
	made       int                // images and containers so far, for their ids
	images     images             // in the store
	remotes    images             // in registries
	programs   map[string]Program // by container
	containers map[string]*container
	script     script
	watchers   map[chan runtime.Event]bool

	pulls   sharedpull.Pulls
	serving sync.WaitGroup
}

// NewFake returns a Fake without images and containers.
func NewFake() *Fake {
	return &Fake{
		images: images{}, remotes: images{},
		programs: map[string]Program{}, containers: map[string]*container{},
	}
}

// Close ends every program, and returns once no goroutine of f is left. It
// always returns nil.
func (f *Fake) Close() error {
	f.mu.Lock()
	for _, c := range f.containers {
		c.end(killed)
	}
	f.mu.Unlock()
	f.serving.Wait()
	f.pulls.Wait()
	return nil
}

// SetProgram makes the container of that name run p at its next start,
// whatever its image does.
func (f *Fake) SetProgram(container string, p Program) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.programs[container] = p
}

// AddContainer puts a container there as if someone else had made it, in place
// of one of that name: a foreign one, or one that was left by an earlier run.
// It has no process, whatever its State. A missing ID is filled in.
func (f *Fake) AddContainer(c runtime.Container) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old := f.containers[c.Name]; old != nil {
		old.end(killed)
	}
	if c.ID == "" {
		c.ID = f.id()
	}
	added := &container{Container: clone(c), over: make(chan struct{})}
	if !added.alive() {
		added.log.End()
		close(added.over)
	}
	f.containers[c.Name] = added
}

// Exit ends the program of a container that runs, as if it had ended by itself
// with that code; 137 is that of one that was killed. The error is
// [runtime.ErrNotFound] where none of that name runs.
func (f *Fake) Exit(name string, code int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.containers[name]
	if c == nil || !c.alive() {
		return fmt.Errorf("exit %s: %w", name, runtime.ErrNotFound)
	}
	c.end(code)
	return nil
}

// id returns a new id; f.mu is held.
func (f *Fake) id() string {
	f.made++
	sum := sha256.Sum256(fmt.Append(nil, f.made))
	return hex.EncodeToString(sum[:])
}

// Start implements [runtime.Runtime]. A program that it replaces and that
// ignores SIGTERM is killed at once.
func (f *Fake) Start(ctx context.Context, spec runtime.Spec, opts runtime.StartOptions) (runtime.Container, error) {
	return call(ctx, f, Call{OpStart, spec.Name}, func() (runtime.Container, error) { return f.start(&spec, opts) })
}

func (f *Fake) start(spec *runtime.Spec, opts runtime.StartOptions) (runtime.Container, error) {
	if err := spec.Validate(); err != nil {
		return runtime.Container{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	image, err := f.held(spec.Image, opts.ImageID)
	if err != nil {
		return runtime.Container{}, err
	}
	if err := f.clear(spec); err != nil {
		return runtime.Container{}, err
	}
	c := newContainer(f.id(), spec, image.ID)
	c.tell = f.tellWatchers
	c.program = image.program
	if p, ok := f.programs[spec.Name]; ok {
		c.program = p
	}
	if err := c.begin(&f.serving); err != nil {
		return runtime.Container{}, err
	}
	f.containers[c.Name] = c
	c.happens(runtime.EventStart)
	running := clone(c.Container)
	if c.program.Ends {
		c.end(c.program.ExitCode)
	}
	return running, nil
}

// clear removes the container of spec's name if it is the same slot's.
func (f *Fake) clear(spec *runtime.Spec) error {
	old := f.containers[spec.Name]
	if old == nil {
		return nil
	}
	if !old.Managed() || old.Labels[runtime.LabelSlot] != spec.Labels[runtime.LabelSlot] {
		return problem(runtime.ErrForeign, "container %.12s has the labels %v", old.ID, old.Labels)
	}
	old.terminate()
	old.end(killed)
	delete(f.containers, spec.Name)
	old.happens(runtime.EventRemove)
	return nil
}

// Stop implements [runtime.Runtime]. When ctx ends during the grace, the
// container stays, and is told to end already.
func (f *Fake) Stop(ctx context.Context, name string, grace time.Duration) error {
	_, err := call(ctx, f, Call{OpStop, name}, func() (struct{}, error) { return struct{}{}, f.stop(ctx, name, grace) })
	return err
}

func (f *Fake) stop(ctx context.Context, name string, grace time.Duration) error {
	c, err := f.tell(name, grace)
	if c == nil || err != nil {
		return err
	}
	if err := c.awaitEnd(ctx, grace); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c.end(killed)
	if f.containers[name] == c {
		delete(f.containers, name)
		c.happens(runtime.EventRemove)
	}
	return nil
}

// tell tells a container to end, and returns it; nil when there is none.
func (f *Fake) tell(name string, grace time.Duration) (*container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.containers[name]
	if c == nil {
		return nil, nil
	}
	if !c.Managed() {
		return nil, problem(runtime.ErrForeign, "container %.12s has the labels %v", c.ID, c.Labels)
	}
	if grace > 0 {
		c.terminate()
	}
	return c, nil
}
