package podman

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/internal/ctxread"
	"github.com/hal0ai/hal0-go/runtime"
)

var _ runtime.ImageLoader = (*Runtime)(nil)

// LoadImage implements [runtime.ImageLoader]. The service spools the archive and
// unpacks it before it stores the image: for a while it needs twice the
// archive's size in its own temporary directory (/var/tmp), and cleans up also
// when ctx ends. It says nothing until the image is stored.
//
// Podman compares every digest itself, that in the name among them, and takes
// from an index the image of its own platform; it is no error that the others
// are not in the archive. A signature policy that wants images signed refuses
// archives. An image that has another name in the archive is stored under that
// one, and an error.
func (r *Runtime) LoadImage(ctx context.Context, ref string, archive io.Reader) (runtime.Image, error) {
	image, err := r.load(ctx, ref, archive)
	return image, failed("load", ref, err)
}

func (r *Runtime) load(ctx context.Context, ref string, archive io.Reader) (runtime.Image, error) {
	name, err := canonical(ref)
	if err != nil {
		return runtime.Image{}, err
	}
	if !strings.Contains(name, "@") {
		return runtime.Image{}, problemf(runtime.ErrInvalidSpec, "found a name without a digest, want repository@sha256:…")
	}
	body, failure := ctxread.Open(ctx, archive) // net/http waits for a Read of the body that is under way
	resp, err := r.send(ctx, request{method: http.MethodPost, path: "/images/load", tar: body})
	if err == nil {
		_ = resp.Body.Close() // what it says is looked up
	}
	if broken := failure(); broken != nil {
		err = &problem{runtime.ErrLoad, fmt.Errorf("read the archive: %w", broken)}
	}
	switch {
	case answered(err):
		return runtime.Image{}, &problem{runtime.ErrLoad, loadError(err)}
	case err != nil:
		return runtime.Image{}, unlessEnded(ctx, err)
	}
	image, err := r.image(ctx, name)
	switch {
	case errors.Is(classOf(err), runtime.ErrImageNotFound):
		return runtime.Image{}, problemf(runtime.ErrLoad, "podman took the archive, but does not have the image: its name in the archive is another one")
	case err != nil:
		return runtime.Image{}, err
	case !slices.Contains(image.RepoDigests, name):
		return runtime.Image{}, problemf(runtime.ErrLoad, "podman has the image, but not under this digest: its digests are %s", strings.Join(image.RepoDigests, ", "))
	}
	return image, nil
}

// loadError returns what podman says of the format that was sent. Its answer
// tells of each format that it tried, a line each.
func loadError(err error) error {
	var answer *apiError
	if errors.As(err, &answer) {
		for line := range strings.Lines(answer.Message) {
			if why, ok := strings.CutPrefix(strings.TrimSpace(line), "* oci-archive: "); ok {
				return fmt.Errorf("podman: %s (HTTP %d)", runtime.Printable(why), answer.status)
			}
		}
	}
	return err
}
