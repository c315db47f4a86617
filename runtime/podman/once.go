package podman

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

var _ runtime.Runner = (*Runtime)(nil)

// abandoned is the age from which a container of RunOnce belongs to nobody: the
// program that made it was killed before it could remove it.
const abandoned = time.Hour

// onceBody is the createBody of a program that is shut off from the host.
type onceBody struct {
	createBody
	ReadOnly        bool     `json:"read_only_filesystem"`
	CapDrop         []string `json:"cap_drop"`
	NoNewPrivileges bool     `json:"no_new_privileges"`
	ImageVolumes    string   `json:"image_volume_mode"`
	Timeout         uint     `json:"timeout"` // seconds; the monitor then kills the program
}

func newOnceBody(name string, run runtime.Once) onceBody {
	b := onceBody{
		createBody: newCreateBody(&runtime.Spec{
			Name: name, Image: run.Image, Command: run.Command, Network: "none",
			Labels: map[string]string{runtime.LabelOnce: yes},
		}),
		ReadOnly: true, CapDrop: []string{"all"}, NoNewPrivileges: true, ImageVolumes: "ignore",
		Timeout: uint((run.Within + cleanup) / time.Second), //nolint:gosec // above 0; for when this process is not there to do it
	}
	b.Health = &healthConfig{Test: []string{"NONE"}} // instead of the image's own
	return b
}

// RunOnce implements [runtime.Runner]. It also removes what processes that were
// killed have left of it.
func (r *Runtime) RunOnce(ctx context.Context, run runtime.Once) (runtime.Output, error) {
	out, err := r.runOnce(ctx, run)
	return out, failed("run", run.Image, err)
}

func (r *Runtime) runOnce(ctx context.Context, run runtime.Once) (runtime.Output, error) {
	if run.Within <= 0 {
		return runtime.Output{}, problemf(runtime.ErrInvalidSpec, "within: found %v, want above 0", run.Within)
	}
	held := runtime.StartOptions{ImageID: run.ImageID}
	if err := r.requireImage(ctx, run.Image, held); err != nil {
		return runtime.Output{}, err
	}
	if err := r.sweep(ctx, abandoned); err != nil {
		return runtime.Output{}, err
	}
	body := newOnceBody("hal0-once-"+strings.ToLower(rand.Text()), run)
	id, err := r.make(ctx, body.Name, body.Labels, body)
	if err != nil {
		return runtime.Output{}, err
	}
	if err := r.requireMadeFrom(ctx, id, held); err != nil {
		return runtime.Output{}, r.discard(ctx, id, err)
	}
	out, err := r.finish(ctx, id, run.Within)
	return out, r.discard(ctx, id, err)
}

// finish starts a container, waits until its program has ended, and reads what it
// wrote.
func (r *Runtime) finish(ctx context.Context, id string, within time.Duration) (runtime.Output, error) {
	if err := r.call(ctx, request{method: http.MethodPost, path: "/containers/" + id + "/start"}, nil); err != nil {
		return runtime.Output{}, err
	}
	late := fmt.Errorf("the program did not end within %v: %w", within, context.DeadlineExceeded)
	waiting, cancel := context.WithTimeoutCause(ctx, within, late)
	defer cancel()
	var code int
	err := r.call(waiting, request{
		method: http.MethodPost, path: "/containers/" + id + "/wait",
		query: url.Values{"condition": {"exited"}, "interval": {"50ms"}}, extra: within,
	}, &code)
	switch {
	case err != nil && ctx.Err() == nil && waiting.Err() != nil:
		return runtime.Output{}, context.Cause(waiting)
	case err != nil:
		return runtime.Output{}, err
	}
	out, err := r.readOutput(ctx, id)
	out.ExitCode = code
	return out, err
}

// readOutput reads what a program that has ended wrote, as far as it is wanted.
func (r *Runtime) readOutput(ctx context.Context, id string) (runtime.Output, error) {
	body, err := r.logsOf(ctx, id, runtime.LogOptions{})
	if err != nil {
		return runtime.Output{}, err
	}
	defer func() { _ = body.Close() }()
	return runtime.ReadOutput(readLines(body))
}

// sweep removes containers of RunOnce that are at least that old.
func (r *Runtime) sweep(ctx context.Context, age time.Duration) error {
	filters, err := json.Marshal(map[string][]string{"label": {runtime.LabelOnce + "=" + yes}, "until": {age.String()}})
	if err != nil {
		return err
	}
	var left []listed
	query := url.Values{"all": {yes}, "filters": {string(filters)}}
	if err := r.call(ctx, request{method: http.MethodGet, path: "/containers/json", query: query}, &left); err != nil {
		return err
	}
	var problems error
	for _, c := range left {
		if c.Labels[runtime.LabelOnce] == yes {
			problems = errors.Join(problems, r.delete(ctx, c.ID))
		}
	}
	return problems
}
