package slot_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

func TestCheckMemory(t *testing.T) {
	t.Parallel()
	const takes = "weights 4.6 GiB + context of 8192 tokens 1 GiB + compute 266.5 MiB = 5.8 GiB"
	const fix = "choose a smaller model or quantization, a smaller context_size, or -ctk and -ctv of fewer bits"
	fitting := func(t *testing.T) *provider.Help {
		t.Helper()
		return helpOf(t, fewFlags+"-fit,  --fit [on|off]                   fit\n")
	}
	gpu := func(bytes, beside int64) slot.Memory {
		return slot.Memory{Pool: "the GTT pool", Bytes: bytes, Beside: beside}
	}
	for name, tc := range map[string]struct {
		device device.Device
		flags  string
		help   func(*testing.T) *provider.Help
		memory slot.Memory
		atMost bool
		want   slot.Finding
	}{
		"it fits":                           {device.GPUVulkan, "", nil, gpu(8*gib, 0), false, slot.Finding{Severity: "info", Code: "memory.fits", Message: "the server takes about " + takes + ", of 8 GiB (the GTT pool)"}},
		"with less than the margin":         {device.GPUVulkan, "", nil, gpu(6*gib, 0), false, slot.Finding{Severity: "warning", Code: "memory.tight", Message: "the server takes about " + takes + ", and there are 6 GiB (the GTT pool)", Fix: fix}},
		"more than there is, for certain":   {device.GPUVulkan, "", nil, gpu(5*gib, 0), false, slot.Finding{Severity: "error", Code: "memory.too-small", Message: "the server takes " + takes + ", of which 5.6 GiB for certain, and there are 5 GiB (the GTT pool)", Fix: fix}},
		"the context may be less":           {device.GPUVulkan, "", nil, gpu(5*gib, 0), true, slot.Finding{Severity: "warning", Code: "memory.tight", Message: "the server takes about weights 4.6 GiB + context of 8192 tokens at most 1 GiB + compute 266.5 MiB = 5.8 GiB, and there are 5 GiB (the GTT pool)", Fix: fix}},
		"flags leave experts to the CPU":    {device.GPUVulkan, "--cpu-moe", nil, gpu(2*gib, 8*gib), false, slot.Finding{Severity: "warning", Code: "memory.tight", Message: "the server takes about " + takes + ", and there are 2 GiB (the GTT pool)", Fix: fix}},
		"flags leave layers to the CPU":     {device.GPUVulkan, "-ngl 20", nil, gpu(2*gib, 8*gib), false, slot.Finding{Severity: "warning", Code: "memory.tight", Message: "the server takes about " + takes + ", and there are 2 GiB (the GTT pool)", Fix: fix}},
		"flags leave nothing to the CPU":    {device.GPUVulkan, "-ngl 99", nil, gpu(2*gib, 8*gib), false, slot.Finding{Severity: "error", Code: "memory.too-small", Message: "the server takes " + takes + ", of which 5.6 GiB for certain, and there are 2 GiB (the GTT pool)", Fix: fix}},
		"the build fits itself":             {device.GPUVulkan, "", fitting, gpu(2*gib, 8*gib), false, slot.Finding{Severity: "warning", Code: "memory.tight", Message: "the server takes about " + takes + ", and there are 2 GiB (the GTT pool)", Fix: fix}},
		"the build is told not to":          {device.GPUVulkan, "-fit off", fitting, gpu(2*gib, 8*gib), false, slot.Finding{Severity: "error", Code: "memory.too-small", Message: "the server takes " + takes + ", of which 5.6 GiB for certain, and there are 2 GiB (the GTT pool)", Fix: fix}},
		"the build is told how many layers": {device.GPUVulkan, "-ngl all", fitting, gpu(2*gib, 8*gib), false, slot.Finding{Severity: "error", Code: "memory.too-small", Message: "the server takes " + takes + ", of which 5.6 GiB for certain, and there are 2 GiB (the GTT pool)", Fix: fix}},
		"the whole box is too small":        {device.GPUVulkan, "", fitting, gpu(2*gib, 3*gib), false, slot.Finding{Severity: "error", Code: "memory.too-small", Message: "the server takes " + takes + ", of which 5.6 GiB for certain, and there are 5 GiB (the GTT pool)", Fix: fix}},
		"mapped on the CPU":                 {device.CPU, "-ngl 0", nil, gpu(2*gib, 0), false, slot.Finding{Severity: "warning", Code: "memory.tight", Message: "the server takes about " + takes + ", and there are 2 GiB (the GTT pool)", Fix: fix}},
		"read on the CPU":                   {device.CPU, "-ngl 0 --no-mmap", nil, gpu(2*gib, 0), false, slot.Finding{Severity: "error", Code: "memory.too-small", Message: "the server takes " + takes + ", of which 5.6 GiB for certain, and there are 2 GiB (the GTT pool)", Fix: fix}},
		"read on the CPU, by load mode":     {device.CPU, "--load-mode none", nil, gpu(2*gib, 0), false, slot.Finding{Severity: "error", Code: "memory.too-small", Message: "the server takes " + takes + ", of which 5.6 GiB for certain, and there are 2 GiB (the GTT pool)", Fix: fix}},
		"locked on the CPU":                 {device.CPU, "--mlock", nil, gpu(2*gib, 0), false, slot.Finding{Severity: "error", Code: "memory.too-small", Message: "the server takes " + takes + ", of which 5.6 GiB for certain, and there are 2 GiB (the GTT pool)", Fix: fix}},
		"nobody knows":                      {device.GPUVulkan, "", nil, slot.Memory{}, false, slot.Finding{Severity: "info", Code: "memory.unknown", Message: "the server takes about " + takes + "; how much memory there is for it is not known"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, p := llama3(), serves(t, tc.device, tc.flags)
			m.Shape.AtMost = tc.atMost
			e := slot.EstimateMemory(p, &m)
			var help *provider.Help
			if tc.help != nil {
				help = tc.help(t)
			}
			tc.want.Estimate = &e
			assert.Equal(t, tc.want, plain(slot.CheckMemory(p, e, tc.memory, help)))
		})
	}
}

func TestCheckTogether(t *testing.T) {
	t.Parallel()
	m := slot.Memory{Pool: "the GTT pool", Bytes: 8 * gib}
	assert.Empty(t, slot.CheckTogether([]slot.Share{{Slot: "chat", Bytes: 100 * gib}}, m), "one alone is CheckMemory's")
	assert.Empty(t, slot.CheckTogether([]slot.Share{{Slot: "chat", Bytes: 4 * gib}, {Slot: "code", Bytes: 3 * gib}}, m))
	assert.Empty(t, slot.CheckTogether([]slot.Share{{Slot: "chat", Bytes: 9 * gib}, {Slot: "code", Bytes: 3 * gib}}, slot.Memory{}))
	assert.Equal(t, []slot.Finding{{
		Severity: "warning", Code: "memory.together",
		Message: "the enabled slots that share the GTT pool of 8 GiB take 7.1 GiB together (chat 4 GiB, code 3.1 GiB)",
		Fix:     "disable one of them, or let one make room for another",
	}}, slot.CheckTogether([]slot.Share{{Slot: "code", Bytes: 3*gib + 100*mib}, {Slot: "chat", Bytes: 4 * gib}}, m))
}

func TestMemoryOf(t *testing.T) {
	t.Parallel()
	halo := device.Hardware{RAMMB: 124119, UnifiedMemoryMB: 114688, GPUs: []device.GPUInfo{{Vendor: device.VendorAMD, Name: "AMD Radeon 8060S", VRAMMB: 2048}}}
	card := device.Hardware{RAMMB: 65536, GPUs: []device.GPUInfo{{Vendor: device.VendorAMD, Name: "AMD Radeon RX 7900 XTX", VRAMMB: 24560}}}
	nvidia := device.Hardware{RAMMB: 65536, UnifiedMemoryMB: 16384, GPUs: []device.GPUInfo{{Vendor: device.VendorNVIDIA, Name: "NVIDIA GeForce RTX 4090"}, {Vendor: device.VendorAMD}}}
	for name, tc := range map[string]struct {
		hardware device.Hardware
		device   device.Device
		want     slot.Memory
	}{
		"one pool":                    {halo, device.GPUVulkan, slot.Memory{Pool: "the unified memory of AMD Radeon 8060S", Bytes: 114 * gib, Beside: 9431 * mib}},
		"one pool, through ROCm":      {halo, device.GPUROCm, slot.Memory{Pool: "the unified memory of AMD Radeon 8060S", Bytes: 114 * gib, Beside: 9431 * mib}},
		"the CPU of it":               {halo, device.CPU, slot.Memory{Pool: "the RAM", Bytes: 124119 * mib}},
		"the NPU of it":               {halo, device.NPU, slot.Memory{}},
		"a card":                      {card, device.GPUROCm, slot.Memory{Pool: "the VRAM of AMD Radeon RX 7900 XTX", Bytes: 24560 * mib, Beside: 64 * gib}},
		"a card that tells nothing":   {nvidia, device.GPUVulkan, slot.Memory{Pool: "the VRAM of NVIDIA GeForce RTX 4090", Beside: 64 * gib}},
		"no GPU":                      {device.Hardware{RAMMB: 1024}, device.GPUVulkan, slot.Memory{}},
		"more pool than RAM is known": {device.Hardware{UnifiedMemoryMB: 1024, GPUs: halo.GPUs}, device.GPUVulkan, slot.Memory{Pool: "the unified memory of AMD Radeon 8060S", Bytes: 3 * gib}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, slot.MemoryOf(tc.hardware, tc.device))
		})
	}
}
