package slot_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/schematest"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

func schema(tb testing.TB) schematest.Schema {
	tb.Helper()
	return schematest.Compile(tb, slot.JSONSchema(provider.Builtin()))
}

func load(doc []byte) error {
	_, err := slot.Parse("slots/chat.toml", doc, provider.Builtin())
	return err
}

// good and bad say what a slot file with a valid port and these lines is.
func good(lines ...string) schematest.Case {
	return schematest.Case{Doc: "port = 8081\n" + strings.Join(lines, "\n") + "\n"}
}

func bad(lines ...string) schematest.Case {
	c := good(lines...)
	c.Bad = true
	return c
}

// whole is a case with all of its text; it may be bad.
func whole(bad bool, lines ...string) schematest.Case {
	return schematest.Case{Doc: strings.Join(lines, "\n") + "\n", Bad: bad}
}

// beyond is a file that is refused for a reason that a schema can't know.
func beyond(why string, lines ...string) schematest.Case {
	c := good(lines...)
	c.Beyond = why
	return c
}

// What slot files may say, one key after the other.
var schemaCases = map[string]schematest.Case{
	"every key":            whole(false, everyKey, everyTable, imageTable),
	"every key in [slot]":  whole(false, "[slot]", everyKey, everyTable, imageTable),
	"only a port":          good(),
	"nothing":              whole(true),
	"no port":              whole(true, `name = "chat"`),
	"port in [slot]":       whole(false, "[slot]", "port = 8081"),
	"[slot] without port":  whole(true, "[slot]", `name = "chat"`),
	"port beside [slot]":   good("[slot]", `role = "x"`),
	"an empty [slot]":      good("[slot]"),
	"port 0":               whole(true, "port = 0"),
	"lowest port":          whole(false, "port = 8081"),
	"highest port":         whole(false, "port = 8200"),
	"the API's port":       whole(true, "port = 8080"),
	"port too high":        whole(true, "port = 8201"),
	"port a string":        whole(true, `port = "8081"`),
	"port with a fraction": whole(true, "port = 8081.5"),
	"port true":            whole(true, "port = true"),

	"name":                {Doc: "name = \"chat\"\nport = 8081\n"},
	"no name":             good(`name = ""`),
	"name in capitals":    bad(`name = "Chat"`),
	"name with a space":   bad(`name = "a b"`),
	"name too long":       bad(`name = "` + strings.Repeat("a", 33) + `"`),
	"name a number":       bad(`name = 1`),
	"another file's name": beyond("it does not know the file's name", `name = "other"`),

	"type":                    good(`type = "reranking"`),
	"another word for a type": good(`type = "stt"`),
	"unknown type":            bad(`type = "video"`),
	"no type":                 bad(`type = ""`),
	"device":                  good(`device = "npu"`),
	"unknown device":          bad(`device = "cuda"`),
	"no device":               bad(`device = ""`),
	"device in capitals":      bad(`device = "NPU"`),
	"device a list":           bad(`device = ["npu"]`),
	"provider":                good(`provider = "flm"`),
	"no provider":             good(`provider = ""`),
	"unknown provider":        bad(`provider = "vllm"`),
	"old word for a provider": bad(`provider = "llama.cpp"`),
	"any profile":             good(`profile = "mine"`),
	"profile a date":          beyond("editors take a date for a string", `profile = 1979-05-27`),

	"legacy backend":               good(`backend = "vulkan"`),
	"no backend":                   good(`backend = ""`),
	"unknown backend":              bad(`backend = "cuda"`),
	"any backend beside device":    good(`backend = "cuda"`, `device = "cpu"`),
	"backend in [slot]":            whole(false, "[slot]", "port = 8081", `backend = "flm"`),
	"unknown backend in [slot]":    whole(true, "[slot]", "port = 8081", `backend = "cuda"`),
	"backend there, device here":   good(`device = "cpu"`, "[slot]", `backend = "cuda"`),
	"backend here, device there":   good(`backend = "cuda"`, "[slot]", `device = "cpu"`),
	"backend beside an odd device": bad(`backend = "cuda"`, `device = "cuda"`),
	"runtime":                      good(`runtime = "container"`),
	"no runtime":                   good(`runtime = ""`),
	"another runtime":              bad(`runtime = "process"`),

	"switches":            good("enabled = false", "mtp = true", "vision = false", "enable_thinking = false"),
	"a switch as text":    bad(`mtp = "true"`),
	"a switch as number":  bad(`enabled = 1`),
	"template":            good(`chat_template = "qwen3-vl_2"`),
	"template auto":       good(`chat_template = "auto"`),
	"no template":         good(`chat_template = ""`),
	"template a path":     bad(`chat_template = "../x"`),
	"template, its file":  bad(`chat_template = "qwen3.jinja"`),
	"longest template":    good(`chat_template = "` + strings.Repeat("a", 41) + `"`),
	"template too long":   bad(`chat_template = "` + strings.Repeat("a", 42) + `"`),
	"one worker":          good("workers = 1"),
	"no worker":           bad("workers = 0"),
	"never idle":          good("idle_timeout_s = 0"),
	"idle before it runs": bad("idle_timeout_s = -1"),
	"a tab":               good(`role = "a\tb"`),
	"a control character": bad(`role = "a\u0007b"`),
	"a line end":          bad(`role = "a\nb"`),
	"other scripts":       good(`role = "Ünïcödé 字"`),

	"context size":                   good("[model]", "context_size = 128"),
	"context size too small":         bad("[model]", "context_size = 127"),
	"context size 0":                 bad("[model]", "context_size = 0"),
	"context size with a point":      beyond("4096.0 is an integer to a schema", "[model]", "context_size = 4096.0"),
	"layers to the server":           good("[model]", "n_gpu_layers = -1"),
	"layers below that":              bad("[model]", "n_gpu_layers = -2"),
	"rope an integer":                good("[model]", "rope_freq_base = 1000000"),
	"rope a float":                   good("[model]", "rope_freq_base = 1e6"),
	"rope below 0":                   bad("[model]", "rope_freq_base = -0.1"),
	"rope without end":               bad("[model]", "rope_freq_base = inf"),
	"rope no number":                 bad("[model]", "rope_freq_base = nan"),
	"rope an integer beyond floats":  beyond("to a schema all numbers are exact", "[model]", "rope_freq_base = 9007199254740993"),
	"model a string":                 bad(`model = "m"`),
	"model a list of tables":         bad("[[model]]", `default = "m"`),
	"old name of context_size":       good("[model]", "ctx_size = 4096"),
	"old name, too small":            bad("[model]", "ctx_size = 1"),
	"both names agree":               good("[model]", "ctx_size = 4096", "context_size = 4096"),
	"both names differ":              beyond("it can't compare two values", "[model]", "ctx_size = 4096", "context_size = 8192"),
	"old name of idle_timeout_s":     good("idle_timeout_seconds = 5"),
	"that old name, below 0":         bad("idle_timeout_seconds = -5"),
	"old and new name, not together": beyond("it can't compare two values", "idle_timeout_seconds = 5", "[slot]", "idle_timeout_s = 6"),

	"arguments":                 good("[server]", `extra_args = "-b 512 --lora 'a b'"`),
	"arguments in lines":        good("[server]", `extra_args = """`, "-b 512", `-ub 64"""`),
	"arguments in a list":       bad("[server]", `extra_args = ["-b", "512"]`),
	"arguments with a bell":     bad("[server]", `extra_args = "-b \u0007"`),
	"arguments, an open quote":  beyond("it does not split words as a shell does", "[server]", `extra_args = "--lora 'a"`),
	"environment":               good("[server.env]", `A_1 = "x"`, `_b = ""`),
	"environment, a number":     bad("[server.env]", `A = 1`),
	"environment, a digit":      bad("[server.env]", `1A = "x"`),
	"environment, a dash":       bad("[server.env]", `A-B = "x"`),
	"environment, dotted":       bad("[server.env]", `A.B = "x"`),
	"environment, two lines":    bad("[server.env]", `A = "x\ny"`),
	"environment, empty name":   bad("[server.env]", `"" = "x"`),
	"server in [slot]":          whole(false, "[slot]", "port = 8081", "[slot.server]", `extra_args = ""`),
	"server in both":            bad("[server]", "[slot.server]", `extra_args = ""`),
	"a key in both":             whole(true, "port = 8081", "[slot]", "port = 8081"),
	"an unknown key in both":    beyond("it does not know the key", "x = 1", "[slot]", "x = 1"),
	"[slot.slot]":               bad("[slot.slot]", "x = 1"),
	"slot a number":             good("slot = 1"),
	"slot a list":               good("[[slot]]", `device = "cuda"`),
	"unknown keys anywhere":     good("x = 1", "[model]", "y = 2", "[server]", "z = []", "[other]", "a = 1979-05-27"),
	"unknown key in [npu]":      bad("[npu]", "asr = true", "ocr = true"),
	"npu":                       good("[npu]", "asr = true"),
	"npu, as text":              bad("[npu]", `asr = "yes"`),
	"npu a switch":              bad("npu = true"),
	"settings under their name": beyond("an unknown key to it", `"image settings" = 1`),

	"image":                          good(`image = "localhost/llama:dev"`),
	"no image":                       good(`image = ""`),
	"image a number":                 bad("image = 1"),
	"image a list":                   bad("[[image]]", "default_steps = 1"),
	"image settings":                 good(imageTable),
	"image settings, unknown":        bad("[image]", "steps = 1"),
	"image settings, steps below 0":  bad("[image]", "default_steps = -1"),
	"image settings, size a number":  bad("[image]", "default_size = 512"),
	"image here, settings there":     good(`image = "x"`, "[slot.image]", "default_steps = 1"),
	"settings here, image there":     whole(false, "[slot]", "port = 8081", `image = "x"`, "[image]", "default_steps = 1"),
	"image in both":                  bad(`image = "x"`, "[slot]", `image = "x"`),
	"settings in both":               bad("[image]", "default_steps = 1", "[slot.image]", "default_steps = 1"),
	"image here, odd settings there": bad(`image = "x"`, "[slot.image]", "steps = 1"),
	"image here, a number there":     bad(`image = "x"`, "[slot]", "image = 1"),
	"an unknown setting in [slot]":   bad("[slot.image]", "a = 1"),
}

func TestSchema(t *testing.T) {
	t.Parallel()
	s := schema(t)
	schematest.Described(t, s)
	schematest.Run(t, schemaCases, load, s.TOML)
}

// Whatever loads is fine by the schema.
func FuzzSchema(f *testing.F) {
	schematest.Fuzz(f, schemaCases, load, schema(f).TOML)
}

// The slot files that this module ships.
func TestSchemaOfShippedSlots(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../examples/hal0-mini/demo/etc/hal0/slots/*.toml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	s := schema(t)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		_, err = slot.Parse(file, data, provider.Builtin())
		require.NoError(t, err)
		require.NoError(t, s.TOML(data), file)
	}
}

// mine is a provider of a program's own.
type mine struct{ provider.Provider }

func (mine) Name() provider.Name { return "mine" }

// A program's own providers are allowed to its slots.
func TestSchemaKnowsProviders(t *testing.T) {
	t.Parallel()
	set := provider.Builtin().With(mine{})
	doc := []byte("port = 8081\nprovider = \"mine\"\n")
	require.NoError(t, schematest.Compile(t, slot.JSONSchema(set)).TOML(doc))
	require.Error(t, schema(t).TOML(doc))
}

func TestRegistrySchema(t *testing.T) {
	t.Parallel()
	s := schematest.Compile(t, slot.RegistryJSONSchema())
	schematest.Described(t, s)
	model := func(lines ...string) schematest.Case {
		return whole(false, append([]string{"[models.m]", `path = "/m.gguf"`}, lines...)...)
	}
	wrong := func(lines ...string) schematest.Case {
		c := model(lines...)
		c.Bad = true
		return c
	}
	shell := model(`defaults.extra_args = "'"`)
	shell.Beyond = "it does not split words as a shell does"
	schematest.Run(t, map[string]schematest.Case{
		"nothing":               whole(false, ""),
		"other tables":          whole(false, "[other]", "a = 1"),
		"no models":             whole(false, "[models]"),
		"models a list":         whole(true, "models = []"),
		"a model":               model(),
		"every key":             model(`mmproj = "/p.gguf"`, "size_bytes = 1", `capabilities = ["chat"]`, "x = 1", "[models.m.metadata]", "context_length = 0", "y = 1", "[models.m.defaults]", "context_size = 1", `chat_template = "anything"`, `extra_args = "-b 1"`, "n_gpu_layers = -1"),
		"any id":                whole(false, `[models."Qwen/Qwen3.5 ü"]`, `path = "/m"`),
		"an id with a bell":     whole(true, `[models."\u0007"]`, `path = "/m"`),
		"no path":               whole(true, "[models.m]"),
		"an empty path":         whole(true, "[models.m]", `path = ""`),
		"the root":              whole(false, "[models.m]", `path = "/"`),
		"a relative path":       whole(true, "[models.m]", `path = "m.gguf"`),
		"a path with ..":        whole(true, "[models.m]", `path = "/a/../m.gguf"`),
		"a path to a directory": whole(true, "[models.m]", `path = "/a/"`),
		"dots in names":         whole(false, "[models.m]", `path = "/.a/..b/c.."`),
		"no projector":          model(`mmproj = ""`),
		"a relative projector":  wrong(`mmproj = "p"`),
		"a size below 0":        wrong("size_bytes = -1"),
		"a size as text":        wrong(`size_bytes = "1"`),
		"an ability a number":   wrong("capabilities = [1]"),
		"abilities a string":    wrong(`capabilities = "chat"`),
		"a window below 0":      wrong("metadata.context_length = -1"),
		"a context below 0":     wrong("defaults.context_size = -1"),
		"layers below -1":       wrong("defaults.n_gpu_layers = -2"),
		"an open quote":         shell,
	}, func(doc []byte) error { _, err := slot.ParseRegistry("registry.toml", doc); return err }, s.TOML)
	data, err := os.ReadFile("../examples/hal0-mini/demo/var/lib/hal0/registry/registry.toml")
	require.NoError(t, err)
	require.NoError(t, s.TOML(data))
}

// Each word that the loader lists as allowed is in the schema, and no other.
func TestSchemaWords(t *testing.T) {
	t.Parallel()
	s := schema(t)
	for key, words := range map[string][]string{"type": provider.SlotTypeWords(), "backend": device.LegacyBackends()} {
		for _, word := range append(words, "neither") {
			doc := []byte("port = 8081\n" + key + " = \"" + word + "\"\n")
			assert.Equal(t, word == "neither", s.TOML(doc) != nil, "%s = %s", key, word)
			assert.Equal(t, word == "neither", load(doc) != nil, "%s = %s", key, word)
		}
	}
}
