package podman_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
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

// aRegistry is a real registry on the loopback interface. block, once set, is
// called for each blob.
type aRegistry struct {
	host  string
	block atomic.Pointer[func(*http.Request)]
}

func newRegistry(t testing.TB) *aRegistry {
	t.Helper()
	var a aRegistry
	real := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if block := a.block.Load(); block != nil && strings.Contains(r.URL.Path, "/blobs/") {
			(*block)(r)
		}
		real.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.host = strings.TrimPrefix(server.URL, "http://")
	return &a
}

// push publishes an index of two platforms as repo:tag and returns the digests
// of the index and of this platform's image.
func (a *aRegistry) push(t testing.TB, repo string) (index, instance string) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	idx := v1.ImageIndex(empty.Index)
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := random.Image(2000, 1)
		require.NoError(t, err)
		config, err := img.ConfigFile()
		require.NoError(t, err)
		config = config.DeepCopy()
		config.OS, config.Architecture = "linux", arch
		img, err = mutate.ConfigFile(img, config)
		require.NoError(t, err)
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
		if arch == "amd64" {
			digest, err := img.Digest()
			require.NoError(t, err)
			instance = digest.String()
		}
	}
	ref, err := name.ParseReference(a.host+"/"+repo+":v1", name.Insecure)
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(ref, idx, remote.WithTransport(transport), remote.WithContext(t.Context())))
	digest, err := idx.Digest()
	require.NoError(t, err)
	return digest.String(), instance
}

func TestPull(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	index, instance := reg.push(t, "hal0/model")
	repo := reg.host + "/hal0/model"
	for title, ref := range map[string]string{"tag": repo + ":v1", "index": repo + "@" + index, "instance": repo + "@" + instance} {
		t.Run(title, func(t *testing.T) {
			_, err := r.Image(t.Context(), ref)
			require.ErrorIs(t, err, runtime.ErrImageNotFound)
			var steps []runtime.PullStep
			image, err := r.Pull(t.Context(), ref, func(s runtime.PullStep) { steps = append(steps, s) })
			require.NoError(t, err)
			require.NotEmpty(t, steps)
			assert.Equal(t, runtime.PullStep{Ref: ref, Message: "Trying to pull " + ref + "..."}, steps[0])
			assert.Equal(t, "linux/amd64", image.Platform)
			assert.Regexp(t, "^[0-9a-f]{64}$", image.ID)
			assert.Positive(t, image.Size)
			assert.Contains(t, image.RepoDigests, repo+"@"+instance)
			if title != "instance" {
				assert.Contains(t, image.RepoDigests, repo+"@"+index)
			}
			local, err := r.Image(t.Context(), ref)
			require.NoError(t, err)
			assert.Equal(t, image, local)

			again, err := r.Pull(t.Context(), ref, nil)
			require.NoError(t, err, "present: nothing to ask the registry")
			assert.Equal(t, image, again)
			_, err = shared.Service(t).Podman("rmi", "--force", image.ID)
			require.NoError(t, err)
		})
	}
}

func TestPullFailures(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	reg.push(t, "hal0/model")
	for title, tc := range map[string]struct {
		ref   string
		class error
		text  string
	}{
		"tag":      {reg.host + "/hal0/model:v9", runtime.ErrPull, "manifest unknown"},
		"digest":   {reg.host + "/hal0/model@sha256:" + strings.Repeat("0", 64), runtime.ErrPull, "manifest unknown"},
		"registry": {"127.0.0.1:1/hal0/model:v1", runtime.ErrPull, "connection refused"},
		"upper":    {"127.0.0.1:1/Hal0:v1", runtime.ErrInvalidSpec, "repository name (Hal0) must be lowercase"},
		"empty":    {"", runtime.ErrInvalidSpec, `image: found "", want a reference such as`},
	} {
		t.Run(title, func(t *testing.T) {
			_, err := r.Pull(t.Context(), tc.ref, nil)
			require.ErrorIs(t, err, tc.class)
			assert.Contains(t, err.Error(), tc.text)
			_, err = r.Image(t.Context(), tc.ref)
			assert.Error(t, err)
		})
	}
}

func TestPullIsCancelled(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	reg.push(t, "hal0/model")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	block := func(r *http.Request) {
		cancel()
		<-r.Context().Done()
	}
	reg.block.Store(&block)
	ref := reg.host + "/hal0/model:v1"
	_, err := r.Pull(ctx, ref, nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = r.Image(t.Context(), ref)
	assert.ErrorIs(t, err, runtime.ErrImageNotFound)
}
