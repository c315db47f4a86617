package device_test

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/fstree"
)

// broken is a tree in which some paths, and what is below them, fail.
type broken struct {
	fstest.MapFS
	fails map[string]error
}

func (b broken) check(op, name string) error {
	for path, err := range b.fails {
		if name == path || strings.HasPrefix(name, path+"/") {
			return &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
	return nil
}

func (b broken) Open(name string) (fs.File, error) {
	if err := b.check("open", name); err != nil {
		return nil, err
	}
	return b.MapFS.Open(name)
}

func (b broken) Stat(name string) (fs.FileInfo, error) {
	if err := b.check("stat", name); err != nil {
		return nil, err
	}
	return b.MapFS.Stat(name)
}

func (b broken) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := b.check("open", name); err != nil {
		return nil, err
	}
	return b.MapFS.ReadDir(name)
}

// What makes no sense is told with its path, and the rest is there.
func TestProbeMalformed(t *testing.T) {
	t.Parallel()
	const card = "sys/class/drm/card1/device/"
	const gpu = "sys/devices/pci0000:00/0000:00:08.1/0000:c6:00.0/"
	const npu = "sys/devices/pci0000:00/0000:00:08.2/0000:c7:00.1/"
	const node = "sys/class/kfd/kfd/topology/nodes/1/properties"
	for name, tc := range map[string]struct{ file, text, want string }{
		"a vendor":          {gpu + "vendor", "AMD", `/` + card + `vendor: is "AMD", want a PCI id such as 0x1002`},
		"a long vendor":     {gpu + "vendor", "0x10021586", `/` + card + `vendor: is "0x10021586", want a PCI id such as 0x1002`},
		"an empty device":   {gpu + "device", "\n", `/` + card + `device: has no PCI id`},
		"VRAM":              {gpu + "mem_info_vram_total", "2 GiB", `/` + card + `mem_info_vram_total: is "2 GiB", want a number of bytes`},
		"negative VRAM":     {gpu + "mem_info_vram_total", "-1", `/` + card + `mem_info_vram_total: is "-1", want a number of bytes`},
		"GTT beyond 64 bit": {gpu + "mem_info_gtt_total", "18446744073709551616", `/` + card + `mem_info_gtt_total: is "18446744073709551616", want a number of bytes`},
		"SIMD units":        {node, "simd_count many\n", `/` + node + `: simd_count is "many", want a number`},
		"an NPU's vendor":   {npu + "vendor", "0xzz", `/sys/class/accel/accel0/device/vendor: is "0xzz", want a PCI id such as 0x1002`},
		"memory":            {"proc/meminfo", "MemTotal: " + strings.Repeat("9", 70) + " kB\n", `/proc/meminfo: MemTotal is "` + strings.Repeat("9", 60) + `…", want a number of kB`},
		"available memory":  {"proc/meminfo", "MemTotal: 1024 kB\nMemAvailable:\n", `/proc/meminfo: MemAvailable is "", want a number of kB`},
		"a limit":           {"sys/fs/cgroup/user.slice/memory.max", "none", `/sys/fs/cgroup/user.slice/memory.max: is "none", want a number of bytes or max`},
		"a group id":        {"etc/group", "render:x:-1:\n", `/etc/group: group render has the id "-1", want a number`},
		"a huge file":       {"proc/sys/kernel/hostname", strings.Repeat("x", 5<<20), `/proc/sys/kernel/hostname: has 5242880 bytes, at most 4194304 are read`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := tree(t, "strix-halo")
			root[tc.file] = &fstest.MapFile{Data: []byte(tc.text)}
			h, err := device.Probe(root, noon, 0)
			require.EqualError(t, err, "detect hardware: "+tc.want)
			assert.Equal(t, "AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", h.CPUModel, "the rest is still told")
			assert.True(t, device.Recommend(h, true).Device.Valid())
		})
	}
}

// What can't be read is told with its path, all of it, and the rest is there.
func TestProbeUnreadable(t *testing.T) {
	t.Parallel()
	const card = "sys/class/drm/card1/device"
	for name, tc := range map[string]struct {
		fails map[string]error
		want  []string
		class error
	}{
		"not for everybody": {
			map[string]error{"proc/meminfo": fs.ErrPermission}, []string{"/proc/meminfo: can't be read: permission denied"}, fs.ErrPermission,
		},
		"the GPU went": {
			map[string]error{card + "/device": fs.ErrNotExist, card + "/drm": fs.ErrNotExist, card + "/mem_info_vram_total": syscall.ENODEV},
			[]string{"/" + card + "/device: has no PCI id", "/" + card + "/mem_info_vram_total: can't be read: open " + card + "/mem_info_vram_total: no such device"}, nil,
		},
		"a compute node that the container was not given": {
			map[string]error{"sys/class/kfd/kfd/topology/nodes/1/properties": syscall.EPERM},
			[]string{"/sys/class/kfd/kfd/topology/nodes/1/properties: can't be read: permission denied"}, fs.ErrPermission,
		},
		"directories": {
			map[string]error{"sys/class/drm": syscall.EIO, "dev/dri": syscall.EACCES},
			[]string{"/dev/dri: permission denied", "/sys/class/drm: input/output error"}, syscall.EIO,
		},
		"a node": {map[string]error{"dev/kfd": syscall.EACCES}, []string{"/dev/kfd: permission denied"}, fs.ErrPermission},
		"what root alone may read": {
			map[string]error{"proc/1/environ": fs.ErrPermission}, nil, nil,
		},
		"the whole card, between listing and reading": {
			map[string]error{card: fs.ErrNotExist}, nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := device.Probe(broken{tree(t, "strix-halo"), tc.fails}, noon, 0)
			assert.Equal(t, "halo", h.Hostname, "the rest is still told")
			assert.True(t, h.NPU.Present, "the rest is still told")
			if tc.want == nil {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, "detect hardware: "+strings.Join(tc.want, "\n"))
			if tc.class != nil {
				require.ErrorIs(t, err, tc.class)
			}
		})
	}
}

// Everything fails at once: nothing is told but that.
func TestProbeNothing(t *testing.T) {
	t.Parallel()
	h, err := device.Probe(broken{fstest.MapFS{}, map[string]error{"proc": errors.ErrUnsupported, "sys": syscall.EIO}}, noon, 1)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorIs(t, err, syscall.EIO)
	assert.Equal(t, device.PlatformUnknown, h.Platform)
	assert.Equal(t, device.CPU, device.Recommend(h, true).Device)
}

// Whatever the files hold, there is no panic, and what is found reads back from
// its own hardware.json.
func FuzzProbe(f *testing.F) {
	root, err := fstree.ReadFile("testdata/strix-halo.txt")
	require.NoError(f, err)
	text := func(name string) string { return string(root[name].Data) }
	const card = "sys/devices/pci0000:00/0000:00:08.1/0000:c6:00.0/"
	f.Add(text("proc/cpuinfo"), text("proc/meminfo"), text("etc/os-release"), text(card+"uevent"), "4:memory,cpu:/a/b\n0::/c\n", "1024")
	f.Add("processor\n: :\ncore id", "MemTotal: -1 kB", `PRETTY_NAME="`, "DRIVER", "::", "max")
	f.Add("model name : a\x00\xff\u2028 w/ ", "MemTotal:1kB", "NAME='\\'", "PCI_SLOT_NAME=..", "0::"+strings.Repeat("/x", 5000), "99999999999999999999")
	f.Fuzz(func(t *testing.T, cpuinfo, meminfo, osRelease, uevent, cgroup, number string) {
		box := fstest.MapFS{"sys/class/drm/card0/device/drm/renderD128": {}, "dev/kfd": {}, "dev/dri/renderD128": {}}
		for name, text := range map[string]string{
			"proc/cpuinfo": cpuinfo, "proc/meminfo": meminfo, "etc/os-release": osRelease, "proc/self/cgroup": cgroup,
			"sys/class/drm/card0/device/uevent": uevent, "sys/class/drm/card0/device/vendor": "0x1002",
			"sys/class/drm/card0/device/device": number, "sys/class/drm/card0/device/mem_info_gtt_total": number,
			"sys/class/kfd/kfd/topology/nodes/1/properties": "simd_count " + number, "sys/fs/cgroup/memory.max": number,
			"proc/sys/kernel/hostname": number, "etc/group": cgroup, "usr/share/libdrm/amdgpu.ids": osRelease,
		} {
			box[name] = &fstest.MapFile{Data: []byte(text)}
		}
		h, _ := device.Probe(box, noon, 0)
		data, err := h.Encode()
		require.NoError(t, err)
		back, err := device.ParseHardware("hardware.json", data)
		require.NoError(t, err)
		require.Equal(t, h, back)
		require.True(t, device.Recommend(h, true).Device.Valid())
	})
}
