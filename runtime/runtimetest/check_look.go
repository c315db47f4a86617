package runtimetest

import (
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func lookChecks() []check {
	return []check{
		{"inspect", "tells of an exit", inspectTellsExit},
		{"inspect", "finds no other name", inspectFindsNoOther},
		{"inspect", "takes exact names", namesAreExact},
		{"list", "goes by every label, sorted", listByLabels},
		{"list", "without labels is all of ours", listOfOurs},
		{"list", "tells what inspect tells", listTellsInspect},
	}
}

func inspectTellsExit(t *trial) {
	spec := t.spec(Program{Ends: true, ExitCode: 3})
	started := t.start(spec)
	c := t.exited(spec.Name)
	assert.Equal(t, 3, c.ExitCode)
	assert.Equal(t, started.ID, c.ID)
	assert.Equal(t, spec.Labels, c.Labels)
	assert.False(t, c.StartedAt.IsZero())
}

func inspectFindsNoOther(t *trial) {
	t.gone("hal0-test-none")
	t.gone("")
}

func namesAreExact(t *trial) {
	spec := t.spec(serves())
	c := t.start(spec)
	for _, name := range []string{
		c.ID, c.ID[:min(12, len(c.ID))], spec.Name[:len(spec.Name)-1], spec.Name + "x", spec.Name[:9] + ".*", "/" + spec.Name, strings.ToUpper(spec.Name),
	} {
		t.gone(name)
		require.NoError(t, t.Runtime.Stop(t.ctx, name, 0), "there is none")
		for _, err := range t.Runtime.Logs(t.ctx, name, runtime.LogOptions{}) {
			require.ErrorIs(t, err, runtime.ErrNotFound)
		}
	}
	assert.Equal(t, c, t.inspect(spec.Name))
}

func listByLabels(t *trial) {
	group := map[string]string{"hal0.test.group": "a"}
	want := make([]string, 3)
	for i, p := range []Program{serves(), {Ends: true, ExitCode: 1}, {}} {
		spec := t.spec(p)
		spec.Labels["hal0.test.group"] = "a"
		t.start(spec)
		want[i] = spec.Name
	}
	other := t.spec(Program{})
	other.Labels["hal0.test.group"] = "ab"
	t.start(other)
	t.exited(want[1])
	slices.Sort(want)

	list, err := t.Runtime.List(t.ctx, group)
	require.NoError(t, err)
	assert.Equal(t, want, names(list))
	group[runtime.LabelSlot] = want[0]
	list, err = t.Runtime.List(t.ctx, group)
	require.NoError(t, err)
	assert.Equal(t, want[:1], names(list))
	list, err = t.Runtime.List(t.ctx, map[string]string{"hal0.test.group": ""})
	require.NoError(t, err)
	assert.Empty(t, list)
}

func names(list []runtime.Container) []string {
	all := make([]string, len(list))
	for i, c := range list {
		all[i] = c.Name
	}
	return all
}

func listOfOurs(t *trial) {
	t.needs("Foreign", t.Foreign != nil)
	first, second, foreign := t.spec(serves()), t.spec(serves()), t.spec(serves())
	foreign.Labels = map[string]string{runtime.LabelSlot: "slot"}
	t.Foreign(t, foreign)
	t.start(second)
	t.start(first)
	list, err := t.Runtime.List(t.ctx, nil)
	require.NoError(t, err)
	assert.Subset(t, names(list), []string{first.Name, second.Name})
	assert.True(t, slices.IsSorted(names(list)), "%q", names(list))
	for _, c := range list {
		assert.True(t, c.Managed(), "%s", c.Name)
	}
}

// Runtimes may list the time of a start in whole seconds.
func listTellsInspect(t *trial) {
	running, ended := t.spec(serves()), t.spec(Program{Ends: true, ExitCode: 3})
	t.start(running)
	t.start(ended)
	t.exited(ended.Name)
	for _, spec := range []runtime.Spec{running, ended} {
		list, err := t.Runtime.List(t.ctx, spec.Labels)
		require.NoError(t, err)
		require.Len(t, list, 1)
		c := t.inspect(spec.Name)
		assert.Equal(t, c.StartedAt.Unix(), list[0].StartedAt.Unix())
		list[0].StartedAt = c.StartedAt
		assert.Equal(t, c, list[0])
	}
}
