package podman

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/distribution/reference"

	"github.com/hal0ai/hal0-go/runtime"
)

// Image implements [runtime.Runtime].
func (r *Runtime) Image(ctx context.Context, ref string) (runtime.Image, error) {
	image, err := r.image(ctx, ref)
	return image, failed("image", ref, err)
}

func (r *Runtime) image(ctx context.Context, ref string) (runtime.Image, error) {
	if err := checkRef(ref); err != nil {
		return runtime.Image{}, err
	}
	var answer struct {
		ID               string `json:"Id"`
		RepoDigests      []string
		Os, Architecture string
		Size             int64
	}
	if err := r.call(ctx, request{method: http.MethodGet, path: "/images/" + url.PathEscape(ref) + "/json"}, &answer); err != nil {
		return runtime.Image{}, err
	}
	return runtime.Image{
		ID: strings.TrimPrefix(answer.ID, "sha256:"), RepoDigests: answer.RepoDigests,
		Platform: answer.Os + "/" + answer.Architecture, Size: answer.Size,
	}, nil
}

func checkRef(ref string) error {
	if _, err := reference.ParseNormalizedNamed(ref); err != nil {
		return problemf(runtime.ErrInvalidSpec, "image: found %q, want a reference such as ghcr.io/owner/name:tag: %w", ref, err)
	}
	return nil
}

// Pull implements [runtime.Runtime]. A pull may be silent for minutes, and waits
// out a registry that limits its rate: ctx is what bounds it. When ctx ends the
// pull is given up, and leaves no part of an image.
func (r *Runtime) Pull(ctx context.Context, ref string, report func(runtime.PullStep)) (runtime.Image, error) {
	image, err := r.pull(ctx, ref, report)
	return image, failed("pull", ref, err)
}

func (r *Runtime) pull(ctx context.Context, ref string, report func(runtime.PullStep)) (runtime.Image, error) {
	if err := checkRef(ref); err != nil {
		return runtime.Image{}, err
	}
	query := url.Values{"reference": {ref}, "policy": {"missing"}}
	resp, err := r.send(ctx, request{method: http.MethodPost, path: "/images/pull", query: query})
	switch {
	case answered(err): // podman 6 says so by the status
		return runtime.Image{}, &problem{runtime.ErrPull, err}
	case err != nil:
		return runtime.Image{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := readPull(resp.Body, ref, report); err != nil {
		return runtime.Image{}, unlessEnded(ctx, err)
	}
	return r.image(ctx, ref)
}

// pullLine is one line of a pull's answer.
type pullLine struct {
	Stream string   `json:"stream"`
	Error  string   `json:"error"`
	Images []string `json:"images"`
	ID     string   `json:"id"`
}

// maxPullLine bounds one line of a pull's answer.
const maxPullLine = 1 << 20

// readPull reads a pull's answer to its end. The status says 200 whatever
// happens: the pull worked if there was an image and no error.
func readPull(body io.Reader, ref string, report func(runtime.PullStep)) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxPullLine)
	pulled := false
	for lines.Scan() {
		var line pullLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return problemf(runtime.ErrPull, "podman reports %q: %w", runtime.Printable(lines.Text()), err)
		}
		if line.Error != "" {
			return problemf(runtime.ErrPull, "podman: %s", runtime.Printable(line.Error))
		}
		pulled = pulled || len(line.Images) > 0 || line.ID != ""
		if message := strings.TrimSpace(runtime.Printable(line.Stream)); message != "" && report != nil {
			report(runtime.PullStep{Ref: ref, Message: message})
		}
	}
	if err := lines.Err(); err != nil {
		return problemf(runtime.ErrPull, "podman's report broke off: %w", err)
	}
	if !pulled {
		return &problem{runtime.ErrPull, errors.New("podman's report ended without an image: the service or the transfer broke off")}
	}
	return nil
}
