package podman

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// Stop implements [runtime.Runtime]. grace is rounded up to whole seconds; below
// 1 the process is killed at once. When ctx ends during the grace, podman goes
// on to end the process and the container stays.
func (r *Runtime) Stop(ctx context.Context, name string, grace time.Duration) error {
	return failed("stop", name, r.stop(ctx, name, grace))
}

func (r *Runtime) stop(ctx context.Context, name string, grace time.Duration) error {
	c, err := r.find(ctx, name)
	switch {
	case errors.Is(classOf(err), runtime.ErrNotFound):
		return nil
	case err != nil:
		return err
	case !c.Managed():
		return foreign(c)
	}
	return r.remove(ctx, c.ID, grace)
}

// remove ends a container's process and removes the container. A stop that
// podman refuses, as it does for one that lost its monitor, is left to the
// removal, which kills.
func (r *Runtime) remove(ctx context.Context, id string, grace time.Duration) error {
	seconds := max(0, (grace+time.Second-1)/time.Second)
	stopErr := r.call(ctx, request{
		method: http.MethodPost, path: "/containers/" + id + "/stop",
		query: url.Values{"timeout": {strconv.FormatInt(int64(seconds), 10)}},
		extra: seconds * time.Second,
	}, nil)
	if stopErr != nil && !answered(stopErr) {
		return stopErr
	}
	if err := r.delete(ctx, id); err != nil {
		return errors.Join(err, stopErr)
	}
	return nil
}

// delete kills and removes a container with its anonymous volumes; none of that
// id is fine. Podman 4 and 5 refuse the first removal of a container that is
// being removed elsewhere, or that lost its monitor, and carry out the second.
func (r *Runtime) delete(ctx context.Context, id string) error {
	err := r.deleteOnce(ctx, id)
	if isStatus(err, http.StatusInternalServerError) {
		err = r.deleteOnce(ctx, id)
	}
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

func (r *Runtime) deleteOnce(ctx context.Context, id string) error {
	var reports []struct{ Err any }
	query := url.Values{"force": {yes}, "ignore": {yes}, "timeout": {"0"}, "v": {yes}}
	if err := r.call(ctx, request{method: http.MethodDelete, path: "/containers/" + id, query: query}, &reports); err != nil {
		return err
	}
	for _, report := range reports {
		if report.Err != nil && report.Err != "" {
			return &apiError{Message: fmt.Sprint(report.Err), status: http.StatusInternalServerError}
		}
	}
	return nil
}
