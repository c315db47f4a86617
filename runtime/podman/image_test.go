package podman_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

// aRegistry is a real registry on the loopback interface.
type aRegistry struct {
	host   string
	around atomic.Pointer[middleware]

	mu       sync.Mutex
	requests []string // "METHOD path"
}

// A middleware answers a request to a registry, or has next answer it.
type middleware func(w http.ResponseWriter, r *http.Request, next http.Handler)

func newRegistry(t testing.TB) *aRegistry {
	t.Helper()
	var a aRegistry
	real := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.requests = append(a.requests, r.Method+" "+r.URL.Path)
		a.mu.Unlock()
		if around := a.around.Load(); around != nil {
			(*around)(w, r, real)
			return
		}
		real.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.host = strings.TrimPrefix(server.URL, "http://")
	return &a
}

// do puts around between the registry and those who ask it.
func (a *aRegistry) do(around middleware) { a.around.Store(&around) }

// count returns how many requests began so, since the last forget.
func (a *aRegistry) count(prefix string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.requests {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

func (a *aRegistry) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = nil
}

// anImage is an index of two platforms that a registry serves.
type anImage struct {
	tag      string   // host/repo:v1
	repo     string   // host/repo
	index    string   // digest
	instance string   // digest of this platform's image
	blobs    []string // the first 12 digits of the digests of its layers, and of its configuration
}

// push publishes an index of two platforms as repo:v1, in layers of that many
// bytes.
func (a *aRegistry) push(t testing.TB, repo string, size int64) anImage {
	t.Helper()
	made := anImage{repo: a.host + "/" + repo, tag: a.host + "/" + repo + ":v1"}
	idx := v1.ImageIndex(empty.Index)
	for _, arch := range []string{"amd64", "arm64"} {
		img := platformImage(t, arch, size)
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
		if arch == "amd64" {
			made.instance = digestOf(t, img)
			manifest, err := img.Manifest()
			require.NoError(t, err)
			for _, l := range append(manifest.Layers, manifest.Config) {
				made.blobs = append(made.blobs, l.Digest.Hex[:12])
			}
		}
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	ref, err := name.ParseReference(made.tag, name.Insecure)
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(ref, idx, remote.WithTransport(transport), remote.WithContext(t.Context())))
	made.index = digestOf(t, idx)
	a.forget()
	return made
}

func platformImage(t testing.TB, arch string, size int64) v1.Image {
	t.Helper()
	img, err := random.Image(size, 2)
	require.NoError(t, err)
	config, err := img.ConfigFile()
	require.NoError(t, err)
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	img, err = mutate.ConfigFile(img, config)
	require.NoError(t, err)
	return img
}

func digestOf(t testing.TB, of interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	digest, err := of.Digest()
	require.NoError(t, err)
	return digest.String()
}

// forgetImage takes an image that a test pulled out of the store.
func forgetImage(t testing.TB, id string) {
	t.Helper()
	_, err := shared.Service(t).Podman("rmi", "--force", id)
	require.NoError(t, err)
}

func TestImageNeedsAReference(t *testing.T) {
	t.Parallel()
	r, _ := fakeRuntime(t, nil)
	_, err := r.Image(t.Context(), "Upper")
	require.ErrorIs(t, err, runtime.ErrInvalidSpec)
	assert.ErrorContains(t, err, `image Upper: invalid container spec: image: found "Upper", want a reference such as ghcr.io/owner/name:tag: `)
}
