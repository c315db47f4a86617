package runtimetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

// The Runtime of the example keeps what a Runtime without containers can keep.
func TestProcessesKeepTheContract(t *testing.T) {
	program := filepath.Join(t.TempDir(), "testprogram")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/hal0ai/hal0-go/runtime/runtimetest/testprogram")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	noexec := filepath.Join(t.TempDir(), "noexec")
	require.NoError(t, os.WriteFile(noexec, nil, 0o644))

	const registry, others, host, service = "there is no registry of programs", "it knows the processes alone that it started", "a process sees the host's own", "it has no service"
	runtimetest.Run(t, func(*testing.T) runtimetest.Harness {
		return runtimetest.Harness{
			Runtime: &Processes{Programs: map[string]string{"localhost/program:v1": program, "localhost/broken:v1": noexec}},
			Prepare: func(_ testing.TB, spec *runtime.Spec, p runtimetest.Program) {
				spec.Image, spec.Command = "localhost/program:v1", p.Command(spec.Publish[0].HostPort)
				if p.StartError != nil {
					spec.Image = "localhost/broken:v1"
				}
			},
			Exempt: map[string]string{
				"start/never pulls":      registry,
				"image/asks no registry": registry,
				"pull":                   registry,

				"start/refuses a foreign container":  others,
				"start/replaces ours that never ran": others,
				"stop/refuses a foreign container":   others,
				"list/without labels is all of ours": others,

				"start/publishes where the spec says alone":    "a program listens where it likes",
				"start/leaves nothing without a device":        host,
				"start/leaves nothing without a mount source":  host,
				"service/that can't be reached is unavailable": service,
			},
		}
	})
}

func TestProcessesPullNothing(t *testing.T) {
	t.Parallel()
	r := &Processes{Programs: map[string]string{"localhost/program:v1": os.Args[0]}}
	image, err := r.Pull(t.Context(), "localhost/program:v1", runtime.PullOptions{})
	require.NoError(t, err)
	assert.NotEmpty(t, image.ID)
	_, err = r.Pull(t.Context(), "localhost/other:v1", runtime.PullOptions{})
	require.EqualError(t, err, "pull localhost/other:v1: pull failed: there is no registry of programs: install localhost/other:v1")
}
