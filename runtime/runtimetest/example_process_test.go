package runtimetest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"os/exec"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// Processes is a Runtime without containers, for development: what an image
// would run is a program of this host, and runs as a process of it.
type Processes struct {
	Programs map[string]string // executables, by the reference of the image that each stands for

	mu    sync.Mutex
	named map[string]*process
}

type process struct {
	cmd    *exec.Cmd
	log    runtime.LogBuffer
	exited chan struct{}

	mu    sync.Mutex
	about runtime.Container
}

// say makes an error one of a Runtime.
func say(err *error, op, name string) {
	if *err != nil {
		*err = &runtime.Error{Op: op, Name: name, Err: *err}
	}
}

func (r *Processes) Start(ctx context.Context, spec runtime.Spec, opts runtime.StartOptions) (c runtime.Container, err error) {
	defer say(&err, "start", spec.Name)
	image, err := r.Image(ctx, spec.Image)
	if err := cmp.Or(spec.Validate(), err); err != nil {
		return c, err
	}
	if opts.ImageID != "" && opts.ImageID != image.ID {
		return c, runtime.ErrImageChanged
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.named[spec.Name]; old != nil {
		if old.about.Labels[runtime.LabelSlot] != spec.Labels[runtime.LabelSlot] {
			return c, runtime.ErrForeign
		}
		old.kill()
		delete(r.named, spec.Name)
	}
	for _, p := range spec.Publish {
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", p.HostIP, p.HostPort))
		if err != nil {
			return c, fmt.Errorf("%w: %w", runtime.ErrPortInUse, err)
		}
		l.Close() // the program takes it
	}
	p, err := run(r.Programs[spec.Image], &spec, image.ID)
	if err != nil {
		return c, fmt.Errorf("%w: %w", runtime.ErrCommand, err)
	}
	if r.named == nil {
		r.named = map[string]*process{}
	}
	r.named[spec.Name] = p
	return p.look(), nil
}

func run(program string, spec *runtime.Spec, imageID string) (*process, error) {
	p := &process{cmd: exec.Command(program, spec.Command...), exited: make(chan struct{})}
	for key, value := range spec.Env {
		p.cmd.Env = append(p.cmd.Environ(), key+"="+value)
	}
	stdout, stderr := &runtime.LineWriter{Yield: p.log.Add}, &runtime.LineWriter{Yield: p.log.Add, Stderr: true}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.WaitDelay = stdout, stderr, time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.about = runtime.Container{
		ID: fmt.Sprintf("pid-%d", p.cmd.Process.Pid), Name: spec.Name, Image: spec.Image, ImageID: imageID,
		State: runtime.StateRunning, StartedAt: time.Now(), Labels: spec.Labels, Command: spec.Command, Publish: spec.Publish,
	}
	go p.await(stdout, stderr)
	return p, nil
}

func (p *process) await(output ...io.Closer) {
	_ = p.cmd.Wait() // its state says how it ended
	for _, o := range output {
		o.Close()
	}
	code := p.cmd.ProcessState.ExitCode()
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		code = 128 + int(status.Signal())
	}
	p.mu.Lock()
	p.about.State, p.about.ExitCode = runtime.StateExited, code
	p.mu.Unlock()
	p.log.End()
	close(p.exited)
}

func (p *process) look() runtime.Container {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.about
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
}

func (r *Processes) find(ctx context.Context, name string) (*process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.named[name]
	if err := ctx.Err(); ok || err != nil {
		return p, err
	}
	return nil, runtime.ErrNotFound
}

func (r *Processes) Stop(ctx context.Context, name string, grace time.Duration) (err error) {
	defer say(&err, "stop", name)
	p, err := r.find(ctx, name)
	switch {
	case errors.Is(err, runtime.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	if grace > 0 {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	}
	select {
	case <-p.exited:
	case <-time.After(grace):
		p.kill()
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.named[name] == p {
		delete(r.named, name)
	}
	return nil
}

func (r *Processes) Inspect(ctx context.Context, name string) (c runtime.Container, err error) {
	defer say(&err, "inspect", name)
	p, err := r.find(ctx, name)
	if err != nil {
		return c, err
	}
	return p.look(), nil
}

func (r *Processes) List(ctx context.Context, labels map[string]string) (list []runtime.Container, err error) {
	defer say(&err, "list", "containers")
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.named {
		if c := p.look(); c.Carries(labels) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b runtime.Container) int { return strings.Compare(a.Name, b.Name) })
	return list, ctx.Err()
}

func (r *Processes) Logs(ctx context.Context, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
	return func(yield func(runtime.Line, error) bool) {
		p, err := r.find(ctx, name)
		if err == nil {
			for line, end := range p.log.Lines(ctx, opts) {
				if err = end; err == nil && !yield(line, nil) {
					return
				}
			}
		}
		if say(&err, "logs", name); err != nil {
			yield(runtime.Line{}, err)
		}
	}
}

func (r *Processes) Image(ctx context.Context, ref string) (image runtime.Image, err error) {
	defer say(&err, "image", ref)
	info, err := os.Stat(r.Programs[ref])
	switch {
	case ctx.Err() != nil:
		return image, ctx.Err()
	case err != nil:
		return image, fmt.Errorf("%w: %w", runtime.ErrImageNotFound, err)
	}
	id := fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size())
	return runtime.Image{ID: id, Platform: goruntime.GOOS + "/" + goruntime.GOARCH, Size: info.Size()}, nil
}

func (r *Processes) Pull(ctx context.Context, ref string, opts runtime.PullOptions) (image runtime.Image, err error) {
	defer say(&err, "pull", ref)
	image, err = r.Image(ctx, ref)
	if opts.Always || err != nil {
		return runtime.Image{}, cmp.Or(ctx.Err(), fmt.Errorf("%w: there is no registry of programs: install %s", runtime.ErrPull, ref))
	}
	return image, nil
}

// A second Runtime: the programs of a box as plain processes of this host.
func Example_processes() {
	rt := &Processes{Programs: map[string]string{"localhost/greeter:v1": "/bin/echo"}}
	ctx := context.Background()
	_, err := rt.Start(ctx, runtime.Spec{
		Name: "greeter", Image: "localhost/greeter:v1", Command: []string{"hello"}, Network: "bridge",
		Labels: map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: "greeter"},
	}, runtime.StartOptions{})
	fmt.Println(err)
	for line := range rt.Logs(ctx, "greeter", runtime.LogOptions{Follow: true}) {
		fmt.Println(line.Text)
	}
	fmt.Println(rt.Stop(ctx, "greeter", time.Second))
	// Output:
	// <nil>
	// hello
	// <nil>
}
