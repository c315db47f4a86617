package runtimetest

import (
	"context"
	"iter"

	"github.com/hal0ai/hal0-go/runtime"
)

// Logs implements [runtime.Runtime]. Standard output comes before standard
// error.
func (f *Fake) Logs(ctx context.Context, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
	return func(yield func(runtime.Line, error) bool) {
		c, left := Call{OpLogs, name}, false
		err := f.through(ctx, c, func() error {
			return f.logs(ctx, name, opts, func(l runtime.Line) bool {
				left = !yield(l, nil)
				return !left
			})
		})
		if err != nil && !left {
			yield(runtime.Line{}, failed(c, err))
		}
	}
}

func (f *Fake) logs(ctx context.Context, name string, opts runtime.LogOptions, yield func(runtime.Line) bool) error {
	f.mu.Lock()
	c := f.containers[name]
	if c == nil {
		f.mu.Unlock()
		return problem(runtime.ErrNotFound, "no container is named %q", name)
	}
	next := c.since(opts)
	f.mu.Unlock()
	for {
		lines, changed, more := f.linesFrom(c, next, opts.Follow)
		for _, w := range lines {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !yield(w.line) {
				return nil
			}
			next++
		}
		switch {
		case len(lines) > 0:
			continue
		case !more:
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// linesFrom returns the lines from number next on. If there is none, more says
// whether one may come; changed is then closed.
func (f *Fake) linesFrom(c *container, next int, follow bool) (lines []writtenLine, changed <-chan struct{}, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if next < len(c.written) || follow {
		lines = c.from(next)
	}
	return lines, c.changed, follow && c.alive()
}
