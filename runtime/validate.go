package runtime

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
)

var (
	nameSyntax   = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	envSyntax    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	ulimitNames  = []string{"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}
	relabelWords = []string{"", RelabelShared, RelabelPrivate}

	// closedRoots are never bound into a container, nor is what holds them or
	// what is below them: with one of these a container owns the host.
	closedRoots = []string{"/etc", "/proc", "/sys", "/dev", "/run/podman", "/var/run"}
)

// podmanSocket is the file name of podman's socket, wherever it lies.
const podmanSocket = "podman.sock"

// Validate reports every reason why s could not be launched as it says, among
// them what a runtime would accept and take for something else: an empty mount
// source, a port without an address, a newline in an environment value. It
// returns nil, or an error that joins one error for each problem; each wraps
// [ErrInvalidSpec] and names the field, what was found and what is allowed.
//
// Validate is pure: whether the image, mount sources and devices exist is not
// its business, nor are symbolic links among them.
func (s Spec) Validate() error {
	var c checker
	c.identity(&s)
	c.process(&s)
	for i, m := range s.Mounts {
		c.mount(fmt.Sprintf("mounts[%d]", i), m)
	}
	c.unique("mounts", "target", len(s.Mounts), func(i int) string { return s.Mounts[i].Target })
	c.devices(s.Devices)
	c.isolation(&s)
	for i, u := range s.Ulimits {
		c.ulimit(fmt.Sprintf("ulimits[%d]", i), u)
	}
	c.unique("ulimits", "name", len(s.Ulimits), func(i int) string { return s.Ulimits[i].Name })
	for i, p := range s.Publish {
		c.port(fmt.Sprintf("publish[%d]", i), p)
	}
	c.unique("publish", "address", len(s.Publish), func(i int) string {
		return netip.AddrPortFrom(s.Publish[i].HostIP, uint16(s.Publish[i].HostPort)).String() //nolint:gosec // compared, and bounded by port
	})
	c.health(s.Health)
	return errors.Join(c.problems...)
}

// A checker collects problems.
type checker struct{ problems []error }

// want records a problem unless ok.
func (c *checker) want(ok bool, field string, found any, allowed string) {
	if !ok {
		c.problems = append(c.problems, fmt.Errorf("%s: found %#v, want %s: %w", field, found, allowed, ErrInvalidSpec))
	}
}

// text refuses what ends a C string or a line.
func (c *checker) text(field, s string) {
	c.want(!strings.ContainsAny(s, "\x00\r\n"), field, s, "text without NUL, CR or LF")
}

// unique refuses a second item of the same key.
func (c *checker) unique(list, what string, n int, key func(int) string) {
	seen := make(map[string]int, n)
	for i := range n {
		first, again := seen[key(i)]
		c.want(!again, fmt.Sprintf("%s[%d]", list, i), key(i), fmt.Sprintf("another %s than %s[%d] has", what, list, first))
		if !again {
			seen[key(i)] = i
		}
	}
}

func (c *checker) identity(s *Spec) {
	c.want(nameSyntax.MatchString(s.Name), "name", s.Name,
		`letters, digits, "_", "." and "-", beginning with a letter or digit`)
	_, err := reference.ParseNormalizedNamed(s.Image)
	c.want(err == nil, "image", s.Image, `an image reference such as "ghcr.io/owner/name:tag" or "ghcr.io/owner/name@sha256:" and 64 hex digits`)
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		c.want(key != "" && !strings.ContainsAny(key, "=\x00\r\n"), "labels", key, `a label name, not empty and without "=", NUL, CR or LF`)
		c.text("labels."+key, s.Labels[key])
	}
	c.want(s.Labels[LabelManaged] == "true", "labels."+LabelManaged, s.Labels[LabelManaged], `"true"`)
	c.want(s.Labels[LabelSlot] != "", "labels."+LabelSlot, s.Labels[LabelSlot], "the name of the slot")
}

func (c *checker) process(s *Spec) {
	for i, word := range s.Command {
		c.text(fmt.Sprintf("command[%d]", i), word)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Env)) {
		c.want(envSyntax.MatchString(key), "env", key, `letters, digits and "_", not beginning with a digit`)
		// The value may be a secret: a problem names the variable alone.
		c.want(!strings.ContainsAny(s.Env[key], "\x00\r\n"), "env."+key, "(hidden)", "a value without NUL, CR or LF")
	}
}

func (c *checker) mount(field string, m Mount) {
	c.hostPath(field+".source", m.Source)
	c.want(!closed(m.Source), field+".source", m.Source, "a directory that does not open the host: not /, "+strings.Join(closedRoots, ", ")+" or a podman socket")
	c.hostPath(field+".target", m.Target)
	c.want(m.Target != "/", field+".target", m.Target, "a path below /")
	c.want(slices.Contains(relabelWords, m.Relabel), field+".relabel", m.Relabel, fmt.Sprintf("one of %q", relabelWords))
}

// hostPath wants a path that means the same to everyone. A colon would end it
// on a command line.
func (c *checker) hostPath(field, p string) {
	c.want(path.IsAbs(p) && path.Clean(p) == p && !strings.ContainsAny(p, ":\x00\r\n"), field, p,
		`an absolute path without "..", ".", "//", a final "/", ":", NUL, CR or LF`)
}

// closed reports whether source is one of closedRoots, holds one, or lies
// below one.
func closed(source string) bool {
	if path.Base(source) == podmanSocket {
		return true
	}
	source = path.Clean(source)
	return slices.ContainsFunc(closedRoots, func(root string) bool {
		return within(source, root) || within(root, source)
	})
}

// within reports whether p is dir or below it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

func (c *checker) devices(devices []string) {
	for i, d := range devices {
		field := fmt.Sprintf("devices[%d]", i)
		c.want(strings.HasPrefix(d, "/dev/") && path.Clean(d) == d && !strings.ContainsAny(d, ":\x00\r\n"), field, d,
			`a device node below /dev, such as "/dev/kfd", without ":"`)
	}
	c.unique("devices", "path", len(devices), func(i int) string { return devices[i] })
}

func (c *checker) isolation(s *Spec) {
	for i, gid := range s.Groups {
		_, err := strconv.ParseUint(gid, 10, 31)
		c.want(err == nil && !strings.HasPrefix(gid, "+"), fmt.Sprintf("groups[%d]", i), gid, `a group id in decimal, such as "993"`)
	}
	for i, opt := range s.SecurityOpt {
		kind, value, _ := strings.Cut(opt, "=")
		field := fmt.Sprintf("security_opt[%d]", i)
		c.want(slices.Contains([]string{"apparmor", "seccomp", "label"}, kind) && value != "", field, opt, `"apparmor=…", "seccomp=…" or "label=…"`)
		c.text(field, opt)
	}
	c.want(s.Network == "bridge", "network", s.Network, `"bridge": on the host's network a server would listen on every address`)
	c.want(s.IPC == "" || s.IPC == "host", "ipc", s.IPC, `"" or "host"`)
}

func (c *checker) ulimit(field string, u Ulimit) {
	c.want(slices.Contains(ulimitNames, u.Name), field+".name", u.Name, fmt.Sprintf("one of %q", ulimitNames))
	c.want(u.Soft >= -1 && u.Hard >= -1, field, u.String(), "limits of at least -1, which is unlimited")
	c.want(u.Hard == -1 || u.Soft != -1 && u.Soft <= u.Hard, field, u.String(), "a soft limit no higher than the hard one")
}

func (c *checker) port(field string, p Port) {
	ip := p.HostIP
	c.want(ip.IsValid() && ip.Zone() == "" && !ip.Is4In6(), field+".host_ip", ip.String(), `an address such as "127.0.0.1": without one every address would listen`)
	c.want(p.HostPort >= 1 && p.HostPort <= 65535, field+".host_port", p.HostPort, "1 to 65535")
	c.want(p.ContainerPort >= 1 && p.ContainerPort <= 65535, field+".container_port", p.ContainerPort, "1 to 65535")
}

func (c *checker) health(h *Health) {
	if h == nil {
		return
	}
	c.want(strings.TrimSpace(h.Command) != "" && h.Command != "none", "health.command", h.Command, "a shell command")
	c.text("health.command", h.Command)
	c.want(h.Interval >= time.Second, "health.interval", h.Interval.String(), "at least 1s")
	c.want(h.Timeout >= time.Second, "health.timeout", h.Timeout.String(), "at least 1s")
	c.want(h.StartPeriod == 0 || h.StartPeriod >= time.Second, "health.start_period", h.StartPeriod.String(), "0s, or at least 1s")
	c.want(h.Retries >= 1, "health.retries", h.Retries, "at least 1")
}
