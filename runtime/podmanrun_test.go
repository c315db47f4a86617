package runtime_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/kballard/go-shellquote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func TestPodmanRun(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{
		"podman", "run", "--detach", "--name", "hal0-slot-chat", "--network", "bridge", "--ipc", "host",
		"--publish", "127.0.0.1:8081:8081", "--publish", "[::1]:8081:8081",
		"--env", "A=1", "--env", "B=2 x",
		"--volume", "/mnt/ai-models:/mnt/ai-models:ro,rbind,z", "--volume", "/srv/data:/data:rw,rbind,Z", "--volume", "/srv/data:/again:rw,rbind",
		"--device", "/dev/kfd", "--device", "/dev/dri/renderD128", "--group-add", "993", "--group-add", "44",
		"--security-opt", "apparmor=unconfined", "--security-opt", "seccomp=unconfined", "--security-opt", "label=disable",
		"--ulimit", "memlock=-1", "--ulimit", "nofile=1024:4096",
		"--health-cmd", "curl -f http://127.0.0.1:8081/health || exit 1", "--health-interval", "30s", "--health-timeout", "5s",
		"--health-start-period", "3m0s", "--health-retries", "3",
		"--label", "hal0.managed=true", "--label", "hal0.plan=sha256:1", "--label", "hal0.slot=chat",
		"--restart", "no", "--http-proxy=false", "--log-driver", "k8s-file", "--log-opt", "max-size=10mb", "--stop-timeout", "10",
		"ghcr.io/hal0ai/toolbox@sha256:" + strings.Repeat("a", 64),
		"--port", "8081", "it's", "",
	}, valid().PodmanRun())
}

func TestShellQuote(t *testing.T) {
	t.Parallel()
	args := append(valid().PodmanRun(), "$HOME `x` \"y\" \\ *", "ü", "a\tb")
	words, err := shellquote.Split(runtime.ShellQuote(args))
	require.NoError(t, err)
	assert.Equal(t, args, words)
}

func ExampleSpec_PodmanRun() {
	spec := runtime.Spec{
		Name: "hal0-slot-tts", Image: "ghcr.io/hal0ai/kokoro:v1", Network: "bridge",
		Command: []string{"--port", "8085"},
		Publish: []runtime.Port{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 8085, ContainerPort: 8085}},
		Labels:  map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: "tts"},
	}
	fmt.Println(runtime.ShellQuote(spec.PodmanRun()))
	// Output: podman run --detach --name hal0-slot-tts --network bridge --publish 127.0.0.1:8085:8085 --label hal0.managed=true --label hal0.slot=tts --restart no --http-proxy=false --log-driver k8s-file --log-opt max-size=10mb --stop-timeout 10 ghcr.io/hal0ai/kokoro:v1 --port 8085
}
