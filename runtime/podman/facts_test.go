package podman_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

// fullSpec has something in every field of a spec that can be started on any
// machine with podman.
func fullSpec(t testing.TB, image, dir string) runtime.Spec {
	t.Helper()
	spec := stub(t, image, "K=a b 'c' $d", "STUB=0")
	spec.Mounts = []runtime.Mount{
		{Source: dir, Target: "/data"},
		{Source: dir, Target: "/models", ReadOnly: true, Relabel: runtime.RelabelShared},
	}
	spec.Devices = []string{"/dev/null", "/dev/zero"}
	spec.Groups = []string{"993", "44"}
	spec.SecurityOpt = []string{"apparmor=unconfined", "seccomp=unconfined", "label=disable"}
	spec.Ulimits = []runtime.Ulimit{{Name: "nofile", Soft: 512, Hard: 1024}, {Name: "nproc", Soft: 512, Hard: 512}, {Name: "memlock", Soft: 65536, Hard: 65536}}
	spec.IPC = "host"
	spec.Health = &runtime.Health{
		Command: "curl -fsS http://127.0.0.1:8080/health || exit 1", Interval: 30 * time.Second,
		Timeout: 5 * time.Second, StartPeriod: 3 * time.Minute, Retries: 3,
	}
	return spec
}

// containerFacts is what podman's inspect says a container was made of.
type containerFacts struct {
	Name, ImageName string
	Cmd, Env        []string
	Labels          map[string]string
	StopTimeout     uint
	Healthcheck     struct {
		Test                           []string
		Interval, Timeout, StartPeriod time.Duration
		Retries                        int
	}
	Mounts        []mountFact
	GroupAdd      []string
	Devices       any
	Ulimits       any
	PortBindings  any
	RestartPolicy any
	LogConfig     struct{ Type, Size string }
	IpcMode       string
	NetworkMode   string
	AutoRemove    bool
}

type mountFact struct {
	Type, Source, Destination, Mode string
	RW                              bool
	Propagation                     string
}

// facts asks podman itself.
func facts(t testing.TB, name string) containerFacts {
	t.Helper()
	text, err := shared.Service(t).Podman("inspect", "--type", "container", name)
	require.NoError(t, err)
	var all []struct {
		containerFacts
		Config, HostConfig json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(text), &all))
	f := all[0].containerFacts
	require.NoError(t, json.Unmarshal(all[0].Config, &f))
	require.NoError(t, json.Unmarshal(all[0].HostConfig, &f))
	f.Env = slices.DeleteFunc(f.Env, func(kv string) bool { return strings.HasPrefix(kv, "HOSTNAME=") })
	slices.Sort(f.Env)
	slices.SortFunc(f.Mounts, func(a, b mountFact) int { return strings.Compare(a.Destination, b.Destination) })
	return f
}

// emptyTar is a root file system with one file that can't be executed.
func emptyTar(t testing.TB) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "noexec", Mode: 0o644}))
	require.NoError(t, w.Close())
	return &b
}

// procStatus is a line of the container's process in /proc, as podman's
// inspect does not tell everything that it applied.
func procStatus(t testing.TB, name, key string) string {
	t.Helper()
	pid, err := shared.Service(t).Podman("inspect", "--format", "{{.State.Pid}}", name)
	require.NoError(t, err)
	status, err := os.ReadFile("/proc/" + pid + "/status")
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
