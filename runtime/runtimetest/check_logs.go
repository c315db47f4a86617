package runtimetest

import (
	"context"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func logChecks() []check {
	return []check{
		{"logs", "are all lines, oldest first", logsAreAll},
		{"logs", "are so far", logsAreSoFar},
		{"logs", "begin with the tail", logsBeginWithTail},
		{"logs", "leave out what is older", logsLeaveOutOlder},
		{"logs", "follow until the exit", logsFollow},
		{"logs", "end with the context's error", logsEndWithContext},
		{"logs", "of a silent program end with the context's error", logsOfSilenceEnd},
		{"logs", "can be left", logsCanBeLeft},
		{"logs", "are safe to print", logsAreSafe},
		{"logs", "cut long lines", logsCutLongLines},
		{"logs", "of nothing are not found", logsOfNothing},
	}
}

// talks ends after three lines of each stream.
var talks = Program{Stdout: "out 1\nout 2\nout 3\n", Stderr: "err 1\n\nerr 3\n", Ends: true, ExitCode: 3}

// ended returns the name of a container that runs p, which ends.
func (t *trial) ended(p Program) string {
	t.Helper()
	spec := t.spec(p)
	t.start(spec)
	t.exited(spec.Name)
	return spec.Name
}

func logsAreAll(t *trial) {
	name := t.ended(talks)
	for _, follow := range []bool{false, true} {
		stdout, stderr := t.lines(name, runtime.LogOptions{Follow: follow})
		assert.Equal(t, []runtime.Line{{Text: "out 1"}, {Text: "out 2"}, {Text: "out 3"}}, stdout)
		assert.Equal(t, []runtime.Line{{Stderr: true, Text: "err 1"}, {Stderr: true}, {Stderr: true, Text: "err 3"}}, stderr)
	}
}

// It returns though the program goes on.
func logsAreSoFar(t *trial) {
	spec, _ := t.stubborn()
	stdout, _ := t.lines(spec.Name, runtime.LogOptions{})
	assert.Equal(t, []string{"running"}, texts(stdout))
}

func logsBeginWithTail(t *trial) {
	name := t.ended(Program{Stdout: "1\n2\n3\n4\n", Ends: true})
	for tail, want := range map[int][]string{0: {"1", "2", "3", "4"}, 1: {"4"}, 3: {"2", "3", "4"}, 100: {"1", "2", "3", "4"}} {
		for _, follow := range []bool{false, true} {
			stdout, _ := t.lines(name, runtime.LogOptions{Tail: tail, Follow: follow})
			assert.Equal(t, want, texts(stdout), "tail %d", tail)
		}
	}
}

func logsLeaveOutOlder(t *trial) {
	name := t.ended(talks)
	stdout, stderr := t.lines(name, runtime.LogOptions{Since: time.Now().Add(time.Hour)})
	assert.Empty(t, append(stdout, stderr...))
	stdout, stderr = t.lines(name, runtime.LogOptions{Since: time.Now().Add(-time.Hour)})
	assert.Len(t, append(stdout, stderr...), 6)
}

func logsFollow(t *trial) {
	spec, written := t.stubborn()
	require.NoError(t, t.Runtime.Stop(t.ctx, spec.Name, time.Second))
	var rest []string
	for line := range written {
		rest = append(rest, line)
	}
	assert.Equal(t, []string{"SIGTERM"}, rest, "what came while it was followed, and no error")
}

// interrupted follows a container, cancels at the first line, and wants the
// loop to end with that.
func (t *trial) interrupted(name string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	var last error
	for _, err := range t.Runtime.Logs(ctx, name, runtime.LogOptions{Follow: true}) {
		require.NoError(t, last, "nothing comes after an error")
		last = err
		cancel()
	}
	t.fails(last, context.Canceled, OpLogs, name)
}

func logsEndWithContext(t *trial) {
	spec := t.spec(Program{Stdout: "a line\n", Repeat: true})
	t.start(spec)
	t.interrupted(spec.Name)
}

func logsOfSilenceEnd(t *trial) {
	spec := t.spec(Program{Stdout: "a line\n"})
	t.start(spec)
	t.interrupted(spec.Name)
}

// What is left running fails the check.
func logsCanBeLeft(t *trial) {
	spec := t.spec(Program{Stdout: "a line\n", Repeat: true})
	t.start(spec)
	n := 0
	for line, err := range t.Runtime.Logs(t.ctx, spec.Name, runtime.LogOptions{Follow: true}) {
		require.NoError(t, err)
		require.Equal(t, "a line", line.Text)
		if n++; n == 1000 {
			break
		}
	}
	assert.Equal(t, 1000, n)
}

func logsAreSafe(t *trial) {
	name := t.ended(Program{Stdout: "\xff\xfe \x1b[31mred\x1b[0m nul\x00 tab\tend\r\n\u009b€\nno end", Ends: true})
	stdout, _ := t.lines(name, runtime.LogOptions{})
	assert.Equal(t, []string{"\uFFFD [31mred[0m nul tab\tend", "€", "no end"}, texts(stdout))
}

func logsCutLongLines(t *trial) {
	full := strings.Repeat("x", runtime.MaxLine)
	name := t.ended(Program{Stdout: full + "\n" + full[:10_000] + "\n", Stderr: full + "yz\nshort\n", Ends: true})
	stdout, stderr := t.lines(name, runtime.LogOptions{})
	assert.Equal(t, []runtime.Line{{Text: full}, {Text: full[:10_000]}}, stdout)
	assert.Equal(t, []runtime.Line{{Stderr: true, Text: full, Truncated: true}, {Stderr: true, Text: "short"}}, stderr)
}

func logsOfNothing(t *trial) {
	n := 0
	for _, err := range t.Runtime.Logs(t.ctx, "hal0-test-none", runtime.LogOptions{Follow: true}) {
		n++
		t.fails(err, runtime.ErrNotFound, OpLogs, "hal0-test-none")
	}
	assert.Equal(t, 1, n)
}
