package podman

import (
	"context"
	"errors"

	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// Logs implements [runtime.Runtime].
func (r *Runtime) Logs(ctx context.Context, name string, opts runtime.LogOptions) iter.Seq2[runtime.Line, error] {
	return func(yield func(runtime.Line, error) bool) {
		body, err := r.openLogs(ctx, name, opts)
		if err != nil {
			yield(runtime.Line{}, failed("logs", name, err))
			return
		}
		defer func() { _ = body.Close() }()
		for line, err := range readLines(body) {
			if err != nil && !errors.Is(err, errFrame) {
				err = r.transportError(ctx, err)
			}
			if !yield(line, failed("logs", name, err)) {
				return
			}
		}
	}
}

func (r *Runtime) openLogs(ctx context.Context, name string, opts runtime.LogOptions) (io.ReadCloser, error) {
	c, err := r.find(ctx, name)
	if err != nil {
		return nil, err
	}
	return r.logsOf(ctx, c.ID, opts)
}

func (r *Runtime) logsOf(ctx context.Context, id string, opts runtime.LogOptions) (io.ReadCloser, error) {
	query := url.Values{"stdout": {yes}, "stderr": {yes}, "follow": {strconv.FormatBool(opts.Follow)}}
	if opts.Tail > 0 {
		query.Set("tail", strconv.Itoa(opts.Tail))
	}
	if !opts.Since.IsZero() {
		query.Set("since", opts.Since.UTC().Format(time.RFC3339Nano))
	}
	q := request{method: http.MethodGet, path: "/containers/" + id + "/logs", query: query}
	resp, err := r.send(ctx, q)
	if isStatus(err, http.StatusInternalServerError) { // podman may be cutting the log at this moment
		if err := pause(ctx, settle/10); err != nil {
			return nil, err
		}
		resp, err = r.send(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
