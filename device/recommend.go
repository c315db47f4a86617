package device

import "fmt"

// A Recommendation is the device that new slots of a box should ask for.
type Recommendation struct {
	Device Device `json:"device"`
	// Reasons say why Device, then why not each of the others, in the order of
	// [Available].
	Reasons []Reason `json:"reasons"`
}

// A Reason is why a device is recommended, or why it is not.
type Reason struct {
	Device Device `json:"device"`
	// Code is one of those below for a device that could be recommended, else that
	// of the [Availability]. Message is the same for people.
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Codes of a [Reason].
const (
	CodeNPUAsked      = "npu.asked-for"
	CodeUnifiedMemory = "amd-gpu.unified-memory" // of the class of Strix Halo
	CodeROCmCompute   = "amd-gpu.compute"
	CodeVulkan        = "gpu.vulkan"
	CodeCPUOnly       = "cpu.only"
	CodeNPUNotAsked   = "npu.not-asked-for" // it is there
	CodeSecondChoice  = "second-choice"     // it would work
)

// What makes the class of Strix Halo: at least this much unified memory, and at
// most this much of it carved out as VRAM.
const (
	minUnifiedMB  = 32 << 10
	maxCarveOutMB = 4 << 10
)

// Recommend returns the device that suits a box, by the first rule that applies:
//
//  1. the NPU, when wantNPU asks for it and it is there
//  2. an AMD GPU with 32 GiB of unified memory or more, of which at most 4 GiB are
//     carved out as VRAM: gpu-vulkan, which is more widely compatible there
//  3. an AMD GPU with ROCm compute: gpu-rocm
//  4. another GPU with Vulkan: gpu-vulkan, NVIDIA's included; there is no device
//     for CUDA
//  5. cpu
//
// A GPU that Vulkan can't reach is none to the second rule, and when there are
// several of AMD, the second rule looks at the one with the most VRAM: a card
// with memory of its own counts for more than the graphics of a processor.
//
// When the NPU is asked for and not there, the next best device is recommended;
// Device tells that it is another, and the second reason why. Images are not
// looked at, for they can be pulled. Recommend is pure.
func Recommend(h Hardware, wantNPU bool) Recommendation {
	best := choose(h, wantNPU)
	r := Recommendation{Device: best.Device, Reasons: []Reason{best}}
	for _, a := range byHardware(h) {
		if a.Device != best.Device {
			r.Reasons = append(r.Reasons, whyNot(a, best))
		}
	}
	return r
}

// choose applies the rules.
func choose(h Hardware, wantNPU bool) Reason {
	if wantNPU && h.NPU.Present {
		return Reason{NPU, CodeNPUAsked, h.NPU.Name + " is there, and was asked for"}
	}
	if g := largest(h.GPUs, isAMD); g != nil && g.VulkanCapable && h.UnifiedMemoryMB >= minUnifiedMB && g.VRAMMB <= maxCarveOutMB {
		return Reason{GPUVulkan, CodeUnifiedMemory, fmt.Sprintf("%s has %s of unified memory and a VRAM carve-out of %s: Vulkan is more widely compatible there than ROCm",
			g.Name, size(h.UnifiedMemoryMB), size(g.VRAMMB))}
	}
	if g := largest(h.GPUs, hasROCm); g != nil {
		message := fmt.Sprintf("%s has ROCm compute and %s of VRAM", g.Name, size(g.VRAMMB))
		if h.UnifiedMemoryMB > 0 {
			message += fmt.Sprintf("; the unified memory of the box is %s", size(h.UnifiedMemoryMB))
		}
		return Reason{GPUROCm, CodeROCmCompute, message}
	}
	if g := largest(h.GPUs, hasVulkan); g != nil {
		message := g.Name + " has Vulkan"
		if g.Vendor == VendorNVIDIA {
			message += "; there is no device for CUDA"
		}
		return Reason{GPUVulkan, CodeVulkan, message}
	}
	return Reason{CPU, CodeCPUOnly, "no GPU can be used: " + vulkanAvailable(h).Message}
}

// whyNot returns why another device than a's was chosen.
func whyNot(a Availability, best Reason) Reason {
	r := Reason{a.Device, a.Code, a.Message}
	if !a.Available {
		return r
	}
	r.Code = CodeSecondChoice
	switch {
	case a.Device == NPU:
		r.Code = CodeNPUNotAsked
		r.Message += "; it is recommended only when asked for"
	case best.Device == NPU:
		r.Message += "; the NPU was asked for"
	case a.Device == CPU:
		r.Message += "; a GPU is faster"
	case best.Code == CodeUnifiedMemory:
		r.Message += "; Vulkan comes first on unified memory"
	default:
		r.Message += "; ROCm comes first where it works"
	}
	return r
}
