package device_test

import (
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/fstree"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// tree returns the file tree of a box in testdata.
func tree(tb testing.TB, name string) fstest.MapFS {
	tb.Helper()
	root, err := fstree.ReadFile(filepath.Join("testdata", name+".txt"))
	require.NoError(tb, err)
	return root
}

func probe(tb testing.TB, root fs.FS) device.Hardware {
	tb.Helper()
	h, err := device.Probe(root, noon, 250_000)
	require.NoError(tb, err)
	return h
}

// gpu is what the boxes differ in, of a GPU.
type gpu struct {
	name            string
	driver          string
	vram            int
	compute, vulkan bool
}

// What the files of each box mean, in MiB: a number of bytes is divided by
// 1,048,576, one of kB by 1,024.
func TestProbe(t *testing.T) {
	t.Parallel()
	const xtx = "AMD Radeon RX 7900 XTX" // the name in amdgpu.ids
	halo := gpu{"AMD Radeon 8060S", "amdgpu", 2048, true, true}
	for name, tc := range map[string]struct {
		platform                      device.Platform
		cores, threads, ram, free     int
		unified                       int
		gpus                          []gpu
		npu                           string
		limit                         any
		recommended, recommendedAsNPU device.Device
		code                          string
	}{
		"strix-halo": {
			device.PlatformStrixHalo, 16, 32, 124119, 118784, 112 << 10, []gpu{halo}, "AMD XDNA2 NPU", nil,
			device.GPUVulkan, device.NPU, device.CodeUnifiedMemory,
		},
		"amd-discrete": {
			device.PlatformAMD, 8, 16, 64064, 58800, 0, []gpu{{xtx, "amdgpu", 24560, true, true}}, "", nil,
			device.GPUROCm, device.GPUROCm, device.CodeROCmCompute,
		},
		"nvidia": {
			device.PlatformNVIDIA, 4, 8, 32000, 30000, 0, []gpu{{"NVIDIA GeForce RTX 4090", "nvidia", 0, true, true}}, "", nil,
			device.GPUVulkan, device.GPUVulkan, device.CodeVulkan,
		},
		"intel": {
			device.PlatformIntel, 4, 4, 15730, 14000, 0, []gpu{{"Intel GPU 8086:46d1", "i915", 0, false, true}}, "", nil,
			device.GPUVulkan, device.GPUVulkan, device.CodeVulkan,
		},
		"no-gpu": {
			device.PlatformCPUOnly, 8, 16, 64227, 62500, 0, nil, "", nil,
			device.CPU, device.CPU, device.CodeCPUOnly,
		},
		"lxc": { // the service's 48 GiB are below the container's 64 GiB
			device.PlatformLXC, 8, 8, 64 << 10, 64512, 112 << 10, []gpu{halo}, "AMD XDNA2 NPU", 48 << 10,
			device.GPUVulkan, device.NPU, device.CodeUnifiedMemory,
		},
		"lxc-no-devices": {
			device.PlatformLXC, 4, 4, 8 << 10, 7936, 112 << 10, []gpu{{"AMD Radeon 8060S", "amdgpu", 2048, false, false}}, "", 8 << 10,
			device.CPU, device.CPU, device.CodeCPUOnly,
		},
		"several": { // the Radeon comes first, whichever number its card has
			device.PlatformAMD, 6, 12, 64064, 58800, 0,
			[]gpu{{xtx, "amdgpu", 24560, true, true}, {"Intel GPU 8086:a780", "i915", 0, false, true}}, "", nil,
			device.GPUROCm, device.GPUROCm, device.CodeROCmCompute,
		},
		"wsl2": {
			device.PlatformWSL2, 4, 8, 32000, 30720, 0, nil, "", nil,
			device.CPU, device.CPU, device.CodeCPUOnly,
		},
		"kvm": {
			device.PlatformKVM, 4, 4, 16000, 15000, 0, nil, "", nil,
			device.CPU, device.CPU, device.CodeCPUOnly,
		},
		"proxmox": {
			device.PlatformProxmoxKVM, 4, 8, 32000, 30720, 0, []gpu{{"NVIDIA GPU 10de:2204", "nouveau", 0, false, true}}, "", nil,
			device.GPUVulkan, device.GPUVulkan, device.CodeVulkan,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := probe(t, tree(t, name))
			assert.Equal(t, tc.platform, h.Platform)
			assert.Equal(t, []int{tc.cores, tc.threads, tc.ram, tc.free, tc.unified, 250_000},
				[]int{h.CPUCores, h.CPUThreads, h.RAMMB, h.RAMAvailableMB, h.UnifiedMemoryMB, h.DiskFreeMB})
			var gpus []gpu
			for _, g := range h.GPUs {
				gpus = append(gpus, gpu{g.Name, g.Driver, g.VRAMMB, g.ComputeCapable, g.VulkanCapable})
			}
			assert.Equal(t, tc.gpus, gpus)
			assert.Equal(t, tc.npu, h.NPU.Name)
			if tc.limit == nil {
				assert.Nil(t, h.CgroupMaxMB)
			} else {
				assert.Equal(t, tc.limit, *h.CgroupMaxMB)
			}
			best := device.Recommend(h, false)
			assert.Equal(t, tc.recommended, best.Device)
			assert.Equal(t, tc.code, best.Reasons[0].Code)
			assert.Equal(t, tc.recommendedAsNPU, device.Recommend(h, true).Device)
		})
	}
}

// The whole of what is told of each box, word for word.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.Len(t, files, 11)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := probe(t, tree(t, name))
			got, err := json.MarshalIndent(map[string]any{
				"hardware": h, "available": device.Available(h, false), "recommended": device.Recommend(h, false),
			}, "", "  ")
			require.NoError(t, err)
			golden := filepath.Join("testdata", name+".json")
			if *update {
				require.NoError(t, os.WriteFile(golden, append(got, '\n'), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got)+"\n")
		})
	}
}

// A real file system, with real links, gives the same.
func TestProbeOnDisk(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"strix-halo", "lxc", "several"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := tree(t, name)
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, root))
			assert.Equal(t, probe(t, root), probe(t, os.DirFS(dir)))
		})
	}
}

// This machine, whatever it is: nothing of it makes Probe fail.
func TestProbeHere(t *testing.T) {
	t.Parallel()
	h := probe(t, os.DirFS("/"))
	assert.NotEmpty(t, h.CPUModel+h.Kernel)
	assert.Positive(t, h.CPUThreads)
	assert.Positive(t, h.RAMMB)
	assert.True(t, h.Platform.Valid())
	require.NotEmpty(t, device.Recommend(h, false).Device)
}

func TestProbeAndDetectAgree(t *testing.T) {
	t.Parallel()
	root := tree(t, "strix-halo")
	host, err := device.Detect(root)
	require.NoError(t, err)
	h := probe(t, root)
	assert.Equal(t, h.RAMMB, host.MemoryMB)
	assert.Equal(t, h.NPU.Present, host.NPU != "")
	assert.Empty(t, host.Lacks(device.Recommend(h, true).Device))
	assert.Empty(t, host.Lacks(device.Recommend(h, false).Device))
}

func TestProbeAnEmptyTree(t *testing.T) {
	t.Parallel()
	h, err := device.Probe(fstest.MapFS{}, time.Time{}, 0)
	require.NoError(t, err)
	assert.Equal(t, device.Hardware{GPUs: []device.GPUInfo{}, Platform: device.PlatformUnknown}, h)
}

// The time is kept to the second and in UTC, as the file has it.
func TestProbeTime(t *testing.T) {
	t.Parallel()
	h, err := device.Probe(fstest.MapFS{}, noon.Add(time.Millisecond).In(time.FixedZone("", 3600)), 0)
	require.NoError(t, err)
	assert.Equal(t, noon, h.ProbedAt)
}

// BenchmarkProbe reads a Strix Halo box from a disk.
func BenchmarkProbe(b *testing.B) {
	dir := b.TempDir()
	require.NoError(b, os.CopyFS(dir, tree(b, "strix-halo")))
	root := os.DirFS(dir)
	b.ReportAllocs()
	for b.Loop() {
		probe(b, root)
	}
}
