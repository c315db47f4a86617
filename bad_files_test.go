package hal0_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
)

// Every bad slot file says what is wrong with it, with file, line and key, and
// leaves the good slot beside it usable. SLOTS stands for the directory.
func TestBadSlotFiles(t *testing.T) {
	t.Parallel()
	const unknown = "unknown key, want one of "
	for name, tc := range map[string]struct{ file, text, want string }{
		"empty":                  {"bad", "", "SLOTS/bad.toml:1:1: port: is required: 8081 to 8200"},
		"port a string":          {"bad", "port = \"8082\"\n", "SLOTS/bad.toml:1:1: port: must be an integer, got the string \"8082\""},
		"port a float":           {"bad", "port = 8082.5\n", "SLOTS/bad.toml:1:1: port: must be an integer, got 8082.5"},
		"port too low":           {"bad", "# c\nport = 8080\n", "SLOTS/bad.toml:2:1: port: must be 8081 to 8200, got 8080"},
		"port too large":         {"bad", "port = 70000\n", "SLOTS/bad.toml:1:1: port: must be 8081 to 8200, got 70000"},
		"misspelled port":        {"bad", "prot = 8082\n", "SLOTS/bad.toml:1:1: port: is required: 8081 to 8200"},
		"device misspelled":      {"bad", "port = 8082\ndevice = \"gpu-vulcan\"\n", `SLOTS/bad.toml:2:1: device: unknown device "gpu-vulcan": want one of gpu-rocm, gpu-vulkan, cpu, npu, did you mean "gpu-vulkan"?`},
		"type unknown":           {"bad", "port = 8082\ntype = \"video\"\n", `SLOTS/bad.toml:2:1: type: unknown type "video": want one of llm, embedding, reranking, transcription, tts, image`},
		"provider unknown":       {"bad", "port = 8082\nprovider = \"kokor\"\n", `SLOTS/bad.toml:2:1: provider: unknown provider "kokor": want one of llama-server, flm, kokoro, comfyui, did you mean "kokoro"?`},
		"mtp a string":           {"bad", "port = 8082\nmtp = \"\"\n", `SLOTS/bad.toml:2:1: mtp: must be true or false, got the string ""`},
		"enabled a number":       {"bad", "port = 8082\nenabled = 1\n", "SLOTS/bad.toml:2:1: enabled: must be true or false, got 1"},
		"workers zero":           {"bad", "port = 8082\nworkers = 0\n", "SLOTS/bad.toml:2:1: workers: must be at least 1, got 0"},
		"timeout negative":       {"bad", "port = 8082\nidle_timeout_s = -1\n", "SLOTS/bad.toml:2:1: idle_timeout_s: must be at least 0, got -1"},
		"context too small":      {"bad", "[slot]\nport = 8082\n[model]\ncontext_size = 64\n", "SLOTS/bad.toml:4:1: model.context_size: must be at least 128, got 64"},
		"layers below -1":        {"bad", "[slot]\nport = 8082\n[slot.model]\nn_gpu_layers = -2\n", "SLOTS/bad.toml:4:1: slot.model.n_gpu_layers: must be at least -1, got -2"},
		"rope negative":          {"bad", "port = 8082\nmodel = { rope_freq_base = -1.0 }\n", "SLOTS/bad.toml:2:11: model.rope_freq_base: must be at least 0, got -1"},
		"runtime":                {"bad", "port = 8082\nruntime = \"systemd\"\n", `SLOTS/bad.toml:2:1: runtime: must be container, got "systemd"`},
		"legacy backend":         {"bad", "port = 8082\nbackend = \"cuda\"\n", `SLOTS/bad.toml:2:1: backend: backend "cuda": want one of vulkan, rocm, flm, moonshine, kokoro, cpu, gpu-rocm, gpu-vulkan, npu`},
		"unknown key of npu":     {"bad", "port = 8082\n[npu]\nvad = true\n", `SLOTS/bad.toml:3:1: npu.vad: ` + unknown + "asr, embed"},
		"unknown key of image":   {"bad", "port = 8082\n[image]\nsteps = 4\n", `SLOTS/bad.toml:3:1: image.steps: ` + unknown + "default_size, default_steps, idle_restore_minutes"},
		"image a number":         {"bad", "port = 8082\nimage = 3\n", "SLOTS/bad.toml:2:1: image: must be a string, got 3"},
		"model a string":         {"bad", "port = 8082\nmodel = \"qwen\"\n", `SLOTS/bad.toml:2:1: model: must be a table, got the string "qwen": write it as model.default, as a migration does`},
		"unbalanced quote":       {"bad", "port = 8082\n[server]\nextra_args = \"--jinja 'x\"\n", "SLOTS/bad.toml:3:1: server.extra_args: the quote ' at character 9 is never closed"},
		"environment name":       {"bad", "port = 8082\n[server]\nenv = { \"A=B\" = \"c\" }\n", `SLOTS/bad.toml:3:9: server.env."A=B": "A=B" is not the name of an environment variable: want letters, digits and _, not beginning with a digit`},
		"environment a number":   {"bad", "port = 8082\n[server.env]\nA = 1\n", "SLOTS/bad.toml:3:1: server.env.A: must be a string"},
		"table twice":            {"bad", "port = 8082\n[model]\n[server]\n[model]\n", "SLOTS/bad.toml:4:2: model: table model already exists"},
		"key twice":              {"bad", "port = 8082\nport = 8083\n", "SLOTS/bad.toml:2:1: port: key port is already defined"},
		"key in both shapes":     {"bad", "port = 8082\n[slot]\nport = 8083\n", "SLOTS/bad.toml:3:1: slot.port: is set twice: in [slot] and at the top level (line 1); keep one"},
		"not TOML":               {"bad", "port: 8082\n", "SLOTS/bad.toml:1:5: expected '=' after key"},
		"name is not the file's": {"bad", "name = \"chat\"\nport = 8082\n", `SLOTS/bad.toml:1:1: name: is "chat", but the file is bad.toml: make them equal`},
		"name with a path":       {"bad", "name = \"../../etc/passwd\"\nport = 8082\n", `SLOTS/bad.toml:1:1: name: is "../../etc/passwd", but the file is bad.toml: make them equal`},
		"file's name":            {"Bad Name", "port = 8082\n", `SLOTS/Bad Name.toml: the file's name: "Bad Name" is not a name: want 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit`},
		"template with a path":   {"bad", "port = 8082\nchat_template = \"../../etc/passwd\"\n", `SLOTS/bad.toml:2:1: chat_template: "../../etc/passwd" is not a chat template: want auto, or the name of a file in the store's chat-templates without .jinja, of 1 to 41 of a-z, 0-9, _ and -`},
		"control character":      {"bad", "port = 8082\nrole = \"a\\u001b[31m\"\n", `SLOTS/bad.toml:2:1: role: has the control character '\x1b' at byte 1: remove it`},
		"NUL in a value":         {"bad", "port = 8082\n[server.env]\nA = \"x\\u0000y\"\n", `SLOTS/bad.toml:3:1: server.env.A: has the control character '\x00' at byte 1: remove it`},
		"line end in a value":    {"bad", "port = 8082\n[model]\ndefault = \"a\\nb\"\n", `SLOTS/bad.toml:3:1: model.default: has the control character '\n' at byte 1: remove it`},
		"NUL in the file":        {"bad", "port = 8082\x00\n", "SLOTS/bad.toml:1:12: expected newline but got U+0000"},
		"byte order mark":        {"bad", "\ufeffport = 8082\n", "SLOTS/bad.toml:1:1: begins with a byte order mark: save it as UTF-8 without one"},
		"not UTF-8":              {"bad", "port = 8082\nrole = \"\xe4\"\n", "SLOTS/bad.toml:2:9: byte 0xe4 is not UTF-8: save the file as UTF-8"},
		"huge":                   {"bad", "port = 8082\n" + strings.Repeat("#", 1<<20), "SLOTS/bad.toml: has 1048588 bytes, at most 1048576 are read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box, slots := boxWith(t, func(dir string) error {
				return os.WriteFile(filepath.Join(dir, tc.file+".toml"), []byte(tc.text), 0o644)
			})
			_, err := box.Resolve(tc.file)
			require.EqualError(t, err, strings.ReplaceAll(tc.want, "SLOTS", slots))
			require.ErrorIs(t, err, hal0.ErrInvalid)
			theOtherResolves(t, box)
		})
	}
}

// What is not a file that can be read says so, and does not block.
func TestUnreadableSlotFiles(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		make func(file string) error
		want string
	}{
		"link in a circle":  {func(file string) error { return os.Symlink(file, file) }, "can't be read: its symbolic links lead in a circle"},
		"link to nowhere":   {func(file string) error { return os.Symlink(file+".gone", file) }, "is a symbolic link to a file that is not there"},
		"directory":         {func(file string) error { return os.Mkdir(file, 0o755) }, "is a directory, want a file"},
		"pipe":              {mkfifo, "is not a regular file (p---------)"},
		"device":            {func(file string) error { return os.Symlink("/dev/zero", file) }, "is not a regular file (Dc---------)"},
		"kernel's own file": {func(file string) error { return os.Symlink("/proc/self/mem", file) }, "can't be read: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box, slots := boxWith(t, func(dir string) error { return tc.make(filepath.Join(dir, "bad.toml")) })
			_, err := box.Resolve("bad")
			require.ErrorContains(t, err, filepath.Join(slots, "bad.toml")+": "+tc.want)
			require.ErrorIs(t, err, hal0.ErrUnreadable)
			theOtherResolves(t, box)
		})
	}
}

// denied is a file system that keeps one file to itself.
type denied struct {
	fstest.MapFS
	name string
}

func (d denied) Open(name string) (fs.File, error) {
	if name == d.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Open(name)
}

// A file that this process may not read, whoever runs the test.
func TestSlotFileThatIsNotOurs(t *testing.T) {
	t.Parallel()
	text := &fstest.MapFile{Data: []byte("port = 8081\ntype = \"tts\"\ndevice = \"cpu\"\n")}
	files := denied{fstest.MapFS{"etc/hal0/slots/good.toml": text, "etc/hal0/slots/bad.toml": text}, "etc/hal0/slots/bad.toml"}
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	_, err = box.Resolve("bad")
	require.EqualError(t, err, "/etc/hal0/slots/bad.toml: can't be read: permission denied")
	theOtherResolves(t, box)
}

// boxWith opens a box with a good slot and what add puts beside it.
func boxWith(t *testing.T, add func(slots string) error) (box *hal0.Box, slots string) {
	t.Helper()
	root := t.TempDir()
	slots = filepath.Join(root, "etc/hal0/slots")
	require.NoError(t, os.MkdirAll(slots, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(slots, "good.toml"), []byte("port = 8081\ntype = \"tts\"\ndevice = \"cpu\"\n"), 0o644))
	require.NoError(t, add(slots))
	box, err := hal0.Open(hal0.HomeAt(root), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	return box, slots
}

func theOtherResolves(t *testing.T, box *hal0.Box) {
	t.Helper()
	plan, err := box.Resolve("good")
	require.NoError(t, err)
	assert.Equal(t, "tts", plan.Profile)
	assert.NotEmpty(t, box.Problems())
	assert.Len(t, box.ResolveAll(), 2)
}

func mkfifo(file string) error { return syscall.Mkfifo(file, 0o644) }
