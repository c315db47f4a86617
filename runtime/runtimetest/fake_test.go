package runtimetest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

// newFake returns a Fake that is closed when the test ends.
func newFake(t testing.TB) *runtimetest.Fake {
	t.Helper()
	f := runtimetest.NewFake()
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

func TestFakeKeepsTheContract(t *testing.T) {
	runtimetest.Run(t, func(t *testing.T) runtimetest.Harness {
		f := newFake(t)
		images := 0
		ref := func() string {
			images++
			return fmt.Sprintf("localhost/image:%d", images)
		}
		return runtimetest.Harness{
			Runtime: f,
			Prepare: func(_ testing.TB, spec *runtime.Spec, p runtimetest.Program) {
				spec.Image = ref()
				spec.Command = []string{"--a", "word"}
				f.AddImage(spec.Image, p)
			},
			Foreign: func(_ testing.TB, spec runtime.Spec) {
				f.AddContainer(runtime.Container{Name: spec.Name, Image: spec.Image, Labels: spec.Labels, State: runtime.StateCreated})
			},
			Remote: func(_ testing.TB, r runtimetest.Remote) string {
				remote := ref()
				f.AddRemote(remote, r)
				return remote
			},
			Exempt: map[string]string{
				"start/leaves nothing without a device":       "it has no devices, and takes every one as present",
				"start/leaves nothing without a mount source": "it mounts nothing, and takes every source as present",
			},
		}
	})
}
