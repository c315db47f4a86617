package device

import (
	"path"
	"slices"
	"strings"
)

// A Host is what a box offers to containers, and what plans are made for: plain
// data that reads and writes as JSON. [Hardware] tells people and programs what
// the box is; nothing of it is part of a plan. The zero value is a box without
// GPU, NPU or known groups.
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
