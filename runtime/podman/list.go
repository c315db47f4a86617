package podman

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// List implements [runtime.Runtime]. It is one request, and one more for each
// container that ended with an error, since podman's list does not say why. It
// tells podman's word for what runs; see [Runtime.Inspect].
func (r *Runtime) List(ctx context.Context, labels map[string]string) ([]runtime.Container, error) {
	if len(labels) == 0 {
		labels = map[string]string{runtime.LabelManaged: "true"}
	}
	list, err := r.list(ctx, labels)
	return list, failed("list", "containers", err)
}

func (r *Runtime) list(ctx context.Context, labels map[string]string) ([]runtime.Container, error) {
	words := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		words = append(words, key+"="+labels[key])
	}
	filters, err := json.Marshal(map[string][]string{"label": words})
	if err != nil {
		return nil, err
	}
	var answer []listed
	query := url.Values{"all": {yes}, "filters": {string(filters)}}
	if err := r.call(ctx, request{method: http.MethodGet, path: "/containers/json", query: query}, &answer); err != nil {
		return nil, err
	}
	list := make([]runtime.Container, 0, len(answer))
	for _, item := range answer {
		c, err := r.detail(ctx, &item)
		switch {
		case errors.Is(classOf(err), runtime.ErrNotFound): // removed meanwhile
		case err != nil:
			return nil, err
		case c.Carries(labels): // podman's filter takes patterns
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b runtime.Container) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// detail returns a listed container; of one that ended with an error the list
// does not tell everything.
func (r *Runtime) detail(ctx context.Context, item *listed) (runtime.Container, error) {
	c, err := item.container()
	if err == nil && c.State == runtime.StateExited && c.ExitCode != 0 {
		return r.byID(ctx, c.ID)
	}
	return c, err
}

// listed is one container of podman's list.
type listed struct {
	ID        string `json:"Id"`
	Names     []string
	Image     string
	ImageID   string
	State     string
	ExitCode  int
	StartedAt int64
	Labels    map[string]string
	Command   []string
	Ports     []struct {
		HostIP        string `json:"host_ip"`
		HostPort      int    `json:"host_port"`
		ContainerPort int    `json:"container_port"`
		Range         int    `json:"range"`
		Protocol      string `json:"protocol"`
	}
}

func (l *listed) container() (runtime.Container, error) {
	c := runtime.Container{
		ID: l.ID, Image: l.Image, ImageID: l.ImageID, State: stateOf(l.State), ExitCode: l.ExitCode,
		Labels: l.Labels, Command: l.Command,
	}
	if len(l.Names) > 0 {
		c.Name = l.Names[0]
	}
	if l.StartedAt > 0 {
		c.StartedAt = time.Unix(l.StartedAt, 0).UTC()
	}
	for _, p := range l.Ports {
		ip, err := hostIP(p.HostIP)
		if err != nil {
			return c, fmt.Errorf("podman publishes %s at %q: %w", c.Name, p.HostIP, err)
		}
		for i := range max(p.Range, 1) {
			if p.Protocol == "tcp" {
				c.Publish = append(c.Publish, runtime.Port{HostIP: ip, HostPort: p.HostPort + i, ContainerPort: p.ContainerPort + i})
			}
		}
	}
	slices.SortFunc(c.Publish, comparePorts)
	return c, nil
}
