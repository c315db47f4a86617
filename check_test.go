package hal0_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
)

// openFiles opens a box whose files are given by their paths under /etc/hal0.
func openFiles(t *testing.T, files map[string]string) *hal0.Box {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys["etc/hal0/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(fsys), hal0.WithGetenv(func(string) string { return "" }),
		hal0.WithHost(device.Host{KFD: "/dev/kfd", DRI: []string{"/dev/dri/renderD128"}, NPU: "/dev/accel/accel0", RenderGID: new(993), VideoGID: new(44)}))
	require.NoError(t, err)
	return box
}

func lines(found hal0.ValidationErrors) []string {
	list := []string{}
	for _, p := range found {
		list = append(list, p.Error())
	}
	return list
}

const model = "[model]\ndefault = \"/m.gguf\"\n"

func TestCheck(t *testing.T) {
	t.Parallel()
	const pinned = "image = \"x.io/a@sha256:1ac80acc00a2e9d578b077fa0a3f2c3e3f32f4f3da5080f346838e1c5a540456\"\n"
	for name, tc := range map[string]struct {
		files              map[string]string
		problems, warnings []string
	}{
		"nothing": {nil, []string{}, []string{}},
		"files with problems, and a slot that does not resolve": {
			map[string]string{
				"slots/a.toml":  "port = 80\n",
				"slots/b.toml":  "port = 8081\ndevice = \"npu\"\ntype = \"tts\"\n",
				"profiles.toml": "[profile.flm]\nimage = \"x/flm:1\"\ndevice_class = \"npu\"\n[profile.bad]\n",
			},
			[]string{
				"/etc/hal0/profiles.toml:4:10: profile.bad.image: is required",
				"/etc/hal0/slots/a.toml:1:1: port: must be 8081 to 8200, got 80",
				"/etc/hal0/slots/b.toml:3:1: type: profile flm runs flm, which does not serve type tts; no profile serves type tts on device npu",
			},
			[]string{},
		},
		"profiles that no slot could use": {
			map[string]string{
				"profiles.toml": "[profile.a]\nimage = \"x:\"\n[profile.b]\nimage = \"x.io/y:1\"\ndevice_class = \"cpu\"\nflags = \"--port 1\"\n",
				"slots/b.toml":  "port = 8081\ndevice = \"cpu\"\nprofile = \"b\"\n" + model,
			},
			[]string{
				"/etc/hal0/profiles.toml:2:1: profile.a.image: \"x:\" is not an image reference (invalid reference format): want registry/repository:tag or registry/repository@sha256:…",
				"/etc/hal0/profiles.toml:6:1: profile.b.flags: --port is set by hal0 itself, the slot's publishing and routing hang on it: remove it",
			},
			[]string{},
		},
		"a file that every slot depends on": {
			map[string]string{
				"hal0.toml":    "[slots]\nmax_slots = -1\n",
				"slots/b.toml": "port = 8081\ndevice = \"npu\"\ntype = \"tts\"\n",
			},
			[]string{"/etc/hal0/hal0.toml:2:1: slots.max_slots: must be at least 0, got -1"},
			[]string{},
		},
		"two on a port": {
			map[string]string{
				"slots/a.toml": "# one\nport = 8081\ntype = \"tts\"\ndevice = \"cpu\"\n",
				"slots/b.toml": "[slot]\nport = 8081\ntype = \"tts\"\ndevice = \"cpu\"\n",
				"slots/c.toml": "port = 8081\ntype = \"tts\"\ndevice = \"cpu\"\nenabled = false\n",
			},
			[]string{
				"/etc/hal0/slots/a.toml:2:1: port: 8081 is the port of slot b (/etc/hal0/slots/b.toml:2) too: give one of them another port, or disable one",
				"/etc/hal0/slots/b.toml:2:1: slot.port: 8081 is the port of slot a (/etc/hal0/slots/a.toml:2) too: give one of them another port, or disable one",
			},
			[]string{},
		},
		"two LLMs on the NPU": {
			map[string]string{
				"slots/a.toml": "port = 8081\ndevice = \"npu\"\n[model]\ndefault = \"a:1b\"\n",
				"slots/b.toml": "port = 8082\nbackend = \"flm\"\n[model]\ndefault = \"a:1b\"\n",
				"slots/c.toml": "port = 8083\ndevice = \"npu\"\ntype = \"embedding\"\n[model]\ndefault = \"a:1b\"\n",
				"slots/d.toml": "port = 8084\ndevice = \"npu\"\nenabled = false\n[model]\ndefault = \"a:1b\"\n",
			},
			[]string{
				"/etc/hal0/slots/a.toml:2:1: device: slot b (/etc/hal0/slots/b.toml:2) is an LLM on the NPU too, and the NPU takes one: move one of them to another device, or disable one",
				"/etc/hal0/slots/b.toml:2:1: backend: slot a (/etc/hal0/slots/a.toml:2) is an LLM on the NPU too, and the NPU takes one: move one of them to another device, or disable one",
			},
			[]string{`/etc/hal0/slots/b.toml:2:1: backend: backend = "flm" is deprecated: write device = "npu"`},
		},
		"warnings": {
			map[string]string{
				"slots/a.toml": "port = 8150\ncolor = \"red\"\n" + pinned + model,
				"slots/i.toml": "port = 8188\ntype = \"image\"\n",
				"slots/z.toml": "port = 8188\nenabled = false\nimage = \"x.io/a:1\"\n" + model,
			},
			[]string{},
			[]string{
				"/etc/hal0/slots/a.toml: the manifest does not know image x.io/a@sha256:1ac80acc00a2e9d578b077fa0a3f2c3e3f32f4f3da5080f346838e1c5a540456: it is launched as written",
				"/etc/hal0/slots/a.toml:1:1: port: 8150 is outside of 8081 to 8099, from which new slots get their ports",
				"/etc/hal0/slots/a.toml:2:1: color: unknown key, want one of backend, chat_template, device, enable_thinking, enabled, idle_timeout_s, image, model, mtp, name, npu, port, profile, provider, role, runtime, server, type, vision, workers",
				"/etc/hal0/slots/z.toml: the manifest does not know image x.io/a:1: it is launched as written",
				"/etc/hal0/slots/z.toml:1:1: port: 8188 is outside of 8081 to 8099, from which new slots get their ports",
			},
		},
		"a range of one's own": {
			map[string]string{
				"hal0.toml":    "[slots]\nport_range_start = 8150\nport_range_end = 8160\n",
				"slots/a.toml": "port = 8150\ntype = \"tts\"\ndevice = \"cpu\"\n",
				"slots/b.toml": "port = 8081\ntype = \"tts\"\ndevice = \"cpu\"\n",
			},
			[]string{},
			[]string{"/etc/hal0/slots/b.toml:1:1: port: 8081 is outside of 8150 to 8160, from which new slots get their ports"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := openFiles(t, tc.files).Check()
			assert.Equal(t, tc.problems, lines(r.Problems))
			assert.Equal(t, tc.warnings, lines(r.Warnings))
			for _, w := range r.Warnings {
				assert.NotEmpty(t, w.Code, w.Error())
			}
		})
	}
}
