package podmantest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/podmantest"
)

func TestServiceLeavesNothing(t *testing.T) {
	var dir string
	t.Run("service", func(t *testing.T) {
		s := podmantest.Start(t)
		dir = s.Dir
		ref := s.StubImage(t)
		id, err := s.Podman("run", "--detach", "--name", "left", "--publish", "127.0.0.1:18099:8080", ref)
		require.NoError(t, err)
		s.Restart(t)
		state, err := s.Podman("inspect", "--format", "{{.State.Status}}", id)
		require.NoError(t, err)
		assert.Equal(t, "running", state, "containers outlive the service")
	})
	if dir == "" {
		t.Skip("podman can't run here")
	}
	assert.NoDirExists(t, dir)
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	assert.NotContains(t, string(mounts), dir)
	assert.Empty(t, processesNaming(t, dir))
}

// processesNaming lists the command lines that mention dir.
func processesNaming(t *testing.T, dir string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, e := range entries {
		cmdline, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err == nil && strings.Contains(string(cmdline), dir) {
			found = append(found, strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return found
}
