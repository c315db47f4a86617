package runtimetest

import (
	"context"
	"fmt"

	"github.com/hal0ai/hal0-go/runtime"
)

var _ runtime.Runner = (*Fake)(nil)

// RunOnce implements [runtime.Runner]: it runs the image's program, or what its
// [Program.Once] returns.
func (f *Fake) RunOnce(ctx context.Context, run runtime.Once) (runtime.Output, error) {
	return call(ctx, f, Call{OpRun, run.Image}, func() (runtime.Output, error) { return f.runOnce(ctx, &run) })
}

func (f *Fake) runOnce(ctx context.Context, run *runtime.Once) (runtime.Output, error) {
	if run.Within <= 0 {
		return runtime.Output{}, problem(runtime.ErrInvalidSpec, "within: found %v, want above 0", run.Within)
	}
	c, err := f.beginOnce(run)
	if err != nil {
		return runtime.Output{}, err
	}
	err = c.awaitEnd(ctx, run.Within)
	f.mu.Lock()
	delete(f.containers, c.Name)
	late := c.alive()
	c.end(killed)
	f.mu.Unlock()
	switch {
	case err != nil:
		return runtime.Output{}, err
	case late:
		return runtime.Output{}, fmt.Errorf("the program did not end within %v: %w", run.Within, context.DeadlineExceeded)
	}
	out, err := runtime.ReadOutput(c.log.Lines(ctx, runtime.LogOptions{}))
	out.ExitCode = c.ExitCode
	return out, err
}

// beginOnce makes a container for one run of a program, and runs it.
func (f *Fake) beginOnce(run *runtime.Once) (*container, error) {
	f.mu.Lock()
	image, err := f.held(run.Image, run.ImageID)
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	program := image.program
	if program.Once != nil {
		program = program.Once(run.Command)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.id()
	c := newContainer(id, &runtime.Spec{
		Name: "hal0-once-" + id[:12], Image: run.Image, Command: run.Command, Labels: map[string]string{runtime.LabelOnce: "true"},
	}, image.ID)
	c.program = program
	if err := c.begin(&f.serving); err != nil {
		return nil, err
	}
	f.containers[c.Name] = c
	if c.program.Ends {
		c.end(c.program.ExitCode)
	}
	return c, nil
}
