package podman_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hal0ai/hal0-go/internal/podmantest"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/podman"
)

// shared is the podman service of this package's tests.
var shared podmantest.Shared

func TestMain(m *testing.M) {
	os.Exit(podmantest.Main(func() int {
		code := m.Run()
		if err := shared.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		return code
	}))
}

// open returns a Runtime on the shared service and the stub image's reference.
func open(t testing.TB, opts ...podman.Option) (*podman.Runtime, string) {
	t.Helper()
	s := shared.Service(t)
	return connect(t, s.URI, opts...), s.StubImage(t)
}

func connect(t testing.TB, uri string, opts ...podman.Option) *podman.Runtime {
	t.Helper()
	r, err := podman.New(uri, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	return r
}

// stub returns a spec of the stub server that is removed when the test ends.
func stub(t testing.TB, image string, env ...string) runtime.Spec {
	t.Helper()
	name := "hal0-slot-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	port := freePort(t)
	spec := runtime.Spec{
		Name: name, Image: image, Network: "bridge",
		Command: []string{"--host", "0.0.0.0", "--port", strconv.Itoa(port), "--alias", "it's a $model"},
		Env:     map[string]string{},
		Publish: []runtime.Port{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: port, ContainerPort: port}},
		Labels:  map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: name, runtime.LabelPlan: "sha256:1"},
	}
	for _, kv := range env {
		key, value, _ := strings.Cut(kv, "=")
		spec.Env[key] = value
	}
	t.Cleanup(func() {
		_, err := shared.Service(t).Podman("rm", "--force", "--ignore", "--time", "0", name)
		assert.NoError(t, err)
	})
	return spec
}

// freePort returns a port that nobody listens on.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func start(t testing.TB, r *podman.Runtime, spec runtime.Spec) runtime.Container {
	t.Helper()
	c, err := r.Start(t.Context(), spec, runtime.StartOptions{})
	require.NoError(t, err)
	return c
}

func TestForeignIsToBeRemovedOrRenamed(t *testing.T) {
	r, image := open(t)
	spec := stub(t, image)
	id, err := shared.Service(t).Podman("create", "--name", spec.Name, "--label", "hal0.slot=other", image)
	require.NoError(t, err)
	const text = ` container is not managed by hal0: container %.12s has labels hal0.managed="" and hal0.slot="other"; remove or rename it`
	_, err = r.Start(t.Context(), spec, runtime.StartOptions{})
	require.EqualError(t, err, "start "+spec.Name+":"+fmt.Sprintf(text, id))
	require.EqualError(t, r.Stop(t.Context(), spec.Name, 0), "stop "+spec.Name+":"+fmt.Sprintf(text, id))
}

func TestStartFailures(t *testing.T) {
	r, image := open(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	taken := listener.Addr().(*net.TCPAddr).Port
	cases := map[string]struct {
		change func(*runtime.Spec)
		class  error
		text   string
	}{
		"image":   {func(s *runtime.Spec) { s.Image = "localhost/none:v1" }, runtime.ErrImageNotFound, "image is not present: pull localhost/none:v1 first"},
		"digest":  {func(s *runtime.Spec) { s.Image = "localhost/none@sha256:" + strings.Repeat("0", 64) }, runtime.ErrImageNotFound, "pull localhost/none@sha256:"},
		"ref":     {func(s *runtime.Spec) { s.Image = "localhost/Upper" }, runtime.ErrInvalidSpec, `image: found "localhost/Upper"`},
		"device":  {func(s *runtime.Spec) { s.Devices = []string{"/dev/hal0-none"} }, runtime.ErrDevice, "/dev/hal0-none: no such file or directory"},
		"no node": {func(s *runtime.Spec) { s.Devices = []string{"/dev/fd/../hal0"} }, runtime.ErrInvalidSpec, "devices[0]"},
		"mount":   {func(s *runtime.Spec) { s.Mounts = []runtime.Mount{{Source: "/hal0/none", Target: "/m"}} }, runtime.ErrMount, "/hal0/none: no such file or directory"},
		"port":    {func(s *runtime.Spec) { s.Publish[0].HostPort = taken }, runtime.ErrPortInUse, fmt.Sprintf("host port 127.0.0.1:%d", taken)},
		"seccomp": {func(s *runtime.Spec) { s.SecurityOpt = []string{"seccomp=/hal0/none"} }, nil, "/hal0/none"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := stub(t, image)
			tc.change(&spec)
			_, err := r.Start(t.Context(), spec, runtime.StartOptions{})
			require.Error(t, err)
			if tc.class != nil {
				require.ErrorIs(t, err, tc.class)
			}
			assert.Contains(t, err.Error(), tc.text)
			assert.True(t, strings.HasPrefix(err.Error(), "start "+spec.Name+": "), err.Error())
			_, err = r.Inspect(t.Context(), spec.Name)
			assert.ErrorIs(t, err, runtime.ErrNotFound, "nothing stays")
		})
	}
}

func TestStartWithoutCommand(t *testing.T) {
	r, _ := open(t)
	for name, entry := range map[string]string{"missing": "/none", "not executable": "/noexec"} {
		t.Run(name, func(t *testing.T) {
			spec := stub(t, brokenImage(t, entry))
			_, err := r.Start(t.Context(), spec, runtime.StartOptions{})
			require.ErrorIs(t, err, runtime.ErrCommand)
			assert.Contains(t, err.Error(), `exec: "`+entry+`"`)
			_, err = r.Inspect(t.Context(), spec.Name)
			assert.ErrorIs(t, err, runtime.ErrNotFound, "nothing stays")
		})
	}
}

// brokenImage returns an image whose entry point can't be run.
func brokenImage(t testing.TB, entry string) string {
	t.Helper()
	ref := "localhost/hal0-broken:" + strings.Trim(entry, "/")
	shared.Service(t).Import(t, emptyTar(t), ref, `ENTRYPOINT ["`+entry+`"]`)
	return ref
}

// A start that fails after podman took the port may leave it taken, by podman's
// service itself, until its garbage collector runs. Here the test holds the
// port in its place.
func TestPortOfAFailedStartIsRetried(t *testing.T) {
	r, image := open(t)
	spec := stub(t, brokenImage(t, "/none"))
	_, err := r.Start(t.Context(), spec, runtime.StartOptions{})
	require.ErrorIs(t, err, runtime.ErrCommand)
	shared.Service(t).Restart(t)
	listener, err := net.Listen("tcp", spec.Publish[0].HostIP.String()+":"+strconv.Itoa(spec.Publish[0].HostPort))
	require.NoError(t, err)
	defer listener.Close()
	spec.Image = image

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := startWaits(ctx, t, r, spec)
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	_, err = r.Inspect(t.Context(), spec.Name)
	require.ErrorIs(t, err, runtime.ErrNotFound, "removed though ctx has ended")

	result = startWaits(t.Context(), t, r, spec)
	require.NoError(t, listener.Close())
	require.NoError(t, <-result)

	other := connect(t, shared.Service(t).URI)
	spec.Name, spec.Labels = spec.Name+"-2", map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: "2"}
	_, err = other.Start(t.Context(), spec, runtime.StartOptions{})
	require.ErrorIs(t, err, runtime.ErrPortInUse, "at once, as nothing of its own failed")
}

// startWaits starts spec, and returns once the container exists and does not
// run.
func startWaits(ctx context.Context, t testing.TB, r *podman.Runtime, spec runtime.Spec) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		_, err := r.Start(ctx, spec, runtime.StartOptions{})
		result <- err
	}()
	require.Eventually(t, func() bool {
		c, err := r.Inspect(ctx, spec.Name)
		return err == nil && c.State == runtime.StateCreated
	}, 20*time.Second, 10*time.Millisecond)
	return result
}

// Podman goes on to say that a container runs when its monitor was killed too.
func TestInspectSeesThatTheProcessIsGone(t *testing.T) {
	r, image := open(t)
	spec := stub(t, image)
	start(t, r, spec)
	shared.Service(t).KillWithMonitor(t, spec.Name)
	c, err := r.Inspect(t.Context(), spec.Name)
	require.NoError(t, err)
	assert.Equal(t, runtime.StateUnknown, c.State)
	assert.Equal(t, "podman says that it runs, but finds none of its processes", c.Error)
	assert.Equal(t, runtime.StateRunning, start(t, r, spec).State, "it is replaced")
}

func TestServiceComesBack(t *testing.T) {
	r, image := open(t)
	s := shared.Service(t)
	spec := stub(t, image)
	start(t, r, spec)
	s.Kill(t)
	_, err := r.Inspect(t.Context(), spec.Name)
	require.ErrorIs(t, err, runtime.ErrUnavailable)
	early := connect(t, s.URI)
	_, err = early.List(t.Context(), nil)
	require.EqualError(t, err, "list containers: container runtime is unavailable: podman service at "+s.URI+
		": dial unix "+filepath.Join(s.Dir, "podman.sock")+": connect: no such file or directory (is podman.socket started?)")
	s.Restart(t)
	for _, r := range []*podman.Runtime{r, early} {
		c, err := r.Inspect(t.Context(), spec.Name)
		require.NoError(t, err)
		assert.Equal(t, runtime.StateRunning, c.State)
	}
}

// What podman took is what the spec says.
func TestCreateSaysWhatTheSpecSays(t *testing.T) {
	r, image := open(t)
	dir := t.TempDir()
	spec := fullSpec(t, image, dir)
	start(t, r, spec)
	ours := facts(t, spec.Name)
	assert.Equal(t, "0", procStatus(t, spec.Name, "Seccomp"))
	assert.Contains(t, procStatus(t, spec.Name, "Groups"), "993")
	require.NoError(t, r.Stop(t.Context(), spec.Name, 0))

	args := spec.PodmanRun()
	require.Equal(t, "podman", args[0])
	_, err := shared.Service(t).Podman(args[1:]...)
	require.NoError(t, err)
	assert.Equal(t, facts(t, spec.Name), ours, "PodmanRun starts the same")

	assert.Contains(t, ours.Env, "K=a b 'c' $d")
	assert.Equal(t, []string{"CMD-SHELL", "curl -fsS http://127.0.0.1:8080/health || exit 1"}, ours.Healthcheck.Test)
	assert.Equal(t, 30*time.Second, ours.Healthcheck.Interval)
	assert.Equal(t, []string{"993", "44"}, ours.GroupAdd)
	assert.Equal(t, uint(10), ours.StopTimeout)
	assert.Equal(t, "10MB", ours.LogConfig.Size)
	require.Len(t, ours.Mounts, 2)
	assert.Equal(t, mountFact{Type: "bind", Source: dir, Destination: "/data", RW: true, Propagation: "rprivate"}, ours.Mounts[0])
	assert.False(t, ours.Mounts[1].RW)
}
