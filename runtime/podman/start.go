package podman

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

const (
	// lingering is how much longer than its context a create may take, so that
	// what it made is known and can be removed.
	lingering = 2 * time.Second
	// cleanup bounds the removal of a container whose start failed.
	cleanup = 10 * time.Second
)

// Start implements [runtime.Runtime]. Starts of one name wait for each other.
//
// Podman's service keeps a host port for about two minutes when a start fails
// after the port was taken. Start knows the ports of its own failures and
// tries again on such a port until podman lets go of it or 130 s have passed.
// When ctx ends while podman makes the container, Start takes up to two seconds
// more to learn what to remove.
func (r *Runtime) Start(ctx context.Context, spec runtime.Spec, opts runtime.StartOptions) (runtime.Container, error) {
	c, err := r.start(ctx, &spec, opts)
	return c, failed("start", spec.Name, err)
}

func (r *Runtime) start(ctx context.Context, spec *runtime.Spec, opts runtime.StartOptions) (runtime.Container, error) {
	if err := spec.Validate(); err != nil {
		return runtime.Container{}, err
	}
	unlock, err := r.names.lock(ctx, spec.Name)
	if err != nil {
		return runtime.Container{}, err
	}
	defer unlock()
	if err := r.requireImage(ctx, spec.Image, opts); err != nil {
		return runtime.Container{}, err
	}
	if err := r.clear(ctx, spec); err != nil {
		return runtime.Container{}, err
	}
	id, err := r.make(ctx, spec.Name, spec.Labels, newCreateBody(spec))
	if err != nil {
		return runtime.Container{}, err
	}
	if err := r.requireMadeFrom(ctx, id, opts); err != nil {
		return runtime.Container{}, r.discard(ctx, id, err)
	}
	c, err := r.launch(ctx, id, spec)
	if err != nil {
		return runtime.Container{}, r.discard(ctx, id, err)
	}
	return c, nil
}

// requireImage spares the old container when the new one could not be made, or
// would be made from another image.
func (r *Runtime) requireImage(ctx context.Context, ref string, opts runtime.StartOptions) error {
	if opts.ImageID != "" {
		image, err := r.image(ctx, ref)
		if err != nil {
			return err
		}
		return sameImage("image "+ref, image.ID, opts.ImageID)
	}
	name, err := canonical(ref)
	if err != nil {
		return err
	}
	err = r.call(ctx, request{method: http.MethodGet, path: "/images/" + url.PathEscape(name) + "/exists"}, nil)
	if isStatus(err, http.StatusNotFound) {
		return problemf(runtime.ErrImageNotFound, "pull %s first", ref)
	}
	return err
}

// requireMadeFrom looks at a container that was made and not started: whatever
// happened to the image's name meanwhile, its own id says what it runs.
func (r *Runtime) requireMadeFrom(ctx context.Context, id string, opts runtime.StartOptions) error {
	if opts.ImageID == "" {
		return nil
	}
	c, err := r.byID(ctx, id)
	if err != nil {
		return err
	}
	return sameImage("the container's image", c.ImageID, opts.ImageID)
}

func sameImage(what, id, want string) error {
	if id == want {
		return nil
	}
	return problemf(runtime.ErrImageChanged, "%s is %.12s, and %.12s was asked for: its name was given to another image meanwhile", what, id, want)
}

// clear removes the container of spec's name if it is the same slot's.
func (r *Runtime) clear(ctx context.Context, spec *runtime.Spec) error {
	old, err := r.find(ctx, spec.Name)
	switch {
	case errors.Is(classOf(err), runtime.ErrNotFound):
		return nil
	case err != nil:
		return err
	case !old.Managed() || old.Labels[runtime.LabelSlot] != spec.Labels[runtime.LabelSlot]:
		return foreign(old)
	}
	return r.remove(ctx, old.ID, runtime.StopTimeout)
}

func foreign(c runtime.Container) error {
	return problemf(runtime.ErrForeign, "container %.12s has labels %s=%q and %s=%q; remove or rename it", c.ID,
		runtime.LabelManaged, c.Labels[runtime.LabelManaged], runtime.LabelSlot, c.Labels[runtime.LabelSlot])
}

// make makes the container of that name that body describes, and returns its id.
// On an error there is none.
func (r *Runtime) make(ctx context.Context, name string, labels map[string]string, body any) (string, error) {
	var made struct {
		ID       string `json:"Id"`
		Warnings []string
	}
	longer, cancel := outlive(ctx, lingering)
	defer cancel()
	err := r.call(longer, request{method: http.MethodPost, path: "/containers/create", body: body}, &made)
	if err != nil && !answered(err) {
		made.ID, err = r.adopt(ctx, name, labels, err)
	}
	switch {
	case err != nil:
		return "", unlessEnded(ctx, err)
	case ctx.Err() != nil:
		return "", r.discard(ctx, made.ID, ctx.Err())
	case len(made.Warnings) > 0:
		return "", r.discard(ctx, made.ID, fmt.Errorf("podman warns: %s", strings.Join(made.Warnings, "; ")))
	}
	return made.ID, nil
}

// outlive returns a context that ends d after ctx does.
func outlive(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(d, cancel)
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, func() { stop(); cancel() }
}

// adopt settles a create that got no answer: podman may have carried it out, or
// be about to, and a second create might make a second container. It waits a
// little for a container of that name with those labels, and returns its id, or
// lost, which is why there was no answer.
func (r *Runtime) adopt(ctx context.Context, name string, labels map[string]string, lost error) (string, error) {
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), lingering)
	defer cancel()
	for wait := 20 * time.Millisecond; ; wait *= 2 {
		c, err := r.find(after, name)
		if err == nil && c.State == runtime.StateCreated && c.Carries(labels) {
			return c.ID, nil
		}
		if !errors.Is(classOf(err), runtime.ErrNotFound) || pause(after, wait) != nil {
			return "", lost
		}
	}
}

// launch starts a container that create made, and checks that podman publishes
// it where it was told.
func (r *Runtime) launch(ctx context.Context, id string, spec *runtime.Spec) (runtime.Container, error) {
	if err := r.startProcess(ctx, id, spec.Publish); err != nil {
		return runtime.Container{}, err
	}
	c, err := r.byID(ctx, id)
	if err != nil {
		return runtime.Container{}, err
	}
	want := slices.SortedFunc(slices.Values(spec.Publish), comparePorts)
	if !slices.Equal(c.Publish, want) {
		return runtime.Container{}, fmt.Errorf("podman publishes %v, want %v", c.Publish, want)
	}
	return c, nil
}

// startProcess starts the container's process, and tries again as long as a
// failed start of ours may be what holds its ports.
func (r *Runtime) startProcess(ctx context.Context, id string, ports []runtime.Port) error {
	until := r.leaks.until(ports, time.Now())
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := r.call(ctx, request{method: http.MethodPost, path: "/containers/" + id + "/start"}, nil)
		if err == nil {
			return nil
		}
		if !errors.Is(classOf(err), runtime.ErrPortInUse) {
			r.leaks.remember(ports, time.Now())
			return err
		}
		busy, free := split(ports, err.Error())
		r.leaks.remember(free, time.Now())
		if time.Now().After(until) {
			return problemf(runtime.ErrPortInUse, "%s: %w", portList(busy), err)
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// discard removes a container that must not stay, also after ctx has ended, and
// returns why, which may be nil, with what went wrong in the removal.
func (r *Runtime) discard(ctx context.Context, id string, why error) error {
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	err := r.delete(after, id)
	switch {
	case err == nil:
		return why
	case why == nil:
		return fmt.Errorf("container %.12s could not be removed: %w", id, err)
	}
	return fmt.Errorf("%w; container %.12s could not be removed: %w", why, id, err)
}
