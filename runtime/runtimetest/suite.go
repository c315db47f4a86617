package runtimetest

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

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
	return slices.Concat(startChecks(), refusalChecks(), stopChecks(), lookChecks(), logChecks(), imageChecks(), pullChecks(), contextChecks(),
		watchChecks(), onceChecks(), loadChecks())
}

// Run checks that a Runtime keeps the contract of [runtime.Runtime]: each promise
// of its documentation is a subtest, "group/name". open returns the Runtime and
// its surroundings, anew for each check. The groups "watch", "once" and "load" are
// about [runtime.Watcher], [runtime.Runner] and [runtime.ImageLoader], and are
// skipped for a Runtime that is none.
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
