package slot_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// inputs are a Strix Halo box with a few models.
func inputs() slot.Inputs {
	render, video := 993, 44
	return slot.Inputs{
		Profiles: profile.Seeds(),
		Manifest: manifest.Embedded(),
		Registry: slot.NewRegistry(map[string]slot.Entry{
			"qwen3-4b":  {Path: "/mnt/ai-models/qwen3-4b/model.gguf", Metadata: slot.Metadata{ContextLength: 262144}},
			"qwen3-8b":  {Path: "/mnt/ai-models/qwen3-8b/model.gguf", MMProj: "/mnt/ai-models/qwen3-8b/mmproj.gguf", Defaults: slot.Defaults{ContextSize: 16384, ChatTemplate: "qwen3", ExtraArgs: profile.FlagsOf("--temp", "0.6", "-b", "256")}},
			"bge-small": {Path: "/mnt/ai-models/bge/model.gguf", Metadata: slot.Metadata{ContextLength: 512}},
			"unknown":   {Path: "/mnt/ai-models/unknown.gguf"},
		}),
		Host:  device.Host{KFD: "/dev/kfd", DRI: []string{"/dev/dri/card0", "/dev/dri/renderD128"}, NPU: "/dev/accel/accel0", RenderGID: &render, VideoGID: &video},
		Paths: provider.Paths{Store: "/mnt/ai-models", FLM: "/var/lib/hal0/.config/flm/models", ComfyUI: "/mnt/ai-models/comfyui"},
	}
}

func chat(change ...func(*slot.Slot)) slot.Slot {
	s := slot.Slot{Name: "chat", Port: 8081, Profile: "rocm", Model: slot.Model{Default: "qwen3-4b"}}
	for _, c := range change {
		c(&s)
	}
	return s
}

func extraArgs(text string) func(*slot.Slot) {
	return func(s *slot.Slot) {
		f, err := profile.ParseFlags(text)
		if err != nil {
			panic(err)
		}
		s.Server.ExtraArgs = f
	}
}

func resolve(t *testing.T, s slot.Slot) slot.Plan {
	t.Helper()
	p, err := slot.Resolve(s, inputs())
	require.NoError(t, err)
	return p
}

func line(p slot.Plan) string { return strings.Join(p.Spec.Command, " ") }

func codes(p slot.Plan) []string {
	var list []string
	for _, w := range p.Warnings {
		list = append(list, w.Code)
	}
	return list
}

const rocmFlags = " -fa on -ctk q8_0 -ctv q8_0 -b 512 -ub 512 --parallel 1 --threads 8 --no-mmap"

// What each provider launches.
func TestCommands(t *testing.T) {
	t.Parallel()
	no := false
	base := "--host 0.0.0.0 --port 8081 --model /mnt/ai-models/qwen3-4b/model.gguf --alias qwen3-4b --ctx-size 32768"
	vision := "--host 0.0.0.0 --port 8081 --model /mnt/ai-models/qwen3-8b/model.gguf --alias qwen3-8b --ctx-size 16384"
	for name, tc := range map[string]struct {
		slot slot.Slot
		want string
	}{
		"llama-server": {chat(), base + rocmFlags},
		"context size": {
			chat(func(s *slot.Slot) { s.Model.ContextSize = new(65536) }),
			strings.Replace(base, "32768", "65536", 1) + rocmFlags,
		},
		"template, projector and arguments of the model": {
			chat(func(s *slot.Slot) { s.Model.Default = "qwen3-8b" }),
			vision + strings.Replace(rocmFlags, " -b 512", "", 1) +
				" --mmproj /mnt/ai-models/qwen3-8b/mmproj.gguf --chat-template-file /mnt/ai-models/chat-templates/qwen3.jinja --temp 0.6 -b 256",
		},
		"slot's template, no vision": {
			chat(func(s *slot.Slot) { s.Model.Default, s.Vision, s.ChatTemplate = "qwen3-8b", &no, "plain" }, extraArgs("-b 64")),
			vision + strings.Replace(rocmFlags, " -b 512", "", 1) +
				" --temp 0.6 --chat-template-file /mnt/ai-models/chat-templates/plain.jinja -b 64",
		},
		"template auto": {
			chat(func(s *slot.Slot) { s.Model.Default, s.Vision, s.ChatTemplate = "qwen3-8b", &no, "auto" }),
			vision + strings.Replace(rocmFlags, " -b 512", "", 1) + " --temp 0.6 -b 256",
		},
		"layers and rope": {
			chat(func(s *slot.Slot) { s.Model.NGPULayers, s.Model.RopeFreqBase = new(20), new(1e6) }),
			base + rocmFlags + " --rope-freq-base 1000000 -ngl 20",
		},
		"a model by its path": {
			chat(func(s *slot.Slot) { s.Model.Default = "/mnt/ai-models/x/tiny-q4.gguf" }),
			"--host 0.0.0.0 --port 8081 --model /mnt/ai-models/x/tiny-q4.gguf --alias tiny-q4 --ctx-size 8192" + rocmFlags,
		},
		"embedding on the CPU": {
			slot.Slot{Name: "embed", Port: 8082, Type: "embedding", Device: "cpu", Profile: "vulkan", Model: slot.Model{Default: "bge-small"}},
			"--host 0.0.0.0 --port 8082 --model /mnt/ai-models/bge/model.gguf --alias bge-small --ctx-size 512 -fa on -b 512 -ub 512 --parallel 1 --threads 8 --no-mmap -ngl 0 --embedding",
		},
		"reranking, said already": {
			slot.Slot{Name: "rerank", Port: 8083, Type: "reranking", Device: "gpu-vulkan", Model: slot.Model{Default: "bge-small"}, Server: slot.Server{ExtraArgs: profile.FlagsOf("--rerank")}},
			"--host 0.0.0.0 --port 8083 --model /mnt/ai-models/bge/model.gguf --alias bge-small --ctx-size 512 -fa on -b 512 -ub 512 --parallel 1 --threads 8 --no-mmap --rerank",
		},
		"flm": {
			slot.Slot{Name: "npu", Port: 8085, Device: "npu", Model: slot.Model{Default: "qwen3-4b-FLM", ContextSize: new(16384)}, NPU: slot.NPU{ASR: true, Embed: true}},
			"serve qwen3:4b --host 0.0.0.0 --port 8085 --ctx-len 16384 --embed 1 --asr 1",
		},
		"flm, chat only": {
			slot.Slot{Name: "npu", Port: 8085, Device: "npu", Model: slot.Model{Default: "qwen3-4b-FLM"}},
			"serve qwen3:4b --host 0.0.0.0 --port 8085 --ctx-len 8192",
		},
		"kokoro": {
			slot.Slot{Name: "tts", Port: 8084, Type: "tts", Device: "cpu"},
			"--model_path /mnt/ai-models/local/kokoro-v1/kokoro-onnx --host 0.0.0.0 --port 8084",
		},
		"comfyui": {
			slot.Slot{Name: "image", Port: 8188, Type: "image", Device: "gpu-vulkan", Profile: "comfyui"},
			"bash -lc cd /opt/ComfyUI && exec python main.py --listen 0.0.0.0 --port 8188 --disable-mmap --bf16-vae --cache-none",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, line(resolve(t, tc.slot)))
		})
	}
}

// What the containers are given.
func TestContainers(t *testing.T) {
	t.Parallel()
	gpu := resolve(t, chat()).Spec
	assert.Equal(t, "hal0-slot-chat", gpu.Name)
	assert.Equal(t, []string{"/dev/kfd", "/dev/dri/card0", "/dev/dri/renderD128"}, gpu.Devices)
	assert.Equal(t, []string{"993", "44"}, gpu.Groups)
	assert.Equal(t, []string{"apparmor=unconfined", "seccomp=unconfined"}, gpu.SecurityOpt)
	assert.Equal(t, []runtime.Mount{{Source: "/mnt/ai-models", Target: "/mnt/ai-models", ReadOnly: true, Relabel: "shared"}}, gpu.Mounts)
	assert.Equal(t, []runtime.Port{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 8081, ContainerPort: 8081}}, gpu.Publish)
	assert.Equal(t, "curl -fsS http://127.0.0.1:8081/health || exit 1", gpu.Health.Command)
	assert.Equal(t, "bridge", gpu.Network)
	assert.Empty(t, gpu.IPC)

	cpu := resolve(t, slot.Slot{Name: "tts", Port: 8084, Type: "tts", Device: "cpu"}).Spec
	assert.Empty(t, cpu.Devices)
	assert.Empty(t, cpu.Groups)
	assert.NotContains(t, cpu.SecurityOpt, "seccomp=unconfined", "a container without devices keeps its seccomp profile")

	npu := resolve(t, slot.Slot{Name: "npu", Port: 8085, Device: "npu", Model: slot.Model{Default: "a:1b"}, Server: slot.Server{Env: map[string]string{"A": "1"}}}).Spec
	assert.Equal(t, []string{"/dev/accel/accel0", "/dev/dri/renderD128"}, npu.Devices)
	assert.Equal(t, []string{"993"}, npu.Groups)
	assert.Equal(t, []runtime.Ulimit{{Name: "memlock", Soft: -1, Hard: -1}}, npu.Ulimits)
	assert.Equal(t, map[string]string{
		"A": "1", "FLM_CONFIG_PATH": "/opt/fastflowlm/share/flm/model_list.json",
		"LD_LIBRARY_PATH": "/opt/fastflowlm/lib:/opt/xilinx/xrt/lib:/usr/lib/x86_64-linux-gnu",
	}, npu.Env)
	assert.Equal(t, []runtime.Mount{{Source: "/var/lib/hal0/.config/flm/models", Target: "/var/lib/hal0/.config/flm/models"}}, npu.Mounts)

	image := resolve(t, slot.Slot{Name: "image", Port: 8188, Type: "image", Device: "gpu-rocm"}).Spec
	assert.Equal(t, gpu.Devices, image.Devices)
	assert.Equal(t, "host", image.IPC)
	assert.Equal(t, "bridge", image.Network, "not the host's: a slot is on 127.0.0.1 only")
	assert.Contains(t, image.SecurityOpt, "label=disable")
	assert.Len(t, image.Mounts, 6)
	assert.Equal(t, runtime.Mount{Source: "/mnt/ai-models/comfyui/models", Target: "/root/comfy-models"}, image.Mounts[0])
	assert.True(t, image.Mounts[5].ReadOnly)

	for _, spec := range []runtime.Spec{gpu, cpu, npu, image} {
		require.NoError(t, spec.Validate())
	}
	outside := resolve(t, chat(func(s *slot.Slot) { s.Model.Default = "/srv/models/a.gguf" })).Spec
	assert.Contains(t, outside.Mounts, runtime.Mount{Source: "/srv/models", Target: "/srv/models", ReadOnly: true}, "a model outside the store is mounted too")
}

const bundle = " --spec-type draft-mtp --spec-draft-device ROCm0 --spec-draft-ngl all --spec-draft-n-max 4" +
	" --spec-draft-n-min 0 --spec-draft-p-min 0.0 --spec-draft-p-split 0.10 --spec-draft-type-k q8_0 --spec-draft-type-v q8_0" +
	" --spec-draft-threads 16 --spec-draft-threads-batch 32 --spec-draft-poll 1 --spec-draft-poll-batch 1"

func TestMTP(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	pinned := profile.New(profile.Profile{
		Name: "pin", Image: "localhost/llama:1", Backend: "vulkan", MTP: true, Flags: profile.FlagsOf("--draft-p-min", "0.5", "-td", "4"),
	}, profile.Profile{Name: "none", Image: "localhost/llama:1", Class: "cpu"})
	on := func(profile string, mtp *bool) slot.Slot {
		return chat(func(s *slot.Slot) { s.Profile, s.MTP = profile, mtp })
	}
	dense := strings.ReplaceAll(rocmFlags, "q8_0", "q4_0")
	assert.Contains(t, line(resolve(t, on("rocm-dnse", nil))), dense+bundle, "after the profile's flags")
	assert.NotContains(t, line(resolve(t, on("rocm-dnse", &no))), "--spec", "the slot's word wins")
	assert.Contains(t, line(resolve(t, on("rocm", &yes))), rocmFlags+bundle)
	assert.NotContains(t, line(resolve(t, on("rocm", nil))), "--spec")

	in := inputs()
	in.Profiles = pinned
	s := on("pin", nil)
	s.Device = "gpu-vulkan"
	p, err := slot.Resolve(s, in)
	require.NoError(t, err)
	assert.Contains(t, line(p), "--draft-p-min 0.5 -td 4 --spec-type draft-mtp --spec-draft-device Vulkan0")
	assert.NotContains(t, line(p), "--spec-draft-p-min", "pinned by the profile under another name")
	assert.NotContains(t, line(p), "--spec-draft-threads ")
	data, err := json.Marshal(p.Dropped)
	require.NoError(t, err)
	assert.JSONEq(t, `[{"flag":"--spec-draft-p-min","value":"0.0","source":"mtp","by":"profile"},
		{"flag":"--spec-draft-threads","value":"16","source":"mtp","by":"profile"}]`, string(data))

	for name, tc := range map[string]struct {
		slot slot.Slot
		want string
	}{
		"kokoro": {
			slot.Slot{Name: "tts", Port: 8084, Type: "tts", Device: "cpu", MTP: &yes},
			"mtp: multi-token prediction is llama-server's, and this slot runs kokoro: set mtp = false",
		},
		"cpu": {
			slot.Slot{Name: "c", Port: 8084, Device: "cpu", Profile: "vulkan", MTP: &yes, Model: slot.Model{Default: "qwen3-4b"}},
			"mtp: multi-token prediction drafts on a GPU, and this slot's device is cpu: set mtp = false",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := slot.Resolve(tc.slot, inputs())
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	p := resolve(t, chat(extraArgs("--batch-size 1024 --mmap --lora a --lora b -ctk f16 --cache_type_v f16"), func(s *slot.Slot) { s.Model.Default = "qwen3-8b" }))
	data, err := json.Marshal(p.Dropped)
	require.NoError(t, err)
	assert.JSONEq(t, `[
		{"flag":"-ctk","value":"q8_0","source":"profile","by":"slot"},
		{"flag":"-ctv","value":"q8_0","source":"profile","by":"slot"},
		{"flag":"-b","value":"512","source":"profile","by":"model"},
		{"flag":"--no-mmap","source":"profile","by":"slot"},
		{"flag":"-b","value":"256","source":"model","by":"slot"}]`, string(data))
	assert.Contains(t, line(p), "--lora a --lora b", "flags that add up are kept")
	assert.True(t, strings.HasSuffix(line(p), "--batch-size 1024 --mmap --lora a --lora b -ctk f16 --cache_type_v f16"), "the winner's spelling")
	sources := map[string]provider.Source{}
	for _, f := range p.Flags {
		sources[f.Name] = f.Source
	}
	assert.Equal(t, provider.FromBase, sources["--host"])
	assert.Equal(t, provider.FromProfile, sources["-fa"])
	assert.Equal(t, provider.FromModel, sources["--temp"])
	assert.Equal(t, provider.FromSlot, sources["--batch-size"])
}

func TestImages(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("ab", 32)
	for name, tc := range map[string]struct {
		slot   slot.Slot
		launch string
		pinned bool
		entry  string
		warn   string
	}{
		"pinned":             {slot.Slot{Name: "tts", Port: 8084, Type: "tts", Device: "cpu"}, "ghcr.io/hal0ai/hal0-toolbox-kokoro@sha256:1ac80acc00a2e9d578b077fa0a3f2c3e3f32f4f3da5080f346838e1c5a540456", true, "kokoro", ""},
		"unpublished":        {chat(), "ghcr.io/hal0ai/amd-strix-halo-toolboxes:rocm-7.2.4-rocmfp4-server", false, "rocm", "image.unpublished"},
		"the slot's own":     {chat(func(s *slot.Slot) { s.Image = "localhost/llama:dev" }), "localhost/llama:dev", false, "", "image.unmanaged"},
		"its own digest":     {chat(func(s *slot.Slot) { s.Image = "x.io/llama@" + digest }), "x.io/llama@" + digest, true, "", "image.unmanaged"},
		"known, from a slot": {chat(func(s *slot.Slot) { s.Image = "ghcr.io/hal0ai/hal0-toolbox-kokoro:v1" }), "ghcr.io/hal0ai/hal0-toolbox-kokoro@sha256:1ac80acc00a2e9d578b077fa0a3f2c3e3f32f4f3da5080f346838e1c5a540456", true, "kokoro", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := resolve(t, tc.slot)
			assert.Equal(t, tc.launch, p.Spec.Image)
			assert.Equal(t, tc.pinned, p.Image.Pinned)
			assert.Equal(t, tc.entry, p.Image.Entry)
			if tc.warn == "" {
				assert.Empty(t, codes(p))
			} else {
				assert.Equal(t, []string{tc.warn}, codes(p))
			}
		})
	}
}

func TestContextSize(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		model string
		file  *slot.ModelFile
		set   *int
		want  int
	}{
		"the slot's":              {"qwen3-4b", nil, new(128), 128},
		"above the bound, if set": {"qwen3-4b", nil, new(262144), 262144},
		"native, bounded":         {"qwen3-4b", nil, nil, 32768},
		"native, small":           {"bge-small", nil, nil, 512},
		"the model's default":     {"qwen3-8b", nil, nil, 16384},
		"the file's header":       {"unknown", &slot.ModelFile{ContextLength: 4096}, nil, 4096},
		"registry before header":  {"bge-small", &slot.ModelFile{ContextLength: 4096}, nil, 512},
		"nothing known":           {"unknown", nil, nil, 8192},
		"header without a window": {"unknown", &slot.ModelFile{}, nil, 8192},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := inputs()
			in.ModelFile = tc.file
			p, err := slot.Resolve(chat(func(s *slot.Slot) { s.Model = slot.Model{Default: tc.model, ContextSize: tc.set} }), in)
			require.NoError(t, err)
			assert.Equal(t, tc.want, p.ContextSize)
			assert.Contains(t, line(p), fmt.Sprintf("--ctx-size %d ", tc.want))
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	in := inputs()
	in.Host = device.Host{}
	in.ModelFile = &slot.ModelFile{Err: errors.New("open x: no such file")}
	p, err := slot.Resolve(chat(extraArgs("-c 2048 --jinja stray")), in)
	require.NoError(t, err)
	assert.Equal(t, []slot.Warning{
		{Code: "model.unreadable", Message: "the model file can't be read here: open x: no such file"},
		{Code: "context.overridden", Message: "-c 2048 of the slot wins over the context size 32768"},
		{Code: "flags.stray", Message: `"stray" among the flags of the slot belongs to no flag: the server may refuse it`},
		{Code: "image.unpublished", Message: "the manifest has no digest for image rocm (ghcr.io/hal0ai/amd-strix-halo-toolboxes:rocm-7.2.4-rocmfp4-server): it is launched by its tag, which can move"},
		{Code: "device.missing", Message: "this host has no /dev/kfd and no /dev/dri/renderD128: device gpu-rocm needs them"},
	}, p.Warnings)
	assert.Empty(t, p.Spec.Devices)
	in = inputs()
	in.Host.VideoGID = nil
	p, err = slot.Resolve(chat(), in)
	require.NoError(t, err)
	assert.Contains(t, codes(p), "device.group")
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		slot slot.Slot
		want string
	}{
		"a bad name":             {chat(func(s *slot.Slot) { s.Name = "../chat" }), `name: "../chat" is not a name: want 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit`},
		"a name with a line end": {chat(func(s *slot.Slot) { s.Name = "chat\n" }), `name: "chat\n" is not a name: want 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit`},
		"no port":                {chat(func(s *slot.Slot) { s.Port = 0 }), "port: is required: 8081 to 8200"},
		"hal0's own port":        {chat(func(s *slot.Slot) { s.Port = 8080 }), "port: must be 8081 to 8200, got 8080"},
		"a bad device":           {chat(func(s *slot.Slot) { s.Device = "gpu-cuda" }), `device: unknown device "gpu-cuda": want one of gpu-rocm, gpu-vulkan, cpu, npu`},
		"a bad provider":         {chat(func(s *slot.Slot) { s.Provider = "triton" }), `provider: unknown provider "triton": want one of llama-server, flm, kokoro, comfyui`},
		"no such profile":        {chat(func(s *slot.Slot) { s.Profile = "rocm-dense" }), `profile: unknown profile "rocm-dense": want one of rocm, rocm-dnse, rocm-moe, vulkan, flm, tts, comfyui, did you mean "rocm-dnse"?`},
		"device and profile": {
			chat(func(s *slot.Slot) { s.Device = "gpu-vulkan" }),
			"profile: profile rocm is made for device_class gpu and backend rocm, which device gpu-vulkan is not; for type llm on device gpu-vulkan use vulkan",
		},
		"type and profile": {
			chat(func(s *slot.Slot) { s.Type = "tts" }),
			"profile: profile rocm runs llama-server, which does not serve type tts; no profile serves type tts on device gpu-rocm",
		},
		"type and device": {
			slot.Slot{Name: "a", Port: 8081, Type: "image", Device: "npu"},
			"type: profile flm runs flm, which does not serve type image; no profile serves type image on device npu",
		},
		"provider and profile": {
			chat(func(s *slot.Slot) { s.Provider = "flm" }),
			"provider: is flm, but profile rocm runs llama-server: drop the key or choose another profile; for type llm on device gpu-rocm use rocm, rocm-dnse, rocm-moe",
		},
		"no model":          {chat(func(s *slot.Slot) { s.Model.Default = "" }), "model.default: is required: an id of the model registry, or the absolute path of a model file"},
		"no tag":            {slot.Slot{Name: "n", Port: 8085, Device: "npu"}, "model.default: is required: the model that flm should load"},
		"an unknown model":  {chat(func(s *slot.Slot) { s.Model.Default = "qwen3-4" }), `model.default: unknown model "qwen3-4": did you mean "qwen3-4b"?`},
		"another model":     {chat(func(s *slot.Slot) { s.Model.Default = "mistral-large" }), `model.default: unknown model "mistral-large": want one of bge-small, qwen3-4b, qwen3-8b, unknown, or the absolute path of a model file`},
		"a path with dots":  {chat(func(s *slot.Slot) { s.Model.Default = "/mnt/../etc/passwd" }), `model.default: "/mnt/../etc/passwd" is not a plain absolute path: want one that begins with / and has no . or .. in it`},
		"a template's path": {chat(func(s *slot.Slot) { s.ChatTemplate = "../../etc/passwd" }), `chat_template: "../../etc/passwd" is not a chat template: want auto, or the name of a file in the store's chat-templates without .jinja, of 1 to 41 of a-z, 0-9, _ and -`},
		"an image":          {chat(func(s *slot.Slot) { s.Image = "Not An Image" }), `image: "Not An Image" is not an image reference (invalid reference format: repository name (library/Not An Image) must be lowercase): want registry/repository:tag or registry/repository@sha256:…`},
		"a short digest":    {chat(func(s *slot.Slot) { s.Image = "x/y@sha256:abc" }), `image: "x/y@sha256:abc" is not an image reference (invalid reference format): want registry/repository:tag or registry/repository@sha256:…`},
		"--host":            {chat(extraArgs("--host ::")), "server.extra_args: --host is set by hal0 itself, the slot's publishing and routing hang on it: remove it"},
		"-m":                {chat(extraArgs("-m /x")), "server.extra_args: -m is set by hal0 itself, the slot's publishing and routing hang on it: remove it"},
		"--api_key":         {chat(extraArgs("--api_key x")), "server.extra_args: --api_key is set by hal0 itself, the slot's publishing and routing hang on it: remove it"},
		"an abbreviation": {
			slot.Slot{Name: "i", Port: 8188, Type: "image", Server: slot.Server{ExtraArgs: profile.FlagsOf("--lis", "::")}},
			"server.extra_args: --lis is set by hal0 itself, the slot's publishing and routing hang on it: remove it",
		},
		"an environment": {chat(func(s *slot.Slot) { s.Server.Env = map[string]string{"A=B": "c"} }), `server.env."A=B": "A=B" is not the name of an environment variable: want letters, digits and _, not beginning with a digit`},
		"several at once": {
			chat(func(s *slot.Slot) { s.Port, s.Device = 1, "gpu" }),
			"port: must be 8081 to 8200, got 1\ndevice: unknown device \"gpu\": want one of gpu-rocm, gpu-vulkan, cpu, npu",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := slot.Resolve(tc.slot, inputs())
			require.EqualError(t, err, tc.want)
			require.ErrorIs(t, err, conf.ErrInvalid)
			assert.Equal(t, slot.Plan{}, p, "nothing half-made")
		})
	}
	for _, args := range []string{"--port 1", "--port=1", "--model x", "--alias x", "-a x", "--host=::", "--api-key-file x"} {
		_, err := slot.Resolve(chat(extraArgs(args)), inputs())
		require.ErrorContains(t, err, "server.extra_args: ", args)
	}
}

// Every pair of a device and a type has an answer.
func TestDefaultProfiles(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"gpu-rocm llm": "rocm", "gpu-rocm embedding": "rocm", "gpu-rocm reranking": "rocm", "gpu-rocm image": "comfyui",
		"gpu-vulkan llm": "vulkan", "gpu-vulkan embedding": "vulkan", "gpu-vulkan reranking": "vulkan", "gpu-vulkan image": "comfyui",
		"cpu llm": "vulkan", "cpu embedding": "vulkan", "cpu reranking": "vulkan", "cpu tts": "tts",
		"npu llm": "flm", "npu embedding": "flm", "npu transcription": "flm",
	}
	got := map[string]string{}
	for _, d := range device.All() {
		for _, typ := range provider.SlotTypes() {
			p, err := slot.Resolve(slot.Slot{Name: "s", Port: 8081, Device: d, Type: typ, Model: slot.Model{Default: "qwen3-4b"}}, inputs())
			key := string(d) + " " + string(typ)
			if err != nil {
				require.ErrorContains(t, err, "no profile serves type "+string(typ)+" on device "+string(d), key)
				continue
			}
			got[key] = p.Profile
		}
	}
	assert.Equal(t, want, got)
}

func TestListen(t *testing.T) {
	t.Parallel()
	in := inputs()
	in.Listen = netip.MustParseAddr("::1")
	p, err := slot.Resolve(chat(), in)
	require.NoError(t, err)
	assert.Equal(t, "[::1]:8081:8081", p.Spec.Publish[0].String())
	assert.NotEqual(t, resolve(t, chat()).Hash, p.Hash)
}

// vllm is a provider of a program's own, for any image.
type vllm struct{}

func (vllm) Name() provider.Name        { return "vllm" }
func (vllm) Grammar() *provider.Grammar { return provider.PlainGrammar() }
func (vllm) Facts() provider.Facts {
	return provider.Facts{Runtime: "vLLM", Types: []provider.SlotType{provider.LLM}, Model: provider.ModelTag, Reserved: []string{"--port"}}
}

func (vllm) Flags(in *provider.Inputs, at provider.Stage) []string {
	if at != provider.StageBase {
		return nil
	}
	return []string{"serve", in.Model.ID}
}

func (vllm) Spec(_ *provider.Inputs, flags []provider.Flag) runtime.Spec {
	var command []string
	for _, f := range flags {
		command = f.AppendTo(command)
	}
	return runtime.Spec{Command: command}
}
func (vllm) Probe(*provider.Inputs) provider.Probe { return nil }

func TestProviderOfOnesOwn(t *testing.T) {
	t.Parallel()
	in := inputs()
	in.Providers = provider.Builtin().With(vllm{})
	in.Profiles = profile.New(profile.Profile{Name: "mine", Image: "localhost/vllm:1", Backend: "rocm", Flags: profile.FlagsOf("--dtype", "auto")})
	s := slot.Slot{Name: "v", Port: 8090, Provider: "vllm", Profile: "mine", Model: slot.Model{Default: "org/model"}}
	p, err := slot.Resolve(s, in)
	require.NoError(t, err)
	assert.Equal(t, "serve org/model --dtype auto", line(p))
	assert.Equal(t, "hal0-slot-v", p.Spec.Name)
	s.Server.ExtraArgs = profile.FlagsOf("--port=1")
	_, err = slot.Resolve(s, in)
	require.EqualError(t, err, "server.extra_args: --port=1 is set by hal0 itself, the slot's publishing and routing hang on it: remove it")
}

// Lists that are empty are written as lists.
func TestPlanListsAreNeverNull(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(resolve(t, chat()).Redacted())
	require.NoError(t, err)
	assert.Contains(t, string(data), `"dropped":[]`)
	f, err := slot.Parse("a.toml", []byte("port = 8081\ntype = \"tts\"\ndevice = \"cpu\"\nprofile = \"tts\"\n"), provider.Builtin())
	require.NoError(t, err)
	plan, err := f.Resolve(inputs())
	require.NoError(t, err)
	data, err = json.Marshal(plan.Redacted())
	require.NoError(t, err)
	assert.Contains(t, string(data), `"warnings":[]`)
}

func TestPlanJSON(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(resolve(t, chat(extraArgs("-b 1024"))))
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(data, &m))
	for _, key := range []string{"slot", "device", "provider", "profile", "type", "spec", "flags", "dropped", "image", "warnings", "hash"} {
		assert.Contains(t, m, key)
	}
	spec := m["spec"].(map[string]any)
	for _, key := range []string{"name", "image", "command", "env", "mounts", "devices", "groups", "security_opt", "ulimits", "network", "ipc", "publish", "health", "labels"} {
		assert.Contains(t, spec, key)
		assert.NotNil(t, spec[key], key)
	}
	assert.Contains(t, string(data), `{"flag":"-b","value":"1024","source":"slot"}`)
	assert.Contains(t, string(data), `{"flag":"-b","value":"512","source":"profile","by":"slot"}`)
	assert.Contains(t, string(data), `"publish":[{"host_ip":"127.0.0.1","host_port":8081,"container_port":8081}]`)
}

// A slot that was moved to the NPU may still name its old model there.
func TestRegistryModelOnTheNPU(t *testing.T) {
	t.Parallel()
	for model, want := range map[string][]string{
		"gemma3:1b": nil,
		"qwen3-4b":  {"model.default qwen3-4b is for llama-server, and flm has models of its own: want one of its tags"},
		"/m/a.gguf": {"model.default /m/a.gguf is for llama-server, and flm has models of its own: want one of its tags"},
	} {
		plan := resolve(t, chat(func(s *slot.Slot) { s.Device, s.Profile, s.Model.Default = device.NPU, "flm", model }))
		var got []string
		for _, w := range plan.Warnings {
			if w.Code == slot.WarnModelTag {
				got = append(got, w.Message)
			}
		}
		assert.Equal(t, want, got, model)
	}
}
