package device_test

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/fstree"
)

// sysroot returns the files of a Strix Halo box. On the box itself they are
// os.DirFS("/").
func sysroot() fs.FS {
	root, err := fstree.ReadFile("testdata/strix-halo.txt")
	if err != nil {
		panic(err)
	}
	return root
}

// Probe a box, and write what it is to its hardware.json.
func ExampleProbe() {
	diskFreeMB := 250_000 // of the file system under /var/lib/hal0
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

	hw, err := device.Probe(sysroot(), now, diskFreeMB)
	if err != nil {
		fmt.Println(err) // what could not be read; hw holds the rest
	}
	fmt.Println(hw.Platform, "with", hw.GPUs[0].Name)
	fmt.Println("RAM", hw.RAMMB, "MiB, of which the GPU can use", hw.UnifiedMemoryMB)

	data, err := hw.Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	back, err := device.ParseHardware("/etc/hal0/hardware.json", data)
	fmt.Println(back.ProbedAt, err)
	// Output:
	// strix-halo with AMD Radeon 8060S
	// RAM 124119 MiB, of which the GPU can use 114688
	// 2026-01-31 12:00:00 +0000 UTC <nil>
}

// Ask what to run models on, and why not on something else.
func ExampleRecommend() {
	hw, err := device.Probe(sysroot(), time.Now(), 0)
	if err != nil {
		fmt.Println(err)
	}
	best := device.Recommend(hw, false)
	fmt.Println(best.Device)
	for _, r := range best.Reasons {
		fmt.Printf("- %s: %s\n", r.Device, r.Message)
	}
	// Output:
	// gpu-vulkan
	// - gpu-vulkan: AMD Radeon 8060S has 112 GiB of unified memory and a VRAM carve-out of 2 GiB: Vulkan is more widely compatible there than ROCm
	// - npu: AMD XDNA2 NPU is there; it is recommended only when asked for
	// - gpu-rocm: AMD Radeon 8060S has ROCm compute; Vulkan comes first on unified memory
	// - cpu: the CPU always works: 16 cores, 121.2 GiB of RAM; a GPU is faster
}

// List what slots can run on, in the order to show it.
func ExampleAvailable() {
	hw, err := device.Probe(sysroot(), time.Now(), 0)
	if err != nil {
		fmt.Println(err)
	}
	flmImage := false // whether the image that serves the NPU is pulled
	for _, a := range device.Available(hw, flmImage) {
		fmt.Println(a.Device, a.Available, a.Code)
	}
	// Output:
	// npu false npu.image-missing
	// gpu-vulkan true vulkan.ready
	// gpu-rocm true rocm.ready
	// cpu true cpu.always
}
