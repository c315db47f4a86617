package runtime

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kballard/go-shellquote"
)

// What every container has beyond its Spec.
const (
	// StopTimeout is how long a container may take to end after SIGTERM where
	// the caller of a stop does not say, before SIGKILL.
	StopTimeout = 10 * time.Second
	// LogSize is the size in bytes at which a container's log is cut; the
	// newest part is kept.
	LogSize = 10_000_000
)

// PodmanRun returns the podman command line that starts the container that s
// describes, from "podman" on: one word an element, in an order that depends
// on s alone. Like [Runtime.Start] it detaches; unlike it, it replaces no
// container, and pulls a missing image.
//
// s must be valid; see [Spec.Validate]. [ShellQuote] makes text of the words.
func (s Spec) PodmanRun() []string {
	args := []string{"podman", "run", "--detach", "--name", s.Name, "--network", s.Network}
	add := func(flag string, values ...string) {
		for _, v := range values {
			args = append(args, flag, v)
		}
	}
	if s.IPC != "" {
		add("--ipc", s.IPC)
	}
	add("--publish", texts(s.Publish, Port.String)...)
	add("--env", pairs(s.Env)...)
	add("--volume", texts(s.Mounts, Mount.volume)...)
	add("--device", s.Devices...)
	add("--group-add", s.Groups...)
	add("--security-opt", s.SecurityOpt...)
	add("--ulimit", texts(s.Ulimits, Ulimit.String)...)
	if s.Health != nil {
		args = append(args, s.Health.flags()...)
	}
	add("--label", pairs(s.Labels)...)
	args = append(args, fixedFlags()...)
	return append(append(args, s.Image), s.Command...)
}

// fixedFlags are the same for every container.
func fixedFlags() []string {
	return []string{
		"--restart", "no", "--http-proxy=false",
		"--log-driver", "k8s-file", "--log-opt", "max-size=" + strconv.Itoa(LogSize/1_000_000) + "mb",
		"--stop-timeout", strconv.Itoa(int(StopTimeout / time.Second)),
	}
}

// Options returns the mount's options as podman takes them, such as "ro",
// "rbind" and "z".
func (m Mount) Options() []string {
	options := []string{"rw", "rbind"}
	if m.ReadOnly {
		options[0] = "ro"
	}
	switch m.Relabel {
	case RelabelShared:
		options = append(options, "z")
	case RelabelPrivate:
		options = append(options, "Z")
	}
	return options
}

// volume is the mount as podman --volume takes it.
func (m Mount) volume() string {
	return fmt.Sprintf("%s:%s:%s", m.Source, m.Target, strings.Join(m.Options(), ","))
}

func (h *Health) flags() []string {
	return []string{
		"--health-cmd", h.Command,
		"--health-interval", h.Interval.String(),
		"--health-timeout", h.Timeout.String(),
		"--health-start-period", h.StartPeriod.String(),
		"--health-retries", strconv.Itoa(h.Retries),
	}
}

func texts[T any](items []T, text func(T) string) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = text(item)
	}
	return out
}

// pairs returns "key=value" words, sorted by key.
func pairs(m map[string]string) []string {
	return texts(slices.Sorted(maps.Keys(m)), func(key string) string { return key + "=" + m[key] })
}

// ShellQuote joins args into one line of a POSIX shell that has them as words
// again.
func ShellQuote(args []string) string { return shellquote.Join(args...) }
