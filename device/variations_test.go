package device_test

import (
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/hal0ai/hal0-go/device"
)

// A Strix Halo box that differs in one thing from the one of testdata.
func TestProbeTellsApart(t *testing.T) {
	t.Parallel()
	const gpu = "sys/devices/pci0000:00/0000:00:08.1/0000:c6:00.0/"
	const npu = "sys/devices/pci0000:00/0000:00:08.2/0000:c7:00.1/"
	set := func(name, text string) func(fstest.MapFS) {
		return func(root fstest.MapFS) { root[name] = &fstest.MapFile{Data: []byte(text)} }
	}
	remove := func(names ...string) func(fstest.MapFS) {
		return func(root fstest.MapFS) {
			for _, name := range names {
				delete(root, name)
			}
		}
	}
	platform := func(h device.Hardware) any { return h.Platform }
	for name, tc := range map[string]struct {
		change func(fstest.MapFS)
		got    func(device.Hardware) any
		want   any
	}{
		"no /dev/kfd, no compute": {remove("dev/kfd"), func(h device.Hardware) any { return h.GPUs[0].ComputeCapable }, false},
		"no node of the GPU's":    {remove("dev/dri/renderD128"), func(h device.Hardware) any { return h.GPUs[0].VulkanCapable }, false},
		"another's node is not enough": {func(root fstest.MapFS) {
			root["dev/dri/renderD129"] = root["dev/dri/renderD128"]
			delete(root, "dev/dri/renderD128")
		}, func(h device.Hardware) any { return h.GPUs[0].VulkanCapable }, false},
		"a compute node of another": {
			set("sys/class/kfd/kfd/topology/nodes/1/properties", "simd_count 80\ndevice_id 1\n"),
			func(h device.Hardware) any { return h.GPUs[0].ComputeCapable }, false,
		},
		"a compute node without SIMD units": {
			set("sys/class/kfd/kfd/topology/nodes/1/properties", "simd_count 0\ndevice_id 5510\n"),
			func(h device.Hardware) any { return h.GPUs[0].ComputeCapable }, false,
		},
		"a compute node that names no device": {
			set("sys/class/kfd/kfd/topology/nodes/1/properties", "simd_count 80\n"),
			func(h device.Hardware) any { return h.GPUs[0].ComputeCapable }, true,
		},
		"no render node, no compute": {remove("dev/dri/renderD128"), func(h device.Hardware) any { return h.GPUs[0].ComputeCapable }, false},
		"cores without ids":          {set("proc/cpuinfo", "processor : 0\n\nprocessor : 1\n"), func(h device.Hardware) any { return h.CPUCores }, 2},
		"two sockets": {
			set("proc/cpuinfo", "processor : 0\nphysical id : 0\ncore id : 0\n\nprocessor : 1\nphysical id : 1\ncore id : 0\n"),
			func(h device.Hardware) any { return h.CPUCores }, 2,
		},
		"a name that is no text":          {set("proc/sys/kernel/hostname", "ha\xff\x1blo \t9\n"), func(h device.Hardware) any { return h.Hostname }, "halo 9"},
		"a line twice":                    {set("proc/meminfo", "MemTotal: 2048 kB\nMemTotal: 1024 kB\n"), func(h device.Hardware) any { return h.RAMMB }, 2},
		"an old kernel on unified memory": {set(gpu+"mem_info_vram_vendor", "unknown\n"), func(h device.Hardware) any { return h.UnifiedMemoryMB }, 112 << 10},
		"memory chips of its own":         {set(gpu+"mem_info_vram_vendor", "samsung\n"), func(h device.Hardware) any { return h.UnifiedMemoryMB }, 0},
		"links that were not copied": {
			remove("sys/devices/pci0000:00/0000:00:08.1/0000:c6:00.0/driver"),
			func(h device.Hardware) any { return h.GPUs[0].Driver }, "amdgpu",
		},
		"an uevent that was not copied": {remove(gpu + "uevent"), func(h device.Hardware) any { return h.GPUs[0].PCIID }, "0000:c6:00.0"},
		"the first XDNA":                {set(npu+"device", "0x1502\n"), func(h device.Hardware) any { return h.NPU.Name }, "AMD XDNA NPU"},
		"an NPU of Intel's":             {set(npu+"vendor", "0x8086\n"), func(h device.Hardware) any { return h.NPU }, device.NPUInfo{}},
		"a container of Incus": {
			func(root fstest.MapFS) { set("proc/1/environ", "PATH=/bin\x00container=lxc\x00")(root) }, platform, device.PlatformLXC,
		},
		"a container of podman":      {set("run/systemd/container", "podman\n"), platform, device.PlatformStrixHalo},
		"Hyper-V and other machines": {set("proc/cpuinfo", "processor : 0\nflags : fpu hypervisor\n"), platform, device.PlatformUnknown},
		"no os-release in /etc": {
			func(root fstest.MapFS) {
				root["usr/lib/os-release"] = &fstest.MapFile{Data: []byte("NAME='Arch Linux'\n")}
				delete(root, "etc/os-release")
			},
			func(h device.Hardware) any { return h.Distro }, "Arch Linux",
		},
		"version 1 without a limit": {set("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"), func(h device.Hardware) any { return h.CgroupMaxMB }, (*int)(nil)},
		"a limit of a group above":  {set("sys/fs/cgroup/user.slice/memory.max", "1073741824\n"), func(h device.Hardware) any { return *h.CgroupMaxMB }, 1024},
		"the lowest of several limits": {
			func(root fstest.MapFS) {
				set("sys/fs/cgroup/user.slice/memory.max", "1073741824\n")(root)
				set("sys/fs/cgroup/memory.max", "4294967296\n")(root)
			},
			func(h device.Hardware) any { return *h.CgroupMaxMB }, 1024,
		},
		"a path that is too long to be one": {
			func(root fstest.MapFS) {
				long := strings.Repeat("/x", 2049)
				set("proc/self/cgroup", "0::"+long)(root)
				set("sys/fs/cgroup"+long+"/memory.max", "1073741824\n")(root)
			},
			func(h device.Hardware) any { return h.CgroupMaxMB }, (*int)(nil),
		},
		"a path out of the tree": {
			func(root fstest.MapFS) {
				set("proc/self/cgroup", "0::/../../x\n")(root)
				set("sys/fs/cgroup/x/memory.max", "2147483648\n")(root)
			},
			func(h device.Hardware) any { return *h.CgroupMaxMB }, 2048,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := tree(t, "strix-halo")
			tc.change(root)
			assert.Equal(t, tc.want, tc.got(probe(t, root)))
		})
	}
}

// cardFiles are the files of a card that a tree without links has.
func cardFiles(n, pci, device string, more map[string]string) fstest.MapFS {
	dir := "sys/class/drm/card" + n + "/device/"
	root := fstest.MapFS{
		dir + "vendor": {Data: []byte("0x" + pci)}, dir + "device": {Data: []byte("0x" + device)},
		dir + "uevent": {Data: []byte("PCI_SLOT_NAME=0000:0" + n + ":00.0\n" + more["uevent"])},
	}
	for name, text := range more {
		if name != "uevent" {
			root[dir+name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return root
}

// Cards of any number and order: by vendor, then by VRAM, then by address.
func TestProbeOrdersGPUs(t *testing.T) {
	t.Parallel()
	const pool = "34359738368" // 32 GiB
	root := fstest.MapFS{}
	for _, files := range []fstest.MapFS{
		cardFiles("0", "8086", "a780", nil),
		cardFiles("1", "10de", "2684", nil),
		cardFiles("2", "1002", "164e", map[string]string{"mem_info_vram_total": "536870912", "mem_info_gtt_total": pool}),
		cardFiles("3", "1002", "164e", map[string]string{"mem_info_vram_total": "536870912", "mem_info_gtt_total": pool}),
		cardFiles("4", "1002", "744c", map[string]string{"mem_info_vram_total": "25753026560", "mem_info_vram_vendor": "hynix"}),
		cardFiles("9", "10de", "2204", nil),
	} {
		maps.Copy(root, files)
	}
	h := probe(t, root)
	var order []string
	for _, g := range h.GPUs {
		order = append(order, g.PCIID)
	}
	assert.Equal(t, []string{"0000:04:00.0", "0000:02:00.0", "0000:03:00.0", "0000:01:00.0", "0000:09:00.0", "0000:00:00.0"}, order)
	assert.Equal(t, 32<<10, h.UnifiedMemoryMB, "two GPUs that share the RAM share one pool")
}

// CUDA takes NVIDIA's own driver and its node.
func TestProbeCUDA(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		driver string
		node   bool
		want   bool
	}{
		"both":           {"nvidia", true, true},
		"another driver": {"nouveau", true, false},
		"no node":        {"nvidia", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := cardFiles("0", "10de", "2684", map[string]string{"uevent": "DRIVER=" + tc.driver})
			if tc.node {
				root["dev/nvidiactl"] = &fstest.MapFile{}
			}
			assert.Equal(t, tc.want, probe(t, root).GPUs[0].ComputeCapable)
		})
	}
}

// A card in a box whose processor has graphics too is not named for them.
func TestProbeNamesGPUs(t *testing.T) {
	t.Parallel()
	const processor = "processor : 0\nmodel name : AMD Ryzen 7 7840HS w/ Radeon 780M Graphics\n"
	for name, tc := range map[string]struct{ chips, want string }{
		"memory of its own": {"samsung", "AMD GPU 1002:15bf"},
		"unified memory":    {"unknown", "AMD Radeon 780M Graphics"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := cardFiles("0", "1002", "15bf", map[string]string{"mem_info_gtt_total": "16777216", "mem_info_vram_vendor": tc.chips})
			root["proc/cpuinfo"] = &fstest.MapFile{Data: []byte(processor)}
			assert.Equal(t, tc.want, probe(t, root).GPUs[0].Name)
		})
	}
}
