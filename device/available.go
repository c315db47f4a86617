package device

import (
	"fmt"
	"math"
	"strconv"
)

// An Availability says whether slots on a device can run on a box, and why.
type Availability struct {
	Device    Device `json:"device"`
	Available bool   `json:"available"`
	// Code is one of those below, Message the same for people.
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Codes of an [Availability]. Those that end in "ready", and CodeCPUAlways, go
// with one that is available.
const (
	CodeNPUReady        = "npu.ready"
	CodeNPUAbsent       = "npu.absent"         // no AMD XDNA NPU, or no node of it
	CodeNPUNoImage      = "npu.image-missing"  // the NPU is there, the flm image is not pulled
	CodeVulkanReady     = "vulkan.ready"       // a GPU with a render node
	CodeGPUAbsent       = "gpu.absent"         // no AMD, NVIDIA or Intel GPU
	CodeGPUNoRender     = "gpu.no-render-node" // a GPU, and no render node of it
	CodeROCmReady       = "rocm.ready"         // an AMD GPU with ROCm compute
	CodeAMDGPUAbsent    = "amd-gpu.absent"     // no AMD GPU
	CodeAMDGPUNoCompute = "amd-gpu.no-compute" // an AMD GPU that ROCm can't reach
	CodeCPUAlways       = "cpu.always"
)

// Available returns what a box can run, in the order to show: npu, gpu-vulkan,
// gpu-rocm, cpu. flmImage says whether the image that serves the NPU is pulled.
func Available(h Hardware, flmImage bool) []Availability {
	all := byHardware(h)
	if npu := &all[0]; npu.Available && !flmImage {
		npu.Available, npu.Code = false, CodeNPUNoImage
		npu.Message += ", but the flm image is not pulled: pull it"
	}
	return all
}

// byHardware is [Available] but for images, which can be pulled.
func byHardware(h Hardware) []Availability {
	return []Availability{npuAvailable(h), vulkanAvailable(h), rocmAvailable(h), cpuAvailable(h)}
}

func npuAvailable(h Hardware) Availability {
	if !h.NPU.Present {
		return Availability{NPU, false, CodeNPUAbsent, "there is no AMD XDNA NPU with a node in /dev/accel"}
	}
	return Availability{NPU, true, CodeNPUReady, h.NPU.Name + " is there"}
}

func vulkanAvailable(h Hardware) Availability {
	if len(h.GPUs) == 0 {
		return Availability{GPUVulkan, false, CodeGPUAbsent, "there is no AMD, NVIDIA or Intel GPU"}
	}
	if g := largest(h.GPUs, hasVulkan); g != nil {
		return Availability{GPUVulkan, true, CodeVulkanReady, g.Name + " has Vulkan"}
	}
	return Availability{GPUVulkan, false, CodeGPUNoRender,
		h.GPUs[0].Name + " has no render node in /dev/dri: load its driver, or give the node to this container"}
}

func rocmAvailable(h Hardware) Availability {
	if g := largest(h.GPUs, hasROCm); g != nil {
		return Availability{GPUROCm, true, CodeROCmReady, g.Name + " has ROCm compute"}
	}
	if g := largest(h.GPUs, isAMD); g != nil {
		return Availability{GPUROCm, false, CodeAMDGPUNoCompute,
			g.Name + " has no ROCm compute: it takes /dev/kfd, the GPU's render node in /dev/dri and its node in /sys/class/kfd"}
	}
	return Availability{GPUROCm, false, CodeAMDGPUAbsent, "there is no AMD GPU"}
}

func cpuAvailable(h Hardware) Availability {
	message := "the CPU always works"
	if h.CPUCores > 0 && h.RAMMB > 0 {
		message += fmt.Sprintf(": %d cores, %s of RAM", h.CPUCores, size(h.RAMMB))
	}
	return Availability{CPU, true, CodeCPUAlways, message}
}

func isAMD(g GPUInfo) bool     { return g.Vendor == VendorAMD }
func hasVulkan(g GPUInfo) bool { return g.VulkanCapable }
func hasROCm(g GPUInfo) bool   { return isAMD(g) && g.ComputeCapable }

// largest returns the GPU with the most VRAM among those that fit, the first of
// equals; nil when none fits.
func largest(gpus []GPUInfo, fits func(GPUInfo) bool) *GPUInfo {
	var found *GPUInfo
	for i, g := range gpus {
		if fits(g) && (found == nil || g.VRAMMB > found.VRAMMB) {
			found = &gpus[i]
		}
	}
	return found
}

// size writes MiB for people: in GiB from 1 GiB on, rounded down to a tenth so
// that what is below a limit does not look like it.
func size(mib int) string {
	if mib < 1024 {
		return fmt.Sprintf("%d MiB", mib)
	}
	return strconv.FormatFloat(math.Floor(float64(mib)/1024*10)/10, 'f', -1, 64) + " GiB"
}
