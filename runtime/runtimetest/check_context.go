package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func contextChecks() []check {
	list := make([]check, 0, len(ops)+2)
	for _, op := range ops {
		list = append(list, check{"context", "that has ended ends " + string(op), func(t *trial) { contextEnds(t, op) }})
	}
	return append(list,
		check{"service", "may be called concurrently", serviceConcurrently},
		check{"service", "that can't be reached is unavailable", serviceUnavailable})
}

var ops = []Op{OpStart, OpStop, OpInspect, OpList, OpLogs, OpImage, OpPull}

// once calls a method for spec and returns its error.
func once(ctx context.Context, r runtime.Runtime, op Op, spec runtime.Spec) (err error) {
	switch op {
	case OpStart:
		_, err = r.Start(ctx, spec, runtime.StartOptions{})
	case OpStop:
		err = r.Stop(ctx, spec.Name, time.Hour)
	case OpInspect:
		_, err = r.Inspect(ctx, spec.Name)
	case OpList:
		_, err = r.List(ctx, spec.Labels)
	case OpLogs:
		for _, err = range r.Logs(ctx, spec.Name, runtime.LogOptions{}) { // the last error counts
		}
	case OpImage:
		_, err = r.Image(ctx, spec.Image)
	case OpPull:
		_, err = r.Pull(ctx, spec.Image, runtime.PullOptions{})
	case OpRun, OpLoad: // not every Runtime has them
	}
	return err
}

func contextEnds(t *trial, op Op) {
	spec := t.spec(serves())
	if op != OpStart {
		t.start(spec)
	}
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	require.ErrorIs(t, once(ctx, t.Runtime, op, spec), context.Canceled)
	if op == OpStart {
		t.gone(spec.Name)
		return
	}
	assert.Equal(t, runtime.StateRunning, t.inspect(spec.Name).State)
}

// Each of several callers sees its own container as if it were alone.
func serviceConcurrently(t *trial) {
	const callers = 4
	specs := make([]runtime.Spec, callers)
	for i := range specs {
		specs[i] = t.spec(serves())
	}
	results := make([]error, callers)
	var all sync.WaitGroup
	for i, spec := range specs {
		all.Go(func() {
			for _, op := range []Op{OpImage, OpStart, OpInspect, OpList, OpLogs, OpPull, OpStop} {
				if err := once(t.ctx, t.Runtime, op, spec); err != nil {
					results[i] = fmt.Errorf("%s: %w", op, err)
					return
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(results...))
	for _, spec := range specs {
		t.gone(spec.Name)
	}
}

func serviceUnavailable(t *trial) {
	t.needs("Unreachable", t.Unreachable != nil)
	spec := t.spec(serves())
	r := t.Unreachable(t)
	for _, op := range ops {
		require.ErrorIs(t, once(t.ctx, r, op, spec), runtime.ErrUnavailable, "%s", op)
	}
}
