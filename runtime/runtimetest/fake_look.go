package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/runtime"
)

// Inspect implements [runtime.Runtime].
func (f *Fake) Inspect(ctx context.Context, name string) (runtime.Container, error) {
	return call(ctx, f, Call{OpInspect, name}, func() (runtime.Container, error) {
		c, err := f.named(name)
		if err != nil {
			return runtime.Container{}, err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		return clone(c.Container), nil
	})
}

// List implements [runtime.Runtime].
func (f *Fake) List(ctx context.Context, labels map[string]string) ([]runtime.Container, error) {
	if len(labels) == 0 {
		labels = map[string]string{runtime.LabelManaged: "true"}
	}
	return call(ctx, f, Call{Op: OpList}, func() ([]runtime.Container, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		list := make([]runtime.Container, 0, len(f.containers))
		for _, c := range f.containers {
			if c.Carries(labels) {
				list = append(list, clone(c.Container))
			}
		}
		slices.SortFunc(list, func(a, b runtime.Container) int { return strings.Compare(a.Name, b.Name) })
		return list, nil
	})
}

// Logs implements [runtime.Runtime]. Standard output comes before standard
// error.
func (f *Fake) Logs(ctx context.Context, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
	return func(yield func(runtime.Line, error) bool) {
		asked, left := Call{OpLogs, name}, false
		err := f.through(ctx, asked, func() error {
			c, err := f.named(name)
			if err != nil {
				return err
			}
			for line, err := range c.log.Lines(ctx, opts) {
				if err != nil {
					return err
				}
				if left = !yield(line, nil); left {
					return nil
				}
			}
			return nil
		})
		if err != nil && !left {
			yield(runtime.Line{}, failed(asked, err))
		}
	}
}

// named returns the container of that name.
func (f *Fake) named(name string) (*container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.containers[name]; c != nil {
		return c, nil
	}
	return nil, problem(runtime.ErrNotFound, "no container is named %q", name)
}

// clone returns a copy that shares nothing.
func clone(c runtime.Container) runtime.Container {
	c.Labels, c.Command, c.Publish = maps.Clone(c.Labels), slices.Clone(c.Command), slices.Clone(c.Publish)
	return c
}

// problem is an error of a known class.
func problem(class error, format string, args ...any) error {
	return &runtime.Error{Class: class, Err: fmt.Errorf(format, args...)}
}

// failed returns why a call failed as a runtime.Error that says which.
func failed(c Call, err error) error {
	e := runtime.Error{Op: string(c.Op), Name: c.Name, Err: err}
	if c.Op == OpList {
		e.Name = "containers"
	}
	if known, ok := errors.AsType[*runtime.Error](err); ok {
		if known.Op != "" {
			return err
		}
		e.Class, e.Err = known.Class, known.Err
	}
	return &e
}
