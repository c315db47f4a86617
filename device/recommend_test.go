package device_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
)

var (
	halo    = device.GPUInfo{Vendor: device.VendorAMD, Name: "Radeon 8060S", VRAMMB: 2048, ComputeCapable: true, VulkanCapable: true}
	xtx     = device.GPUInfo{Vendor: device.VendorAMD, Name: "RX 7900 XTX", VRAMMB: 24560, ComputeCapable: true, VulkanCapable: true}
	polaris = device.GPUInfo{Vendor: device.VendorAMD, Name: "RX 580", VRAMMB: 8192, VulkanCapable: true}
	geforce = device.GPUInfo{Vendor: device.VendorNVIDIA, Name: "RTX 4090", ComputeCapable: true, VulkanCapable: true}
	uhd     = device.GPUInfo{Vendor: device.VendorIntel, Name: "UHD 770", VulkanCapable: true}
	xdna    = device.NPUInfo{Present: true, Vendor: device.VendorAMD, Name: "AMD XDNA2 NPU", Driver: "amdxdna"}
)

func TestRecommend(t *testing.T) {
	t.Parallel()
	with := func(g device.GPUInfo, change func(*device.GPUInfo)) device.GPUInfo { change(&g); return g }
	blind := with(halo, func(g *device.GPUInfo) { g.VulkanCapable, g.ComputeCapable = false, false })
	for name, tc := range map[string]struct {
		unified int
		gpus    []device.GPUInfo
		npu     device.NPUInfo
		wantNPU bool
		want    device.Reason
	}{
		"the NPU, asked for": {112 << 10, []device.GPUInfo{halo}, xdna, true, device.Reason{Device: "npu", Code: "npu.asked-for", Message: "AMD XDNA2 NPU is there, and was asked for"}},
		"the NPU, not asked for": {0, nil, xdna, false, device.Reason{
			Device: "cpu", Code: "cpu.only", Message: "no GPU can be used: there is no AMD, NVIDIA or Intel GPU",
		}},
		"Strix Halo": {112 << 10, []device.GPUInfo{halo}, device.NPUInfo{}, false, device.Reason{
			Device: "gpu-vulkan", Code: "amd-gpu.unified-memory",
			Message: "Radeon 8060S has 112 GiB of unified memory and a VRAM carve-out of 2 GiB: Vulkan is more widely compatible there than ROCm",
		}},
		"just enough unified memory, just small enough a carve-out": {
			32 << 10, []device.GPUInfo{with(halo, func(g *device.GPUInfo) { g.VRAMMB = 4 << 10 })}, xdna, false, device.Reason{
				Device: "gpu-vulkan", Code: "amd-gpu.unified-memory",
				Message: "Radeon 8060S has 32 GiB of unified memory and a VRAM carve-out of 4 GiB: Vulkan is more widely compatible there than ROCm",
			},
		},
		"too little unified memory": {32<<10 - 1, []device.GPUInfo{halo}, xdna, false, device.Reason{
			Device: "gpu-rocm", Code: "amd-gpu.compute",
			Message: "Radeon 8060S has ROCm compute and 2 GiB of VRAM; the unified memory of the box is 31.9 GiB",
		}},
		"too large a carve-out": {112 << 10, []device.GPUInfo{with(halo, func(g *device.GPUInfo) { g.VRAMMB = 4<<10 + 1 })}, xdna, false, device.Reason{
			Device: "gpu-rocm", Code: "amd-gpu.compute",
			Message: "Radeon 8060S has ROCm compute and 4 GiB of VRAM; the unified memory of the box is 112 GiB",
		}},
		"unified memory of another's": {112 << 10, []device.GPUInfo{uhd}, device.NPUInfo{}, false, device.Reason{Device: "gpu-vulkan", Code: "gpu.vulkan", Message: "UHD 770 has Vulkan"}},
		"Strix Halo in a container without its nodes": {112 << 10, []device.GPUInfo{blind}, device.NPUInfo{}, false, device.Reason{
			Device: "cpu", Code: "cpu.only",
			Message: "no GPU can be used: Radeon 8060S has no render node in /dev/dri: load its driver, or give the node to this container",
		}},
		"an AMD card":              {0, []device.GPUInfo{xtx}, device.NPUInfo{}, false, device.Reason{Device: "gpu-rocm", Code: "amd-gpu.compute", Message: "RX 7900 XTX has ROCm compute and 23.9 GiB of VRAM"}},
		"an AMD card without ROCm": {0, []device.GPUInfo{polaris}, device.NPUInfo{}, false, device.Reason{Device: "gpu-vulkan", Code: "gpu.vulkan", Message: "RX 580 has Vulkan"}},
		"NVIDIA":                   {0, []device.GPUInfo{geforce}, device.NPUInfo{}, false, device.Reason{Device: "gpu-vulkan", Code: "gpu.vulkan", Message: "RTX 4090 has Vulkan; there is no device for CUDA"}},
		"AMD before NVIDIA":        {0, []device.GPUInfo{geforce, xtx}, device.NPUInfo{}, false, device.Reason{Device: "gpu-rocm", Code: "amd-gpu.compute", Message: "RX 7900 XTX has ROCm compute and 23.9 GiB of VRAM"}},
		"a card beside the graphics of an AMD processor": {
			48 << 10, []device.GPUInfo{with(halo, func(g *device.GPUInfo) { g.Name, g.VRAMMB = "Raphael", 512 }), xtx}, device.NPUInfo{}, false, device.Reason{
				Device: "gpu-rocm", Code: "amd-gpu.compute",
				Message: "RX 7900 XTX has ROCm compute and 23.9 GiB of VRAM; the unified memory of the box is 48 GiB",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := device.Hardware{UnifiedMemoryMB: tc.unified, GPUs: tc.gpus, NPU: tc.npu}
			got := device.Recommend(h, tc.wantNPU)
			assert.Equal(t, tc.want, got.Reasons[0])
			assert.Equal(t, tc.want.Device, got.Device)

			// There is a reason for each device, and one that can't run is not recommended.
			require.Len(t, got.Reasons, len(device.All()))
			for _, a := range device.Available(h, true) {
				assert.True(t, a.Available || a.Device != got.Device)
			}
		})
	}
}

// The others of a Strix Halo box, by what was asked for.
func TestRecommendSaysWhyNot(t *testing.T) {
	t.Parallel()
	box := device.Hardware{UnifiedMemoryMB: 112 << 10, RAMMB: 121 << 10, CPUCores: 16, GPUs: []device.GPUInfo{halo}}
	without := device.Recommend(box, true)
	assert.Equal(t, device.GPUVulkan, without.Device, "the next best, when there is no NPU")
	assert.Equal(t, []device.Reason{
		{Device: "npu", Code: "npu.absent", Message: "there is no AMD XDNA NPU with a node in /dev/accel"},
		{Device: "gpu-rocm", Code: "second-choice", Message: "Radeon 8060S has ROCm compute; Vulkan comes first on unified memory"},
		{Device: "cpu", Code: "second-choice", Message: "the CPU always works: 16 cores, 121 GiB of RAM; a GPU is faster"},
	}, without.Reasons[1:])

	box.NPU = xdna
	assert.Equal(t, []device.Reason{
		{Device: "gpu-vulkan", Code: "second-choice", Message: "Radeon 8060S has Vulkan; the NPU was asked for"},
		{Device: "gpu-rocm", Code: "second-choice", Message: "Radeon 8060S has ROCm compute; the NPU was asked for"},
		{Device: "cpu", Code: "second-choice", Message: "the CPU always works: 16 cores, 121 GiB of RAM; the NPU was asked for"},
	}, device.Recommend(box, true).Reasons[1:])
}

func TestAvailable(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hardware device.Hardware
		flmImage bool
		codes    []string // npu, gpu-vulkan, gpu-rocm, cpu
		ok       []bool
	}{
		"everything":         {device.Hardware{GPUs: []device.GPUInfo{halo}, NPU: xdna}, true, []string{"npu.ready", "vulkan.ready", "rocm.ready", "cpu.always"}, []bool{true, true, true, true}},
		"the image to pull":  {device.Hardware{GPUs: []device.GPUInfo{halo}, NPU: xdna}, false, []string{"npu.image-missing", "vulkan.ready", "rocm.ready", "cpu.always"}, []bool{false, true, true, true}},
		"nothing":            {device.Hardware{}, true, []string{"npu.absent", "gpu.absent", "amd-gpu.absent", "cpu.always"}, []bool{false, false, false, true}},
		"CUDA is not ROCm":   {device.Hardware{GPUs: []device.GPUInfo{geforce}}, false, []string{"npu.absent", "vulkan.ready", "amd-gpu.absent", "cpu.always"}, []bool{false, true, false, true}},
		"AMD without ROCm":   {device.Hardware{GPUs: []device.GPUInfo{polaris}}, false, []string{"npu.absent", "vulkan.ready", "amd-gpu.no-compute", "cpu.always"}, []bool{false, true, false, true}},
		"nodes that are not": {device.Hardware{GPUs: []device.GPUInfo{{Vendor: "amd"}}}, false, []string{"npu.absent", "gpu.no-render-node", "amd-gpu.no-compute", "cpu.always"}, []bool{false, false, false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var codes []string
			var ok []bool
			var devices []device.Device
			for _, a := range device.Available(tc.hardware, tc.flmImage) {
				codes, ok, devices = append(codes, a.Code), append(ok, a.Available), append(devices, a.Device)
				assert.NotEmpty(t, a.Message)
			}
			assert.Equal(t, tc.codes, codes)
			assert.Equal(t, tc.ok, ok)
			assert.Equal(t, []device.Device{"npu", "gpu-vulkan", "gpu-rocm", "cpu"}, devices)
		})
	}
}
