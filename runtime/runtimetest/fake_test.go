package runtimetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

// newFake returns a Fake that is closed when the test ends.
func newFake(t testing.TB) *Fake {
	t.Helper()
	f := NewFake()
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

func TestFakeKeepsTheContract(t *testing.T) {
	Run(t, func(t *testing.T) Harness {
		f := newFake(t)
		return fakeHarness(f, f)
	})
}

// fakeHarness is what the suite needs around r, which is f in some way.
func fakeHarness(r runtime.Runtime, f *Fake) Harness {
	images := 0
	ref := func() string {
		images++
		return fmt.Sprintf("localhost/image:%d", images)
	}
	return Harness{
		Runtime: r,
		Prepare: func(_ testing.TB, spec *runtime.Spec, p Program) {
			spec.Image = ref()
			spec.Command = []string{"--a", "word"}
			f.AddImage(spec.Image, p)
		},
		Foreign: func(_ testing.TB, spec runtime.Spec) {
			f.AddContainer(runtime.Container{Name: spec.Name, Image: spec.Image, Labels: spec.Labels, State: runtime.StateCreated})
		},
		Remote: func(_ testing.TB, r Remote) string {
			remote := ref()
			f.AddRemote(remote, r)
			return remote
		},
		Exempt: map[string]string{
			"service/that can't be reached is unavailable":     "it has no service; FailNext says such errors",
			"watch/of a service that can't be reached is lost": "it has no service; LoseEvents says so",
			"start/leaves nothing without a device":            "it has no devices, and takes every one as present",
			"start/leaves nothing without a mount source":      "it mounts nothing, and takes every source as present",
		},
	}
}

// A Fake tells what happens in order, and everyone who watches.
func TestFakeTellsWhatHappens(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.AddImage("x.io/a:1", Program{Ends: true, ExitCode: 3})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	spec := runtime.Spec{Name: "hal0-slot-a", Image: "x.io/a:1", Network: "bridge",
		Labels: map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: "a"}}
	var kinds []runtime.EventKind
	var last error
	for e, err := range f.Events(ctx) {
		if err != nil {
			last = err
			break
		}
		kinds = append(kinds, e.Kind)
		switch e.Kind {
		case runtime.EventSync:
			if len(kinds) == 1 {
				_, err := f.Start(t.Context(), spec, runtime.StartOptions{})
				require.NoError(t, err)
			} else {
				cancel()
			}
		case runtime.EventExit:
			assert.Equal(t, 3, e.ExitCode)
			assert.Equal(t, spec.Name, e.Name)
			require.NoError(t, f.Stop(t.Context(), spec.Name, 0))
		case runtime.EventRemove:
			f.LoseEvents()
		case runtime.EventStart, runtime.EventLost:
		}
	}
	require.ErrorIs(t, last, context.Canceled)
	assert.Equal(t, []runtime.EventKind{runtime.EventSync, runtime.EventStart, runtime.EventExit, runtime.EventRemove, runtime.EventLost, runtime.EventSync}, kinds)
}

// A Fake's program may be another one for a command.
func TestFakeRunsOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.AddImage("x.io/a:1", Program{Once: func(command []string) Program {
		return Program{Stdout: fmt.Sprint(command), Ends: true}
	}})
	out, err := f.RunOnce(t.Context(), runtime.Once{Image: "x.io/a:1", Command: []string{"--help"}, Within: time.Hour})
	require.NoError(t, err)
	assert.Equal(t, runtime.Output{Stdout: "[--help]"}, out)
	assert.Equal(t, []Call{{OpRun, "x.io/a:1"}}, f.Calls())
	f.FailNext(OpRun, runtime.ErrUnavailable)
	_, err = f.RunOnce(t.Context(), runtime.Once{Image: "x.io/a:1", Within: time.Hour})
	require.EqualError(t, err, "run x.io/a:1: container runtime is unavailable")
	_, err = f.RunOnce(t.Context(), runtime.Once{Image: "x.io/a:1", Within: -1})
	require.EqualError(t, err, "run x.io/a:1: invalid container spec: within: found -1ns, want above 0")
}

// What a Fake has loaded can be started.
func TestFakeLoads(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	a := newArchived(t)
	ref := a.ref("loaded")
	_, err := f.LoadImage(t.Context(), ref, bytes.NewReader(a.as(t, ref)))
	require.NoError(t, err)
	f.SetProgram("c", Program{Stdout: "loaded\n", Ends: true})
	spec := ours(f, "c")
	spec.Image = ref
	_, err = f.Start(t.Context(), spec, runtime.StartOptions{})
	require.NoError(t, err)
	for line, err := range f.Logs(t.Context(), "c", runtime.LogOptions{}) {
		require.NoError(t, err)
		assert.Equal(t, "loaded", line.Text)
	}
	_, err = f.LoadImage(t.Context(), ref, bytes.NewReader(a.as(t, "x.io/other@"+a.manifest.Digest.String())))
	require.EqualError(t, err, "load "+ref+": image can't be loaded: read the archive: it has no image "+ref)
}
