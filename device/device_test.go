package device_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
)

// The seed page's table.
func TestTable(t *testing.T) {
	t.Parallel()
	type row struct {
		device   device.Device
		hardware string
		backend  device.Backend
		gpu      bool
	}
	rows := []row{
		{"gpu-rocm", "AMD GPU via ROCm", "rocm", true},
		{"gpu-vulkan", "Any GPU via Vulkan", "vulkan", true},
		{"cpu", "CPU-only fallback", "none", false},
		{"npu", "AMD XDNA NPU via FastFlowLM", "none", false},
	}
	require.Len(t, device.All(), len(rows))
	for i, d := range device.All() {
		got := row{d, d.Hardware(), d.Backend(), d.IsGPU()}
		assert.Equal(t, rows[i], got)
	}
	assert.Equal(t, device.GPUROCm, device.Default)
	assert.Empty(t, device.Device("").Hardware())
}

func TestWords(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		parse func(string) (fmt.Stringer, error)
		good  []string
		want  string
	}{
		"device": {
			func(s string) (fmt.Stringer, error) { d, err := device.Parse(s); return text(d), err },
			[]string{"gpu-rocm", "gpu-vulkan", "cpu", "npu"}, `device "gpu": want one of gpu-rocm, gpu-vulkan, cpu, npu`,
		},
		"class": {
			func(s string) (fmt.Stringer, error) { c, err := device.ParseClass(s); return text(c), err },
			[]string{"gpu", "cpu", "npu", "img"}, `device_class "image": want one of gpu, cpu, npu, img`,
		},
		"backend": {
			func(s string) (fmt.Stringer, error) { b, err := device.ParseBackend(s); return text(b), err },
			[]string{"rocm", "vulkan", "none"}, `backend "cuda": want one of rocm, vulkan, none`,
		},
		"vendor": {
			func(s string) (fmt.Stringer, error) { v, err := device.ParseVendor(s); return text(v), err },
			[]string{"amd", "nvidia", "intel", "unknown"}, `vendor "matrox": want one of amd, nvidia, intel, unknown`,
		},
		"platform": {
			func(s string) (fmt.Stringer, error) { p, err := device.ParsePlatform(s); return text(p), err },
			[]string{
				"strix-halo", "wsl2", "proxmox-kvm", "kvm", "lxc", "bare-metal-amd-gpu", "bare-metal-nvidia-gpu",
				"bare-metal-intel-igpu", "bare-metal-cpu-only", "unknown",
			},
			`platform "docker": want one of strix-halo, wsl2, proxmox-kvm, kvm, lxc, bare-metal-amd-gpu, bare-metal-nvidia-gpu, bare-metal-intel-igpu, bare-metal-cpu-only, unknown`,
		},
		"legacy backend": {
			func(s string) (fmt.Stringer, error) { d, err := device.FromLegacyBackend(s); return text(d), err },
			[]string{"vulkan", "rocm", "flm", "moonshine", "kokoro", "cpu", "gpu-rocm", "gpu-vulkan", "npu"},
			`backend "cuda": want one of vulkan, rocm, flm, moonshine, kokoro, cpu, gpu-rocm, gpu-vulkan, npu`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, word := range tc.good {
				_, err := tc.parse(word)
				require.NoError(t, err, word)
			}
			bad := map[string]string{"device": "gpu", "class": "image", "backend": "cuda", "vendor": "matrox", "platform": "docker", "legacy backend": "cuda"}[name]
			_, err := tc.parse(bad)
			require.EqualError(t, err, tc.want)
			_, err = tc.parse("")
			require.Error(t, err, "the zero value is never valid")
		})
	}
}

type text string

func (t text) String() string { return string(t) }

func TestLegacyBackends(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]device.Device{
		"vulkan": device.GPUVulkan, "rocm": device.GPUROCm, "flm": device.NPU, "moonshine": device.CPU,
		"kokoro": device.CPU, "cpu": device.CPU, "gpu-rocm": device.GPUROCm, "gpu-vulkan": device.GPUVulkan, "npu": device.NPU,
	} {
		got, err := device.FromLegacyBackend(word)
		require.NoError(t, err)
		assert.Equal(t, want, got, word)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	type all struct {
		D device.Device
		C device.Class
		B device.Backend
	}
	in := all{device.NPU, device.ClassImage, device.BackendVulkan}
	data, err := json.Marshal(in)
	require.NoError(t, err)
	assert.JSONEq(t, `{"D":"npu","C":"img","B":"vulkan"}`, string(data))
	var out all
	require.NoError(t, json.Unmarshal(data, &out))
	assert.Equal(t, in, out)

	for _, bad := range []string{`{"D":"gpu"}`, `{"C":""}`, `{"B":"cuda"}`} {
		require.Error(t, json.Unmarshal([]byte(bad), &out), bad)
	}
	for _, bad := range []any{device.Device(""), device.Class("x"), device.Backend(""), device.Vendor("x"), device.Platform("")} {
		_, err := json.Marshal(bad)
		require.Error(t, err, "%#v", bad)
	}
	assert.False(t, device.Device("").Valid() || device.Class("").Valid() || device.Backend("").Valid())
	assert.False(t, device.Vendor("").Valid() || device.Platform("").Valid())
	assert.True(t, device.VendorAMD.Valid() && device.PlatformKVM.Valid())
	assert.True(t, device.CPU.Valid() && device.ClassGPU.Valid() && device.BackendNone.Valid())
}

func strix() fstest.MapFS {
	node := &fstest.MapFile{Mode: fs.ModeDevice | fs.ModeCharDevice | 0o660}
	return fstest.MapFS{
		"dev/kfd":            node,
		"dev/dri/renderD128": node,
		"dev/dri/card0":      node,
		"dev/dri/by-path/pci-0000:c5:00.0-render": &fstest.MapFile{Mode: fs.ModeSymlink | 0o777},
		"dev/accel/accel0":                        node,
		"etc/group":                               &fstest.MapFile{Data: []byte("root:x:0:\nvideo:x:44:hal0\nrender:x:993:hal0\n")},
		"proc/meminfo":                            &fstest.MapFile{Data: []byte("MemTotal:       130959360 kB\nMemFree:  1 kB\n")},
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	got, err := device.Detect(strix())
	require.NoError(t, err)
	render, video := 993, 44
	assert.Equal(t, device.Host{
		KFD: "/dev/kfd", DRI: []string{"/dev/dri/card0", "/dev/dri/renderD128"}, NPU: "/dev/accel/accel0",
		RenderGID: &render, VideoGID: &video, MemoryMB: 127890,
	}, got)
	assert.Equal(t, []string{"/dev/kfd", "/dev/dri/card0", "/dev/dri/renderD128"}, got.GPUNodes())
	assert.Equal(t, "/dev/dri/renderD128", got.RenderNode())

	data, err := json.Marshal(got)
	require.NoError(t, err)
	var back device.Host
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, got, back, "a Host reads back from its JSON")
}

func TestDetectOnAnEmptyTree(t *testing.T) {
	t.Parallel()
	got, err := device.Detect(fstest.MapFS{})
	require.NoError(t, err)
	assert.Equal(t, device.Host{}, got)
	assert.Empty(t, got.RenderNode())
	assert.Empty(t, got.GPUNodes())
}

func TestDetectSaysWhatItCouldNotRead(t *testing.T) {
	t.Parallel()
	tree := strix()
	tree["etc/group"] = &fstest.MapFile{Data: []byte("render:x:many:\n")}
	tree["proc/meminfo"] = &fstest.MapFile{Data: []byte("MemTotal: lots\n")}
	got, err := device.Detect(tree)
	require.EqualError(t, err, "detect hardware: /etc/group: group render has the id \"many\", want a number\n"+
		"/proc/meminfo: MemTotal is \"lots\", want a number of kB")
	assert.Equal(t, "/dev/kfd", got.KFD, "the rest is still told")
}

func TestLacks(t *testing.T) {
	t.Parallel()
	full, err := device.Detect(strix())
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		host   device.Host
		device device.Device
		want   []string
	}{
		"rocm, all there":          {full, device.GPUROCm, nil},
		"vulkan, all there":        {full, device.GPUVulkan, nil},
		"npu, all there":           {full, device.NPU, nil},
		"cpu needs nothing":        {device.Host{}, device.CPU, nil},
		"rocm, nothing there":      {device.Host{}, device.GPUROCm, []string{"/dev/kfd", "/dev/dri/renderD128"}},
		"vulkan does not need kfd": {device.Host{DRI: []string{"/dev/dri/renderD129"}}, device.GPUVulkan, nil},
		"a card is not enough":     {device.Host{DRI: []string{"/dev/dri/card0"}}, device.GPUVulkan, []string{"/dev/dri/renderD128"}},
		"npu, nothing there":       {device.Host{}, device.NPU, []string{"/dev/accel/accel0", "/dev/dri/renderD128"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, tc.host.Lacks(tc.device))
		})
	}
}
