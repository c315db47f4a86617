package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hal0ai/hal0-go/manifest"
)

// What a registry keeps of a repository.
const (
	manifests = "manifests"
	blobs     = "blobs"
)

// Manifest returns the manifest or index that ref, "repo@sha256:…", names, byte
// by byte, and its media type. With [Client.Blob] it makes a Client a source of
// images for package manifest/bundle.
//
// Both ask a registry that is busy or limits its rate five times, after the
// pause that it wants, at most a minute, or 1, 2, 4 and 8 seconds, and one that
// can't be reached any more while a blob is being read; the time of
// [WithTimeout] bounds the wait for each answer to begin, and ctx all of it.
// Their errors are those of [Client.Describe]. The content is not verified.
func (c *Client) Manifest(ctx context.Context, ref string) (data []byte, mediaType string, err error) {
	resp, err := c.get(ctx, manifests, ref, 0)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	data, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, "", ctx.Err()
	case err != nil:
		return nil, "", explain(ref, err)
	case len(data) > maxBody:
		return nil, "", &manifest.RegistryError{Ref: ref, Class: manifest.ErrNoAnswer, Reason: fmt.Sprintf("its manifest is larger than %d bytes", maxBody)}
	}
	return data, resp.Header.Get("Content-Type"), nil
}

// Blob returns the content of the blob that ref, "repo@sha256:…", names, from
// byte offset on; where a registry serves no parts, it reads what is before and
// drops it. The caller closes it. See [Client.Manifest].
func (c *Client) Blob(ctx context.Context, ref string, offset int64) (io.ReadCloser, error) {
	if offset > 0 {
		resp, err := c.get(ctx, blobs, ref, offset)
		switch {
		case err == nil && resp.StatusCode == http.StatusPartialContent:
			return resp.Body, nil
		case err == nil:
			return skip(resp.Body, ref, offset)
		case ctx.Err() != nil:
			return nil, err
		} // else: some registries refuse to serve a part
	}
	resp, err := c.get(ctx, blobs, ref, 0) //nolint:bodyclose // skip or the caller closes it
	if err != nil {
		return nil, err
	}
	return skip(resp.Body, ref, offset)
}

// skip leaves the first n bytes out.
func skip(body io.ReadCloser, ref string, n int64) (io.ReadCloser, error) {
	if _, err := io.CopyN(io.Discard, body, n); err != nil {
		_ = body.Close() // it has failed already
		return nil, explain(ref, err)
	}
	return body, nil
}

const (
	// firstPause is the pause before a registry that is busy is asked again. It
	// doubles up to lastPause.
	firstPause = time.Second
	lastPause  = 8 * time.Second
	// maxRetryAfter bounds the pause that a registry may want.
	maxRetryAfter = time.Minute
)

// get asks for what ref names among a repository's manifests or blobs, from byte
// offset on.
func (c *Client) get(ctx context.Context, what, ref string, offset int64) (*http.Response, error) {
	named, err := parse(ref)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", manifest.ErrNotServed, err)
	}
	for wait := firstPause; ; wait *= 2 {
		resp, wanted, err := c.getOnce(ctx, what, named, offset)
		if err == nil {
			return resp, nil
		}
		passing := isPassing(err) || offset > 0 && isNetwork(err) // it was there a moment ago
		if wait <= lastPause && passing && pause(ctx, max(wait, wanted)) == nil {
			continue
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failed := explain(ref, err)
		if errors.Is(failed, manifest.ErrDenied) {
			c.logins.forget(named.Context())
		}
		return nil, failed
	}
}

// getOnce asks once. wanted is the pause that the registry wants before the
// next time.
func (c *Client) getOnce(ctx context.Context, what string, ref name.Reference, offset int64) (resp *http.Response, wanted time.Duration, err error) {
	repo := ref.Context()
	login, err := c.logins.of(ctx, repo)
	if err != nil {
		return nil, 0, err
	}
	url := fmt.Sprintf("https://%s/v2/%s/%s/%s", repo.RegistryStr(), repo.RepositoryStr(), what, ref.Identifier())
	req, err := http.NewRequestWithContext(context.WithValue(ctx, anySize{}, true), http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, 0, err
	}
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	if what == manifests {
		for _, accept := range []types.MediaType{types.OCIImageIndex, types.OCIManifestSchema1, types.DockerManifestList, types.DockerManifestSchema2} {
			req.Header.Add("Accept", string(accept))
		}
	}
	resp, err = (&http.Client{Transport: login}).Do(req)
	if err != nil {
		return nil, 0, err
	}
	if err := transport.CheckError(resp, http.StatusOK, http.StatusPartialContent); err != nil {
		_ = resp.Body.Close() // read to its end
		return nil, retryAfter(resp), err
	}
	return resp, 0, nil
}

// isPassing reports whether to ask again: the registry is busy, limits its rate,
// or the connection broke.
func isPassing(err error) bool {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusRequestTimeout || answer.StatusCode >= http.StatusInternalServerError
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// retryAfter returns the pause that a registry wants, 0 if it does not say.
func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
