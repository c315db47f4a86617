package device_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
)

// A file as another writer of hardware.json writes it: keys in another order, and
// more of them.
const foreign = `{
  "cgroup_max_mb": 65536,
  "cpu_cores": 16, "cpu_model": "AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", "cpu_threads": 32,
  "disk_free_mb": 412000, "distro": "Debian GNU/Linux 13 (trixie)",
  "extra": {"kernel": "Linux version 6.14.11-4-pve"},
  "gpu_group_gids": {"render": 993, "video": 44},
  "gpus": [{"vendor": "amd", "index": 0, "name": "Strix Halo", "vram_mb": 2048, "pci_id": "0000:c6:00.0", "driver": "amdgpu",
    "drm_path": "/sys/class/drm/card1/device", "compute_capable": false, "vulkan_capable": true}, {"vendor": "unknown"}],
  "hostname": "hal0", "kernel": "Linux version 6.14.11-4-pve",
  "npu": {"present": false, "vendor": "", "name": "", "driver": "", "validated": null},
  "platform": "lxc", "probed_at": "2026-01-31T13:00:00+01:00",
  "ram_available_mb": 100000, "ram_mb": 124119, "swap_mb": 8192, "unified_memory_mb": 114688, "uptime_s": 86400
}`

func TestParseHardware(t *testing.T) {
	t.Parallel()
	h, err := device.ParseHardware("hardware.json", []byte(foreign))
	require.NoError(t, err)
	assert.Equal(t, device.Hardware{
		Hostname: "hal0", Kernel: "Linux version 6.14.11-4-pve", Distro: "Debian GNU/Linux 13 (trixie)",
		CPUModel: "AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", CPUCores: 16, CPUThreads: 32,
		RAMMB: 124119, RAMAvailableMB: 100000, UnifiedMemoryMB: 114688,
		GPUs: []device.GPUInfo{{
			Vendor: "amd", Name: "Strix Halo", VRAMMB: 2048, PCIID: "0000:c6:00.0", Driver: "amdgpu",
			DRMPath: "/sys/class/drm/card1/device", VulkanCapable: true,
		}, {Vendor: "unknown"}},
		DiskFreeMB: 412000, CgroupMaxMB: new(65536), ProbedAt: noon, Platform: "lxc",
	}, h)

	for name, tc := range map[string]struct {
		doc  string
		want device.Hardware
	}{
		"nothing":            {`{}`, device.Hardware{}},
		"nothing, in words":  {`{"gpus":null,"cgroup_max_mb":null,"probed_at":"","npu":{}}`, device.Hardware{}},
		"no limit":           {`{"cgroup_max_mb":null,"platform":"kvm"}`, device.Hardware{Platform: "kvm"}},
		"a limit of nothing": {`{"cgroup_max_mb":0}`, device.Hardware{CgroupMaxMB: new(0)}},
		"a time without an offset, to the microsecond": {
			`{"probed_at":"2026-01-31T12:00:00.000250"}`, device.Hardware{ProbedAt: noon.Add(250 * time.Microsecond)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := device.ParseHardware("hardware.json", []byte(tc.doc))
			require.NoError(t, err)
			tc.want.GPUs = []device.GPUInfo{}
			if tc.want.Platform == "" {
				tc.want.Platform = device.PlatformUnknown
			}
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestParseHardwareReportsEveryProblem(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc  string
		want []string
	}{
		"not JSON": {`{"hostname": halo}`, []string{`hardware.json:1:14: invalid character 'h' looking for beginning of value`}},
		"words": {
			`{"platform":"strix_halo","gpus":[{"vendor":"AMD"}]}`,
			[]string{
				`hardware.json:1:2: platform: unknown platform "strix_halo": want one of strix-halo, wsl2, proxmox-kvm, kvm, lxc, bare-metal-amd-gpu, bare-metal-nvidia-gpu, bare-metal-intel-igpu, bare-metal-cpu-only, unknown, did you mean "strix-halo"?`,
				`hardware.json:1:35: gpus[0].vendor: unknown vendor "AMD": want one of amd, nvidia, intel, unknown, did you mean "amd"?`,
			},
		},
		"numbers": {
			"{\"ram_mb\":-1,\n\"cpu_cores\":1.5,\n\"gpus\":[{},{\"vram_mb\":-5}]}",
			[]string{
				`hardware.json:1:2: ram_mb: must be at least 0, got -1`,
				`hardware.json:2:1: cpu_cores: must be an integer, got 1.5`,
				`hardware.json:3:13: gpus[1].vram_mb: must be at least 0, got -5`,
			},
		},
		"types": {
			"{\"npu\":true,\n\"gpus\":{},\n\"hostname\":7}",
			[]string{
				`hardware.json:1:2: npu: must be a table, got true`,
				`hardware.json:2:1: gpus: must be a list, got a table`,
				`hardware.json:3:1: hostname: must be a string, got 7`,
			},
		},
		"a time and what follows": {
			"{\"probed_at\":7,\n\"ram_mb\":\"all\"}",
			[]string{`hardware.json:1:2: probed_at: must be a string, got 7`, `hardware.json:2:1: ram_mb: must be an integer, got the string "all"`},
		},
		"a time": {`{"probed_at":"yesterday"}`, []string{`hardware.json:1:2: probed_at: is "yesterday", want a time such as 2026-01-31T18:30:00Z`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := device.ParseHardware("hardware.json", []byte(tc.doc))
			require.EqualError(t, err, strings.Join(tc.want, "\n"))
			assert.Zero(t, h, "nothing is half read")
		})
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	data, err := device.Hardware{Hostname: "a<b>"}.Encode()
	require.NoError(t, err)
	//nolint:testifylint // byte for byte
	assert.Equal(t, `{
  "hostname": "a\u003cb\u003e",
  "kernel": "",
  "distro": "",
  "cpu_model": "",
  "cpu_cores": 0,
  "cpu_threads": 0,
  "ram_mb": 0,
  "ram_available_mb": 0,
  "unified_memory_mb": 0,
  "gpus": [],
  "npu": {
    "present": false,
    "vendor": "",
    "name": "",
    "driver": ""
  },
  "disk_free_mb": 0,
  "cgroup_max_mb": null,
  "platform": "unknown"
}
`, string(data))

	_, err = device.Hardware{Platform: "mainframe"}.Encode()
	require.ErrorContains(t, err, `platform "mainframe": want one of strix-halo, wsl2,`)
	_, err = device.Hardware{GPUs: []device.GPUInfo{{Vendor: "matrox"}}}.Encode()
	require.ErrorContains(t, err, `vendor "matrox": want one of amd, nvidia, intel, unknown`)
}

// Any Hardware reads back from its file, and from the JSON of a program.
func TestHardwareRoundTrip(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string { return []string{"", "a", `"\`, "ü <&>", "tab\tbed"}[r.IntN(5)] }
	for range 1000 {
		h := device.Hardware{
			Hostname: word(), Kernel: word(), Distro: word(), CPUModel: word(), CPUCores: r.IntN(99), CPUThreads: r.IntN(99),
			RAMMB: r.IntN(1 << 40), RAMAvailableMB: r.IntN(9), UnifiedMemoryMB: r.IntN(9), GPUs: []device.GPUInfo{}, DiskFreeMB: r.IntN(9),
			ProbedAt: noon.Add(time.Duration(r.IntN(1e9)) * time.Second), Platform: device.Platforms()[r.IntN(10)],
			NPU: device.NPUInfo{Present: r.IntN(2) == 0, Vendor: append(device.Vendors(), "")[r.IntN(5)], Name: word(), Driver: word()},
		}
		for range r.IntN(3) {
			h.GPUs = append(h.GPUs, device.GPUInfo{
				Vendor: device.Vendors()[r.IntN(4)], Name: word(), VRAMMB: r.IntN(9), PCIID: word(), Driver: word(), DRMPath: word(),
				ComputeCapable: r.IntN(2) == 0, VulkanCapable: r.IntN(2) == 0,
			})
		}
		if r.IntN(2) == 0 {
			h.CgroupMaxMB = new(r.IntN(9))
		}
		data, err := h.Encode()
		require.NoError(t, err)
		back, err := device.ParseHardware("hardware.json", data)
		require.NoError(t, err)
		require.Equal(t, h, back)
		var plain device.Hardware
		require.NoError(t, json.Unmarshal(data, &plain))
		require.Equal(t, h, plain)
	}
}

func FuzzParseHardware(f *testing.F) {
	f.Add([]byte(foreign))
	f.Add([]byte(`{"probed_at":"0000-01-01T00:00:00Z","gpus":[{"vendor":""}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := device.ParseHardware("hardware.json", data)
		if err != nil {
			return
		}
		text, err := h.Encode()
		require.NoError(t, err)
		back, err := device.ParseHardware("hardware.json", text)
		require.NoError(t, err, "%s", text)
		require.Equal(t, h, back)
		device.Recommend(h, false)
	})
}
