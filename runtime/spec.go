// Package runtime describes containers and what can be done with them,
// without saying by which program.
//
// A [Spec] is one exact launch: the resolver writes it, a [Runtime] carries it
// out, and [Spec.PodmanRun] prints it as a command line that a person can
// paste. Package runtime/podman implements Runtime on podman's API.
package runtime

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Labels that every container started from a [Spec] of this library carries.
const (
	// LabelManaged marks a container as ours; its value is "true".
	LabelManaged = "hal0.managed"
	// LabelSlot holds the name of the slot that the container serves.
	LabelSlot = "hal0.slot"
	// LabelPlan holds the hash of the plan that the container was started from.
	LabelPlan = "hal0.plan"
)

// A Spec is one exact container launch. It is plain data: two equal Specs start
// equal containers, and nothing outside of it (no environment, no file)
// changes what they run. Every string reaches the container as it is; no shell
// is involved.
//
// A Spec's zero value is not launchable; see [Spec.Validate].
type Spec struct {
	// Name is the container's name, unique on the host.
	Name string `json:"name"`
	// Image is what to run: "repo@sha256:…" when pinned, else "repo:tag".
	Image string `json:"image"`
	// Command follows the image's entry point.
	Command []string `json:"command"`
	// Env is added to the image's environment; a name set here replaces the
	// image's value.
	Env map[string]string `json:"env"`
	// Mounts are the bind mounts, in the order they are made.
	Mounts []Mount `json:"mounts"`
	// Devices are host device nodes such as /dev/kfd, passed one by one and
	// seen at the same path inside.
	Devices []string `json:"devices"`
	// Groups are supplementary group ids in decimal. Names are refused: an
	// image's /etc/group knows neither render nor video.
	Groups []string `json:"groups"`
	// SecurityOpt are podman --security-opt words such as
	// "apparmor=unconfined", "seccomp=unconfined" and "label=disable".
	SecurityOpt []string `json:"security_opt"`
	// Ulimits are resource limits; those not named keep the runtime's default.
	Ulimits []Ulimit `json:"ulimits"`
	// Network is the network mode: "bridge", the only one this library uses.
	Network string `json:"network"`
	// IPC is the IPC namespace: "" for a private one, "host" for the host's.
	IPC string `json:"ipc"`
	// Publish are the ports that the host forwards into the container.
	Publish []Port `json:"publish"`
	// Health replaces the image's own health check. Nil leaves the image's.
	Health *Health `json:"health"`
	// Labels are the container's labels, LabelManaged among them.
	Labels map[string]string `json:"labels"`
}

// A Mount binds a host path into the container.
type Mount struct {
	// Source is an absolute path on the host that exists at start.
	Source string `json:"source"`
	// Target is an absolute path in the container.
	Target string `json:"target"`
	// ReadOnly refuses writes from inside.
	ReadOnly bool `json:"read_only"`
	// Relabel is the SELinux relabelling: "" for none, "shared" (podman's z) or
	// "private" (podman's Z).
	Relabel string `json:"relabel"`
}

// Relabel values of a [Mount].
const (
	RelabelShared  = "shared"
	RelabelPrivate = "private"
)

// A Port publishes one TCP port of the container.
type Port struct {
	// HostIP is the address that the host listens on. The zero Addr is refused:
	// a runtime would take it as every address.
	HostIP netip.Addr `json:"host_ip"`
	// HostPort and ContainerPort are 1 to 65535.
	HostPort      int `json:"host_port"`
	ContainerPort int `json:"container_port"`
}

// String returns the port as podman --publish takes it.
func (p Port) String() string {
	return fmt.Sprintf("%s:%d", netip.AddrPortFrom(p.HostIP, uint16(p.HostPort)), p.ContainerPort) //nolint:gosec // Validate bounds it
}

// A Ulimit is one resource limit. Its text and JSON form is the one of podman
// --ulimit: "memlock=-1", or "nofile=1024:4096" where soft and hard differ.
type Ulimit struct {
	// Name is lower case without a prefix: "memlock", "nofile".
	Name string
	// Soft and Hard are the limits; -1 is unlimited.
	Soft, Hard int64
}

// String returns the limit as podman --ulimit takes it.
func (u Ulimit) String() string {
	if u.Soft == u.Hard {
		return fmt.Sprintf("%s=%d", u.Name, u.Soft)
	}
	return fmt.Sprintf("%s=%d:%d", u.Name, u.Soft, u.Hard)
}

// MarshalText implements [encoding.TextMarshaler] with [Ulimit.String].
func (u Ulimit) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] for the form of
// [Ulimit.String].
func (u *Ulimit) UnmarshalText(text []byte) error {
	name, limits, ok := strings.Cut(string(text), "=")
	soft, hard, two := strings.Cut(limits, ":")
	if !two {
		hard = soft
	}
	v := Ulimit{Name: name}
	_, errSoft := fmt.Sscan(soft, &v.Soft)
	_, errHard := fmt.Sscan(hard, &v.Hard)
	if !ok || name == "" || errSoft != nil || errHard != nil {
		return fmt.Errorf("ulimit %q: want name=limit or name=soft:hard, such as memlock=-1: %w", text, ErrInvalidSpec)
	}
	*u = v
	return nil
}

// A Health is a command run inside the container to tell whether it serves.
// It feeds podman's own health state, which people see in podman ps; this
// library decides readiness with its own probe.
type Health struct {
	// Command is run by the container's shell.
	Command string
	// Interval is the time between two checks, at least one second.
	Interval time.Duration
	// Timeout ends one check, at least one second.
	Timeout time.Duration
	// StartPeriod is how long after the start failures do not count.
	StartPeriod time.Duration
	// Retries is how many failures in a row make the container unhealthy.
	Retries int
}

type healthJSON struct {
	Command     string `json:"command"`
	Interval    string `json:"interval"`
	Timeout     string `json:"timeout"`
	StartPeriod string `json:"start_period"`
	Retries     int    `json:"retries"`
}

// MarshalJSON writes the durations as Go does, such as "30s".
func (h Health) MarshalJSON() ([]byte, error) {
	return json.Marshal(healthJSON{h.Command, h.Interval.String(), h.Timeout.String(), h.StartPeriod.String(), h.Retries})
}

// UnmarshalJSON reads what [Health.MarshalJSON] writes.
func (h *Health) UnmarshalJSON(data []byte) error {
	var j healthJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	v := Health{Command: j.Command, Retries: j.Retries}
	for _, d := range []struct {
		to   *time.Duration
		text string
	}{{&v.Interval, j.Interval}, {&v.Timeout, j.Timeout}, {&v.StartPeriod, j.StartPeriod}} {
		parsed, err := time.ParseDuration(d.text)
		if err != nil {
			return fmt.Errorf("health: %w", err)
		}
		*d.to = parsed
	}
	*h = v
	return nil
}
