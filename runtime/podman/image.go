package podman

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/distribution/reference"

	"github.com/hal0ai/hal0-go/runtime"
)

// Image implements [runtime.Runtime]. A name without a registry is docker.io's,
// whatever images of that name the store has from others.
func (r *Runtime) Image(ctx context.Context, ref string) (runtime.Image, error) {
	image, err := r.image(ctx, ref)
	return image, failed("image", ref, err)
}

func (r *Runtime) image(ctx context.Context, ref string) (runtime.Image, error) {
	name, err := canonical(ref)
	if err != nil {
		return runtime.Image{}, err
	}
	var answer struct {
		ID               string `json:"Id"`
		RepoDigests      []string
		Os, Architecture string
		Size             int64
	}
	if err := r.call(ctx, request{method: http.MethodGet, path: "/images/" + url.PathEscape(name) + "/json"}, &answer); err != nil {
		return runtime.Image{}, err
	}
	return runtime.Image{
		ID: strings.TrimPrefix(answer.ID, "sha256:"), RepoDigests: answer.RepoDigests,
		Platform: answer.Os + "/" + answer.Architecture, Size: answer.Size,
	}, nil
}

// canonical returns the name that podman keeps an image under: with its
// registry, and with a tag or digest. Podman is never given another: it would
// take a short one for whatever image ends like it, of any registry, or whose id
// begins so.
func canonical(ref string) (string, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", problemf(runtime.ErrInvalidSpec, "image: found %q, want a reference such as ghcr.io/owner/name:tag: %w", ref, err)
	}
	return reference.TagNameOnly(named).String(), nil
}
