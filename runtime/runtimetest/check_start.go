package runtimetest

import (
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

// serves is a program that stays and answers.
func serves() Program {
	return Program{Stdout: "serving\n", Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
}

func startChecks() []check {
	return []check{
		{"start", "runs what the spec describes", startRunsTheSpec},
		{"start", "returns once the process runs", startReturnsOnceItRuns},
		{"start", "publishes where the spec says alone", startPublishes},
		{"start", "replaces ours that runs", startReplacesRunning},
		{"start", "replaces ours that has exited", startReplacesExited},
		{"start", "replaces ours that never ran", startReplacesCreated},
		{"start", "concurrently leaves one", startConcurrently},
		{"start", "holds to the image id", startHoldsToImageID},
	}
}

func startRunsTheSpec(t *trial) {
	spec := t.spec(serves())
	c := t.start(spec)
	assert.Equal(t, spec.Name, c.Name)
	assert.Equal(t, spec.Image, c.Image)
	assert.Equal(t, spec.Labels, c.Labels)
	assert.Equal(t, spec.Command, c.Command)
	assert.Equal(t, spec.Publish, c.Publish)
	assert.NotEmpty(t, c.ID)
	assert.False(t, c.StartedAt.IsZero())
	assert.True(t, c.Managed())
	image, err := t.Runtime.Image(t.ctx, spec.Image)
	require.NoError(t, err)
	assert.Equal(t, image.ID, c.ImageID)
	assert.Equal(t, c, t.inspect(spec.Name))
	t.answers(spec.Publish[0].HostPort)
}

// answers waits until a program of the suite answers.
func (t *trial) answers(port int) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	require.Eventually(t, func() bool {
		req, err := http.NewRequestWithContext(t.ctx, http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(port), http.NoBody)
		if err != nil {
			return false
		}
		resp, err := client.Do(req)
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	}, t.within, 10*time.Millisecond, "nothing answers on port %d", port)
}

// A program that never listens is never ready.
func startReturnsOnceItRuns(t *trial) {
	spec := t.spec(Program{})
	assert.Equal(t, runtime.StateRunning, t.start(spec).State)
	assert.Equal(t, runtime.StateRunning, t.inspect(spec.Name).State)
}

func startPublishes(t *trial) {
	spec := t.spec(serves())
	t.start(spec)
	t.answers(spec.Publish[0].HostPort)
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		if !ok || network.IP.To4() == nil || network.IP.IsLoopback() {
			continue
		}
		at := net.JoinHostPort(network.IP.String(), strconv.Itoa(spec.Publish[0].HostPort))
		conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.ctx, "tcp", at)
		if err == nil {
			t.Errorf("%s answers too", at)
			require.NoError(t, conn.Close())
		}
	}
}

func startReplacesRunning(t *trial) {
	spec := t.spec(serves())
	first := t.start(spec)
	spec.Labels[runtime.LabelPlan] = "sha256:2"
	second := t.start(spec)
	assert.NotEqual(t, first.ID, second.ID)
	assert.Equal(t, runtime.StateRunning, second.State)
	t.onlyOne(spec, second)
	t.answers(spec.Publish[0].HostPort)
}

// onlyOne wants c to be the one container of spec's slot.
func (t *trial) onlyOne(spec runtime.Spec, c runtime.Container) {
	t.Helper()
	list, err := t.Runtime.List(t.ctx, map[string]string{runtime.LabelSlot: spec.Labels[runtime.LabelSlot]})
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, c.ID, list[0].ID)
	assert.Equal(t, c.Labels, list[0].Labels)
}

func startReplacesExited(t *trial) {
	spec := t.spec(Program{Ends: true, ExitCode: 3})
	first := t.start(spec)
	t.exited(spec.Name)
	t.prepare(&spec, serves())
	second := t.start(spec)
	assert.NotEqual(t, first.ID, second.ID)
	assert.Equal(t, runtime.StateRunning, second.State)
	t.onlyOne(spec, second)
}

func startReplacesCreated(t *trial) {
	t.needs("Foreign", t.Foreign != nil)
	spec := t.spec(serves())
	t.Foreign(t, spec)
	left := t.inspect(spec.Name)
	require.Equal(t, runtime.StateCreated, left.State)
	require.True(t, left.StartedAt.IsZero())
	c := t.start(spec)
	assert.NotEqual(t, left.ID, c.ID)
	t.onlyOne(spec, c)
}

func startConcurrently(t *trial) {
	spec := t.spec(serves())
	const callers = 4
	results := make(chan error, callers)
	for range callers {
		go func() {
			_, err := t.Runtime.Start(t.ctx, spec, runtime.StartOptions{})
			results <- err
		}()
	}
	for range callers {
		require.NoError(t, receive(t, results), "each replaces the one before")
	}
	t.onlyOne(spec, t.inspect(spec.Name))
	t.answers(spec.Publish[0].HostPort)
}

func startHoldsToImageID(t *trial) {
	spec := t.spec(serves())
	image, err := t.Runtime.Image(t.ctx, spec.Image)
	require.NoError(t, err)
	other := runtime.StartOptions{ImageID: "0" + image.ID[1:] + "0"}
	_, err = t.Runtime.Start(t.ctx, spec, other)
	t.fails(err, runtime.ErrImageChanged, OpStart, spec.Name)
	t.gone(spec.Name)

	c, err := t.Runtime.Start(t.ctx, spec, runtime.StartOptions{ImageID: image.ID})
	require.NoError(t, err)
	assert.Equal(t, image.ID, c.ImageID)

	_, err = t.Runtime.Start(t.ctx, spec, other)
	t.fails(err, runtime.ErrImageChanged, OpStart, spec.Name)
	assert.Equal(t, c, t.inspect(spec.Name), "the old container is left running")
}
