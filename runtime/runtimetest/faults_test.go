package runtimetest

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

// A faulty Runtime is a Fake that breaks a promise: one of its methods is
// another.
type faulty struct {
	*Fake
	start   func(context.Context, *Fake, runtime.Spec, runtime.StartOptions) (runtime.Container, error)
	stop    func(context.Context, *Fake, string, time.Duration) error
	inspect func(context.Context, *Fake, string) (runtime.Container, error)
	list    func(context.Context, *Fake, map[string]string) ([]runtime.Container, error)
	logs    func(context.Context, *Fake, string, runtime.LogOptions) iter.Seq2[runtime.Line, error]
	image   func(context.Context, *Fake, string) (runtime.Image, error)
	pull    func(context.Context, *Fake, string, runtime.PullOptions) (runtime.Image, error)
	events  func(context.Context, *Fake) iter.Seq2[runtime.Event, error]
	run     func(context.Context, *Fake, runtime.Once) (runtime.Output, error)
	load    func(context.Context, *Fake, string, io.Reader) (runtime.Image, error)
	hook    Hook
}

func (r *faulty) Start(ctx context.Context, spec runtime.Spec, opts runtime.StartOptions) (runtime.Container, error) {
	if r.start == nil {
		return r.Fake.Start(ctx, spec, opts)
	}
	return r.start(ctx, r.Fake, spec, opts)
}

func (r *faulty) Stop(ctx context.Context, name string, grace time.Duration) error {
	if r.stop == nil {
		return r.Fake.Stop(ctx, name, grace)
	}
	return r.stop(ctx, r.Fake, name, grace)
}

func (r *faulty) Inspect(ctx context.Context, name string) (runtime.Container, error) {
	if r.inspect == nil {
		return r.Fake.Inspect(ctx, name)
	}
	return r.inspect(ctx, r.Fake, name)
}

func (r *faulty) List(ctx context.Context, labels map[string]string) ([]runtime.Container, error) {
	if r.list == nil {
		return r.Fake.List(ctx, labels)
	}
	return r.list(ctx, r.Fake, labels)
}

func (r *faulty) Logs(ctx context.Context, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
	if r.logs == nil {
		return r.Fake.Logs(ctx, name, opts)
	}
	return r.logs(ctx, r.Fake, name, opts)
}

func (r *faulty) Image(ctx context.Context, ref string) (runtime.Image, error) {
	if r.image == nil {
		return r.Fake.Image(ctx, ref)
	}
	return r.image(ctx, r.Fake, ref)
}

func (r *faulty) Pull(ctx context.Context, ref string, opts runtime.PullOptions) (runtime.Image, error) {
	if r.pull == nil {
		return r.Fake.Pull(ctx, ref, opts)
	}
	return r.pull(ctx, r.Fake, ref, opts)
}

func (r *faulty) Events(ctx context.Context) iter.Seq2[runtime.Event, error] {
	if r.events == nil {
		return r.Fake.Events(ctx)
	}
	return r.events(ctx, r.Fake)
}

func (r *faulty) RunOnce(ctx context.Context, run runtime.Once) (runtime.Output, error) {
	if r.run == nil {
		return r.Fake.RunOnce(ctx, run)
	}
	return r.run(ctx, r.Fake, run)
}

func (r *faulty) LoadImage(ctx context.Context, ref string, archive io.Reader) (runtime.Image, error) {
	if r.load == nil {
		return r.Fake.LoadImage(ctx, ref, archive)
	}
	return r.load(ctx, r.Fake, ref, archive)
}

// A fault is a faulty Runtime and the checks that must find it out.
type fault struct {
	r      faulty
	checks []string
}

// faultVar names the fault that a run of this test binary has the suite find.
const faultVar = "HAL0_TEST_FAULT"

// TestFaulty is run by TestTheSuiteFindsFaults alone: it has to fail.
func TestFaulty(t *testing.T) {
	f, ok := faults()[os.Getenv(faultVar)]
	if !ok {
		t.Skip("run by TestTheSuiteFindsFaults")
	}
	Run(t, func(t *testing.T) Harness {
		r := f.r
		r.Fake = newFake(t)
		r.Intercept(f.r.hook)
		h := fakeHarness(&r, r.Fake)
		h.within = time.Second
		return h
	})
}

// Every check of the suite fails for a Runtime that does not keep what it
// checks.
func TestTheSuiteFindsFaults(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for name, f := range faults() {
		for _, c := range f.checks {
			found[c] = true
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findsFault(t, name, f.checks)
		})
	}
	exempt := fakeHarness(nil, nil).Exempt
	for _, c := range checks() {
		key := c.group + "/" + c.name
		assert.True(t, found[key] || exempt[key] != "", "no fault makes %q fail", key)
	}
}

func findsFault(t *testing.T, name string, checks []string) {
	t.Helper()
	var groups, names []string
	for _, c := range checks {
		group, name, _ := strings.Cut(c, "/")
		groups, names = append(groups, group), append(names, regexp.QuoteMeta(strings.ReplaceAll(name, " ", "_")))
	}
	run := fmt.Sprintf("-test.run=^TestFaulty$/^(%s)$/^(%s)$", strings.Join(groups, "|"), strings.Join(names, "|"))
	cmd := exec.CommandContext(t.Context(), os.Args[0], run, "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), faultVar+"="+name)
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	for _, c := range checks {
		if !strings.Contains(string(out), "--- FAIL: TestFaulty/"+strings.ReplaceAll(c, " ", "_")+" ") {
			t.Errorf("%q does not fail", c)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
