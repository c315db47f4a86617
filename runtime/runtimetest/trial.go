package runtimetest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

// A trial is one check of one Runtime.
type trial struct {
	*testing.T
	Harness
	ctx   context.Context
	specs int
}

// needs fails the check when the Harness lacks a function.
func (t *trial) needs(function string, ok bool) {
	t.Helper()
	require.True(t, ok, "Harness.%s is nil: give it, or say in Harness.Exempt why this check can't be kept", function)
}

// ability returns a Runtime as one that has an ability besides, or skips the check.
func ability[T any](t *trial, r runtime.Runtime) T {
	t.Helper()
	able, ok := r.(T)
	if !ok {
		t.Skipf("%T is no %v, and need not be", r, reflect.TypeFor[T]())
	}
	return able
}

// spec returns a spec of its own that runs p. Its container is removed when the
// check ends.
func (t *trial) spec(p Program) runtime.Spec {
	t.Helper()
	t.specs++
	name := fmt.Sprintf("hal0-test-%s-%d", strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' {
			return c
		}
		return '-'
	}, t.Name()[strings.LastIndex(t.Name(), "/")+1:]), t.specs)
	port := t.freePort()
	spec := runtime.Spec{
		Name: name, Network: "bridge",
		Publish: []runtime.Port{{HostIP: loopback, HostPort: port, ContainerPort: port}},
		Labels:  map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: name, runtime.LabelPlan: "sha256:1"},
	}
	t.prepare(&spec, p)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), t.within)
		defer cancel()
		if c, err := t.Runtime.Inspect(ctx, name); err == nil && c.Managed() {
			assert.NoError(t, t.Runtime.Stop(ctx, name, 0))
		}
	})
	return spec
}

func (t *trial) prepare(spec *runtime.Spec, p Program) {
	t.Helper()
	t.needs("Prepare", t.Prepare != nil)
	t.Prepare(t, spec, p)
	require.NoError(t, spec.Validate(), "what Harness.Prepare made")
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// freePort returns a port that nobody listens on.
func (t *trial) freePort() int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.ctx, "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // nothing was sent
	return l.Addr().(*net.TCPAddr).Port
}

// start starts spec, which has to work.
func (t *trial) start(spec runtime.Spec) runtime.Container {
	t.Helper()
	c, err := t.Runtime.Start(t.ctx, spec, runtime.StartOptions{})
	require.NoError(t, err)
	return c
}

// inspect returns a container, which has to be there.
func (t *trial) inspect(name string) runtime.Container {
	t.Helper()
	c, err := t.Runtime.Inspect(t.ctx, name)
	require.NoError(t, err)
	return c
}

// exited waits until a container has ended.
func (t *trial) exited(name string) (c runtime.Container) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		c, err = t.Runtime.Inspect(t.ctx, name)
		return err == nil && c.State == runtime.StateExited
	}, t.within, 10*time.Millisecond, "the program of %s has not ended", name)
	return c
}

// gone wants no container of that name.
func (t *trial) gone(name string) {
	t.Helper()
	_, err := t.Runtime.Inspect(t.ctx, name)
	t.fails(err, runtime.ErrNotFound, OpInspect, name)
}

// fails wants an error of a class that says which call failed.
func (t *trial) fails(err, class error, op Op, name string) {
	t.Helper()
	require.ErrorIs(t, err, class)
	var e *runtime.Error
	require.ErrorAs(t, err, &e, "a runtime.Error")
	assert.Equal(t, Call{op, name}, Call{Op(e.Op), e.Name}, "what failed, in %q", err)
}

// lines returns what a container wrote, of each stream.
func (t *trial) lines(name string, opts runtime.LogOptions) (stdout, stderr []runtime.Line) {
	t.Helper()
	for line, err := range t.Runtime.Logs(t.ctx, name, opts) {
		require.NoError(t, err)
		if line.Stderr {
			stderr = append(stderr, line)
		} else {
			stdout = append(stdout, line)
		}
	}
	return stdout, stderr
}

// receive waits for what another goroutine of the check sends.
func receive[T any](t *trial, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-t.ctx.Done():
		t.Fatal("waited for it in vain")
	}
	return v
}

// texts returns the lines' texts.
func texts(lines []runtime.Line) []string {
	list := make([]string, len(lines))
	for i, l := range lines {
		list[i] = l.Text
	}
	return list
}
