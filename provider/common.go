package provider

import (
	"strconv"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// anyAddress is where a server listens inside its container; only what is
// published can reach it.
const anyAddress = "0.0.0.0"

// listen returns the flags that every server but ComfyUI takes.
func listen(port int) []string {
	return []string{"--host", anyAddress, "--port", strconv.Itoa(port)}
}

// container returns the parts of a Spec that providers share. The lists are
// empty rather than nil, so that they print as such.
func container(in *Inputs, healthPath string) runtime.Spec {
	env := in.Env
	if env == nil {
		env = map[string]string{}
	}
	return runtime.Spec{
		Env:         env,
		Mounts:      []runtime.Mount{},
		Devices:     []string{},
		Groups:      []string{},
		SecurityOpt: []string{"apparmor=unconfined"},
		Ulimits:     []runtime.Ulimit{},
		Health:      health(in.Port, healthPath),
	}
}

// health is the check that replaces the image's own, which asks a fixed port.
// The start period covers the load of a large model from a cold disk.
func health(port int, path string) *runtime.Health {
	return &runtime.Health{
		Command:     "curl -fsS http://127.0.0.1:" + strconv.Itoa(port) + path + " || exit 1",
		Interval:    30 * time.Second,
		Timeout:     5 * time.Second,
		StartPeriod: 180 * time.Second,
		Retries:     3,
	}
}

// withDevices gives the container device nodes, with the groups that own them
// and the system calls that their drivers need. A container without devices
// keeps the default seccomp profile.
func withDevices(spec *runtime.Spec, nodes []string, gids ...*int) {
	if len(nodes) == 0 {
		return
	}
	spec.Devices = nodes
	spec.SecurityOpt = append(spec.SecurityOpt, "seccomp=unconfined")
	for _, gid := range gids {
		if gid != nil {
			spec.Groups = append(spec.Groups, strconv.Itoa(*gid))
		}
	}
}

// storeMount is the model store at its own path: registry entries are symbolic
// links with absolute targets.
func storeMount(store string) runtime.Mount {
	return runtime.Mount{Source: store, Target: store, ReadOnly: true, Relabel: runtime.RelabelShared}
}
