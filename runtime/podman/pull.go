package podman

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/hal0ai/hal0-go/runtime"
)

// Pull implements [runtime.Runtime]. A registry that wants a login gets the
// credentials that the service itself has (podman login); none are sent.
//
// It asks podman through the endpoint that speaks Docker's API, as that one
// tells bytes: a line a second for each blob, with the first 12 digits of its
// digest. Podman's own endpoint, as of 4.3.1, names the blobs when their
// copying begins and is then silent until all are done. Both take as long, and
// report the same errors up to podman 4; podman 5 answers a pull that fails
// before the first blob with a status and the bare cause.
//
// Neither tells of waiting. A registry that answers 429 is asked five times, as
// far apart as it says or 2 to 16 s, before that is the error; a truncated blob
// is an error at once.
func (r *Runtime) Pull(ctx context.Context, ref string, opts runtime.PullOptions) (runtime.Image, error) {
	image, err := r.pull(ctx, ref, opts)
	return image, failed("pull", ref, err)
}

func (r *Runtime) pull(ctx context.Context, ref string, opts runtime.PullOptions) (runtime.Image, error) {
	name, err := canonical(ref)
	if err != nil {
		return runtime.Image{}, err
	}
	if !opts.Always {
		image, err := r.image(ctx, name)
		if !errors.Is(classOf(err), runtime.ErrImageNotFound) {
			return image, err
		}
	}
	report := func(step runtime.PullStep) {
		if opts.Report != nil {
			step.Ref = ref
			opts.Report(step)
		}
	}
	return r.pulls.Join(ctx, name, r.fetch, report)
}

// fetch has podman pull an image, present or not.
func (r *Runtime) fetch(ctx context.Context, name string, report func(runtime.PullStep)) (runtime.Image, error) {
	report(runtime.PullStep{Phase: runtime.PullResolving, Message: "asking the registry for " + name})
	query := url.Values{"fromImage": {name}}
	resp, err := r.send(ctx, request{method: http.MethodPost, docker: true, path: "/images/create", query: query})
	switch {
	case answered(err):
		return runtime.Image{}, &problem{runtime.ErrPull, err}
	case err != nil:
		return runtime.Image{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	id, err := readPull(resp.Body, report)
	if err != nil {
		return runtime.Image{}, unlessEnded(ctx, err)
	}
	image, err := r.image(ctx, name)
	switch absent := errors.Is(classOf(err), runtime.ErrImageNotFound); {
	case err != nil && !absent:
		return runtime.Image{}, err
	case absent, !strings.HasPrefix(image.ID, id):
		return runtime.Image{}, problemf(runtime.ErrPull, "podman's report ends with %s, but the image of that name is %.12s: the report broke off, or someone else moved the name",
			runtime.Printable(id), cmp.Or(image.ID, "not there"))
	}
	report(runtime.PullStep{Phase: runtime.PullDone, Message: fmt.Sprintf("image %.12s is present", image.ID)})
	return image, nil
}

// A pullLine is one line of a pull's answer.
type pullLine struct {
	Status   string `json:"status"`
	ID       string `json:"id"`
	Progress struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
	Error string `json:"error"`
}

// maxPullLine bounds one line of a pull's answer.
const maxPullLine = 1 << 20

// readPull reads a pull's answer to its end and returns the beginning of the
// image's id. Up to podman 4 the status says 200 whatever happens: the pull
// worked if no line is an error and the last one is about the image, whose id
// is its configuration's digest. A report that broke off ends with another blob,
// so the caller has to compare.
func readPull(body io.Reader, report func(runtime.PullStep)) (id string, err error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxPullLine)
	totals := map[string]int64{}
	for lines.Scan() {
		var line pullLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return "", problemf(runtime.ErrPull, "podman reports %q: %w", runtime.Printable(lines.Text()), err)
		}
		if line.Error != "" {
			return "", problemf(runtime.ErrPull, "podman: %s", runtime.Printable(line.Error))
		}
		id = line.ID
		if step, ok := line.step(totals); ok {
			report(step)
		}
	}
	if err := lines.Err(); err != nil {
		return "", problemf(runtime.ErrPull, "podman's report broke off: %w", err)
	}
	if id == "" {
		return "", &problem{runtime.ErrPull, errors.New("podman's report ended without an image: the service or the transfer broke off")}
	}
	return id, nil
}

// step returns what the line says; false if that is no step. totals are the
// sizes of the blobs so far: only lines about their bytes tell them.
func (l *pullLine) step(totals map[string]int64) (runtime.PullStep, bool) {
	s := runtime.PullStep{Blob: runtime.Printable(l.ID), Done: max(0, l.Progress.Current), Total: max(0, l.Progress.Total)}
	switch l.Status {
	case "Pulling fs layer":
		s.Phase, s.Message = runtime.PullDownloading, "downloading "+s.Blob
	case "Downloading":
		totals[l.ID] = s.Total
		s.Phase, s.Message = runtime.PullDownloading, fmt.Sprintf("downloading %s: %s", s.Blob, amount(s.Done, s.Total))
	case "Already exists":
		s.Phase, s.Message = runtime.PullPresent, s.Blob+" is present"
	case "Download complete", "Pull complete":
		s.Done, s.Total = totals[l.ID], totals[l.ID]
		s.Phase, s.Message = runtime.PullDownloaded, "downloaded "+s.Blob
	default:
		return runtime.PullStep{}, false
	}
	return s, true
}

func amount(done, total int64) string {
	if total == 0 {
		return fmt.Sprintf("%.1f MB", float64(done)/1e6)
	}
	return fmt.Sprintf("%.1f of %.1f MB", float64(done)/1e6, float64(total)/1e6)
}
