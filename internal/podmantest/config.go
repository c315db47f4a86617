package podmantest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// containersConf lets runc start containers on a machine without systemd and
// with a low hard limit on open files, and keeps every path inside the
// service's directory.
const containersConf = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
static_dir = "%[1]s/root/libpod"
tmp_dir = "%[1]s/tmp"
volume_path = "%[1]s/root/volumes"
image_default_transport = "docker://"

[network]
network_config_dir = "%[1]s/net"
`

// registriesConf asks no outside registry for a name without one, and speaks
// plain HTTP to those on the loopback interface.
const registriesConf = `unqualified-search-registries = []
short-name-mode = "disabled"

[[registry]]
location = "127.0.0.1"
insecure = true

[[registry]]
prefix = "*.localhost"
insecure = true
`

const policyJSON = `{"default":[{"type":"insecureAcceptAnything"}]}`

// storageConf only keeps the machine's own from being read: the flags of every
// command decide.
const storageConf = `[storage]
driver = "vfs"
graphroot = "%[1]s/root"
runroot = "%[1]s/run"
`

// configure writes the configuration that the service reads instead of the
// machine's, and sets the environment that points there.
func (s *Service) configure() error {
	home := filepath.Join(s.Dir, "home")
	etc := filepath.Join(home, ".config", "containers")
	for _, dir := range []string{etc, s.Root, s.RunRoot, filepath.Join(s.Dir, "tmp"), filepath.Join(s.Dir, "net")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"containers.conf": fmt.Sprintf(containersConf, s.Dir),
		"registries.conf": registriesConf,
		"policy.json":     policyJSON,
		"storage.conf":    fmt.Sprintf(storageConf, s.Dir),
	} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	s.Env = append(inherited(),
		"HOME="+home,
		"CONTAINERS_CONF="+filepath.Join(etc, "containers.conf"),
		"CONTAINERS_REGISTRIES_CONF="+filepath.Join(etc, "registries.conf"),
		"CONTAINERS_STORAGE_CONF="+filepath.Join(etc, "storage.conf"),
	)
	return nil
}

// inherited is this process's environment without what would steer podman,
// proxies included: tests talk to the loopback interface alone.
func inherited() []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case strings.HasPrefix(name, "CONTAINER"), strings.HasPrefix(name, "XDG_"), name == "HOME",
			strings.HasSuffix(strings.ToLower(name), "_proxy"), name == "REGISTRY_AUTH_FILE":
		default:
			env = append(env, kv)
		}
	}
	return env
}
