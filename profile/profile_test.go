package profile_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
)

const (
	rocmImage    = "ghcr.io/hal0ai/amd-strix-halo-toolboxes:rocm-7.2.4-rocmfp4-server"
	vulkanImage  = "ghcr.io/hal0ai/amd-strix-halo-toolboxes:vulkan-radv-server"
	comfyUIImage = "docker.io/kyuz0/amd-strix-halo-comfyui@sha256:0066678ae9043f69a1c8c7699e70626ceffd35c1a8ca03227a05640ad0241ed2"
)

// The seed page's table.
func TestSeeds(t *testing.T) {
	t.Parallel()
	type row struct {
		name          string
		class         device.Class
		backend       device.Backend
		image         string
		mtp           bool
		intent, quant string
		tps, rtf      float64
		flags         string
		family        provider.Name
	}
	want := []row{
		{"rocm", "gpu", "rocm", rocmImage, false, "MoE agents · q8 KV", "FP4", 52.8, 0, "-fa on -ctk q8_0 -ctv q8_0 -b 512 -ub 512 --parallel 1 --threads 8 --no-mmap", "llama-server"},
		{"rocm-dnse", "gpu", "rocm", rocmImage, true, "Dense + MTP · q4 KV", "FP4", 30.4, 0, "-fa on -ctk q4_0 -ctv q4_0 -b 512 -ub 512 --parallel 1 --threads 8 --no-mmap", "llama-server"},
		{"rocm-moe", "gpu", "rocm", rocmImage, true, "MoE + MTP · q4 KV", "FP4", 90, 0, "-fa on -ctk q4_0 -ctv q4_0 -b 512 -ub 512 --parallel 1 --threads 16 --no-mmap --jinja", "llama-server"},
		{"vulkan", "gpu", "vulkan", vulkanImage, false, "Vulkan std · fallback", "Q4_K_M", 41, 0, "-fa on -b 512 -ub 512 --parallel 1 --threads 8 --no-mmap", "llama-server"},
		{"flm", "npu", "none", "ghcr.io/hal0ai/hal0-toolbox-flm:0.9.43", false, "FLM NPU inference", "W4ABF16", 38.6, 0, "", "flm"},
		{"tts", "cpu", "none", "ghcr.io/hal0ai/hal0-toolbox-kokoro:v1", false, "TTS · Kokoro", "", 0, 0.18, "--model_path /mnt/ai-models/local/kokoro-v1/kokoro-onnx", "kokoro"},
		{"comfyui", "img", "none", comfyUIImage, false, "Image generation", "", 0, 0, "--disable-mmap --bf16-vae --cache-none", "comfyui"},
	}
	var got []row
	for _, p := range profile.Seeds().List() {
		assert.True(t, p.Seed, p.Name)
		got = append(got, row{p.Name, p.Class, p.Backend, p.Image, p.MTP, p.Intent, p.Quant, p.TPS, p.RTF, p.Flags.String(), p.Family()})
	}
	assert.Equal(t, want, got)
}

// The seed page's second table.
func TestDefaultFor(t *testing.T) {
	t.Parallel()
	for d, want := range map[device.Device]string{"gpu-rocm": "rocm", "gpu-vulkan": "vulkan", "cpu": "tts", "npu": "flm"} {
		assert.Equal(t, want, profile.DefaultFor(d))
		p, err := profile.Seeds().Get(want)
		require.NoError(t, err)
		require.NoError(t, p.Fits(d))
	}
}

func TestFamily(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		profile profile.Profile
		want    provider.Name
	}{
		"npu class, whatever the image": {profile.Profile{Class: device.ClassNPU, Image: "x/kokoro"}, provider.FLM},
		"flm image":                     {profile.Profile{Class: device.ClassGPU, Image: "x/flm:1"}, provider.FLM},
		"kokoro image":                  {profile.Profile{Class: device.ClassCPU, Image: "x/kokoro:1"}, provider.Kokoro},
		"img class":                     {profile.Profile{Class: device.ClassImage, Image: "x/y"}, provider.ComfyUI},
		"comfyui image":                 {profile.Profile{Image: "x/comfyui"}, provider.ComfyUI},
		"anything else":                 {profile.Profile{Image: "x/y"}, provider.LlamaServer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, tc.profile.Family())
		})
	}
}

// Which seed fits which device.
func TestFits(t *testing.T) {
	t.Parallel()
	fits := map[device.Device][]string{
		device.GPUROCm:   {"rocm", "rocm-dnse", "rocm-moe", "comfyui"},
		device.GPUVulkan: {"vulkan", "comfyui"},
		device.CPU:       {"vulkan", "tts"},
		device.NPU:       {"flm"},
	}
	for _, d := range device.All() {
		var got []string
		for _, p := range profile.Seeds().List() {
			if p.Fits(d) == nil {
				got = append(got, p.Name)
			}
		}
		assert.Equal(t, fits[d], got, d)
	}
	plain := profile.Profile{Name: "plain", Image: "x/llama"}
	require.NoError(t, plain.Fits(device.CPU), "a llama-server image without a backend runs on the CPU")
	require.EqualError(t, plain.Fits(device.GPUROCm), "profile plain is made for device_class gpu and backend none, which device gpu-rocm is not")
}

func TestMTPBundle(t *testing.T) {
	t.Parallel()
	rocm, err := profile.MTPBundle(device.BackendROCm)
	require.NoError(t, err)
	assert.Equal(t, "--spec-type draft-mtp --spec-draft-device ROCm0 --spec-draft-ngl all --spec-draft-n-max 4 "+
		"--spec-draft-n-min 0 --spec-draft-p-min 0.0 --spec-draft-p-split 0.10 --spec-draft-type-k q8_0 --spec-draft-type-v q8_0 "+
		"--spec-draft-threads 16 --spec-draft-threads-batch 32 --spec-draft-poll 1 --spec-draft-poll-batch 1", profile.FlagsOf(rocm...).String())
	vulkan, err := profile.MTPBundle(device.BackendVulkan)
	require.NoError(t, err)
	require.Len(t, vulkan, len(rocm))
	for i := range rocm {
		if rocm[i] == "ROCm0" {
			assert.Equal(t, "Vulkan0", vulkan[i])
			continue
		}
		assert.Equal(t, rocm[i], vulkan[i])
	}
	_, err = profile.MTPBundle(device.BackendNone)
	require.EqualError(t, err, "multi-token prediction drafts on a GPU: want a profile with backend rocm or vulkan, this one has none")
}

func TestParse(t *testing.T) {
	t.Parallel()
	c, err := profile.Parse("profiles.toml", []byte(`
[profile.zeta]
image = "localhost/llama:1"
flags = "-fa on --chat-template-kwargs '{\"a\": 1}'"
backend = "vulkan"
mtp = true
cloned_from = "vulkan"

[profile.alpha]
image = "localhost/llama:2"
`))
	require.NoError(t, err)
	assert.Equal(t, []string{"zeta", "alpha"}, c.Names(), "in the order of the file")
	p, err := c.Get("zeta")
	require.NoError(t, err)
	assert.Equal(t, []string{"-fa", "on", "--chat-template-kwargs", `{"a": 1}`}, p.Flags.Words())
	assert.Equal(t, device.ClassGPU, p.Class, "the default")
	assert.False(t, p.Seed)
	_, err = c.Get("rocm")
	require.EqualError(t, err, `profile "rocm": want one of zeta, alpha`, "a file replaces the seeds")

	data, err := json.Marshal(p)
	require.NoError(t, err)
	var back profile.Profile
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, p, back)
}

func TestParseReportsEveryProblemAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	c, err := profile.Parse("profiles.toml", []byte(`[profile.good]
image = "localhost/llama:1"
[profile.bad]
flag = "-fa on"
backend = "cuda"
mtp = "yes"
[profile.quote]
image = "localhost/llama:1"
flags = "-fa 'on"
[profile."Not.A.Name"]
image = "localhost/llama:1"
`))
	require.EqualError(t, err, `profiles.toml:3:10: profile.bad.image: is required
profiles.toml:4:1: profile.bad.flag: unknown key, did you mean "flags"?
profiles.toml:5:1: profile.bad.backend: unknown backend "cuda": want one of rocm, vulkan, none
profiles.toml:6:1: profile.bad.mtp: must be true or false, got the string "yes"
profiles.toml:9:1: profile.quote.flags: the quote ' at character 5 is never closed
profiles.toml:10:10: profile."Not.A.Name": "Not.A.Name" is not a name: want 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit`)
	assert.Equal(t, []string{"good"}, c.Names())
	_, err = c.Get("quote")
	require.EqualError(t, err, "profiles.toml:9:1: profile.quote.flags: the quote ' at character 5 is never closed")
}

func TestNew(t *testing.T) {
	t.Parallel()
	c := profile.New(profile.Profile{Name: "a", Image: "x/1"}, profile.Profile{Name: "b", Image: "x/2"}, profile.Profile{Name: "a", Image: "x/3"})
	assert.Equal(t, []string{"a", "b"}, c.Names())
	p, err := c.Get("a")
	require.NoError(t, err)
	assert.Equal(t, "x/3", p.Image)
	assert.Equal(t, device.BackendNone, p.Backend)
}

func TestFlags(t *testing.T) {
	t.Parallel()
	f := profile.FlagsOf("--grammar", `root ::= "a b"`)
	back, err := profile.ParseFlags(f.String())
	require.NoError(t, err)
	assert.Equal(t, f, back)
	data, err := json.Marshal(f)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, f, back)
	require.Error(t, json.Unmarshal([]byte(`"'"`), &back))
	assert.Equal(t, f, back, "an error leaves the value alone")
}
