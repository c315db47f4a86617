package device

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Detect reads what a box offers from its file tree, rooted at root: /dev,
// /etc/group, /proc/meminfo, and whose accelerators there are in /sys. Nodes and
// files that are not there are not errors; what can't be read is one that names
// the path, and the rest is still returned. Paths in the Host are as the box
// sees them, whatever root is. Detect runs no command.
//
// In a tree copied from another box a plain file stands for a device node.
func Detect(root fs.FS) (Host, error) {
	t := &tree{root: root}
	h := t.host()
	h.MemoryMB, _ = t.memory()
	return h, t.err()
}

// host returns all of the Host but its memory.
func (t *tree) host() Host {
	var h Host
	if t.isNode("dev/kfd") {
		h.KFD = "/dev/kfd"
	}
	h.DRI = t.nodes("dev/dri", "")
	for _, node := range t.nodes("dev/accel", "accel") {
		if vendor := t.pciID(accelDir(node) + "/vendor"); vendor == 0 || vendor == pciAMDProcessor {
			h.NPU = node
			break
		}
	}
	t.note(groups(t.text("etc/group"), &h))
	return h
}

// nodes returns the device nodes of dir that begin with prefix, as absolute
// paths, sorted.
func (t *tree) nodes(dir, prefix string) []string {
	var found []string
	for _, name := range t.names(dir, prefix) {
		if name = path.Join(dir, name); t.isNode(name) {
			found = append(found, "/"+name)
		}
	}
	return found
}

// memory returns the installed and the available memory in MiB; 0 is not known.
func (t *tree) memory() (total, available int) {
	const name = "proc/meminfo"
	values := pairs(t.text(name), ":")
	mebibytes := func(key string) int {
		value, ok := values[key]
		kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 63)
		if ok && err != nil {
			t.notef(name, "%s is %q, want a number of kB", key, cut(value))
			return 0
		}
		return int(kib / 1024)
	}
	return mebibytes("MemTotal"), mebibytes("MemAvailable")
}

// groups fills in the ids of the groups that own GPU nodes, from /etc/group.
func groups(text string, h *Host) error {
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 3 || fields[0] != "render" && fields[0] != "video" {
			continue
		}
		gid, err := strconv.Atoi(fields[2])
		if err != nil || gid < 0 {
			return fmt.Errorf("/etc/group: group %s has the id %q, want a number", fields[0], fields[2])
		}
		if fields[0] == "render" {
			h.RenderGID = &gid
		} else {
			h.VideoGID = &gid
		}
	}
	return nil
}
