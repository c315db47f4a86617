package runtimetest

import (
	"context"
	"iter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func watchChecks() []check {
	return []check{
		{"watch", "begins with sync", watchBegins},
		{"watch", "tells of a start, an exit and a removal", watchTells},
		{"watch", "is a stream for each loop", watchIsForEach},
		{"watch", "can be left", watchCanBeLeft},
		{"watch", "ends with the context's error", watchEnds},
		{"watch", "of a service that can't be reached is lost", watchIsLost},
	}
}

// A stream is a loop over events, an event at a time.
type stream struct {
	t    *trial
	next func() (runtime.Event, error, bool)
}

func (t *trial) stream() *stream {
	t.Helper()
	next, stop := iter.Pull2(ability[runtime.Watcher](t, t.Runtime).Events(t.ctx))
	t.Cleanup(stop)
	return &stream{t, next}
}

func (s *stream) one() runtime.Event {
	s.t.Helper()
	e, err, ok := s.next()
	require.True(s.t, ok, "the events are over")
	require.NoError(s.t, err)
	return e
}

// until returns the next event of a kind about a container; "" is about none.
func (s *stream) until(kind runtime.EventKind, name string) runtime.Event {
	s.t.Helper()
	for {
		if e := s.one(); e.Kind == kind && e.Name == name {
			return e
		}
	}
}

func watchBegins(t *trial) {
	e := t.stream().one()
	assert.Equal(t, runtime.EventSync, e.Kind)
	assert.Empty(t, e.Container+e.Name)
}

// Whatever happens after the first event is told.
func watchTells(t *trial) {
	s := t.stream()
	s.until(runtime.EventSync, "")
	spec := t.spec(Program{Ends: true, ExitCode: 3})
	c := t.start(spec)
	assert.Equal(t, c.ID, s.until(runtime.EventStart, spec.Name).Container)
	e := s.until(runtime.EventExit, spec.Name)
	assert.Equal(t, c.ID, e.Container)
	assert.Equal(t, 3, e.ExitCode)
	require.NoError(t, t.Runtime.Stop(t.ctx, spec.Name, 0))
	assert.Equal(t, c.ID, s.until(runtime.EventRemove, spec.Name).Container)
}

func watchIsForEach(t *trial) {
	first, second := t.stream(), t.stream()
	first.until(runtime.EventSync, "")
	second.until(runtime.EventSync, "")
	spec := t.spec(serves())
	t.start(spec)
	first.until(runtime.EventStart, spec.Name)
	second.until(runtime.EventStart, spec.Name)
}

// Its context goes on: a stream that ends with that alone is found as a goroutine
// that is left.
func watchCanBeLeft(t *trial) {
	for _, err := range ability[runtime.Watcher](t, t.Runtime).Events(context.WithoutCancel(t.ctx)) {
		require.NoError(t, err)
		break
	}
}

func watchEnds(t *trial) {
	assert.Equal(t, runtime.EventSync, t.untilEnded(t.Runtime).Kind)
}

func watchIsLost(t *trial) {
	_ = ability[runtime.Watcher](t, t.Runtime)
	t.needs("Unreachable", t.Unreachable != nil)
	e := t.untilEnded(t.Unreachable(t))
	assert.Equal(t, runtime.EventLost, e.Kind)
	assert.NotEmpty(t, e.Message)
}

// untilEnded watches, ends the context at the first event, which it returns, and
// wants the end of the loop.
func (t *trial) untilEnded(r runtime.Runtime) (first runtime.Event) {
	t.Helper()
	w := ability[runtime.Watcher](t, r)
	ctx, cancel := context.WithCancel(t.ctx)
	t.Cleanup(cancel)
	last := make(chan error, 1)
	go func() {
		var ended error
		for e, err := range w.Events(ctx) {
			if ctx.Err() == nil {
				first = e
			}
			cancel()
			ended = err
		}
		last <- ended
	}()
	require.ErrorIs(t, receive(t, last), context.Canceled)
	return first
}
