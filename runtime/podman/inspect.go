package podman

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// settle is how long Inspect waits for podman to notice that a process is
// gone, before it says so itself.
const settle = time.Second

// Inspect implements [runtime.Runtime]. Podman goes on saying "running" when a
// container was killed together with its monitor; Inspect asks for the
// container's processes too, and where podman finds none says StateUnknown, with
// an Error.
func (r *Runtime) Inspect(ctx context.Context, name string) (runtime.Container, error) {
	c, err := r.inspect(ctx, name)
	return c, failed("inspect", name, err)
}

func (r *Runtime) inspect(ctx context.Context, name string) (runtime.Container, error) {
	deadline := time.Now().Add(settle)
	for wait := 20 * time.Millisecond; ; wait *= 2 {
		c, err := r.find(ctx, name)
		if err != nil || c.State != runtime.StateRunning {
			return c, err
		}
		alive, err := r.hasProcesses(ctx, c.ID)
		if alive || err != nil {
			return c, err
		}
		if time.Now().After(deadline) {
			c.State, c.Error = runtime.StateUnknown, "podman says that it runs, but finds none of its processes"
			return c, nil
		}
		if err := pause(ctx, wait); err != nil {
			return c, err
		}
	}
}

// hasProcesses reports whether podman sees a process in a running container.
// It answers an empty list, or nothing, where it sees none; where it answers
// with an error its word for the state stands.
func (r *Runtime) hasProcesses(ctx context.Context, id string) (bool, error) {
	var top struct{ Processes [][]string }
	err := r.call(ctx, request{method: http.MethodGet, path: "/containers/" + id + "/top", query: url.Values{"stream": {"false"}, "ps_args": {"pid"}}}, &top)
	if answered(err) {
		return true, nil
	}
	return len(top.Processes) > 0, err
}

// pause waits for d, or until ctx ends.
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

// find returns the container of exactly that name: podman also takes the
// beginning of an id.
func (r *Runtime) find(ctx context.Context, name string) (runtime.Container, error) {
	if strings.Trim(name, ".") == "" {
		return runtime.Container{}, problemf(runtime.ErrNotFound, "%q is not a container name", name)
	}
	c, err := r.byID(ctx, name)
	if err == nil && c.Name != name {
		return runtime.Container{}, problemf(runtime.ErrNotFound, "the name is the beginning of the id of %s", c.Name)
	}
	return c, err
}

// byID returns the container of an id, or of what podman takes for one.
func (r *Runtime) byID(ctx context.Context, id string) (runtime.Container, error) {
	var c inspected
	if err := r.call(ctx, request{method: http.MethodGet, path: "/containers/" + url.PathEscape(id) + "/json"}, &c); err != nil {
		return runtime.Container{}, err
	}
	return c.container()
}

// inspected is the part of podman's inspect answer that is the same in every
// version.
type inspected struct {
	ID        string `json:"Id"`
	Name      string
	ImageName string
	Image     string
	State     struct {
		Status    string
		ExitCode  int
		OOMKilled bool
		Error     string
		StartedAt time.Time
	}
	Config struct {
		Cmd    []string
		Labels map[string]string
	}
	NetworkSettings struct {
		Ports map[string][]struct{ HostIP, HostPort string }
	}
}

func (i *inspected) container() (runtime.Container, error) {
	publish, err := i.publish()
	return runtime.Container{
		ID: i.ID, Name: i.Name, Image: i.ImageName, ImageID: i.Image,
		State: stateOf(i.State.Status), ExitCode: i.State.ExitCode, OOMKilled: i.State.OOMKilled,
		Error: i.State.Error, StartedAt: i.State.StartedAt,
		Labels: i.Config.Labels, Command: i.Config.Cmd, Publish: publish,
	}, err
}

// publish returns the TCP ports, sorted.
func (i *inspected) publish() ([]runtime.Port, error) {
	var ports []runtime.Port
	for key, bindings := range i.NetworkSettings.Ports {
		inside, ok := strings.CutSuffix(key, "/tcp")
		if !ok {
			continue
		}
		for _, b := range bindings {
			containerPort, errInside := strconv.Atoi(inside)
			hostPort, errHost := strconv.Atoi(b.HostPort)
			ip, errIP := hostIP(b.HostIP)
			if err := errors.Join(errInside, errHost, errIP); err != nil {
				return nil, fmt.Errorf("podman publishes %s at %q port %q: %w", key, b.HostIP, b.HostPort, err)
			}
			ports = append(ports, runtime.Port{HostIP: ip, HostPort: hostPort, ContainerPort: containerPort})
		}
	}
	slices.SortFunc(ports, comparePorts)
	return ports, nil
}

// hostIP reads an address. None is every address: podman 4 leaves it out.
func hostIP(s string) (netip.Addr, error) {
	if s == "" {
		return netip.IPv4Unspecified(), nil
	}
	return netip.ParseAddr(s)
}

func comparePorts(a, b runtime.Port) int {
	if c := a.HostPort - b.HostPort; c != 0 {
		return c
	}
	if c := a.HostIP.Compare(b.HostIP); c != 0 {
		return c
	}
	return a.ContainerPort - b.ContainerPort
}

// stateOf translates podman's words. "configured" and "initialized" are steps
// before the start, "stopped" is an exit not yet cleaned up after.
func stateOf(status string) runtime.State {
	switch status {
	case "created", "configured", "initialized":
		return runtime.StateCreated
	case "running":
		return runtime.StateRunning
	case "stopping":
		return runtime.StateStopping
	case "exited", "stopped":
		return runtime.StateExited
	}
	return runtime.StateUnknown
}
