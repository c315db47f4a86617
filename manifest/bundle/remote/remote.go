// Package remote reads the content of images from registries, for package
// bundle.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hal0ai/hal0-go/internal/redact"
	"github.com/hal0ai/hal0-go/manifest/bundle"
)

var _ bundle.Source = (*Client)(nil)

// A Client asks registries anonymously, as the images of hal0 are public: it
// reads no credentials and sends none but the tokens that registries give to
// everybody. It speaks HTTPS, and plain HTTP to registries on this host or in a
// private network that have no HTTPS. It may be used concurrently; make it with
// [New].
type Client struct {
	base *http.Transport

	mu    sync.Mutex
	repos map[string]*repo
}

// A repo is one repository, with the right to read it.
type repo struct {
	name.Repository
	client *http.Client
}

const (
	// answersWithin bounds the wait for the first byte of an answer. A blob may
	// then take as long as it takes: the context bounds it.
	answersWithin = time.Minute
	// maxManifest is the most that a manifest may have, in bytes: what registries
	// accept.
	maxManifest = 4 << 20
)

// New returns a Client that goes through the proxy that the environment names,
// if any.
func New() *Client {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented
	t.ResponseHeaderTimeout = answersWithin
	return &Client{base: t, repos: map[string]*repo{}}
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.base.CloseIdleConnections() }

// Manifest implements [bundle.Source].
func (c *Client) Manifest(ctx context.Context, ref string) (data []byte, mediaType string, err error) {
	resp, err := c.get(ctx, "manifests", ref, func(h http.Header) {
		for _, accept := range []types.MediaType{types.OCIImageIndex, types.OCIManifestSchema1, types.DockerManifestList, types.DockerManifestSchema2} {
			h.Add("Accept", string(accept))
		}
	})
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	data, err = io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err == nil && len(data) > maxManifest {
		err = fmt.Errorf("the manifest is larger than %d bytes", maxManifest)
	}
	return data, resp.Header.Get("Content-Type"), redact.Error(err)
}

// Blob implements [bundle.Source].
func (c *Client) Blob(ctx context.Context, ref string, offset int64) (io.ReadCloser, error) {
	if offset > 0 {
		resp, err := c.get(ctx, "blobs", ref, func(h http.Header) { h.Set("Range", fmt.Sprintf("bytes=%d-", offset)) })
		switch {
		case err == nil && resp.StatusCode == http.StatusPartialContent:
			return resp.Body, nil
		case err == nil:
			return skip(resp.Body, offset)
		case ctx.Err() != nil:
			return nil, err
		} // else: some registries refuse to serve a part
	}
	resp, err := c.get(ctx, "blobs", ref, func(http.Header) {}) //nolint:bodyclose // skip or the caller closes it
	if err != nil {
		return nil, err
	}
	return skip(resp.Body, offset)
}

// skip leaves the first bytes out.
func skip(body io.ReadCloser, n int64) (io.ReadCloser, error) {
	if _, err := io.CopyN(io.Discard, body, n); err != nil {
		return nil, redact.Error(errors.Join(err, body.Close()))
	}
	return body, nil
}

// get asks for what ref names among a repository's manifests or blobs, and asks
// again where the registry is busy.
func (c *Client) get(ctx context.Context, what, ref string, header func(http.Header)) (*http.Response, error) {
	for wait := firstPause; ; wait *= 2 {
		resp, err := c.request(ctx, what, ref, header)
		if err == nil {
			return resp, nil
		}
		if wait <= lastPause && isTemporary(err) && pause(ctx, max(wait, retryAfter(err))) == nil {
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, redact.Error(err)
	}
}

func (c *Client) request(ctx context.Context, what, ref string, header func(http.Header)) (*http.Response, error) {
	path, digest, _ := strings.Cut(ref, "@")
	r, err := c.repo(ctx, path)
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("%s://%s/v2/%s/%s/%s", r.Scheme(), r.RegistryStr(), r.RepositoryStr(), what, digest)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	header(req.Header)
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	if err := transport.CheckError(resp, http.StatusOK, http.StatusPartialContent); err != nil {
		_ = resp.Body.Close() // read to its end
		return nil, &refusal{resp.Header.Get("Retry-After"), err}
	}
	return resp, nil
}

// repo returns a repository. The first call asks its registry for a token.
func (c *Client) repo(ctx context.Context, path string) (*repo, error) {
	c.mu.Lock()
	known := c.repos[path]
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	repository, err := name.NewRepository(path, name.StrictValidation)
	if err != nil {
		return nil, err
	}
	authorized, err := transport.NewWithContext(ctx, repository.Registry, authn.Anonymous, c.base, []string{repository.Scope(transport.PullScope)})
	if err != nil {
		return nil, err
	}
	r := &repo{repository, &http.Client{Transport: authorized}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.repos[path] = r
	return r, nil
}
