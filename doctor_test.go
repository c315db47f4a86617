package hal0_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/fstree"
	"github.com/hal0ai/hal0-go/internal/ggufwrite"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// A ward is a Runtime that Doctor asks: it holds an image, whose server prints a
// help, and containers.
type ward struct {
	runtime.Runtime
	help       string
	out        runtime.Output // beside the help
	platform   string
	containers []runtime.Container
	foreign    []runtime.Container // which no list has
	absent     bool                // there is no image
	listErr    error               // of the list of containers
	runErr     error               // of running the image

	mu   sync.Mutex
	runs []runtime.Once
}

func (w *ward) List(context.Context, map[string]string) ([]runtime.Container, error) {
	return w.containers, w.listErr
}

func (w *ward) Inspect(_ context.Context, name string) (runtime.Container, error) {
	for _, c := range append(w.foreign, w.containers...) {
		if c.Name == name {
			return c, nil
		}
	}
	return runtime.Container{}, &runtime.Error{Op: "inspect", Name: name, Class: runtime.ErrNotFound}
}

func (w *ward) Image(_ context.Context, ref string) (runtime.Image, error) {
	if w.absent {
		return runtime.Image{}, &runtime.Error{Op: "image", Name: ref, Class: runtime.ErrImageNotFound}
	}
	return runtime.Image{ID: "id of " + ref, Platform: w.platform}, nil
}

func (w *ward) RunOnce(_ context.Context, run runtime.Once) (runtime.Output, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs = append(w.runs, run)
	out := w.out
	out.Stdout = w.help
	return out, w.runErr
}

// debianHelp is what the server of Debian's package prints.
func debianHelp(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("internal/argv/testdata/llama-server-b11669.txt")
	require.NoError(t, err)
	return string(data)
}

func textFile(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func linkTo(target string) *fstest.MapFile {
	return &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(target)}
}

// node is a device node of a group.
func node(gid uint32, mode fs.FileMode) *fstest.MapFile {
	return &fstest.MapFile{Mode: fs.ModeDevice | fs.ModeCharDevice | mode, Sys: &syscall.Stat_t{Gid: gid}}
}

// ggufFile is a tiny model.
func ggufFile(t testing.TB, m ggufwrite.Model) *fstest.MapFile {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, ggufwrite.Write(&b, m))
	return &fstest.MapFile{Data: b.Bytes()}
}

// haloBox is a Strix Halo box with one slot, on the seed profile vulkan, with which
// nothing is amiss as long as its runtime takes every flag.
func haloBox(t testing.TB) fstest.MapFS {
	t.Helper()
	tree, err := fstree.ReadFile("device/testdata/strix-halo.txt")
	require.NoError(t, err)
	maps.Copy(tree, fstest.MapFS{
		"dev/kfd":                              node(993, 0o660),
		"dev/dri/card1":                        node(44, 0o660),
		"dev/dri/renderD128":                   node(993, 0o666),
		"mnt/ai-models/m.gguf":                 ggufFile(t, ggufwrite.Model{ContextLength: 4096, Heads: 2}),
		"etc/hal0/slots/chat.toml":             textFile("port = 8081\ndevice = \"gpu-vulkan\"\nimage = \"localhost/x:1\"\n[model]\ndefault = \"/mnt/ai-models/m.gguf\"\ncontext_size = 4096\n"),
		"proc/net/tcp":                         textFile("  sl  local_address rem_address   st\n   0: 0100007F:1F90 00000000:0000 0A 0 0 0 0 0\n"),
		"var/lib/hal0/registry/x":              textFile(""),
		"mnt/ai-models/chat-templates/q.jinja": textFile("{{ x }}"),
	})
	return tree
}

func healthyWard(t testing.TB) *ward {
	t.Helper()
	return &ward{help: debianHelp(t) + "--no-mmap                               x\n", platform: host}
}

func openWard(t testing.TB, tree fstest.MapFS, rt runtime.Runtime, opts ...hal0.Option) *hal0.Box {
	t.Helper()
	opts = append([]hal0.Option{hal0.WithFiles(tree), hal0.WithSysroot(tree), hal0.WithRuntime(rt), hal0.WithGetenv(func(string) string { return "" })}, opts...)
	box, err := hal0.Open(hal0.DefaultHome(), opts...)
	require.NoError(t, err)
	return box
}

// amiss returns the findings that are not just information, without what tests of
// their own check.
func amiss(t testing.TB, found []slot.Finding) []slot.Finding {
	t.Helper()
	var list []slot.Finding
	for _, f := range found {
		if f.Severity != slot.SeverityInfo && f.Code != slot.WarnUnmanaged {
			f = slot.Finding{Slot: f.Slot, Severity: f.Severity, Code: f.Code, Message: f.Message, Fix: f.Fix, File: f.File, Line: f.Line, Column: f.Column, Path: f.Path}
			list = append(list, f)
		}
	}
	return list
}

func TestDoctorOfAHealthySlot(t *testing.T) {
	t.Parallel()
	w := healthyWard(t)
	found, err := openWard(t, haloBox(t), w).Doctor(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, amiss(t, found))
	var lines []string
	for _, f := range found {
		lines = append(lines, string(f.Severity)+" "+f.Code+": "+f.Message)
	}
	assert.Equal(t, []string{
		"warning image.unmanaged: the manifest does not know image localhost/x:1: it is launched as written",
		"info image.ready: localhost/x:1: the local image has no digest: no digest is pinned, so that the tag decides what runs",
		"info flags.accepted: the server in image localhost/x:1 takes all 11 flags",
		"info model.readable: /mnt/ai-models/m.gguf is a llama model of 0.6 MiB, 2 layers, with a context of 4096 tokens",
		"info memory.fits: the server takes about weights 0.6 MiB + context of 4096 tokens 2 MiB + compute 5.1 MiB = 7.7 MiB, of 114 GiB (the unified memory of AMD Radeon 8060S)",
	}, lines)
	require.Len(t, w.runs, 1)
	assert.Equal(t, "localhost/x:1", w.runs[0].Image)
	assert.Equal(t, "id of localhost/x:1", w.runs[0].ImageID)
	assert.Equal(t, []string{"--help"}, w.runs[0].Command)
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	const file = "/etc/hal0/slots/chat.toml"
	slotFile := func(old, now string) func(*testing.T, fstest.MapFS, *ward) {
		return func(t *testing.T, tree fstest.MapFS, _ *ward) {
			t.Helper()
			text := string(tree["etc/hal0/slots/chat.toml"].Data)
			require.Contains(t, text, old)
			tree["etc/hal0/slots/chat.toml"] = textFile(strings.Replace(text, old, now, 1))
		}
	}
	both := func(changes ...func(*testing.T, fstest.MapFS, *ward)) func(*testing.T, fstest.MapFS, *ward) {
		return func(t *testing.T, tree fstest.MapFS, w *ward) {
			t.Helper()
			for _, change := range changes {
				change(t, tree, w)
			}
		}
	}
	put := func(name string, f *fstest.MapFile) func(*testing.T, fstest.MapFS, *ward) {
		return func(_ *testing.T, tree fstest.MapFS, _ *ward) {
			if tree[name] = f; f == nil {
				delete(tree, name)
			}
		}
	}
	ask := func(change func(*ward)) func(*testing.T, fstest.MapFS, *ward) {
		return func(_ *testing.T, _ fstest.MapFS, w *ward) { change(w) }
	}
	at := func(line int, path string, f slot.Finding) []slot.Finding {
		f.Slot, f.File, f.Line, f.Column, f.Path = "chat", file, line, 1, path
		return []slot.Finding{f}
	}
	const card = "sys/devices/pci0000:00/0000:00:08.1/0000:c6:00.0/"
	const unmodelled = "fetch the model, or change its path"
	listens := put("proc/net/tcp", textFile("   0: 0100007F:1F91 00000000:0000 0A 0\n"))
	running := func(slotName string, state runtime.State) func(*testing.T, fstest.MapFS, *ward) {
		return ask(func(w *ward) {
			w.containers = []runtime.Container{{State: state, Labels: map[string]string{runtime.LabelSlot: slotName}, Publish: []runtime.Port{{HostPort: 8081}}}}
		})
	}
	for name, tc := range map[string]struct {
		change func(*testing.T, fstest.MapFS, *ward)
		want   []slot.Finding
		is     error
	}{
		"Debian's build, which has no --no-mmap": {
			func(t *testing.T, _ fstest.MapFS, w *ward) { t.Helper(); w.help = debianHelp(t) },
			[]slot.Finding{{
				Slot: "chat", Severity: "error", Code: "flags.unknown", Path: "profile.vulkan.flags",
				Message: "the server in image localhost/x:1 would not start: --no-mmap, which comes from profile vulkan, is not a flag that it has",
				Fix:     "profile vulkan is a seed and can't be changed: clone it under another name, change the flags of the clone and choose it in the slot, or use another image; instead: --load-mode none",
			}}, nil,
		},
		"a server that prints no help": {ask(func(w *ward) { w.help, w.out.Stderr = "usage: x\n", "x" }), []slot.Finding{{
			Slot: "chat", Severity: "warning", Code: "flags.unchecked", Message: "the flags are not checked: the server in image localhost/x:1 does not tell what it accepts: not the help of llama-server: it does not tell of --model",
		}}, nil},
		"a server that fails": {ask(func(w *ward) { w.out.ExitCode, w.out.Stderr = 127, "libamdhip64.so: cannot open\nmore" }), []slot.Finding{{
			Slot: "chat", Severity: "warning", Code: "flags.unchecked", Message: "the flags are not checked: the server in image localhost/x:1 does not tell what it accepts: --help ends with code 127: libamdhip64.so: cannot open",
		}}, nil},
		"a server that talks too much": {ask(func(w *ward) { w.out.Truncated = true }), []slot.Finding{{
			Slot: "chat", Severity: "warning", Code: "flags.unchecked", Message: "the flags are not checked: the server in image localhost/x:1 does not tell what it accepts: it prints too much",
		}}, nil},
		"an image that can't be run": {ask(func(w *ward) { w.runErr = errors.New("no such entry point") }), []slot.Finding{{
			Slot: "chat", Severity: "warning", Code: "flags.unchecked", Message: "the flags are not checked: the server in image localhost/x:1 does not tell what it accepts: no such entry point",
		}}, nil},
		"no image": {ask(func(w *ward) { w.absent = true }), []slot.Finding{{
			Slot: "chat", Severity: "warning", Code: "image.absent", Message: "localhost/x:1: the image is not in the local store: no digest is pinned, so that the tag decides what runs",
			Fix: "pull it; bringing the slot up does so too, unless it is told not to",
		}}, runtime.ErrImageNotFound},
		"another platform's image": {ask(func(w *ward) { w.platform = "linux/riscv64" }), []slot.Finding{{
			Slot: "chat", Severity: "error", Code: "image.not-launchable", Message: "localhost/x:1: the local image has no digest: what would be launched is made for linux/riscv64 and this host is " + host + ", so pin an image for that",
		}}, hal0.ErrImage},
		"no runtime": {ask(func(w *ward) { w.listErr = runtime.ErrUnavailable }), []slot.Finding{{
			Severity: "error", Code: "runtime.unavailable", Message: "container runtime is unavailable: images, the flags that their servers accept, and containers can't be looked at",
		}}, runtime.ErrUnavailable},

		"somebody else's container of its name": {ask(func(w *ward) {
			w.foreign = []runtime.Container{{Name: "hal0-slot-chat", Image: "docker.io/library/x:1"}}
		}), []slot.Finding{{
			Slot: "chat", Severity: "error", Code: "container.foreign", Message: "container is not managed by hal0: there is a container hal0-slot-chat, of image docker.io/library/x:1",
			Fix: "remove or rename it, or rename the slot",
		}}, runtime.ErrForeign},
		"another slot's container of its name": {ask(func(w *ward) {
			w.containers = []runtime.Container{{Name: "hal0-slot-chat", Image: "localhost/y:1", Labels: map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: "other"}}}
		}), []slot.Finding{{
			Slot: "chat", Severity: "error", Code: "container.foreign", Message: "container is not managed by hal0: there is a container hal0-slot-chat, of image localhost/y:1",
			Fix: "remove or rename it, or rename the slot",
		}}, runtime.ErrForeign},
		"its own container": {ask(func(w *ward) {
			w.containers = []runtime.Container{{Name: "hal0-slot-chat", Labels: map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: "chat"}}}
		}), nil, nil},

		"another image than the pinned one": {slotFile("localhost/x:1", "localhost/x:1@sha256:"+strings.Repeat("1", 64)), []slot.Finding{{
			Slot: "chat", Severity: "warning", Code: "image.absent",
			Message: "localhost/x:1@sha256:" + strings.Repeat("1", 64) + ": the local image has no digest (it was built here, or loaded from an archive that keeps none), and sha256:" + strings.Repeat("1", 64) + " is pinned: pull localhost/x:1@sha256:" + strings.Repeat("1", 64) + ", or load it from a bundle that keeps digests",
			Fix:     "pull it; bringing the slot up does so too, unless it is told not to",
		}}, runtime.ErrImageNotFound},

		"no model": {put("mnt/ai-models/m.gguf", nil), at(5, "model.default", slot.Finding{
			Severity: "error", Code: "model.unreadable", Message: "model file can't be read: /mnt/ai-models/m.gguf: file does not exist", Fix: unmodelled,
		}), hal0.ErrModelFile},
		"a model that is none": {put("mnt/ai-models/m.gguf", textFile("#!/bin/sh, and some more")), at(5, "model.default", slot.Finding{
			Severity: "error", Code: "model.unreadable", Message: "model file can't be read: not a GGUF file: it does not begin with a GGUF header", Fix: unmodelled,
		}), hal0.ErrModelFile},
		"a model that is a directory": {put("mnt/ai-models/m.gguf", &fstest.MapFile{Mode: fs.ModeDir | 0o755}), at(5, "model.default", slot.Finding{
			Severity: "error", Code: "model.unreadable", Message: "model file can't be read: /mnt/ai-models/m.gguf is not a regular file", Fix: unmodelled,
		}), hal0.ErrModelFile},
		"a model whose metadata breaks off": {func(_ *testing.T, tree fstest.MapFS, _ *ward) {
			tree["mnt/ai-models/m.gguf"].Data = tree["mnt/ai-models/m.gguf"].Data[:5000]
		}, at(5, "model.default", slot.Finding{
			Severity: "error", Code: "model.unreadable", Message: "model file can't be read: /mnt/ai-models/m.gguf: not a GGUF file: its metadata ends or breaks in the middle: EOF", Fix: "fetch the model again: its file is damaged",
		}), hal0.ErrModelFile},
		"a link out of the store": {func(_ *testing.T, tree fstest.MapFS, _ *ward) {
			tree["srv/m.gguf"], tree["mnt/ai-models/m.gguf"] = tree["mnt/ai-models/m.gguf"], linkTo("/srv/m.gguf")
		}, at(5, "model.default", slot.Finding{
			Severity: "error", Code: "model.not-mounted",
			Message: "model file can't be read: /mnt/ai-models/m.gguf leads to /srv/m.gguf: the container can't see it: no mount shows /srv/m.gguf",
			Fix:     "move the file below /mnt/ai-models, or name the file that the link leads to",
		}), hal0.ErrModelFile},
		"a link within the store": {func(_ *testing.T, tree fstest.MapFS, _ *ward) {
			tree["mnt/ai-models/x/m.gguf"], tree["mnt/ai-models/m.gguf"] = tree["mnt/ai-models/m.gguf"], linkTo("/mnt/ai-models/x/m.gguf")
		}, nil, nil},
		"the first of two parts": {both(slotFile("m.gguf", "m-00001-of-00002.gguf"), func(_ *testing.T, tree fstest.MapFS, _ *ward) {
			tree["mnt/ai-models/m-00001-of-00002.gguf"] = tree["mnt/ai-models/m.gguf"]
		}), at(5, "model.default", slot.Finding{
			Severity: "error", Code: "model.parts", Message: "the model is split into 2 files, and /mnt/ai-models/m-00002-of-00002.gguf can't be read", Fix: "fetch the missing files",
		}), nil},
		"a context beyond the model's": {slotFile("context_size = 4096", "context_size = 8192"), at(6, "model.context_size", slot.Finding{
			Severity: "warning", Code: "model.context", Message: "the context is 8192 tokens, and the model's own is 4096: the server caps it, and wastes the memory for the rest",
			Fix: "set context_size to at most 4096, or stretch the model's window with --rope-scaling",
		}), nil},
		"multi-token prediction without heads": {slotFile("image =", "mtp = true\nimage ="), at(3, "mtp", slot.Finding{
			Severity: "error", Code: "model.no-mtp", Message: "multi-token prediction is on, and the model has no heads for it (llama.nextn_predict_layers): the server would not start",
			Fix: "set mtp = false, or use a file of the model that keeps its MTP layers",
		}), nil},
		"a projector that is not there": {both(slotFile("/mnt/ai-models/m.gguf", "m"), put("var/lib/hal0/registry/registry.toml",
			textFile("[models.m]\npath = \"/mnt/ai-models/m.gguf\"\nmmproj = \"/mnt/ai-models/p.gguf\"\n"))), []slot.Finding{{
			Slot: "chat", Severity: "error", Code: "model.projector", Message: "the vision projector can't be read: /mnt/ai-models/p.gguf: file does not exist",
			Fix: "fetch it, or set vision = false", File: file, Line: 1, Column: 1, Path: "vision",
		}}, fs.ErrNotExist},

		"a template": {slotFile("image =", "chat_template = \"q\"\nimage ="), nil, nil},
		"no template": {slotFile("image =", "chat_template = \"r\"\nimage ="), at(3, "chat_template", slot.Finding{
			Severity: "error", Code: "template.unreadable", Message: "the chat template can't be used: /mnt/ai-models/chat-templates/r.jinja: file does not exist",
			Fix: `put the template there, or set chat_template = "auto"`,
		}), fs.ErrNotExist},
		"a template that leads out of its directory": {both(slotFile("image =", "chat_template = \"r\"\nimage ="), put("mnt/ai-models/r.jinja", textFile("x")), put("mnt/ai-models/chat-templates/r.jinja", linkTo("../r.jinja"))),
			at(3, "chat_template", slot.Finding{
				Severity: "error", Code: "template.outside",
				Message: "the chat template can't be used: /mnt/ai-models/chat-templates/r.jinja leads to /mnt/ai-models/r.jinja, which is outside of /mnt/ai-models/chat-templates",
				Fix:     "put a copy of the template there instead of a link",
			}), nil},
		"a template by its path": {both(slotFile("[model]", "[server]\nextra_args = \"--chat-template-file /mnt/ai-models/r.jinja\"\n[model]"), put("mnt/ai-models/r.jinja", textFile("x"))), nil, nil},

		"no compute node": {both(slotFile("gpu-vulkan", "gpu-rocm"), slotFile("[model]", "profile = \"rocm\"\n[model]"), put("dev/kfd", nil)), at(2, "device", slot.Finding{
			Severity: "error", Code: "device.missing", Message: "device is not available: device gpu-rocm needs /dev/kfd, which this host does not have",
			Fix: "load the driver of the device, or choose another device",
		}), hal0.ErrDevice},
		"a node of another group": {put("dev/dri/card1", node(105, 0o660)), []slot.Finding{{
			Slot: "chat", Severity: "warning", Code: "device.access",
			Message: "/dev/dri/card1 belongs to group 105 (Dcrw-rw----), and the container gets the groups 993 and 44: only a server that runs as root may open it",
			Fix:     "give the node to the group render or video, as udev's rules do",
		}}, nil},
		"a node that its group may not write": {put("dev/dri/card1", node(44, 0o640)), []slot.Finding{{
			Slot: "chat", Severity: "warning", Code: "device.access",
			Message: "/dev/dri/card1 belongs to group 44 (Dcrw-r-----), and the container gets the groups 993 and 44: only a server that runs as root may open it",
			Fix:     "give the node to the group render or video, as udev's rules do",
		}}, nil},

		"a directory that is not there": {both(slotFile("device = \"gpu-vulkan\"", "device = \"gpu-rocm\"\nprofile = \"comfyui\"\ntype = \"image\""), put("mnt/ai-models/comfyui/models/x", textFile("")),
			put("mnt/ai-models/comfyui/output/x", textFile("")), put("mnt/ai-models/comfyui/input/x", textFile("")), put("mnt/ai-models/comfyui/user/x", textFile("")), put("mnt/ai-models/comfyui/extra_model_paths.yaml", textFile(""))), []slot.Finding{{
			Slot: "chat", Severity: "error", Code: "mount.missing", Message: "mount source is not available: /mnt/ai-models/comfyui/custom_nodes: file does not exist", Fix: "create it: the container can't be made without",
		}}, runtime.ErrMount},

		"somebody on the port": {listens, at(1, "port", slot.Finding{
			Severity: "error", Code: "port.in-use", Message: "port is in use: port 8081: another program listens there", Fix: "stop it, or give the slot another port",
		}), runtime.ErrPortInUse},
		"another slot on the port": {both(listens, running("old", runtime.StateRunning)), at(1, "port", slot.Finding{
			Severity: "error", Code: "port.in-use", Message: "port is in use: port 8081: slot old is up there", Fix: "stop it, or give the slot another port",
		}), runtime.ErrPortInUse},
		"the slot itself on the port": {both(listens, running("chat", runtime.StateRunning)), nil, nil},
		"the slot ended, and somebody came": {both(listens, running("chat", runtime.StateExited)), at(1, "port", slot.Finding{
			Severity: "error", Code: "port.in-use", Message: "port is in use: port 8081: another program listens there", Fix: "stop it, or give the slot another port",
		}), runtime.ErrPortInUse},

		"a pool that is full": {both(put(card+"mem_info_gtt_total", textFile("4194304")), put(card+"mem_info_vram_total", textFile("0"))), at(5, "model.default", slot.Finding{
			Severity: "warning", Code: "memory.tight",
			Message: "the server takes about weights 0.6 MiB + context of 4096 tokens 2 MiB + compute 5.1 MiB = 7.7 MiB, and there are 4 MiB (the unified memory of AMD Radeon 8060S)",
			Fix:     "choose a smaller model or quantization, a smaller context_size, or -ctk and -ctv of fewer bits",
		}), nil},
		"a slot file with a problem": {slotFile("port = 8081", "port = 80"), at(1, "port", slot.Finding{
			Severity: "error", Code: "slot.invalid", Message: "must be 8081 to 8200, got 80",
		}), hal0.ErrInvalid},
		"a slot without a plan": {slotFile("image =", "profile = \"flm\"\nimage ="), at(3, "profile", slot.Finding{
			Severity: "error", Code: "slot.invalid", Message: "profile flm is made for device_class npu and backend none, which device gpu-vulkan is not; for type llm on device gpu-vulkan use vulkan",
		}), hal0.ErrInvalid},
		"a disabled slot, and all that is wrong with it": {both(slotFile("port =", "enabled = false\nport ="), listens, put("mnt/ai-models/m.gguf", nil)), nil, hal0.ErrDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree, w := haloBox(t), healthyWard(t)
			tc.change(t, tree, w)
			found, err := openWard(t, tree, w).Doctor(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, tc.want, amiss(t, found))
			var causes []error
			for _, f := range found {
				causes = append(causes, f.Err)
			}
			if slices.ContainsFunc(tc.want, func(f slot.Finding) bool { return strings.HasPrefix(f.Code, "image.") }) {
				assert.Empty(t, w.runs, "what may not be launched is not run")
			}
			if tc.is != nil {
				require.ErrorIs(t, errors.Join(causes...), tc.is)
			}
		})
	}
}

// Findings are sorted by slot, and only those of the slots that were asked for and of
// the whole box are told.
func TestDoctorOfSomeSlots(t *testing.T) {
	t.Parallel()
	tree := haloBox(t)
	tree["etc/hal0/slots/bad.toml"] = textFile("port = 80\n")
	tree["etc/hal0/slots/off.toml"] = textFile("port = 8083\nenabled = false\ndevice = \"cpu\"\nprofile = \"vulkan\"\nimage = \"localhost/x:1\"\n[model]\ndefault = \"/mnt/ai-models/none.gguf\"\n")
	tree["etc/hal0/profiles.toml"] = textFile("[profile.x]\nflags = \"\"\n[profile.vulkan]\nimage = \"localhost/x:1\"\ndevice_class = \"gpu\"\nbackend = \"vulkan\"\n")
	box := openWard(t, tree, healthyWard(t))
	codes := func(names []string) (list []string) {
		found, err := box.Doctor(t.Context(), names)
		require.NoError(t, err)
		for _, f := range found {
			if f.Severity == slot.SeverityError || f.Code == slot.FindDisabled {
				list = append(list, f.Slot+" "+f.Code)
			}
		}
		return list
	}
	assert.Equal(t, []string{" slot.invalid", "bad slot.invalid", "off slot.disabled"}, codes(nil))
	assert.Equal(t, []string{" slot.invalid"}, codes([]string{"chat"}))
	assert.Equal(t, []string{" slot.invalid", "off model.unreadable", "off slot.disabled"}, codes([]string{"off"}), "asked for by name")
	assert.Equal(t, codes([]string{"off"}), codes([]string{"off", "off"}), "a slot is looked at once")
	assert.Equal(t, []string{" slot.invalid"}, codes([]string{}))
	_, err := box.Doctor(t.Context(), []string{"chat", "caht"})
	require.ErrorIs(t, err, hal0.ErrNoSlot)
	require.ErrorContains(t, err, `did you mean "chat"?`)
}

func TestDoctorTellsOfConflicts(t *testing.T) {
	t.Parallel()
	tree := haloBox(t)
	tree["etc/hal0/slots/two.toml"] = tree["etc/hal0/slots/chat.toml"]
	found, err := openWard(t, tree, healthyWard(t)).Doctor(t.Context(), []string{"two"})
	require.NoError(t, err)
	assert.Equal(t, []slot.Finding{{
		Slot: "two", Severity: "error", Code: "slot.invalid", File: "/etc/hal0/slots/two.toml", Line: 1, Column: 1, Path: "port",
		Message: "8081 is the port of slot chat (/etc/hal0/slots/chat.toml:1) too: give one of them another port, or disable one",
	}}, amiss(t, found))
}

// Slots that fit one by one may not fit side by side.
func TestDoctorAddsUp(t *testing.T) {
	t.Parallel()
	tree := haloBox(t)
	const card = "sys/devices/pci0000:00/0000:00:08.1/0000:c6:00.0/"
	tree[card+"mem_info_vram_total"], tree[card+"mem_info_gtt_total"] = textFile("0"), textFile("1084227584") // 1034 MiB
	chat := string(tree["etc/hal0/slots/chat.toml"].Data)
	tree["etc/hal0/slots/two.toml"] = textFile(strings.Replace(chat, "8081", "8082", 1))
	tree["etc/hal0/slots/off.toml"] = textFile("enabled = false\n" + strings.Replace(chat, "8081", "8083", 1))
	w := healthyWard(t)
	box := openWard(t, tree, w)
	found, err := box.Doctor(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, []slot.Finding{{
		Severity: "warning", Code: "memory.together",
		Message: "the enabled slots that share the unified memory of AMD Radeon 8060S of 1 GiB take 15.4 MiB together (chat 7.7 MiB, two 7.7 MiB)",
		Fix:     "disable one of them, or let one make room for another",
	}}, amiss(t, found))
	_, err = box.Doctor(t.Context(), nil)
	require.NoError(t, err)
	assert.Len(t, w.runs, 1, "what an image accepts is remembered")
}

// Where less can be looked at, less is told, and that it is less.
func TestDoctorWhoCanNotLook(t *testing.T) {
	t.Parallel()
	tree := haloBox(t)
	for name, tc := range map[string]struct {
		rt   runtime.Runtime
		opts []hal0.Option
		want []string
	}{
		"nobody to run images": {struct{ runtime.Runtime }{healthyWard(t)}, nil, []string{
			"chat image.ready", "chat flags.unchecked: the flags are not checked: the container runtime can't run an image to ask it", "chat model.readable", "chat memory.fits",
		}},
		"no runtime": {nil, nil, []string{
			" runtime.unavailable: the box was opened without a container runtime: images, the flags that their servers accept, and containers can't be looked at",
			"chat model.readable", "chat memory.fits",
		}},
		"no files": {nil, []hal0.Option{hal0.WithSysroot(nil), hal0.WithHost(device.Host{KFD: "/dev/kfd", DRI: []string{"/dev/dri/renderD128"}, RenderGID: new(993), VideoGID: new(44)})}, []string{
			" runtime.unavailable: the box was opened without a container runtime: images, the flags that their servers accept, and containers can't be looked at",
			" model.unchecked: the box was opened for another host's hardware, without its files: model files, chat templates and device nodes can't be looked at",
			" memory.unknown: /etc/hal0/hardware.json: is not there: how much memory there is may not be known",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := openWard(t, tree, tc.rt, tc.opts...).Doctor(t.Context(), nil)
			require.NoError(t, err)
			assert.Empty(t, amiss(t, found))
			var got []string
			for _, f := range found {
				if f.Severity == slot.SeverityInfo {
					line := f.Slot + " " + f.Code
					if f.Slot == "" || f.Code == slot.FindFlagUnchecked {
						line += ": " + f.Message
					}
					got = append(got, line)
				}
			}
			assert.Equal(t, tc.want, got)
		})
	}
}

// The servers that print no help have nothing to be checked by.
func TestDoctorOfOtherProviders(t *testing.T) {
	t.Parallel()
	tree := haloBox(t)
	tree["etc/hal0/slots/chat.toml"] = textFile("port = 8081\ndevice = \"cpu\"\ntype = \"tts\"\n")
	w := healthyWard(t)
	found, err := openWard(t, tree, w).Doctor(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, w.runs)
	assert.Contains(t, found, slot.Finding{Slot: "chat", Severity: "info", Code: "flags.unchecked", Message: "the flags are not checked: kokoro does not print what it accepts"})
}

func TestDoctorIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("the user left")
	cancel(left)
	_, err := openWard(t, haloBox(t), healthyWard(t)).Doctor(ctx, nil)
	require.ErrorIs(t, err, left)
}

// Up refuses what Doctor is certain about, with the same words, and before the runtime
// is asked for anything.
func TestUpRefusesWhatDoctorIsCertainAbout(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(fstest.MapFS)
		want   string
		is     error
	}{
		"disabled": {func(tree fstest.MapFS) {
			tree["etc/hal0/slots/chat.toml"].Data = append([]byte("enabled = false\n"), tree["etc/hal0/slots/chat.toml"].Data...)
		}, "slot chat: slot is disabled: /etc/hal0/slots/chat.toml says enabled = false", hal0.ErrDisabled},
		"no device": {func(tree fstest.MapFS) { delete(tree, "dev/dri/renderD128") },
			"slot chat: device is not available: device gpu-vulkan needs /dev/dri/renderD128, which this host does not have", hal0.ErrDevice},
		"no model": {func(tree fstest.MapFS) { delete(tree, "mnt/ai-models/m.gguf") },
			"slot chat: model file can't be read: /mnt/ai-models/m.gguf: file does not exist", hal0.ErrModelFile},
		"a model that is not mounted": {func(tree fstest.MapFS) {
			tree["srv/m.gguf"], tree["mnt/ai-models/m.gguf"] = tree["mnt/ai-models/m.gguf"], linkTo("/srv/m.gguf")
		}, "slot chat: model file can't be read: /mnt/ai-models/m.gguf leads to /srv/m.gguf: the container can't see it: no mount shows /srv/m.gguf", hal0.ErrModelFile},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := haloBox(t)
			tc.change(tree)
			_, err := openWard(t, tree, struct{ runtime.Runtime }{}).Up(t.Context(), "chat")
			require.EqualError(t, err, tc.want)
			require.ErrorIs(t, err, tc.is)
		})
	}
}
