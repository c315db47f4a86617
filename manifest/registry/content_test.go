package registry_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/registrytest"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/manifest/bundle"
	"github.com/hal0ai/hal0-go/manifest/registry"
)

var _ bundle.Source = (*registry.Client)(nil)

// pushed is an image in a registry, with one layer.
type pushed struct {
	*registrytest.Registry
	image      v1.Image
	ref, layer string
	content    []byte // of the layer
}

func push(t *testing.T, size int) *pushed {
	t.Helper()
	noise := make([]byte, size)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	p := &pushed{Registry: registrytest.Start(t), image: registrytest.Image(t, "linux/amd64", "1", noise)}
	p.ref = p.Host + "/hal0/a@" + p.Push(t, "hal0/a:v1", p.image).String()
	layers, err := p.image.Layers()
	require.NoError(t, err)
	p.layer = p.Host + "/hal0/a@" + registrytest.Digest(t, layers[0]).String()
	body, err := layers[0].Compressed()
	require.NoError(t, err)
	p.content, err = io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	return p
}

func (p *pushed) isLayer(r *http.Request) bool {
	_, digest, _ := strings.Cut(p.layer, "@")
	return strings.HasSuffix(r.URL.Path, "/blobs/"+digest)
}

func (p *pushed) read(ctx context.Context, t *testing.T, c *registry.Client, offset int64) []byte {
	t.Helper()
	body, err := c.Blob(ctx, p.layer, offset)
	require.NoError(t, err)
	data, err := io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	return data
}

func TestContent(t *testing.T) {
	t.Parallel()
	p, c := push(t, 5<<20), newClient(t)
	data, mediaType, err := c.Manifest(t.Context(), p.ref)
	require.NoError(t, err)
	raw, err := p.image.RawManifest()
	require.NoError(t, err)
	assert.Equal(t, raw, data)
	want, err := p.image.MediaType()
	require.NoError(t, err)
	assert.Equal(t, string(want), mediaType)
	assert.Equal(t, p.content, p.read(t.Context(), t, c, 0), "larger than a manifest may be")
}

// The rest of a blob, from registries that serve parts, ignore that one is asked
// for, or refuse to serve one.
func TestRestOfABlob(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		serves func(p *pushed, w http.ResponseWriter, r *http.Request)
		asked  int
	}{
		"parts": {func(p *pushed, w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.content))
		}, 1},
		"all": {func(p *pushed, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(p.content) }, 1},
		"no part": {func(p *pushed, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			_, _ = w.Write(p.content)
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := push(t, 50_000), newClient(t)
			var asked atomic.Int32
			p.Fail(func(w http.ResponseWriter, r *http.Request) bool {
				if !p.isLayer(r) {
					return false
				}
				asked.Add(1)
				tc.serves(p, w, r)
				return true
			})
			assert.Equal(t, p.content[1000:], p.read(t.Context(), t, c, 1000))
			assert.Equal(t, int32(tc.asked), asked.Load())
		})
	}
}

func TestContentFailures(t *testing.T) {
	t.Parallel()
	const class = "the registry gives no answer"
	gone := "@sha256:" + strings.Repeat("1", 64)
	for name, tc := range map[string]struct {
		fault registrytest.Fault
		ref   string
		class error
		text  string // %s is the registry's host
	}{
		"gone":           {nil, "hal0/a" + gone, manifest.ErrNotServed, "%s/hal0/a" + gone + ": the registry does not serve it"},
		"no reference":   {nil, "Upper", manifest.ErrNotServed, "the registry does not serve it: "},
		"login":          {registrytest.Login, "", manifest.ErrDenied, "the registry wants a login"},
		"no token":       {registrytest.Token(403), "", manifest.ErrDenied, "the registry wants a login"},
		"not a registry": {notFound, "", manifest.ErrNoAnswer, class + ": %s answers HTTP 404 Not Found"},
		"redirect":       {redirect, "", manifest.ErrNoAnswer, class},
		"endless": {func(w http.ResponseWriter, r *http.Request) bool {
			for strings.Contains(r.URL.Path, "/manifests/") {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return true
				}
			}
			return false
		}, "", manifest.ErrNoAnswer, class + ": its manifest is larger than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := push(t, 50_000), newClient(t)
			p.Fail(tc.fault)
			ref := p.ref
			if tc.ref != "" {
				ref = p.Host + "/" + tc.ref
			}
			_, _, err := c.Manifest(t.Context(), ref)
			require.ErrorIs(t, err, tc.class)
			require.ErrorContains(t, err, strings.ReplaceAll(tc.text, "%s", p.Host))
			for _, secret := range registrytest.Secrets() {
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret)
			}
		})
	}
	p, c := push(t, 50_000), newClient(t)
	_, err := c.Blob(t.Context(), p.Host+"/hal0/a"+gone, 0)
	require.ErrorIs(t, err, manifest.ErrNoAnswer)
	require.ErrorContains(t, err, " answers HTTP 404 Not Found")
	_, err = c.Blob(t.Context(), p.layer, int64(len(p.content))+1)
	require.ErrorIs(t, err, manifest.ErrNoAnswer, "there is no rest")
}

// A registry that limits its rate, or breaks the connection off, is asked again.
func TestContentIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http.HandlerFunc{
		"limit": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"busy":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := push(t, 50_000), newClient(t)
			var asked atomic.Int32
			p.Fail(func(w http.ResponseWriter, r *http.Request) bool {
				if !p.isLayer(r) || asked.Add(1) > 1 {
					return false
				}
				fault(w, r)
				return true
			})
			assert.Equal(t, p.content, p.read(t.Context(), t, c, 0))
			assert.GreaterOrEqual(t, asked.Load(), int32(2))
		})
	}
}

// A registry that was there a moment ago is waited for.
func TestRestOfABlobIsWaitedFor(t *testing.T) {
	t.Parallel()
	p, c := push(t, 1000), newClient(t)
	away := strings.Replace(p.layer, p.Host, "127.0.0.1:1", 1)
	_, err := c.Blob(t.Context(), away, 0)
	require.ErrorIs(t, err, manifest.ErrNoAnswer)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = c.Blob(ctx, away, 5)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Neither a pause nor silence holds up the end of a context.
func TestContentIsCancelled(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]registrytest.Fault{
		"busy": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		},
		"silent": registrytest.Slow,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := push(t, 50_000), newClient(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p.Fail(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") && !p.isLayer(r) {
					return false
				}
				cancel()
				return fault(w, r)
			})
			_, _, err := c.Manifest(ctx, p.ref)
			require.ErrorIs(t, err, context.Canceled)
			_, err = c.Blob(ctx, p.layer, 5)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

// A blob whose transfer breaks off is asked for from there on, and the archive is
// none the worse.
func TestSaveSurvivesABrokenTransfer(t *testing.T) {
	t.Parallel()
	p, c := push(t, 50_000), newClient(t)
	opts := bundle.Options{Platform: "linux/amd64"}
	var whole, broken bytes.Buffer
	_, err := bundle.Save(t.Context(), &whole, c, []string{p.ref}, opts)
	require.NoError(t, err)
	var asked atomic.Int32
	p.Fail(func(w http.ResponseWriter, r *http.Request) bool {
		if !p.isLayer(r) {
			return false
		}
		if asked.Add(1) > 1 {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.content))
			return true
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(p.content)))
		_, _ = w.Write(p.content[:len(p.content)/2])
		panic(http.ErrAbortHandler)
	})
	_, err = bundle.Save(t.Context(), &broken, c, []string{p.ref}, opts)
	require.NoError(t, err)
	assert.Equal(t, int32(2), asked.Load())
	assert.True(t, bytes.Equal(whole.Bytes(), broken.Bytes()))
}
