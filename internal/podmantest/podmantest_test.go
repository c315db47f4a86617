package podmantest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/podmantest"
)

func TestMain(m *testing.M) { os.Exit(podmantest.Main(m.Run)) }

// The tests share no network with the process that started them.
func TestNetworkIsOwn(t *testing.T) {
	podmantest.Require(t)
	own, err := os.Readlink("/proc/self/ns/net")
	require.NoError(t, err)
	outside, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", os.Getppid()))
	require.NoError(t, err)
	assert.NotEqual(t, outside, own)
}

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

// The stub image serves whatever server's command line it is given.
func TestStubImageStandsInForEveryServer(t *testing.T) {
	s := podmantest.Start(t)
	ref := s.StubImage(t)
	for name, args := range map[string][]string{
		"llama":   {"--host", "0.0.0.0", "--port", "8099", "--model", "/m.gguf"},
		"flm":     {"serve", "gemma3:1b", "--host", "0.0.0.0", "--port", "8099"},
		"comfyui": {"bash", "-lc", "cd /opt/ComfyUI && exec python main.py --listen 0.0.0.0 --port 8099"},
	} {
		_, err := s.Podman(append([]string{"run", "--detach", "--name", name, ref}, args...)...)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			out, err := s.Podman("logs", name)
			return err == nil && out != ""
		}, 20*time.Second, 10*time.Millisecond)
		_, err = s.Podman("exec", name, "/bin/bash", "-lc", "true --port 70000")
		assert.ErrorContains(t, err, "invalid port", "/bin/bash is the same program")
	}
}
