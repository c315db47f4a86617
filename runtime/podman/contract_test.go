package podman_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/podmantest"
	"github.com/hal0ai/hal0-go/internal/registrytest"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

func TestKeepsTheContract(t *testing.T) {
	s := shared.Service(t)
	program := programImage(t, s)
	broken := brokenImage(t, "/none")
	runtimetest.Run(t, func(t *testing.T) runtimetest.Harness {
		return runtimetest.Harness{
			Runtime: connect(t, s.URI),
			Prepare: func(_ testing.TB, spec *runtime.Spec, p runtimetest.Program) {
				spec.Image, spec.Command = program, p.Command(spec.Publish[0].ContainerPort)
				if p.StartError != nil {
					spec.Image = broken
				}
			},
			Foreign: func(t testing.TB, spec runtime.Spec) {
				args := []string{"create", "--name", spec.Name}
				for key, value := range spec.Labels {
					args = append(args, "--label", key+"="+value)
				}
				_, err := s.Podman(append(args, spec.Image)...)
				require.NoError(t, err)
				t.Cleanup(func() {
					_, err := s.Podman("rm", "--force", "--ignore", spec.Name)
					assert.NoError(t, err)
				})
			},
			Remote:      remoteImage,
			Unreachable: func(t testing.TB) runtime.Runtime { return connect(t, "unix:///hal0/none.sock") },
		}
	})
}

// programImage imports an image that does what a runtimetest.Program says.
func programImage(t testing.TB, s *podmantest.Service) string {
	t.Helper()
	const ref = "localhost/hal0-testprogram:v1"
	binary := filepath.Join(t.TempDir(), "testprogram")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "github.com/hal0ai/hal0-go/runtime/runtimetest/testprogram")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	program, err := os.ReadFile(binary)
	require.NoError(t, err)
	archive, err := podmantest.StubTar(program)
	require.NoError(t, err)
	s.Import(t, bytes.NewReader(archive), ref, `ENTRYPOINT ["/stubserver"]`)
	return ref
}

var remotes atomic.Int32

// remoteImage puts an image of one layer into a registry, where the layer's transfer
// is what the contract's tests hold up.
func remoteImage(t testing.TB, r runtimetest.Remote) string {
	t.Helper()
	reg := registrytest.Start(t)
	image := registrytest.Image(t, "linux/amd64", t.Name(), nil)
	layers, err := image.Layers()
	require.NoError(t, err)
	layer := registrytest.Digest(t, layers[0]).String()
	ref := fmt.Sprintf("hal0/remote-%d:v1", remotes.Add(1))
	reg.Push(t, ref, image)
	reg.Fail(func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method != http.MethodGet || !strings.HasSuffix(req.URL.Path, layer) || r.Transfer == nil {
			return false
		}
		if err := r.Transfer(req.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return true
		}
		return false
	})
	ref = reg.Host + "/" + ref
	t.Cleanup(func() {
		id, err := shared.Service(t).Podman("images", "--quiet", "--filter", "reference="+ref)
		if assert.NoError(t, err) && id != "" {
			forgetImage(t, slices.Collect(strings.Lines(id))[0])
		}
	})
	return ref
}
