package podman_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/manifest/bundle"
	"github.com/hal0ai/hal0-go/manifest/registry"
	"github.com/hal0ai/hal0-go/runtime"
)

// archived returns the archive of one image, as a box would load it.
func archived(t testing.TB, ref string) []byte {
	t.Helper()
	client, err := registry.New()
	require.NoError(t, err)
	defer client.Close()
	opts := bundle.Options{Platform: "linux/amd64", Dir: t.TempDir()}
	var out bytes.Buffer
	_, err = bundle.Save(t.Context(), &out, client, []string{ref}, opts)
	require.NoError(t, err)
	archive, err := bundle.Open(t.Context(), &out, []string{ref}, opts)
	require.NoError(t, err)
	defer archive.Close()
	image, err := archive.Image(ref)
	require.NoError(t, err)
	defer image.Close()
	data, err := io.ReadAll(image)
	require.NoError(t, err)
	return data
}

// pushAs publishes an image or an index of an image for this platform, in
// Docker's formats or OCI's, and returns its name by digest.
func (a *aRegistry) pushAs(t testing.TB, repo string, manifest, index types.MediaType) string {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	ref, err := name.ParseReference(a.host+"/"+repo+":v1", name.Insecure)
	require.NoError(t, err)
	opts := []remote.Option{remote.WithTransport(transport), remote.WithContext(t.Context())}
	images := map[string]v1.Image{}
	for _, arch := range []string{"amd64", "arm64"} {
		images[arch] = mutate.MediaType(platformImage(t, arch, 20_000), manifest)
		if manifest == types.OCIManifestSchema1 {
			images[arch] = mutate.ConfigMediaType(images[arch], types.OCIConfigJSON)
		}
	}
	if index == "" {
		require.NoError(t, remote.Write(ref, images["amd64"], opts...))
		return a.host + "/" + repo + "@" + digestOf(t, images["amd64"])
	}
	idx := mutate.IndexMediaType(empty.Index, index)
	for arch, img := range images {
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	require.NoError(t, remote.WriteIndex(ref, idx, opts...))
	return a.host + "/" + repo + "@" + digestOf(t, idx)
}

// What is loaded is found by its digest, as after a pull, whether the digest is
// an index's or a manifest's.
func TestLoadedIsAsPulled(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	for title, tc := range map[string]struct{ manifest, index types.MediaType }{
		"OCI manifest":    {types.OCIManifestSchema1, ""},
		"OCI index":       {types.OCIManifestSchema1, types.OCIImageIndex},
		"Docker manifest": {types.DockerManifestSchema2, ""},
		"Docker list":     {types.DockerManifestSchema2, types.DockerManifestList},
		"Docker in OCI":   {types.DockerManifestSchema2, types.OCIImageIndex},
	} {
		t.Run(title, func(t *testing.T) {
			ref := reg.pushAs(t, "hal0/"+strings.ReplaceAll(strings.ToLower(title), " ", "-"), tc.manifest, tc.index)
			archive := archived(t, ref)
			pulled, err := r.Pull(t.Context(), ref, runtime.PullOptions{})
			require.NoError(t, err)
			forgetImage(t, pulled.ID)
			_, err = r.Image(t.Context(), ref)
			require.ErrorIs(t, err, runtime.ErrImageNotFound)

			reg.forget()
			loaded, err := r.LoadImage(t.Context(), ref, bytes.NewReader(archive))
			require.NoError(t, err)
			assert.Equal(t, pulled, loaded)
			assert.Contains(t, loaded.RepoDigests, ref)
			repo, digest, _ := strings.Cut(ref, "@")
			found, err := r.Image(t.Context(), repo+":any@"+digest)
			require.NoError(t, err, "a tag beside the digest does not matter")
			assert.Equal(t, loaded, found)
			assert.Zero(t, reg.count(""), "no registry is asked")

			again, err := r.LoadImage(t.Context(), ref, bytes.NewReader(archive))
			require.NoError(t, err, "once more is fine")
			assert.Equal(t, loaded, again)
			forgetImage(t, loaded.ID)
		})
	}
}

// An image that is present under other names gets the new one, and keeps those.
func TestLoadAddsAName(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	made := reg.push(t, "hal0/named", 2000)
	ref := made.repo + "@" + made.index
	archive := archived(t, ref)
	pulled, err := r.Pull(t.Context(), made.repo+"@"+made.instance, runtime.PullOptions{})
	require.NoError(t, err)
	defer forgetImage(t, pulled.ID)
	_, err = shared.Service(t).Podman("tag", pulled.ID, "localhost/other:v1")
	require.NoError(t, err)
	_, err = r.Image(t.Context(), ref)
	require.ErrorIs(t, err, runtime.ErrImageNotFound)
	loaded, err := r.LoadImage(t.Context(), ref, bytes.NewReader(archive))
	require.NoError(t, err)
	assert.Equal(t, pulled.ID, loaded.ID)
	other, err := r.Image(t.Context(), "localhost/other:v1")
	require.NoError(t, err)
	assert.Equal(t, loaded, other)
}

func TestLoadFailures(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	made := reg.push(t, "hal0/unloadable", 2000)
	ref := made.repo + "@" + made.instance
	archive := archived(t, ref)
	named := reg.push(t, "hal0/named-otherwise", 2000)
	otherwise := named.repo + "@" + named.instance
	t.Cleanup(func() {
		image, err := r.Image(context.WithoutCancel(t.Context()), otherwise)
		require.NoError(t, err)
		forgetImage(t, image.ID)
	})
	other := made.repo + "@sha256:" + strings.Repeat("1", 64)
	broken := errors.New("input/output error")
	for title, tc := range map[string]struct {
		ref     string
		archive io.Reader
		class   error
		text    string
	}{
		"tag":           {made.tag, nil, runtime.ErrInvalidSpec, "found a name without a digest, want repository@sha256:…"},
		"no reference":  {"Upper", nil, runtime.ErrInvalidSpec, "want a reference such as"},
		"nothing":       {ref, strings.NewReader(""), runtime.ErrLoad, "load " + ref + ": image can't be loaded: podman: loading index: open "},
		"other name":    {other, bytes.NewReader(archived(t, otherwise)), runtime.ErrLoad, "podman took the archive, but does not have the image: its name in the archive is another one"},
		"other content": {ref, bytes.NewReader(bytes.Replace(archive, []byte(`"schemaVersion":2,`), []byte(`"schemaVersion":2 `), 1)), runtime.ErrLoad, "podman: "},
		"cut off":       {ref, bytes.NewReader(archive[:len(archive)/2]), runtime.ErrLoad, "podman: "},
		"broken":        {ref, io.MultiReader(bytes.NewReader(archive[:1000]), iotest.ErrReader(broken)), runtime.ErrLoad, "read the archive: input/output error"},
	} {
		t.Run(title, func(t *testing.T) {
			_, err := r.LoadImage(t.Context(), tc.ref, tc.archive)
			require.ErrorIs(t, err, tc.class)
			require.ErrorContains(t, err, tc.text)
			assert.NotContains(t, err.Error(), "docker-archive", "podman's other tries are not told")
			_, err = r.Image(t.Context(), tc.ref)
			assert.Error(t, err)
		})
	}
}

func TestLoadIsCancelled(t *testing.T) {
	r, _ := open(t)
	reg := newRegistry(t)
	made := reg.push(t, "hal0/cancelled", 2000)
	ref := made.repo + "@" + made.index
	archive := archived(t, ref)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	release := make(chan struct{})
	defer close(release)
	half := io.MultiReader(bytes.NewReader(archive[:len(archive)/2]), readFunc(func([]byte) (int, error) {
		cancel()
		<-release
		return 0, io.EOF
	}))
	_, err := r.LoadImage(ctx, ref, half)
	require.ErrorIs(t, err, context.Canceled)
	_, err = r.Image(t.Context(), ref)
	require.ErrorIs(t, err, runtime.ErrImageNotFound)
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// A fake service that has not what it says it took.
func TestLoadBelievesOnlyTheStore(t *testing.T) {
	t.Parallel()
	const ref = "h.example/i@sha256:1111111111111111111111111111111111111111111111111111111111111111"
	for name, tc := range map[string]struct {
		image, load http.HandlerFunc
		class       error
		text        string
	}{
		"other digest": {reply(200, `{"Id":"1","RepoDigests":["h.example/i@sha256:2"]}`), reply(200, `{"Names":["x"]}`), runtime.ErrLoad, "podman has the image, but not under this digest: its digests are h.example/i@sha256:2"},
		"plain error":  {nil, reply(500, `{"message":"no space left on device"}`), runtime.ErrLoad, "load " + ref + ": image can't be loaded: podman: no space left on device (HTTP 500)"},
		"hangs up":     {nil, drop, runtime.ErrUnavailable, "container runtime is unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handlers := map[string]http.HandlerFunc{"POST /images/load": func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "application/x-tar", r.Header.Get("Content-Type"))
				tc.load(w, r)
			}}
			if tc.image != nil {
				handlers["GET /images/"+ref+"/json"] = tc.image
			}
			r, _ := fakeRuntime(t, handlers)
			_, err := r.LoadImage(t.Context(), ref, strings.NewReader("tar"))
			require.ErrorIs(t, err, tc.class)
			require.ErrorContains(t, err, tc.text)
		})
	}
}
