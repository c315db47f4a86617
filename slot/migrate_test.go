package slot_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

func TestMigrated(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc, want string
		steps     []string
	}{
		"a file of today": {
			"port = 8081\ndevice = \"gpu-vulkan\"\nprofile = \"vulkan\"\n",
			"port = 8081\ndevice = \"gpu-vulkan\"\nprofile = \"vulkan\"\n",
			nil,
		},
		"backend": {
			"# mine\nport = 8081\nbackend = \"vulkan\" # the iGPU\n\n[model]\ndefault = \"m\"\n",
			"# mine\nport = 8081\ndevice = \"gpu-vulkan\" # the iGPU\nprofile = \"vulkan\"\n\n[model]\ndefault = \"m\"\n",
			[]string{`backend = "vulkan" becomes device = "gpu-vulkan"`, `profile = "vulkan" is added`},
		},
		"backend under [slot]": {
			"[slot]\nport = 8081\nbackend = 'rocm'\nprofile = \"rocm-moe\"\n",
			"[slot]\nport = 8081\ndevice = 'gpu-rocm'\nprofile = \"rocm-moe\"\n",
			[]string{`backend = "rocm" becomes device = "gpu-rocm"`},
		},
		"backend beside a device": {
			"port = 8081\nbackend = \"cuda\" # once\n# now\ndevice = \"cpu\"\ntype = \"tts\"\n",
			"port = 8081\n# now\ndevice = \"cpu\"\ntype = \"tts\"\nprofile = \"tts\"\n",
			[]string{`backend = "cuda" goes: device = "cpu" says where it runs`, `profile = "tts" is added`},
		},
		"backend of a CPU": {
			"port = 8081\nbackend = \"cpu\"\n",
			"port = 8081\ndevice = \"cpu\"\nprofile = \"vulkan\"\n",
			[]string{`backend = "cpu" becomes device = "cpu"`, `profile = "vulkan" is added`},
		},
		"backend for images": {
			"port = 8188\ntype = \"image\"\nbackend = \"rocm\"\n",
			"port = 8188\ntype = \"image\"\ndevice = \"gpu-rocm\"\nprofile = \"comfyui\"\n",
			[]string{`backend = "rocm" becomes device = "gpu-rocm"`, `profile = "comfyui" is added`},
		},
		"backend flm": {
			"port = 8081\nbackend = \"flm\"\n",
			"port = 8081\ndevice = \"npu\"\nprofile = \"flm\"\n",
			[]string{`backend = "flm" becomes device = "npu"`, `profile = "flm" is added`},
		},
		"backend kokoro is text to speech": {
			"port = 8081\nbackend = \"kokoro\"\n",
			"port = 8081\ndevice = \"cpu\"\ntype = \"tts\"\nprofile = \"tts\"\n",
			[]string{`backend = "kokoro" becomes device = "cpu"`, `type = "tts" is added`, `profile = "tts" is added`},
		},
		"backend npu": {
			"port = 8081\ntype = \"stt\"\nbackend = \"npu\"\n",
			"port = 8081\ntype = \"stt\"\ndevice = \"npu\"\nprofile = \"flm\"\n",
			[]string{`backend = "npu" becomes device = "npu"`, `profile = "flm" is added`},
		},

		"a device as provider": {
			"port = 8081\nprovider = \"rocm\" # fast\n",
			"port = 8081\ndevice = \"gpu-rocm\" # fast\nprofile = \"rocm\"\n",
			[]string{`provider = "rocm" becomes device = "gpu-rocm"`, `profile = "rocm" is added`},
		},
		"a device as provider, beside a device": {
			"port = 8081\ndevice = \"gpu-vulkan\"\nprovider = \"rocm\" # once\n",
			"port = 8081\ndevice = \"gpu-vulkan\"\nprovider = \"llama-server\" # once\nprofile = \"vulkan\"\n",
			[]string{`provider = "rocm" becomes the provider of the profile: device says where it runs`, `profile = "vulkan" is added`},
		},
		"a device as provider, for another server": {
			"port = 8081\ndevice = \"cpu\"\nprovider = \"cpu\"\ntype = \"tts\"\n",
			"port = 8081\ndevice = \"cpu\"\nprovider = \"kokoro\"\ntype = \"tts\"\nprofile = \"tts\"\n",
			[]string{`provider = "cpu" becomes the provider of the profile: device says where it runs`, `provider becomes "kokoro"`, `profile = "tts" is added`},
		},
		"backend and provider": {
			"port = 8081\nbackend = \"vulkan\"\nprovider = \"vulkan\"\n",
			"port = 8081\ndevice = \"gpu-vulkan\"\nprovider = \"llama-server\"\nprofile = \"vulkan\"\n",
			[]string{`backend = "vulkan" becomes device = "gpu-vulkan"`, `provider = "vulkan" becomes the provider of the profile: backend says where it runs`, `profile = "vulkan" is added`},
		},
		"llama.cpp": {
			"port = 8081\nprovider = \"llama.cpp\"\nbackend = \"vulkan\"\n",
			"port = 8081\nprovider = \"llama-server\"\ndevice = \"gpu-vulkan\"\nprofile = \"vulkan\"\n",
			[]string{`backend = "vulkan" becomes device = "gpu-vulkan"`, `provider = "llama.cpp" becomes provider = "llama-server"`, `profile = "vulkan" is added`},
		},
		"flm alone": {
			"port = 8081\nprovider = \"flm\"\n",
			"port = 8081\nprovider = \"flm\"\ndevice = \"npu\"\nprofile = \"flm\"\n",
			[]string{`device = "npu" is added`, `profile = "flm" is added`},
		},
		"kokoro alone": {
			"port = 8081\nprovider = \"kokoro\"\n",
			"port = 8081\nprovider = \"kokoro\"\ndevice = \"cpu\"\ntype = \"tts\"\nprofile = \"tts\"\n",
			[]string{`device = "cpu" is added`, `type = "tts" is added`, `profile = "tts" is added`},
		},

		"no profile": {
			"port = 8081\r\ntype = \"embed\"\r\ndevice = \"cpu\"\r\n",
			"port = 8081\r\ntype = \"embed\"\r\ndevice = \"cpu\"\r\nprofile = \"vulkan\"\r\n",
			[]string{`profile = "vulkan" is added`},
		},
		"no profile and no device": {
			"port = 8081\n[model]\ndefault = \"m\"\n",
			"port = 8081\nprofile = \"rocm\"\n[model]\ndefault = \"m\"\n",
			[]string{`profile = "rocm" is added`},
		},
		"no profile under [slot]": {
			"[slot]\nport = 8081\n\n[slot.model]\ndefault = \"m\"\n",
			"[slot]\nport = 8081\nprofile = \"rocm\"\n\n[slot.model]\ndefault = \"m\"\n",
			[]string{`profile = "rocm" is added`},
		},

		"ctx_size": {
			"port = 8081\nprofile = \"rocm\"\n[model]\ndefault = \"m\"\nctx_size = 4096 # small\n",
			"port = 8081\nprofile = \"rocm\"\n[model]\ndefault = \"m\"\ncontext_size = 4096 # small\n",
			[]string{"model.ctx_size becomes model.context_size"},
		},
		"ctx_size in both shapes": {
			"[slot]\nport = 8081\nprofile = \"rocm\"\n[slot.model]\nctx_size = 4_096\n",
			"[slot]\nport = 8081\nprofile = \"rocm\"\n[slot.model]\ncontext_size = 4_096\n",
			[]string{"model.ctx_size becomes model.context_size"},
		},
		"ctx_size and context_size": {
			"port = 8081\nprofile = \"rocm\"\n[model]\nctx_size = 4096 # old\n# new\ncontext_size = 4096\n",
			"port = 8081\nprofile = \"rocm\"\n[model]\n# new\ncontext_size = 4096\n",
			[]string{"model.ctx_size goes: model.context_size says the same"},
		},
		"a model as text": {
			"port = 8081\nprofile = \"rocm\"\nmodel = \"qwen\" # big\n",
			"port = 8081\nprofile = \"rocm\"\nmodel.default = \"qwen\" # big\n",
			[]string{"model becomes model.default"},
		},
		"a model as text under [slot]": {
			"[slot]\nport = 8081\nprofile = \"rocm\"\nmodel = \"qwen\"\n",
			"[slot]\nport = 8081\nprofile = \"rocm\"\nmodel.default = \"qwen\"\n",
			[]string{"model becomes model.default"},
		},
		"idle_timeout_seconds": {
			"port = 8081\nidle_timeout_seconds = 600\nprofile = \"rocm\"\n",
			"port = 8081\nidle_timeout_s = 600\nprofile = \"rocm\"\n",
			[]string{"idle_timeout_seconds becomes idle_timeout_s"},
		},
		"runtime": {
			"# first\nport = 8081\nruntime = \"container\"\nprofile = \"rocm\"\n",
			"# first\nport = 8081\nprofile = \"rocm\"\n",
			[]string{"runtime goes: every slot runs in a container"},
		},

		"everything at once": {
			"# Chat.\n[slot]\nname = \"chat\"\nport = 8081 # fixed\nruntime = \"container\"\nprovider = \"llama.cpp\"\nbackend = \"vulkan\" # iGPU\nidle_timeout_seconds = 0\ncolor = \"red\" # keep\n\n[model]\n# which\ndefault = \"m\"\nctx_size = 8192\n",
			"# Chat.\n[slot]\nname = \"chat\"\nport = 8081 # fixed\nprovider = \"llama-server\"\ndevice = \"gpu-vulkan\" # iGPU\nidle_timeout_s = 0\ncolor = \"red\" # keep\nprofile = \"vulkan\"\n\n[model]\n# which\ndefault = \"m\"\ncontext_size = 8192\n",
			[]string{
				"model.ctx_size becomes model.context_size", "idle_timeout_seconds becomes idle_timeout_s",
				`backend = "vulkan" becomes device = "gpu-vulkan"`, `provider = "llama.cpp" becomes provider = "llama-server"`,
				"runtime goes: every slot runs in a container", `profile = "vulkan" is added`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := inputs()
			m, err := slot.Migrated("slots/chat.toml", []byte(tc.doc), in)
			require.NoError(t, err)
			assert.Equal(t, tc.want, string(m.Text))
			assert.Equal(t, tc.steps, m.Steps)

			again, err := slot.Migrated("slots/chat.toml", m.Text, in)
			require.NoError(t, err)
			assert.Equal(t, tc.want, string(again.Text), "once is enough")
			assert.Empty(t, again.Steps)
			f, err := slot.Parse("slots/chat.toml", m.Text, provider.Builtin())
			require.NoError(t, err)
			for _, w := range f.Warnings {
				assert.Equal(t, slot.WarnUnknownKey, w.Code, w.Message)
			}
		})
	}
}

func TestMigratedRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ doc, want string }{
		"not TOML":                  {"port = ", "slots/chat.toml:1:7: expected value, not end of input"},
		"another problem":           {"port = 80\nbackend = \"rocm\"\n", "slots/chat.toml:1:1: port: must be 8081 to 8200, got 80"},
		"a backend that never was":  {"port = 8081\nbackend = \"cuda\"\n", `slots/chat.toml:2:1: backend: backend "cuda": want one of vulkan, rocm, flm, moonshine, kokoro, cpu, gpu-rocm, gpu-vulkan, npu`},
		"a provider that never was": {"port = 8081\nprovider = \"vllm\"\n", `slots/chat.toml:2:1: provider: unknown provider "vllm": want one of llama-server, flm, kokoro, comfyui`},
		"moonshine":                 {"port = 8081\nbackend = \"moonshine\"\n", `slots/chat.toml:2:1: backend: moonshine recognized speech on the CPU, which nothing does any more: remove the key, and write type = "transcription" and device = "npu" for FastFlowLM`},
		"moonshine as provider":     {"port = 8081\ntype = \"stt\"\nprovider = \"moonshine\"\n", `slots/chat.toml:3:1: provider: moonshine recognized speech on the CPU, which nothing does any more: remove the key, and write type = "transcription" and device = "npu" for FastFlowLM`},
		"backend against provider":  {"port = 8081\nbackend = \"rocm\"\nprovider = \"vulkan\"\n", "slots/chat.toml:3:1: provider: is the word for device gpu-vulkan, and backend (line 2) the one for gpu-rocm: remove one of them"},
		"backend against profile":   {"port = 8081\nbackend = \"vulkan\"\nprofile = \"rocm\"\n", "slots/chat.toml:2:1: device: gpu-vulkan contradicts profile = rocm: device gpu-vulkan goes with profile vulkan or comfyui; profile rocm with device gpu-rocm"},
		"kokoro against a type":     {"port = 8081\nbackend = \"kokoro\"\ntype = \"llm\"\n", "slots/chat.toml:3:1: type: llm contradicts provider = kokoro: type llm goes with provider llama-server or flm; provider kokoro with type tts"},
		"nothing serves it there":   {"port = 8081\nbackend = \"npu\"\ntype = \"image\"\n", "slots/chat.toml:2:1: device: npu contradicts type = image: device npu goes with type llm, embedding or transcription; type image with device gpu-rocm or gpu-vulkan"},
		"two values":                {"port = 8081\n[model]\nctx_size = 4096\ncontext_size = 8192\n", "slots/chat.toml:3:1: model.ctx_size: is an old name for model.context_size, which says something else (line 4): remove one of them"},
		"a key in both shapes":      {"backend = \"rocm\"\n[slot]\nport = 8081\nbackend = \"rocm\"\n", "slots/chat.toml:4:1: slot.backend: is set twice: in [slot] and at the top level (line 1); keep one"},
		"another runtime":           {"port = 8081\nruntime = \"native\"\n", `slots/chat.toml:2:1: runtime: must be container, got "native"`},
		"a backend that is no text": {"port = 8081\nbackend = 1\n", "slots/chat.toml:2:1: backend: must be a string, got 1"},
		"a model in both shapes":    {"model = \"a\"\n[slot]\nport = 8081\n[slot.model]\ndefault = \"b\"\n", "slots/chat.toml:4:7: slot.model: is set twice: in [slot] and at the top level (line 1); keep one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := slot.Migrated("slots/chat.toml", []byte(tc.doc), inputs())
			require.EqualError(t, err, tc.want)
			assert.Equal(t, slot.Migration{}, m)
		})
	}
}

// The profile that is added is the one that the slot is launched with before.
func TestMigratedLaunchesTheSame(t *testing.T) {
	t.Parallel()
	in := inputs()
	for _, doc := range []string{
		"port = 8081\n[model]\ndefault = \"qwen3-4b\"\n",
		"port = 8081\nbackend = \"vulkan\"\n[model]\ndefault = \"qwen3-4b\"\nctx_size = 4096\n",
		"port = 8081\nbackend = \"flm\"\nruntime = \"container\"\n[model]\ndefault = \"a:1b\"\n",
		"port = 8081\ntype = \"rerank\"\ndevice = \"cpu\"\nmodel.default = \"bge-small\"\n",
	} {
		before := file(t, "chat", doc)
		was, err := slot.Resolve(before.Slot, in)
		require.NoError(t, err)
		m, err := slot.Migrated("slots/chat.toml", []byte(doc), in)
		require.NoError(t, err)
		is, err := slot.Resolve(file(t, "chat", string(m.Text)).Slot, in)
		require.NoError(t, err)
		assert.Equal(t, was.Hash, is.Hash, doc)
	}
}

// Whatever a file says, migrating it gives a file that loads and that stays as
// it is, or an error.
func FuzzMigrated(f *testing.F) {
	f.Add("port = 8081\nbackend = \"vulkan\"\nruntime = \"container\"\n[model]\nctx_size = 4096\n")
	f.Add("[slot]\nport = 8081\nprovider = \"rocm\"\nmodel = \"x\"\nidle_timeout_seconds = 1\n")
	f.Add("slot = { port = 8081, backend = 'rocm', model = { ctx_size = 128, context_size = 128 } }")
	f.Add("slot.port = 8081\nslot.provider = 'llama.cpp'\nslot.model.ctx_size = 128\n")
	in := inputs()
	in.Profiles = profile.Seeds()
	f.Fuzz(func(t *testing.T, doc string) {
		m, err := slot.Migrated("slots/chat.toml", []byte(doc), in)
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Fatal("an error without words")
			}
			return
		}
		if _, err := slot.Parse("slots/chat.toml", m.Text, provider.Builtin()); err != nil {
			t.Fatalf("%q became %q: %v", doc, m.Text, err)
		}
		again, err := slot.Migrated("slots/chat.toml", m.Text, in)
		if err != nil || string(again.Text) != string(m.Text) || len(again.Steps) > 0 {
			t.Fatalf("%q became %q became %q: %v", doc, m.Text, again.Text, err)
		}
	})
}
