// Package registrytest runs a real image registry on the loopback interface for
// tests, makes small images for it, and lets it fail in the ways that
// registries do.
package registrytest

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"log"
	"net"
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
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/opencontainers/go-digest"
)

// A Registry is a registry that runs. Its methods may be called concurrently.
type Registry struct {
	// Host is where it listens, such as "127.0.0.1:40123".
	Host string

	handler http.Handler
	fault   atomic.Pointer[Fault]

	mu         sync.Mutex
	requests   []string
	open, most int // connections
}

// A Fault answers a request in the registry's place and returns true, or leaves
// it to the registry.
type Fault func(http.ResponseWriter, *http.Request) bool

// Start runs a registry until the test ends.
func Start(tb testing.TB) *Registry {
	tb.Helper()
	r := &Registry{handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	server := httptest.NewUnstartedServer(r)
	server.Config.ConnState = r.count
	server.Start()
	tb.Cleanup(server.Close)
	r.Host = strings.TrimPrefix(server.URL, "http://")
	return r
}

// ServeHTTP notes the request and answers it.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req.Method+" "+req.URL.Path)
	r.mu.Unlock()
	if fault := r.fault.Load(); fault != nil && (*fault)(w, req) {
		return
	}
	r.handler.ServeHTTP(w, req)
}

// Fail answers with fault from now on; nil is a registry that works.
func (r *Registry) Fail(fault Fault) {
	if fault == nil {
		r.fault.Store(nil)
		return
	}
	r.fault.Store(&fault)
}

// Requests returns the requests since it was last asked, each as "METHOD /path".
func (r *Registry) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.requests
	r.requests = nil
	return all
}

// MostConnections returns how many connections were open at a time, at most.
func (r *Registry) MostConnections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most
}

func (r *Registry) count(_ net.Conn, state http.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch state {
	case http.StateNew:
		r.open++
	case http.StateClosed, http.StateHijacked:
		r.open--
	case http.StateActive, http.StateIdle:
	}
	r.most = max(r.most, r.open)
}

// Push puts an image or an index under repo:tag and returns its digest, without
// a request or a connection that counts.
func (r *Registry) Push(tb testing.TB, ref string, image remote.Taggable) digest.Digest {
	tb.Helper()
	named, err := name.ParseReference(r.Host + "/" + ref)
	if err != nil {
		tb.Fatal(err)
	}
	opts := []remote.Option{remote.WithTransport(inProcess{r.handler}), remote.WithContext(context.WithoutCancel(tb.Context()))}
	switch image := image.(type) {
	case v1.ImageIndex:
		err = remote.WriteIndex(named, image, opts...)
	case v1.Image:
		err = remote.Write(named, image, opts...)
	default:
		tb.Fatalf("%T is neither an image nor an index", image)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return Digest(tb, image.(interface{ Digest() (v1.Hash, error) }))
}

// inProcess takes requests to a handler without a connection.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, served)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// Delete removes a tag or a digest.
func (r *Registry) Delete(tb testing.TB, ref string) {
	tb.Helper()
	repo, tag, _ := strings.Cut(ref, ":")
	if at := strings.IndexByte(ref, '@'); at >= 0 {
		repo, tag = ref[:at], ref[at+1:]
	}
	req := httptest.NewRequestWithContext(tb.Context(), http.MethodDelete, "/v2/"+repo+"/manifests/"+tag, http.NoBody)
	w := httptest.NewRecorder()
	if r.handler.ServeHTTP(w, req); w.Code != http.StatusAccepted {
		tb.Fatalf("delete %s: %d", ref, w.Code)
	}
}

// Digest returns the digest of an image or an index.
func Digest(tb testing.TB, image interface{ Digest() (v1.Hash, error) }) digest.Digest {
	tb.Helper()
	d, err := image.Digest()
	if err != nil {
		tb.Fatal(err)
	}
	return digest.Digest(d.String())
}

// Image returns an image for a platform, such as "linux/arm64". version makes it
// another image with the same files: root is a root file system as a tar
// archive, or nil for one with a single file.
func Image(tb testing.TB, platform, version string, root []byte) v1.Image {
	tb.Helper()
	if root == nil {
		root = oneFile(tb)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(root)), nil })
	if err != nil {
		tb.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		tb.Fatal(err)
	}
	os, arch, _ := strings.Cut(platform, "/")
	config, err := image.ConfigFile()
	if err != nil {
		tb.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = os, arch
	config.Config = v1.Config{Entrypoint: []string{"/stubserver"}, Env: []string{"STUB_VERSION=" + version}}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		tb.Fatal(err)
	}
	return image
}

func oneFile(tb testing.TB) []byte {
	tb.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644}); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return archive.Bytes()
}

// Index returns an index of images.
func Index(tb testing.TB, images ...v1.Image) v1.ImageIndex {
	tb.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, image := range images {
		config, err := image.ConfigFile()
		if err != nil {
			tb.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: config.Platform()}})
	}
	return index
}
