package runtimetest

import (
	"context"
	"net"
	"strconv"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func refusalChecks() []check {
	return []check{
		{"start", "refuses a foreign container", startRefusesForeign},
		{"start", "refuses the container of another slot", startRefusesAnotherSlots},
		{"start", "needs the image", startNeedsTheImage},
		{"start", "never pulls", startNeverPulls},
		{"start", "refuses an invalid spec", startRefusesInvalid},
		{"start", "leaves nothing without a command", startWithoutCommand},
		{"start", "leaves nothing on a port in use", startOnPortInUse},
		{"start", "leaves nothing without a device", startWithoutDevice},
		{"start", "leaves nothing without a mount source", startWithoutMount},
	}
}

// refused wants Start to fail with an error of class, and to leave nothing.
func (t *trial) refused(spec runtime.Spec, class error) {
	t.Helper()
	_, err := t.Runtime.Start(t.ctx, spec, runtime.StartOptions{})
	t.fails(err, class, OpStart, spec.Name)
	t.gone(spec.Name)
}

func startRefusesForeign(t *trial) {
	t.needs("Foreign", t.Foreign != nil)
	for what, labels := range map[string]map[string]string{
		"no labels":      nil,
		"no management":  {runtime.LabelSlot: "slot"},
		"not managed by": {runtime.LabelManaged: "0", runtime.LabelSlot: "slot"},
	} {
		spec := t.spec(serves())
		foreign := spec
		foreign.Labels = labels
		t.Foreign(t, foreign)
		before := t.inspect(spec.Name)
		_, err := t.Runtime.Start(t.ctx, spec, runtime.StartOptions{})
		t.fails(err, runtime.ErrForeign, OpStart, spec.Name)
		assert.Equal(t, before, t.inspect(spec.Name), "left alone: %s", what)
	}
}

func startRefusesAnotherSlots(t *trial) {
	spec := t.spec(serves())
	c := t.start(spec)
	spec.Labels = map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: "another"}
	_, err := t.Runtime.Start(t.ctx, spec, runtime.StartOptions{})
	t.fails(err, runtime.ErrForeign, OpStart, spec.Name)
	assert.Equal(t, c, t.inspect(spec.Name), "left alone")
}

func startNeedsTheImage(t *trial) {
	spec := t.spec(serves())
	spec.Image = "localhost/hal0-test-none:v1"
	t.refused(spec, runtime.ErrImageNotFound)
}

func startNeverPulls(t *trial) {
	t.needs("Remote", t.Remote != nil)
	spec := t.spec(serves())
	spec.Image = t.Remote(t, Remote{Transfer: t.untouched})
	t.refused(spec, runtime.ErrImageNotFound)
	_, err := t.Runtime.Image(t.ctx, spec.Image)
	t.fails(err, runtime.ErrImageNotFound, OpImage, spec.Image)
}

// untouched is the Transfer of an image that nobody may fetch.
func (t *trial) untouched(context.Context) error {
	t.Error("the image is fetched from its registry")
	return nil
}

func startRefusesInvalid(t *trial) {
	spec := t.spec(serves())
	spec.Publish[0].HostPort = 0
	t.refused(spec, runtime.ErrInvalidSpec)
}

func startWithoutCommand(t *trial) {
	spec := t.spec(Program{StartError: runtime.ErrCommand})
	t.refused(spec, runtime.ErrCommand)
}

func startOnPortInUse(t *trial) {
	spec := t.spec(serves())
	port := spec.Publish[0].HostPort
	listener, err := (&net.ListenConfig{}).Listen(t.ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
	require.NoError(t, err)
	t.refused(spec, runtime.ErrPortInUse)
	require.NoError(t, listener.Close())
	t.start(spec)
	t.answers(port)
}

func startWithoutDevice(t *trial) {
	spec := t.spec(serves())
	spec.Devices = append(spec.Devices, "/dev/hal0-none")
	t.refused(spec, runtime.ErrDevice)
}

func startWithoutMount(t *trial) {
	spec := t.spec(serves())
	spec.Mounts = append(spec.Mounts, runtime.Mount{Source: "/hal0/none", Target: "/none"})
	t.refused(spec, runtime.ErrMount)
}
