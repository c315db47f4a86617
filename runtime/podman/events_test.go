package podman_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/podman"
)

// stream is a loop over Events, an event at a time.
type stream struct {
	t    testing.TB
	next func() (runtime.Event, error, bool)
}

func watch(t testing.TB, r *podman.Runtime) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // no test takes that long
	next, stop := iter.Pull2(r.Events(ctx))
	t.Cleanup(func() { cancel(); stop() })
	return &stream{t, next}
}

// until returns the next event of a kind and container; "" is the stream's own.
func (s *stream) until(kind runtime.EventKind, name string) runtime.Event {
	s.t.Helper()
	for {
		e, err, ok := s.next()
		require.True(s.t, ok)
		require.NoError(s.t, err)
		if e.Kind == kind && e.Name == name {
			return e
		}
	}
}

func TestEvents(t *testing.T) {
	r, image := open(t)
	spec := stub(t, image, "STUB_MODE=")
	s := watch(t, r)
	s.until(runtime.EventSync, "")
	c, err := r.Start(t.Context(), spec, runtime.StartOptions{})
	require.NoError(t, err)
	e := s.until(runtime.EventStart, spec.Name)
	assert.Equal(t, c.ID, e.Container)
	assert.WithinDuration(t, c.StartedAt, e.Time, time.Minute)
	_, err = shared.Service(t).Podman("kill", spec.Name)
	require.NoError(t, err)
	e = s.until(runtime.EventExit, spec.Name)
	assert.Equal(t, 137, e.ExitCode)
	require.NoError(t, r.Stop(t.Context(), spec.Name, 0))
	s.until(runtime.EventRemove, spec.Name)
}

// A loop that is left, and a context that ends, leave nothing behind: TestMain
// looks for goroutines.
func TestEventsEnd(t *testing.T) {
	r, _ := open(t)
	for e, err := range r.Events(t.Context()) {
		require.NoError(t, err)
		assert.Equal(t, runtime.EventSync, e.Kind)
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for e, err := range r.Events(ctx) {
		if e.Kind == runtime.EventSync {
			cancel()
		}
		last = err
	}
	require.ErrorIs(t, last, context.Canceled)
}

// A service that goes away is told, and so is that it is back.
func TestEventsOutliveTheService(t *testing.T) {
	r, _ := open(t)
	service := shared.Service(t)
	s := watch(t, r)
	s.until(runtime.EventSync, "")
	service.Kill(t)
	e := s.until(runtime.EventLost, "")
	assert.Contains(t, e.Message, service.URI)
	service.Restart(t)
	s.until(runtime.EventSync, "")
}
