package podman

import (
	"math"
	"strings"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// createBody is what POST /containers/create takes. Podman ignores names that
// it does not know, so a test compares every field with what inspect says.
type createBody struct {
	Name            string            `json:"name"`
	Image           string            `json:"image"`
	Command         []string          `json:"command,omitempty"`
	Env             map[string]string `json:"env,omitempty"`
	Mounts          []bindMount       `json:"mounts,omitempty"`
	Devices         []deviceNode      `json:"devices,omitempty"`
	Groups          []string          `json:"groups,omitempty"`
	SeccompProfile  string            `json:"seccomp_profile_path,omitempty"`
	AppArmorProfile string            `json:"apparmor_profile,omitempty"`
	SELinuxOpts     []string          `json:"selinux_opts,omitempty"`
	Rlimits         []rlimit          `json:"r_limits,omitempty"`
	Network         namespace         `json:"netns"`
	IPC             *namespace        `json:"ipcns,omitempty"`
	Ports           []portMapping     `json:"portmappings,omitempty"`
	Health          *healthConfig     `json:"healthconfig,omitempty"`
	Labels          map[string]string `json:"labels"`
	RestartPolicy   string            `json:"restart_policy"`
	StopTimeout     uint              `json:"stop_timeout"`
	Remove          bool              `json:"remove"`
	HTTPProxy       bool              `json:"httpproxy"`
	Log             logConfig         `json:"log_configuration"`
}

type bindMount struct {
	Destination string   `json:"destination"`
	Source      string   `json:"source"`
	Type        string   `json:"type"`
	Options     []string `json:"options"`
}

type deviceNode struct {
	Path string `json:"path"`
}

type namespace struct {
	Mode string `json:"nsmode"`
}

type rlimit struct {
	Type string `json:"type"`
	Soft uint64 `json:"soft"`
	Hard uint64 `json:"hard"`
}

type portMapping struct {
	HostIP        string `json:"host_ip"`
	HostPort      int    `json:"host_port"`
	ContainerPort int    `json:"container_port"`
	Protocol      string `json:"protocol"`
}

// healthConfig has podman's own capitals.
type healthConfig struct {
	Test        []string
	Interval    time.Duration
	Timeout     time.Duration
	StartPeriod time.Duration
	Retries     int
}

type logConfig struct {
	Driver string `json:"driver"`
	Size   int64  `json:"size"`
}

// newCreateBody translates a valid spec. The log driver is named because a
// box's default may keep no log, and a container that ends is kept, because its
// exit code and log are wanted.
func newCreateBody(s *runtime.Spec) createBody {
	image, _ := canonical(s.Image) // a valid spec has an image that can be read
	b := createBody{
		Name: s.Name, Image: image, Command: s.Command, Env: s.Env, Groups: s.Groups, Labels: s.Labels,
		Network:       namespace{s.Network},
		RestartPolicy: "no",
		StopTimeout:   uint(runtime.StopTimeout / time.Second),
		Log:           logConfig{"k8s-file", runtime.LogSize},
		Health:        newHealthConfig(s.Health),
	}
	if s.IPC != "" {
		b.IPC = &namespace{s.IPC}
	}
	for _, m := range s.Mounts {
		b.Mounts = append(b.Mounts, bindMount{Destination: m.Target, Source: m.Source, Type: "bind", Options: m.Options()})
	}
	for _, d := range s.Devices {
		b.Devices = append(b.Devices, deviceNode{d})
	}
	for _, opt := range s.SecurityOpt {
		b.secure(opt)
	}
	for _, u := range s.Ulimits {
		b.Rlimits = append(b.Rlimits, rlimit{Type: u.Name, Soft: limit(u.Soft), Hard: limit(u.Hard)})
	}
	for _, p := range s.Publish {
		b.Ports = append(b.Ports, portMapping{p.HostIP.String(), p.HostPort, p.ContainerPort, "tcp"})
	}
	return b
}

func newHealthConfig(h *runtime.Health) *healthConfig {
	if h == nil {
		return nil
	}
	return &healthConfig{
		Test: []string{"CMD-SHELL", h.Command}, Interval: h.Interval, Timeout: h.Timeout,
		StartPeriod: h.StartPeriod, Retries: h.Retries,
	}
}

func (b *createBody) secure(opt string) {
	kind, value, _ := strings.Cut(opt, "=")
	switch kind {
	case "apparmor":
		b.AppArmorProfile = value
	case "seccomp":
		b.SeccompProfile = value
	case "label":
		b.SELinuxOpts = append(b.SELinuxOpts, value)
	}
}

// limit is a limit as the kernel counts: -1 is the largest.
func limit(n int64) uint64 {
	if n < 0 {
		return math.MaxUint64
	}
	return uint64(n)
}
