package slot_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

func parse(t *testing.T, doc string) *slot.File {
	t.Helper()
	f, err := slot.Parse("slots/chat.toml", []byte(doc), provider.Builtin())
	require.NoError(t, err)
	return f
}

const everyKey = `name = "chat"
port = 8081
type = "chat"
device = "gpu-vulkan"
provider = "llama-server"
profile = "vulkan"
role = "primary"
enabled = false
mtp = false
enable_thinking = true
chat_template = "qwen3"
vision = false
workers = 2
idle_timeout_s = 0
runtime = "container"
`

const everyTable = `
[model]
default = "m"
context_size = 4096
n_gpu_layers = -1
rope_freq_base = 10000
[server]
extra_args = "-b 512 --lora 'a b'"
env = { A = "1" }
[npu]
asr = true
embed = false
`

const imageTable = `[image]
idle_restore_minutes = 5
default_size = "512x512"
default_steps = 8
`

// Both shapes of a slot file say the same.
func TestShapes(t *testing.T) {
	t.Parallel()
	flat := parse(t, everyKey+everyTable+imageTable)
	assert.Empty(t, flat.Warnings)
	s := flat.Slot
	assert.Equal(t, provider.LLM, s.Type)
	assert.Equal(t, new(false), s.MTP)
	assert.Equal(t, new(0), s.IdleTimeoutS)
	assert.Equal(t, new(-1), s.Model.NGPULayers)
	assert.Equal(t, new(10000.0), s.Model.RopeFreqBase)
	assert.Equal(t, []string{"-b", "512", "--lora", "a b"}, s.Server.ExtraArgs.Words())
	assert.Equal(t, new(8), s.ImageSettings.DefaultSteps)
	assert.False(t, s.IsEnabled())

	nested := parse(t, "[slot]\n"+everyKey+everyTable+imageTable)
	assert.Equal(t, flat.Slot, nested.Slot)
	below := parse(t, "[slot]\n"+everyKey+"[slot.model]\ndefault = \"m\"\n[slot.image]\ndefault_steps = 8\n")
	assert.Equal(t, "m", below.Slot.Model.Default)
	assert.Equal(t, new(8), below.Slot.ImageSettings.DefaultSteps)
}

func TestAbsentIsNotFalse(t *testing.T) {
	t.Parallel()
	s := parse(t, "port = 8081\n").Slot
	assert.Equal(t, slot.Slot{Name: "chat", Port: 8081}, s, "the name is the file's stem")
	assert.True(t, s.IsEnabled())
}

// `image` is a string that overrides the profile's, or a table of settings.
func TestImageIsTwoThings(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "localhost/x:1", parse(t, "port = 8081\nimage = \"localhost/x:1\"\n").Slot.Image)
	assert.Equal(t, new(3), parse(t, "port = 8081\n[image]\ndefault_steps = 3\n").Slot.ImageSettings.DefaultSteps)
	both := parse(t, "[slot]\nport = 8081\nimage = \"localhost/x:1\"\n[image]\ndefault_steps = 3\n").Slot
	assert.Equal(t, "localhost/x:1", both.Image)
	assert.Equal(t, new(3), both.ImageSettings.DefaultSteps)
}

func TestUnknownKeysAreKeptWithAWarning(t *testing.T) {
	t.Parallel()
	f := parse(t, "port = 8081\ncolour = \"red\"\n[model]\nctx_sise = 4096\n[other]\na = 1\n")
	assert.Equal(t, []slot.Warning{
		{Code: "slot.unknown-key", Message: `slots/chat.toml:2:1: colour: unknown key, want one of backend, chat_template, device, enable_thinking, enabled, idle_timeout_s, image, model, mtp, name, npu, port, profile, provider, role, runtime, server, type, vision, workers`},
		{Code: "slot.unknown-key", Message: `slots/chat.toml:4:1: model.ctx_sise: unknown key, want one of context_size, default, n_gpu_layers, rope_freq_base`},
		{Code: "slot.unknown-key", Message: `slots/chat.toml:5:2: other: unknown key, want one of backend, chat_template, device, enable_thinking, enabled, idle_timeout_s, image, model, mtp, name, npu, port, profile, provider, role, runtime, server, type, vision, workers`},
	}, f.Warnings)
}

func TestLegacyBackend(t *testing.T) {
	t.Parallel()
	f := parse(t, "port = 8081\nbackend = \"vulkan\"\n")
	assert.Equal(t, "gpu-vulkan", string(f.Slot.Device))
	assert.Equal(t, []slot.Warning{{Code: "slot.legacy-backend", Message: `backend = "vulkan" is deprecated: write device = "gpu-vulkan"`}}, f.Warnings)
	f = parse(t, "port = 8081\nbackend = \"cuda\"\ndevice = \"cpu\"\n")
	assert.Equal(t, "cpu", string(f.Slot.Device), "device decides alone")
	assert.Empty(t, f.Warnings)
}

// A file with problems still keeps its port from others.
func TestClaimedPort(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]int{
		"port = 8081\nmtp = 1\n": 8081, "[slot]\nport = 8082\ndevice = \"gpu\"\n": 8082,
		"mtp = 1\n": 0, "port = \"8081\"\n": 0, "port = \n": 0, "": 0,
	} {
		assert.Equal(t, want, slot.ClaimedPort([]byte(doc)), doc)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everyKey + everyTable + imageTable))
	f.Add([]byte("[slot]\n" + everyKey + everyTable))
	f.Add([]byte("port = 8081\nimage = \"x\"\n[slot]\nimage = {}\n"))
	f.Add([]byte("slot = 1\nimage = 2\nmodel = [1]\n[server]\nextra_args = \"'\"\n"))
	in := inputs()
	f.Fuzz(func(t *testing.T, doc []byte) {
		file, err := slot.Parse("slots/chat.toml", doc, provider.Builtin())
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		if _, err := slot.Resolve(file.Slot, in); err != nil && err.Error() == "" {
			t.Fatal("an error without words")
		}
	})
}

// Old names stand for today's; where both are there, they must say the same.
func TestOldKeys(t *testing.T) {
	t.Parallel()
	f := parse(t, "port = 8081\nidle_timeout_seconds = 60\n")
	assert.Equal(t, new(60), f.Slot.IdleTimeoutS)
	assert.Equal(t, []slot.Warning{
		{Code: "slot.legacy-key", Message: "idle_timeout_seconds is an old name: write idle_timeout_s"},
	}, f.Warnings)
	assert.Equal(t, "slots/chat.toml:2:1: idle_timeout_seconds: idle_timeout_seconds is an old name: write idle_timeout_s", f.Notes()[0].Error())

	f = parse(t, "[slot]\nport = 8081\n[slot.model]\ndefault = \"m\"\nctx_size = 4096\n")
	assert.Equal(t, new(4096), f.Slot.Model.ContextSize)
	assert.Equal(t, "slots/chat.toml:5:1: slot.model.ctx_size: model.ctx_size is an old name: write model.context_size", f.Notes()[0].Error())
	f = parse(t, "port = 8081\n[model]\nctx_size = 4096\ncontext_size = 4096\n")
	assert.Equal(t, new(4096), f.Slot.Model.ContextSize)
	assert.Len(t, f.Warnings, 1, "and it is no unknown key")

	for name, tc := range map[string]struct{ doc, want string }{
		"a model that is a text":    {"port = 8081\nmodel = \"qwen\"\n", `slots/chat.toml:2:1: model: must be a table, got the string "qwen": write it as model.default, as a migration does`},
		"a value out of range":      {"port = 8081\n[model]\nctx_size = 1\n", "slots/chat.toml:3:1: model.ctx_size: must be at least 128, got 1"},
		"a value of another type":   {"port = 8081\n[model]\nctx_size = \"4k\"\n", `slots/chat.toml:3:1: model.ctx_size: must be an integer, got the string "4k"`},
		"under [slot]":              {"[slot]\nport = 8081\nidle_timeout_seconds = -1\n", "slots/chat.toml:3:1: slot.idle_timeout_seconds: must be at least 0, got -1"},
		"both, and they differ":     {"port = 8081\n[model]\nctx_size = 4096\ncontext_size = 8192\n", "slots/chat.toml:3:1: model.ctx_size: is an old name for model.context_size, which says something else (line 4): remove one of them"},
		"a device as provider":      {"port = 8081\nprovider = \"rocm\"\n", `slots/chat.toml:2:1: provider: unknown provider "rocm": want one of llama-server, flm, kokoro, comfyui; "rocm" is a word of older files: migrate the slot`},
		"an old provider":           {"port = 8081\nprovider = \"llama.cpp\"\n", `slots/chat.toml:2:1: provider: unknown provider "llama.cpp": want one of llama-server, flm, kokoro, comfyui; "llama.cpp" is a word of older files: migrate the slot`},
		"a provider that never was": {"port = 8081\nprovider = \"vllm\"\n", `slots/chat.toml:2:1: provider: unknown provider "vllm": want one of llama-server, flm, kokoro, comfyui`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := slot.Parse("slots/chat.toml", []byte(tc.doc), provider.Builtin())
			require.EqualError(t, err, tc.want)
		})
	}
}

// What stands in the environment may be a secret, and is not quoted.
func TestParseKeepsTheEnvironmentToItself(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"port = 8081\nserver.env = { API_KEY = 5150515 }\n": "a.toml:2:16: server.env.API_KEY: must be a string",
		"port = 8081\nserver.env = \"API_KEY=5150515\"\n":   "a.toml:2:8: server.env: must be a table",
	} {
		_, err := slot.Parse("a.toml", []byte(text), provider.Builtin())
		require.EqualError(t, err, want)
	}
}

// A table [slot] that is none is told of in its own words.
func TestParseTellsOfTheShape(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"slot = \"x\"\nport = 8081\n", "port = 8081\n[[slot]]\nport = 1\n"} {
		f, err := slot.Parse("a.toml", []byte(text), provider.Builtin())
		require.NoError(t, err)
		require.Len(t, f.Notes(), 1)
		assert.Equal(t, "is ignored, as it is no table: a slot's keys stand in the table [slot], or at the top level", f.Notes()[0].Message)
	}
}
