package runtimetest

import (
	"context"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func onceChecks() []check {
	return []check{
		{"once", "runs a program to its end", onceRuns},
		{"once", "cuts long lines", onceCutsLines},
		{"once", "kills a program that takes too long", onceKills},
		{"once", "is given up when ctx ends", onceIsGivenUp},
		{"once", "needs the image", onceNeedsImage},
		{"once", "holds to the image id", onceHoldsToImageID},
		{"once", "needs the program", onceNeedsProgram},
		{"once", "needs a time", onceNeedsTime},
	}
}

// runner returns what runs p once, and takes no longer than the check.
func (t *trial) runner(p Program) (runtime.Runner, runtime.Once) {
	t.Helper()
	r := ability[runtime.Runner](t, t.Runtime)
	spec := t.spec(p)
	return r, runtime.Once{Image: spec.Image, Command: spec.Command, Within: t.within}
}

// onces returns the containers that run a program once.
func (t *trial) onces() []runtime.Container {
	t.Helper()
	list, err := t.Runtime.List(t.ctx, map[string]string{runtime.LabelOnce: "true"})
	require.NoError(t, err)
	return list
}

func onceRuns(t *trial) {
	r, run := t.runner(Program{Stdout: "one\n\x1b[1mtwo\r\n\n", Stderr: "three", Ends: true, ExitCode: 3})
	out, err := r.RunOnce(t.ctx, run)
	require.NoError(t, err)
	assert.Equal(t, runtime.Output{ExitCode: 3, Stdout: "one\n[1mtwo\n", Stderr: "three"}, out)
	assert.Empty(t, t.onces())
}

func onceCutsLines(t *trial) {
	r, run := t.runner(Program{Stdout: strings.Repeat("x", runtime.MaxLine+1), Ends: true})
	out, err := r.RunOnce(t.ctx, run)
	require.NoError(t, err)
	assert.True(t, out.Truncated)
	assert.Equal(t, runtime.MaxLine, len(out.Stdout)) //nolint:testifylint // Len would print it all
}

func onceKills(t *trial) {
	r, run := t.runner(Program{})
	run.Within = 10 * time.Millisecond
	_, err := r.RunOnce(t.ctx, run)
	t.fails(err, context.DeadlineExceeded, OpRun, run.Image)
	require.NoError(t, t.ctx.Err(), "it is killed in time")
	assert.Empty(t, t.onces())
}

func onceIsGivenUp(t *trial) {
	r, run := t.runner(Program{})
	ctx, cancel := context.WithCancel(t.ctx)
	t.Cleanup(cancel)
	result := make(chan error, 1)
	go func() {
		_, err := r.RunOnce(ctx, run)
		result <- err
	}()
	require.Eventually(t, func() bool {
		list := t.onces()
		return len(list) == 1 && list[0].State == runtime.StateRunning
	}, t.within, 10*time.Millisecond, "no container with the label %s runs", runtime.LabelOnce)
	ours, err := t.Runtime.List(t.ctx, nil)
	require.NoError(t, err)
	for _, c := range ours {
		assert.NotContains(t, c.Labels, runtime.LabelOnce, "%s serves no slot", c.Name)
	}
	cancel()
	t.fails(receive(t, result), context.Canceled, OpRun, run.Image)
	assert.Empty(t, t.onces())
}

func onceNeedsImage(t *trial) {
	r, run := t.runner(Program{Ends: true})
	run.Image = "localhost/hal0-test-none:v1"
	_, err := r.RunOnce(t.ctx, run)
	t.fails(err, runtime.ErrImageNotFound, OpRun, run.Image)
}

func onceHoldsToImageID(t *trial) {
	r, run := t.runner(Program{Ends: true})
	image, err := t.Runtime.Image(t.ctx, run.Image)
	require.NoError(t, err)
	run.ImageID = image.ID
	_, err = r.RunOnce(t.ctx, run)
	require.NoError(t, err)
	run.ImageID = strings.Repeat("0", len(image.ID))
	_, err = r.RunOnce(t.ctx, run)
	t.fails(err, runtime.ErrImageChanged, OpRun, run.Image)
	assert.Empty(t, t.onces())
}

func onceNeedsProgram(t *trial) {
	r, run := t.runner(Program{StartError: runtime.ErrCommand})
	_, err := r.RunOnce(t.ctx, run)
	t.fails(err, runtime.ErrCommand, OpRun, run.Image)
	assert.Empty(t, t.onces())
}

func onceNeedsTime(t *trial) {
	r, run := t.runner(Program{Ends: true})
	run.Within = 0
	_, err := r.RunOnce(t.ctx, run)
	t.fails(err, runtime.ErrInvalidSpec, OpRun, run.Image)
}
