package remote_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	ggcr "github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hal0ai/hal0-go/manifest/bundle"
	"github.com/hal0ai/hal0-go/manifest/bundle/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A middleware answers a request to a registry, or has next answer it.
type middleware func(w http.ResponseWriter, r *http.Request, next http.Handler)

// served is a real registry on the loopback interface with one image.
type served struct {
	repo   string
	image  v1.Image
	ref    string // of the image
	layer  string // ref of its layer
	around atomic.Pointer[middleware]

	mu     sync.Mutex
	ranges []string // of the requests of the layer
}

func serve(t *testing.T) (*served, *remote.Client) {
	t.Helper()
	var s served
	real := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.layer != "" && strings.HasSuffix(r.URL.Path, strings.TrimPrefix(s.layer, s.repo+"@")) {
			s.mu.Lock()
			s.ranges = append(s.ranges, r.Header.Get("Range"))
			s.mu.Unlock()
		}
		if around := s.around.Load(); around != nil {
			(*around)(w, r, real)
			return
		}
		real.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.repo = strings.TrimPrefix(server.URL, "http://") + "/hal0/tool"
	var err error
	s.image, err = random.Image(100_000, 1)
	require.NoError(t, err)
	tag, err := name.ParseReference(s.repo + ":v1")
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	require.NoError(t, ggcr.Write(tag, s.image, ggcr.WithTransport(transport)))
	manifest, err := s.image.Manifest()
	require.NoError(t, err)
	digest, err := s.image.Digest()
	require.NoError(t, err)
	s.ref, s.layer = s.repo+"@"+digest.String(), s.repo+"@"+manifest.Layers[0].Digest.String()
	client := remote.New()
	t.Cleanup(client.Close)
	return &s, client
}

func (s *served) do(around middleware) { s.around.Store(&around) }

func (s *served) blob(t *testing.T, c *remote.Client, offset int64) (string, error) {
	t.Helper()
	body, err := c.Blob(t.Context(), s.layer, offset)
	if err != nil {
		return "", err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	return string(data), err
}

func TestManifestAndBlob(t *testing.T) {
	t.Parallel()
	s, c := serve(t)
	data, mediaType, err := c.Manifest(t.Context(), s.ref)
	require.NoError(t, err)
	raw, err := s.image.RawManifest()
	require.NoError(t, err)
	assert.Equal(t, raw, data)
	want, err := s.image.MediaType()
	require.NoError(t, err)
	assert.Equal(t, string(want), mediaType)

	all, err := s.blob(t, c, 0)
	require.NoError(t, err)
	rest, err := s.blob(t, c, 1000)
	require.NoError(t, err)
	assert.Equal(t, all[1000:], rest)
	assert.Equal(t, []string{"", "bytes=1000-", ""}, s.ranges, "this one refuses to serve the rest")

	for status, header := range map[int]string{http.StatusPartialContent: "bytes=1000-", http.StatusOK: ""} {
		s.ranges = nil
		s.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Header.Get("Range") != "" {
				r.Header.Set("Range", header)
				http.ServeContent(w, r, "", time.Time{}, strings.NewReader(all))
				return
			}
			next.ServeHTTP(w, r)
		})
		got, err := s.blob(t, c, 1000)
		require.NoError(t, err)
		assert.Equal(t, rest, got, "one that answers %d", status)
		assert.Equal(t, []string{"bytes=1000-"}, s.ranges)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s, c := serve(t)
	status := func(code int, challenge string) middleware {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(code)
		}
	}
	gone := s.repo + "@sha256:" + strings.Repeat("1", 64)
	for name, tc := range map[string]struct {
		ref    string
		around middleware
		text   string
	}{
		"unknown":       {gone, nil, "MANIFEST_UNKNOWN"},
		"refused":       {strings.Replace(s.ref, s.repo, "127.0.0.1:1/x", 1), nil, "connection refused"},
		"no repository": {"@sha256:1", nil, "a repository name must be specified"},
		"login wanted":  {s.ref, status(http.StatusUnauthorized, `Basic realm="x"`), "401 Unauthorized"},
		"forbidden":     {s.ref, status(http.StatusForbidden, ""), "403 Forbidden"},
		"no token":      {s.ref, status(http.StatusUnauthorized, `Bearer realm="http://me:hunter2@127.0.0.1:1/token?secret=hunter2",service="x"`), "is a private or link-local address"},
		"redirect loops": {s.ref, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Redirect(w, r, r.URL.Path+"?sig=hunter2", http.StatusFound)
		}, "stopped after 10 redirects"},
		"too large": {s.ref, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.Contains(r.URL.Path, "/manifests/") {
				_, _ = w.Write(make([]byte, 5<<20))
				return
			}
			next.ServeHTTP(w, r)
		}, "the manifest is larger than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s.around.Store(nil)
			if tc.around != nil {
				s.do(tc.around)
			}
			fresh := remote.New() // the other one knows the registry
			defer fresh.Close()
			_, _, err := fresh.Manifest(t.Context(), tc.ref)
			require.ErrorContains(t, err, tc.text)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := c.Blob(t.Context(), gone, 0)
	require.ErrorContains(t, err, "BLOB_UNKNOWN")
}

// An anonymous token, as ghcr.io and Docker Hub want one.
func TestAnonymousToken(t *testing.T) {
	t.Parallel()
	s, c := serve(t)
	var asked atomic.Int32
	s.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case r.URL.Path == "/token":
			asked.Add(1)
			assert.Empty(t, r.Header.Get("Authorization"), "no credential is sent")
			assert.Equal(t, "repository:hal0/tool:pull", r.URL.Query().Get("scope"))
			_ = json.NewEncoder(w).Encode(map[string]string{"token": "hunter2"})
		case r.Header.Get("Authorization") == "Bearer hunter2":
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="hal0"`, r.Host))
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	_, _, err := c.Manifest(t.Context(), s.ref)
	require.NoError(t, err)
	_, err = s.blob(t, c, 0)
	require.NoError(t, err)
	assert.Equal(t, int32(1), asked.Load(), "one token does for a repository")
}

func TestBusyRegistryIsAskedAgain(t *testing.T) {
	t.Parallel()
	s, c := serve(t)
	var asked atomic.Int32
	s.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.Path, "/manifests/") && asked.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
	_, _, err := c.Manifest(t.Context(), s.ref)
	require.NoError(t, err)
	assert.Equal(t, int32(2), asked.Load())
}

// Neither a pause nor a registry that is silent holds up the end of a context.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"busy": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := serve(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if strings.Contains(r.URL.Path, "/manifests/") {
					cancel()
					answer(w, r)
					return
				}
				next.ServeHTTP(w, r)
			})
			_, _, err := c.Manifest(ctx, s.ref)
			assert.ErrorIs(t, err, context.Canceled)
		})
	}
}

// A blob whose transfer breaks off is asked for from there on, and the archive
// is none the worse.
func TestSaveSurvivesABrokenTransfer(t *testing.T) {
	t.Parallel()
	s, c := serve(t)
	config, err := s.image.ConfigFile()
	require.NoError(t, err)
	opts := bundle.Options{Platform: config.OS + "/" + config.Architecture}
	var whole, broken bytes.Buffer
	_, err = bundle.Save(t.Context(), &whole, c, []string{s.ref}, opts)
	require.NoError(t, err)
	var cut atomic.Bool
	s.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, strings.TrimPrefix(s.layer, s.repo+"@")) && cut.CompareAndSwap(false, true) {
			w = halfWriter{w}
		}
		next.ServeHTTP(w, r)
	})
	_, err = bundle.Save(t.Context(), &broken, c, []string{s.ref}, opts)
	require.NoError(t, err)
	assert.True(t, cut.Load())
	assert.Equal(t, whole.Bytes(), broken.Bytes())
}

// halfWriter breaks the answer off half-way.
type halfWriter struct{ http.ResponseWriter }

func (h halfWriter) Write(p []byte) (int, error) {
	if _, err := h.ResponseWriter.Write(p[:len(p)/2]); err != nil {
		return 0, err
	}
	panic(http.ErrAbortHandler)
}
