package runtimetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func stopChecks() []check {
	return []check{
		{"stop", "ends the process with SIGTERM", stopTerminates},
		{"stop", "kills after the grace", stopKills},
		{"stop", "kills at once without a grace", stopKillsAtOnce},
		{"stop", "removes one that has exited", stopRemovesExited},
		{"stop", "takes none for done", stopTakesNone},
		{"stop", "refuses a foreign container", stopRefusesForeign},
		{"stop", "concurrently", stopConcurrently},
		{"stop", "returns when ctx ends in the grace", stopReturnsOnContext},
	}
}

// stubborn returns a container whose program ignores SIGTERM, and the lines that it
// writes; the channel is closed when its log ends.
func (t *trial) stubborn() (spec runtime.Spec, written <-chan string) {
	t.Helper()
	spec = t.spec(Program{Stdout: "running\n", IgnoresTerm: true})
	t.start(spec)
	lines := make(chan string, 10)
	go func() {
		defer close(lines)
		for line, err := range t.Runtime.Logs(t.ctx, spec.Name, runtime.LogOptions{Follow: true}) {
			if err != nil {
				lines <- err.Error()
				return
			}
			lines <- line.Text
		}
	}()
	require.Equal(t, "running", receive(t, lines))
	return spec, lines
}

// Nothing else ends it within the grace.
func stopTerminates(t *trial) {
	spec := t.spec(serves())
	t.start(spec)
	t.answers(spec.Publish[0].HostPort)
	require.NoError(t, t.Runtime.Stop(t.ctx, spec.Name, time.Hour))
	t.gone(spec.Name)
}

func stopKills(t *trial) {
	spec, written := t.stubborn()
	began := time.Now()
	require.NoError(t, t.Runtime.Stop(t.ctx, spec.Name, time.Second))
	assert.GreaterOrEqual(t, time.Since(began), time.Second, "the grace is given")
	t.gone(spec.Name)
	assert.Equal(t, "SIGTERM", receive(t, written))
}

func stopKillsAtOnce(t *trial) {
	spec, _ := t.stubborn()
	require.NoError(t, t.Runtime.Stop(t.ctx, spec.Name, 0))
	t.gone(spec.Name)
}

func stopRemovesExited(t *trial) {
	spec := t.spec(Program{Ends: true})
	t.start(spec)
	t.exited(spec.Name)
	require.NoError(t, t.Runtime.Stop(t.ctx, spec.Name, time.Hour))
	t.gone(spec.Name)
}

func stopTakesNone(t *trial) {
	spec := t.spec(serves())
	require.NoError(t, t.Runtime.Stop(t.ctx, spec.Name, time.Hour))
	t.start(spec)
	require.NoError(t, t.Runtime.Stop(t.ctx, spec.Name, time.Hour))
	require.NoError(t, t.Runtime.Stop(t.ctx, spec.Name, time.Hour), "again")
}

func stopRefusesForeign(t *trial) {
	t.needs("Foreign", t.Foreign != nil)
	spec := t.spec(serves())
	spec.Labels = map[string]string{runtime.LabelSlot: "slot"}
	t.Foreign(t, spec)
	before := t.inspect(spec.Name)
	t.fails(t.Runtime.Stop(t.ctx, spec.Name, 0), runtime.ErrForeign, OpStop, spec.Name)
	assert.Equal(t, before, t.inspect(spec.Name), "left alone")
}

func stopConcurrently(t *trial) {
	spec := t.spec(serves())
	t.start(spec)
	const callers = 4
	results := make(chan error, callers)
	for range callers {
		go func() { results <- t.Runtime.Stop(t.ctx, spec.Name, time.Second) }()
	}
	for range callers {
		require.NoError(t, receive(t, results))
	}
	t.gone(spec.Name)
}

func stopReturnsOnContext(t *trial) {
	spec, written := t.stubborn()
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- t.Runtime.Stop(ctx, spec.Name, time.Hour) }()
	require.Equal(t, "SIGTERM", receive(t, written))
	cancel()
	t.fails(receive(t, result), context.Canceled, OpStop, spec.Name)
	require.NoError(t, t.Runtime.Stop(t.ctx, spec.Name, 0), "it can be stopped all the same")
	t.gone(spec.Name)
}
