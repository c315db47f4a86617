package runtimetest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hal0ai/hal0-go/runtime"
)

// A Harness is a Runtime under test, and what the suite needs of the world
// around it. Its functions fail the test where they can't do what they are
// asked, and clean up with its Cleanup. One that is nil is only fine when every
// check that calls it is in Exempt.
type Harness struct {
	// Runtime is the Runtime under test. Every check opens another.
	Runtime runtime.Runtime
	// Prepare completes spec, so that starting it runs p. The suite sets Name,
	// Labels, Network, and one published port that is the same inside; Prepare
	// sets Image, to one that is present in the store, Command, and what else it
	// takes. [Program.Command] helps. It may be called again for one spec.
	Prepare func(t testing.TB, spec *runtime.Spec, p Program)
	// Foreign makes a container of spec's Name, Image and Labels without
	// starting it, as another program of the host does: not with Runtime.
	Foreign func(t testing.TB, spec runtime.Spec)
	// Remote puts a new image into a registry and returns its reference. It is not
	// in the store.
	Remote func(t testing.TB, r Remote) string
	// Unreachable returns a Runtime of the same kind whose service can't be
	// reached.
	Unreachable func(t testing.TB) runtime.Runtime
	// Exempt says for checks, by "group/name" or by group, why this Runtime can't
	// keep what they check. They are skipped with that reason.
	Exempt map[string]string

	within time.Duration // in place of the constant, where the suite is tested
}

// within bounds one check: long enough for any machine, as only a Runtime that
// does not keep the contract lets it pass.
const within = 2 * time.Minute

// A check is one subtest of the suite.
type check struct {
	group, name string
	run         func(t *trial)
}

// checks is the suite, in the order that it runs in.
func checks() []check {
	return slices.Concat(startChecks(), refusalChecks(), stopChecks(), lookChecks(), logChecks(), imageChecks(), pullChecks(), contextChecks())
}

// Run checks that a Runtime keeps the contract of [runtime.Runtime]: each promise
// of its documentation is a subtest, "group/name". open returns the Runtime and
// its surroundings, anew for each check.
//
// Each check also fails when goroutines are left after its Cleanup. What is to
// outlive one, such as a service that all share, has to run before Run.
//
// Checks wait for events and not for time to pass, but for a second where the
// contract is about it. What does not happen fails a check after two minutes.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	all := checks()
	for group := range slices.Values(groups(all)) {
		t.Run(group, func(t *testing.T) {
			for _, c := range all {
				if c.group == group {
					t.Run(c.name, func(t *testing.T) { c.try(t, open) })
				}
			}
		})
	}
}

func groups(all []check) (names []string) {
	for _, c := range all {
		if !slices.Contains(names, c.group) {
			names = append(names, c.group)
		}
	}
	return names
}

func (c check) try(t *testing.T, open func(t *testing.T) Harness) {
	running := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, running) })
	h := open(t)
	h.checkExempt(t)
	for _, key := range []string{c.group, c.group + "/" + c.name} {
		if reason, ok := h.Exempt[key]; ok {
			t.Skip("this Runtime does not keep it: " + reason)
		}
	}
	h.within = cmp.Or(h.within, within)
	ctx, cancel := context.WithTimeout(t.Context(), h.within)
	t.Cleanup(cancel)
	c.run(&trial{T: t, Harness: h, ctx: ctx})
}

// checkExempt refuses to skip what there is not.
func (h *Harness) checkExempt(t testing.TB) {
	t.Helper()
	for key, reason := range h.Exempt {
		known := slices.ContainsFunc(checks(), func(c check) bool { return key == c.group || key == c.group+"/"+c.name })
		require.True(t, known, "Harness.Exempt: there is no check %q", key)
		require.NotEmpty(t, reason, "Harness.Exempt: %q has no reason", key)
	}
}

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
