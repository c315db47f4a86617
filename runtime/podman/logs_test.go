package podman_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/podman"
)

func readLogs(t testing.TB, r *podman.Runtime, name string, opts runtime.LogOptions) (stdout, stderr []runtime.Line) {
	t.Helper()
	for line, err := range r.Logs(t.Context(), name, opts) {
		require.NoError(t, err)
		if line.Stderr {
			stderr = append(stderr, line)
		} else {
			stdout = append(stdout, line)
		}
	}
	return stdout, stderr
}

func TestLogsOfAnExit(t *testing.T) {
	r, image := open(t)
	spec := stub(t, image, "STUB_MODE=exit:3")
	start(t, r, spec)
	stdout, stderr := readLogs(t, r, spec.Name, runtime.LogOptions{Follow: true})
	require.Len(t, stdout, 1)
	assert.Contains(t, stdout[0].Text, "--alias it's a $model")
	assert.Equal(t, []runtime.Line{
		{Stderr: true, Text: "loading model"},
		{Stderr: true, Text: "error: no space left on device"},
		{Stderr: true, Text: "error: failed to load model"},
	}, stderr)
	exited(t, r, spec.Name)

	_, stderr = readLogs(t, r, spec.Name, runtime.LogOptions{Tail: 1})
	assert.Equal(t, []runtime.Line{{Stderr: true, Text: "error: failed to load model"}}, stderr)
	stdout, stderr = readLogs(t, r, spec.Name, runtime.LogOptions{Since: time.Now().Add(time.Hour)})
	assert.Empty(t, stdout)
	assert.Empty(t, stderr)
	_, stderr = readLogs(t, r, spec.Name, runtime.LogOptions{Since: time.Now().Add(-time.Hour), Follow: true})
	assert.Len(t, stderr, 3)
}

func TestLogsOfLongAndBinaryLines(t *testing.T) {
	r, image := open(t)
	spec := stub(t, image, "STUB_MODE=longline")
	start(t, r, spec)
	get(t, spec.Publish[0].HostPort, "/health")
	require.NoError(t, kill(t, spec.Name))
	stdout, stderr := readLogs(t, r, spec.Name, runtime.LogOptions{})
	require.Len(t, stdout, 5)
	assert.Equal(t, runtime.Line{Text: strings.Repeat("a", 40_000)}, stdout[1])
	assert.Equal(t, runtime.Line{Text: strings.Repeat("b", runtime.MaxLine), Truncated: true}, stdout[2])
	assert.Equal(t, runtime.Line{Text: "binary \uFFFD [31mred[0m nul tab\tend"}, stdout[3])
	assert.Equal(t, runtime.Line{Text: "no newline"}, stdout[4])
	require.Len(t, stderr, 1, "the other stream is kept apart")
	assert.Contains(t, stderr[0].Text, "listening on 0.0.0.0:")
}

// kill ends a container without removing it.
func kill(t testing.TB, name string) error {
	t.Helper()
	_, err := shared.Service(t).Podman("stop", "--time", "0", name)
	return err
}

func TestLogsOfAFlood(t *testing.T) {
	r, image := open(t)
	spec := stub(t, image, "STUB_MODE=flood")
	start(t, r, spec)
	n := 0
	for line, err := range r.Logs(t.Context(), spec.Name, runtime.LogOptions{Follow: true}) {
		require.NoError(t, err)
		assert.NotContains(t, line.Text, "\n")
		if n++; n == 2000 {
			break
		}
	}
	assert.Equal(t, 2000, n)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	n = 0
	for _, err := range r.Logs(ctx, spec.Name, runtime.LogOptions{Follow: true, Tail: 1}) {
		last = err
		n++
		if n == 5 {
			cancel()
		}
	}
	require.ErrorIs(t, last, context.Canceled)
	require.EqualError(t, last, "logs "+spec.Name+": context canceled")
	require.NoError(t, r.Stop(t.Context(), spec.Name, 0))
}

func TestLogsOfNothing(t *testing.T) {
	r, image := open(t)
	spec := stub(t, image)
	n := 0
	for _, err := range r.Logs(t.Context(), spec.Name, runtime.LogOptions{}) {
		n++
		require.ErrorIs(t, err, runtime.ErrNotFound)
	}
	assert.Equal(t, 1, n)
	_, err := shared.Service(t).Podman("create", "--name", spec.Name, image)
	require.NoError(t, err)
	stdout, stderr := readLogs(t, r, spec.Name, runtime.LogOptions{})
	assert.Empty(t, append(stdout, stderr...))
}
