package podman_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/podman"
)

// stubMode returns an image of the stub server that does what a mode says.
func stubMode(t testing.TB, mode string) string {
	t.Helper()
	s := shared.Service(t)
	ref := "localhost/hal0-stub:" + strings.ReplaceAll(mode, ":", "-")
	_, err := s.Podman("create", "--name", "stubmode", s.StubImage(t))
	require.NoError(t, err)
	_, err = s.Podman("commit", "--quiet", "--change", "ENV STUB_MODE="+mode, "stubmode", ref)
	require.NoError(t, err)
	_, err = s.Podman("rm", "stubmode")
	require.NoError(t, err)
	return ref
}

// onces returns the containers that RunOnce has left.
func onces(t testing.TB) []string {
	t.Helper()
	out, err := shared.Service(t).Podman("ps", "--all", "--quiet", "--no-trunc", "--filter", "label="+runtime.LabelOnce)
	require.NoError(t, err)
	return strings.Fields(out)
}

func TestRunOnce(t *testing.T) {
	r, _ := open(t)
	out, err := r.RunOnce(t.Context(), runtime.Once{Image: stubMode(t, "exit:3"), Command: []string{"--help", "a b"}, Within: time.Minute})
	require.NoError(t, err)
	assert.Equal(t, runtime.Output{
		ExitCode: 3, Stdout: "stubserver: arguments --help a b",
		Stderr: "loading model\nerror: no space left on device\nerror: failed to load model",
	}, out)
	assert.Empty(t, onces(t))
}

// The image is the one that was looked at, or none is run.
func TestRunOnceHoldsToTheImage(t *testing.T) {
	r, _ := open(t)
	ref := stubMode(t, "exit:0")
	image, err := r.Image(t.Context(), ref)
	require.NoError(t, err)
	_, err = r.RunOnce(t.Context(), runtime.Once{Image: ref, ImageID: image.ID, Within: time.Minute})
	require.NoError(t, err)
	_, err = r.RunOnce(t.Context(), runtime.Once{Image: ref, ImageID: strings.Repeat("0", 64), Within: time.Minute})
	require.ErrorIs(t, err, runtime.ErrImageChanged)
	assert.Empty(t, onces(t))
}

// A program that does not end is shut off from everything, and killed.
func TestRunOnceIsShutOff(t *testing.T) {
	r, _ := open(t)
	image := stubMode(t, "no-listen")
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("the user left")
	done := make(chan error, 1)
	go func() {
		_, err := r.RunOnce(ctx, runtime.Once{Image: image, Within: time.Minute})
		done <- err
	}()
	var facts []struct {
		Config struct {
			Healthcheck struct{ Test []string }
			Timeout     int
		}
		HostConfig struct {
			NetworkMode    string
			ReadonlyRootfs bool
			SecurityOpt    []string
			Binds          []string
			Devices        []any
			Privileged     bool
		}
		EffectiveCaps, Mounts []any
	}
	var status string
	require.Eventually(t, func() bool {
		ids := onces(t)
		if len(ids) == 0 {
			return false
		}
		text, err := shared.Service(t).Podman("inspect", ids[0])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(text), &facts))
		status, err = shared.Service(t).Podman("inspect", "--format", "{{.State.Status}}", ids[0])
		return err == nil && status == "running"
	}, 20*time.Second, 50*time.Millisecond)
	c := facts[0]
	assert.Equal(t, "none", c.HostConfig.NetworkMode)
	assert.True(t, c.HostConfig.ReadonlyRootfs)
	assert.False(t, c.HostConfig.Privileged)
	assert.Empty(t, c.HostConfig.Binds)
	assert.Empty(t, c.HostConfig.Devices)
	assert.Empty(t, c.Mounts)
	assert.Empty(t, c.EffectiveCaps)
	assert.Contains(t, c.HostConfig.SecurityOpt, "no-new-privileges")
	assert.Equal(t, []string{"NONE"}, c.Config.Healthcheck.Test)
	assert.Equal(t, 70, c.Config.Timeout, "podman kills it where nobody else can")
	list, err := r.List(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, list, "it serves no slot")

	cancel(left)
	require.ErrorIs(t, <-done, context.Canceled)
	assert.Empty(t, onces(t))
}

func TestRunOnceTakesTooLong(t *testing.T) {
	r, _ := open(t)
	image := stubMode(t, "no-listen")
	_, err := r.RunOnce(t.Context(), runtime.Once{Image: image, Within: 100 * time.Millisecond})
	require.EqualError(t, err, "run "+image+": the program did not end within 100ms: context deadline exceeded")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Empty(t, onces(t))
}

func TestRunOnceRefuses(t *testing.T) {
	r, _ := open(t)
	_, err := r.RunOnce(t.Context(), runtime.Once{Image: "localhost/none:1", Within: time.Minute})
	require.ErrorIs(t, err, runtime.ErrImageNotFound)
	_, err = r.RunOnce(t.Context(), runtime.Once{Image: brokenImage(t, "/none"), Within: time.Minute})
	require.ErrorIs(t, err, runtime.ErrCommand)
	_, err = r.RunOnce(t.Context(), runtime.Once{Image: "localhost/none:1"})
	require.ErrorIs(t, err, runtime.ErrInvalidSpec)
	require.EqualError(t, err, "run localhost/none:1: invalid container spec: within: found 0s, want above 0")
	assert.Empty(t, onces(t))
}

// What a program that was killed has left is removed by the next one, once it is
// old; what another one is running is not.
func TestRunOnceSweeps(t *testing.T) {
	r, image := open(t)
	for _, label := range []string{"hal0.once=true", "hal0.once=no"} {
		_, err := shared.Service(t).Podman("create", "--label", label, image)
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		for _, id := range onces(t) {
			_, err := shared.Service(t).Podman("rm", id)
			assert.NoError(t, err)
		}
	})
	_, err := r.RunOnce(t.Context(), runtime.Once{Image: stubMode(t, "exit:0"), Within: time.Minute})
	require.NoError(t, err)
	assert.Len(t, onces(t), 2)
	require.NoError(t, podman.Sweep(r, t.Context(), -time.Hour))
	assert.Len(t, onces(t), 1)
}

func TestRunOnceAgainstAFakeService(t *testing.T) {
	t.Parallel()
	frames := func(lines ...string) http.HandlerFunc {
		var b []byte
		for _, l := range lines {
			b = binary.BigEndian.AppendUint32(append(b, 1, 0, 0, 0), uint32(len(l)+1))
			b = append(append(b, l...), '\n')
		}
		return reply(http.StatusOK, string(b))
	}
	long := strings.Repeat("x", runtime.MaxLine/2)
	for name, tc := range map[string]struct {
		change    map[string]http.HandlerFunc
		held      string // the image's id
		text      string // of the error; none is wanted when empty
		truncated bool
		size      int
		discards  int
	}{
		"works":           {size: 3, discards: 1},
		"much output":     {change: map[string]http.HandlerFunc{"GET /containers/id1/logs": frames(slices.Repeat([]string{long}, 40)...)}, truncated: true, size: 31*(len(long)+1) - 1, discards: 1},
		"a long line":     {change: map[string]http.HandlerFunc{"GET /containers/id1/logs": frames(long + long + long)}, truncated: true, size: runtime.MaxLine, discards: 1},
		"no log":          {change: map[string]http.HandlerFunc{"GET /containers/id1/logs": reply(500, `{"message":"gone"}`)}, text: "run localhost/i:v1: podman: gone (HTTP 500)", discards: 1},
		"wait is refused": {change: map[string]http.HandlerFunc{"POST /containers/id1/wait": reply(500, `{"message":"conmon exited prematurely"}`)}, text: "run localhost/i:v1: podman: conmon exited prematurely (HTTP 500)", discards: 1},
		"wait is dropped": {change: map[string]http.HandlerFunc{"POST /containers/id1/wait": drop}, text: "EOF (is podman.socket started?)", discards: 1},
		"start fails":     {change: map[string]http.HandlerFunc{"POST /containers/id1/start": noProgram}, text: "command can't be run", discards: 1},
		"another image":   {change: map[string]http.HandlerFunc{"GET /containers/id1/json": described("created", "127.0.0.1", nil)}, held: "2", text: "run localhost/i:v1: image has changed: the container's image is , and 2 was asked for: its name was given to another image meanwhile", discards: 1},
		"create fails":    {change: map[string]http.HandlerFunc{"POST /containers/create": reply(500, `{"message":"no space"}`)}, text: "run localhost/i:v1: podman: no space (HTTP 500)"},
		"it stays":        {change: map[string]http.HandlerFunc{"DELETE /containers/id1": reply(500, `{"message":"busy"}`)}, text: "run localhost/i:v1: container id1 could not be removed: podman: busy (HTTP 500)", discards: 2},
		"old ones stay":   {change: map[string]http.HandlerFunc{"GET /containers/json": reply(200, `[{"Id":"id1","Labels":{"hal0.once":"true"}}]`), "DELETE /containers/id1": reply(500, `{"message":"busy"}`)}, text: "run localhost/i:v1: podman: busy (HTTP 500)", discards: 2},
		"no list":         {change: map[string]http.HandlerFunc{"GET /containers/json": reply(500, `{"message":"no list"}`)}, text: "run localhost/i:v1: podman: no list (HTTP 500)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handlers := startable(map[string]http.HandlerFunc{
				"GET /containers/json":            reply(200, `[{"Id":"x","Labels":{"hal0.once":"trueish"}}]`),
				"POST /containers/id1/wait":       reply(200, "7\n"),
				"GET /images/localhost/i:v1/json": reply(200, `{"Id":"2"}`),
				"GET /containers/id1/logs":        frames("abc"),
			})
			for key, handler := range tc.change {
				handlers[key] = handler
			}
			r, f := fakeRuntime(t, handlers)
			out, err := r.RunOnce(t.Context(), runtime.Once{Image: "localhost/i:v1", ImageID: tc.held, Within: time.Minute})
			assert.Equal(t, tc.discards, f.count("DELETE /containers/id1"))
			assert.Zero(t, f.count("DELETE /containers/x"), "podman's filter takes patterns")
			if tc.text != "" {
				require.ErrorContains(t, err, tc.text)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, 7, out.ExitCode)
			assert.Equal(t, tc.truncated, out.Truncated)
			assert.Equal(t, tc.size, len(out.Stdout)) //nolint:testifylint // Len would print it all
		})
	}
}
