package slot

import (
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/provider"
)

// A Memory is what a device has for models, in bytes.
type Memory struct {
	// Pool names it for people: "the GTT pool".
	Pool string `json:"pool"`
	// Bytes is how large it is, 0 when that is not known.
	Bytes int64 `json:"bytes"`
	// Beside is the memory that the box has besides, where a server may put what
	// the device has no room for.
	Beside int64 `json:"beside"`
}

// MemoryOf returns what a box has for slots on a device. On the GPU that is the
// memory of the one that matters most: its own, and the part of the RAM that it may
// use where the two are one pool. On the CPU it is the RAM, and for the NPU nothing is
// known. MemoryOf is pure.
func MemoryOf(h device.Hardware, d device.Device) Memory {
	const mib = 1 << 20
	ram, pool := int64(h.RAMMB)*mib, int64(h.UnifiedMemoryMB)*mib
	switch {
	case d == device.CPU:
		return Memory{Pool: "the RAM", Bytes: ram}
	case !d.IsGPU() || len(h.GPUs) == 0:
		return Memory{}
	case pool > 0 && h.GPUs[0].Vendor == device.VendorAMD:
		return Memory{Pool: "the unified memory of " + h.GPUs[0].Name, Bytes: pool + int64(h.GPUs[0].VRAMMB)*mib, Beside: max(0, ram-pool)}
	}
	return Memory{Pool: "the VRAM of " + h.GPUs[0].Name, Bytes: int64(h.GPUs[0].VRAMMB) * mib, Beside: ram}
}

// MemoryMargin is what a pool needs beyond an estimate not to be called tight: what
// llama-server leaves free on a device of its own accord (--fit-target).
const MemoryMargin = 1 << 30

// CheckMemory holds an estimate against the memory of the plan's device.
//
// It is an error only where the server can't fit for certain: what it takes at the
// least, [Estimate.Least], is more than there is. A server that may leave some of
// the weights to the CPU has all of the box's memory for that: when flags say so,
// or when help, which may be nil, tells of --fit, which is on unless a flag says
// otherwise. On the CPU weights that stay mapped from their file do not count: the
// kernel reads them again.
//
// It is a warning where the whole estimate leaves less than [MemoryMargin] of the
// device's own memory. CheckMemory is pure.
func CheckMemory(p *Plan, e Estimate, m Memory, help *provider.Help) Finding {
	s := servingOf(p, 0)
	least, room := e.Least(), m.Bytes
	switch {
	case p.Device == device.CPU && s.mapped:
		least -= e.Weights
	case p.Device.IsGPU() && (s.spills || fits(p, help)):
		room += m.Beside
	}
	var found Finding
	switch {
	case m.Bytes == 0:
		found = foundf(SeverityInfo, FindMemoryUnknown, "the server takes about %s; how much memory there is for it is not known", e)
	case least > room:
		found = foundf(SeverityError, FindMemoryOver, "the server takes %s, of which %s for certain, and there are %s (%s)", e, Bytes(least), Bytes(room), m.Pool)
	case e.Total()+MemoryMargin > m.Bytes:
		found = foundf(SeverityWarning, FindMemoryTight, "the server takes about %s, and there are %s (%s)", e, Bytes(m.Bytes), m.Pool)
	default:
		found = foundf(SeverityInfo, FindMemory, "the server takes about %s, of %s (%s)", e, Bytes(m.Bytes), m.Pool)
	}
	if found.Severity != SeverityInfo {
		found = found.fix("choose a smaller model or quantization, a smaller context_size, or -ctk and -ctv of fewer bits").At("model", "default")
	}
	found.Estimate = &e
	return found
}

// fits reports whether the server fits itself to the memory that it finds.
func fits(p *Plan, help *provider.Help) bool {
	r := readFlags(p.Flags)
	_, layers := r["--gpu-layers"]
	return help != nil && help.Has("--fit") && !r.off("--fit") && !layers
}

// A Share is a slot with what it takes of a pool.
type Share struct {
	Slot  string
	Bytes int64
}

// CheckTogether holds slots that are to be up side by side against the memory that
// they share; nothing when they fit or there are fewer than two. CheckTogether is
// pure.
func CheckTogether(shares []Share, m Memory) []Finding {
	sum := int64(0)
	names := make([]string, len(shares))
	for i, s := range shares {
		sum += s.Bytes
		names[i] = s.Slot + " " + Bytes(s.Bytes)
	}
	if len(shares) < 2 || m.Bytes == 0 || sum+MemoryMargin <= m.Bytes {
		return nil
	}
	slices.Sort(names)
	return []Finding{foundf(SeverityWarning, FindMemoryTotal, "the enabled slots that share %s of %s take %s together (%s)",
		m.Pool, Bytes(m.Bytes), Bytes(sum), strings.Join(names, ", ")).fix("disable one of them, or let one make room for another")}
}
