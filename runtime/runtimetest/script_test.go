package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

// ours is a spec without a port, of an image that f has.
func ours(f *Fake, name string) runtime.Spec {
	const image = "localhost/ours:v1"
	if _, err := f.present(image); err != nil {
		f.AddImage(image, Program{Stdout: "a line\n"})
	}
	return runtime.Spec{
		Name: name, Image: image, Network: "bridge",
		Labels: map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: name},
	}
}

func TestCallsAreRecordedInOrder(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	spec := ours(f, "c")
	for _, op := range ops {
		_ = once(t.Context(), f, op, spec)
	}
	want := []Call{{OpStart, "c"}, {OpStop, "c"}, {OpInspect, "c"}, {Op: OpList}, {OpLogs, "c"}, {OpImage, spec.Image}, {OpPull, spec.Image}}
	assert.Equal(t, want, f.Calls())
	assert.Equal(t, "[start c stop c inspect c list logs c image localhost/ours:v1 pull localhost/ours:v1]", fmt.Sprint(f.Calls()))
	f.Calls()[0].Name = "x"
	assert.Equal(t, want, f.Calls(), "what is returned is the caller's")
}

func TestEachMethodFailsNext(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	spec := ours(f, "c")
	first, second := errors.New("first"), errors.New("second")
	for _, op := range ops {
		f.FailNext(op, first)
		f.FailNext(op, second)
	}
	for _, op := range ops {
		name := map[Op]string{OpList: "containers", OpImage: spec.Image, OpPull: spec.Image}[op]
		if name == "" {
			name = spec.Name
		}
		err := once(t.Context(), f, op, spec)
		require.ErrorIs(t, err, first)
		require.EqualError(t, err, string(op)+" "+name+": first")
		require.ErrorIs(t, once(t.Context(), f, op, spec), second)
	}
	_, err := f.Inspect(t.Context(), "c")
	require.ErrorIs(t, err, runtime.ErrNotFound, "nothing was done")
}

// An error that says what failed is passed on as it is.
func TestAKnownErrorStays(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.FailNext(OpInspect, &runtime.Error{Op: "inspect", Name: "other", Class: runtime.ErrUnavailable, Err: errors.New("socket is gone")})
	_, err := f.Inspect(t.Context(), "c")
	require.EqualError(t, err, "inspect other: container runtime is unavailable: socket is gone")
}

func TestAHookFailsBeforeAndAfter(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	lost := errors.New("lost")
	f.Intercept(func(_ context.Context, c Call, do func() error) error {
		if c.Name == "after" {
			_ = do()
		}
		return lost
	})
	for _, name := range []string{"before", "after"} {
		_, err := f.Start(t.Context(), ours(f, name), runtime.StartOptions{})
		require.ErrorIs(t, err, lost)
	}
	f.Intercept(nil)
	list, err := f.List(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"after"}, names(list))
}

// A call that is held up ends with its context, and holds up no other.
func TestAHookHoldsACallUp(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	held := make(chan struct{})
	f.Intercept(func(ctx context.Context, c Call, do func() error) error {
		if c.Op == OpStart && c.Name == "slow" {
			close(held)
			<-ctx.Done()
		}
		return do()
	})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := f.Start(ctx, ours(f, "slow"), runtime.StartOptions{})
		result <- err
	}()
	<-held
	_, err := f.Start(t.Context(), ours(f, "quick"), runtime.StartOptions{})
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	_, err = f.Inspect(t.Context(), "slow")
	require.ErrorIs(t, err, runtime.ErrNotFound)
}

func TestLogsBreakOff(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	_, err := f.Start(t.Context(), ours(f, "c"), runtime.StartOptions{})
	require.NoError(t, err)
	f.Intercept(func(_ context.Context, _ Call, do func() error) error {
		_ = do()
		return runtime.ErrUnavailable
	})
	var lines []string
	var last error
	for line, err := range f.Logs(t.Context(), "c", runtime.LogOptions{}) {
		if last = err; err == nil {
			lines = append(lines, line.Text)
		}
	}
	assert.Equal(t, []string{"a line"}, lines)
	require.EqualError(t, last, "logs c: container runtime is unavailable")
	for range f.Logs(t.Context(), "c", runtime.LogOptions{}) {
		break // the error is not yielded to one who has left
	}
}

func TestExit(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	require.EqualError(t, f.Exit("c", 1), "exit c: no such container")
	_, err := f.Start(t.Context(), ours(f, "c"), runtime.StartOptions{})
	require.NoError(t, err)
	require.NoError(t, f.Exit("c", 5))
	c, err := f.Inspect(t.Context(), "c")
	require.NoError(t, err)
	assert.Equal(t, runtime.StateExited, c.State)
	assert.Equal(t, 5, c.ExitCode)
	require.ErrorIs(t, f.Exit("c", 1), runtime.ErrNotFound, "it runs no more")
}

// A server that ends at the first question, as one that can't load its model.
func TestAHandlerEndsItsProgram(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	spec := ours(f, "c")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	spec.Publish = []runtime.Port{{HostIP: loopback, HostPort: port, ContainerPort: 80}}
	f.SetProgram("c", Program{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { assert.NoError(t, f.Exit("c", 3)) })})
	_, err = f.Start(t.Context(), spec, runtime.StartOptions{})
	require.NoError(t, err)
	resp, err := http.Get("http://" + l.Addr().String())
	if err == nil {
		resp.Body.Close()
	}
	require.Error(t, err, "the connection is closed")
	c, err := f.Inspect(t.Context(), "c")
	require.NoError(t, err)
	assert.Equal(t, 3, c.ExitCode)
}

func TestAddContainer(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	spec := ours(f, "c")
	f.AddContainer(runtime.Container{Name: "c", State: runtime.StateRunning, Labels: spec.Labels})
	left, err := f.Inspect(t.Context(), "c")
	require.NoError(t, err)
	assert.Regexp(t, "^[0-9a-f]{64}$", left.ID)
	assert.Equal(t, runtime.StateRunning, left.State)
	c, err := f.Start(t.Context(), spec, runtime.StartOptions{})
	require.NoError(t, err)
	f.AddContainer(runtime.Container{ID: "theirs", Name: "c"})
	theirs, err := f.Inspect(t.Context(), "c")
	require.NoError(t, err)
	assert.Equal(t, "theirs", theirs.ID)
	assert.NotEqual(t, left.ID, c.ID)
}

func TestImagesOfAFake(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	const pinned = "ghcr.io/owner/name@sha256:0066678ae9043f69a1c8c7699e70626ceffd35c1a8ca03227a05640ad0241ed2"
	first := f.AddImage("ghcr.io/owner/name:v1", Program{})
	byDigest, err := f.Image(t.Context(), first.RepoDigests[0])
	require.NoError(t, err)
	assert.Equal(t, first, byDigest)
	moved := f.AddImage("ghcr.io/owner/name:v1", Program{})
	assert.NotEqual(t, first.ID, moved.ID)

	f.AddRemote(pinned, Remote{})
	_, err = f.Image(t.Context(), pinned)
	require.ErrorIs(t, err, runtime.ErrImageNotFound)
	pulled, err := f.Pull(t.Context(), "ghcr.io/owner/name:ignored@"+pinned[len("ghcr.io/owner/name@"):], runtime.PullOptions{})
	require.NoError(t, err)
	assert.Equal(t, []string{pinned}, pulled.RepoDigests)

	f.AddRemote("ghcr.io/owner/name:v1", Remote{})
	now, err := f.Pull(t.Context(), "ghcr.io/owner/name:v1", runtime.PullOptions{Always: true})
	require.NoError(t, err)
	assert.NotEqual(t, moved.ID, now.ID, "the tag has moved in the registry")
	assert.Panics(t, func() { f.AddImage("Upper", Program{}) })
	assert.Panics(t, func() { f.AddRemote("Upper", Remote{}) })
	_, err = f.Image(t.Context(), "Upper")
	require.ErrorIs(t, err, runtime.ErrInvalidSpec)
}
