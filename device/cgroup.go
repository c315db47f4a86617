package device

import (
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxPath is the length of the longest path in bytes, PATH_MAX.
const maxPath = 4096

// memoryLimit returns the lowest memory limit of the control groups around
// this process, in MiB; nil when there is none. A group's limit binds all that
// is below it. Inside a container the root of the tree is the container's own
// group, and /proc/self/cgroup may tell a path that only the host knows.
func (t *tree) memoryLimit() *int {
	hierarchies := []struct{ dir, file, group string }{
		{"sys/fs/cgroup", "memory.max", "/"},
		{"sys/fs/cgroup/memory", "memory.limit_in_bytes", "/"}, // version 1
	}
	for line := range strings.Lines(t.text("proc/self/cgroup")) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		switch {
		case len(group) > maxPath:
		case controllers == "":
			hierarchies[0].group = path.Join("/", group)
		case slices.Contains(strings.Split(controllers, ","), "memory"):
			hierarchies[1].group = path.Join("/", group)
		}
	}
	limit := uint64(math.MaxUint64)
	for _, h := range hierarchies {
		for group := h.group; ; group = path.Dir(group) {
			limit = min(limit, t.groupLimit(path.Join(h.dir, group, h.file)))
			if group == "/" {
				break
			}
		}
	}
	if limit == math.MaxUint64 {
		return nil
	}
	return new(int(limit >> 20))
}

// groupLimit returns the bytes that a file of one control group allows, the
// largest number when it does not limit. Version 1 writes no limit as the largest
// number of whole pages, a little below 1<<63.
func (t *tree) groupLimit(name string) uint64 {
	s := t.line(name)
	if s == "" || s == "max" {
		return math.MaxUint64
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.notef(name, "is %q, want a number of bytes or max", cut(s))
		return math.MaxUint64
	}
	if n >= 1<<62 {
		return math.MaxUint64
	}
	return n
}
