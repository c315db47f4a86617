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
	list := []check{{"all", "may be called concurrently", allConcurrently}}
	for _, op := range []Op{OpStart, OpStop, OpInspect, OpList, OpLogs, OpImage, OpPull} {
		list = append(list, check{"context", "that has ended ends " + string(op), func(t *trial) { contextEnds(t, op) }})
	}
	return list
}

// once calls a method for spec and returns its error.
func (t *trial) once(ctx context.Context, op Op, spec runtime.Spec) (err error) {
	switch op {
	case OpStart:
		_, err = t.Runtime.Start(ctx, spec, runtime.StartOptions{})
	case OpStop:
		err = t.Runtime.Stop(ctx, spec.Name, time.Hour)
	case OpInspect:
		_, err = t.Runtime.Inspect(ctx, spec.Name)
	case OpList:
		_, err = t.Runtime.List(ctx, spec.Labels)
	case OpLogs:
		for _, err = range t.Runtime.Logs(ctx, spec.Name, runtime.LogOptions{}) { //nolint:revive // the last error counts
		}
	case OpImage:
		_, err = t.Runtime.Image(ctx, spec.Image)
	case OpPull:
		_, err = t.Runtime.Pull(ctx, spec.Image, runtime.PullOptions{})
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
	require.ErrorIs(t, t.once(ctx, op, spec), context.Canceled)
	if op == OpStart {
		t.gone(spec.Name)
		return
	}
	assert.Equal(t, runtime.StateRunning, t.inspect(spec.Name).State)
}

// Each of several callers sees its own container as if it were alone.
func allConcurrently(t *trial) {
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
				if err := t.once(t.ctx, op, spec); err != nil {
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
