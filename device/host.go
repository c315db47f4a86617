package device

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Host is what a box offers to containers: plain data that reads and writes
// as JSON. The zero value is a box without GPU, NPU or known groups.
type Host struct {
	// KFD is the ROCm compute node, "/dev/kfd", or "".
	KFD string `json:"kfd,omitempty"`
	// DRI are the character devices of /dev/dri, sorted: cards and render
	// nodes, one path each.
	DRI []string `json:"dri,omitempty"`
	// NPU is the first XDNA accelerator node, "/dev/accel/accel0", or "".
	NPU string `json:"npu,omitempty"`
	// RenderGID and VideoGID are the numeric ids of the groups render and
	// video; nil when the box has no such group.
	RenderGID *int `json:"render_gid,omitempty"`
	VideoGID  *int `json:"video_gid,omitempty"`
	// MemoryMB is the installed memory in MiB; 0 when not known.
	MemoryMB int `json:"memory_mb,omitempty"`
}

// GPUNodes returns the nodes that a GPU container is given: KFD, then DRI. The
// slice is the caller's.
func (h Host) GPUNodes() []string {
	nodes := make([]string, 0, 1+len(h.DRI))
	if h.KFD != "" {
		nodes = append(nodes, h.KFD)
	}
	return append(nodes, h.DRI...)
}

// RenderNode returns the first render node of DRI, such as
// "/dev/dri/renderD128", or "".
func (h Host) RenderNode() string {
	i := slices.IndexFunc(h.DRI, func(n string) bool { return strings.HasPrefix(path.Base(n), "renderD") })
	if i < 0 {
		return ""
	}
	return h.DRI[i]
}

// Lacks returns what h is missing to serve a slot on d, as paths of device nodes
// that a plan would name: nothing when d can be served.
func (h Host) Lacks(d Device) []string {
	var missing []string
	need := func(have bool, node string) {
		if !have {
			missing = append(missing, node)
		}
	}
	switch d {
	case GPUROCm:
		need(h.KFD != "", "/dev/kfd")
		need(h.RenderNode() != "", "/dev/dri/renderD128")
	case GPUVulkan:
		need(h.RenderNode() != "", "/dev/dri/renderD128")
	case NPU:
		need(h.NPU != "", "/dev/accel/accel0")
		need(h.RenderNode() != "", "/dev/dri/renderD128")
	case CPU:
	}
	return missing
}

// Detect reads what a box offers from its file tree, rooted at root: /dev,
// /etc/group and /proc/meminfo. Nodes and files that are not there are not
// errors; what can't be read is. Paths in the Host are as the box sees them,
// whatever root is. Detect runs no command.
//
// In a tree copied from another box a plain file stands for a device node.
func Detect(root fs.FS) (Host, error) {
	var h Host
	var errs []error
	note := func(err error) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	kfd, err := nodes(root, "dev", func(name string) bool { return name == "kfd" })
	note(err)
	if len(kfd) > 0 {
		h.KFD = kfd[0]
	}
	h.DRI, err = nodes(root, "dev/dri", func(string) bool { return true })
	note(err)
	accel, err := nodes(root, "dev/accel", func(name string) bool { return strings.HasPrefix(name, "accel") })
	note(err)
	if len(accel) > 0 {
		h.NPU = accel[0]
	}
	note(groups(root, &h))
	note(memory(root, &h))
	if len(errs) > 0 {
		return h, fmt.Errorf("detect hardware: %w", errors.Join(errs...))
	}
	return h, nil
}

// nodes returns the device nodes of dir that match, as absolute paths, sorted.
func nodes(root fs.FS, dir string, match func(name string) bool) ([]string, error) {
	entries, err := fs.ReadDir(root, dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		node := e.Type()&fs.ModeCharDevice != 0 || e.Type().IsRegular()
		if node && match(e.Name()) {
			found = append(found, "/"+path.Join(dir, e.Name()))
		}
	}
	return found, nil
}

// groups fills in the ids of the groups that own GPU nodes.
func groups(root fs.FS, h *Host) error {
	data, err := fs.ReadFile(root, "etc/group")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
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

// memory fills in the installed memory, which /proc/meminfo counts in KiB.
func memory(root fs.FS, h *Host) error {
	data, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return err
	}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		rest, ok := strings.CutPrefix(s.Text(), "MemTotal:")
		if !ok {
			continue
		}
		kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(rest, "kB")))
		if err != nil {
			return fmt.Errorf("/proc/meminfo: MemTotal is %q, want a number of kB", strings.TrimSpace(rest))
		}
		h.MemoryMB = kib / 1024
		return nil
	}
	return nil
}
