package hal0_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing/fstest"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime/podman"
	"github.com/hal0ai/hal0-go/slot"
)

// A box's files, as a test would write them.
var files = fstest.MapFS{
	"etc/hal0/slots/chat.toml": {Data: []byte(`
port = 8081
device = "gpu-vulkan"

[model]
default = "/mnt/ai-models/qwen3-4b.gguf"

[server]
extra_args = "--batch-size 1024"
`)},
}

// Resolve a slot of a box whose files are in memory, for a host without a GPU,
// and read why each flag is there.
func ExampleBox_Resolve() {
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files), hal0.WithHost(device.Host{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := box.Resolve("chat")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(plan.Profile, plan.Spec.Image)
	for _, f := range plan.Flags {
		if f.Source != provider.FromBase {
			fmt.Println(f.Source, strings.Join(f.AppendTo(nil), " "))
		}
	}
	for _, d := range plan.Dropped {
		fmt.Println("dropped", d.Name, d.Value(), "by", d.By)
	}
	// Output:
	// vulkan ghcr.io/hal0ai/amd-strix-halo-toolboxes:vulkan-radv-server
	// profile -fa on
	// profile -ub 512
	// profile --parallel 1
	// profile --threads 8
	// profile --no-mmap
	// slot --batch-size 1024
	// dropped -b 512 by slot
}

// Resolve without any file: a slot written in Go, in a unit test of one's own
// rules.
func Example_resolveInATest() {
	s := slot.Slot{Name: "tts", Port: 8084, Type: provider.TTS, Device: device.CPU}
	plan, err := slot.Resolve(s, slot.Inputs{
		Profiles: profile.Seeds(),
		Manifest: manifest.Embedded(),
		Paths:    provider.Paths{Store: "/mnt/ai-models"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(plan.Spec.Command)
	fmt.Println(plan.Image.Entry, plan.Image.Pinned)
	// Output:
	// [--model_path /mnt/ai-models/local/kokoro-v1/kokoro-onnx --host 0.0.0.0 --port 8084]
	// kokoro true
}

// Every problem of a file comes back at once, with line and key.
func ExampleValidationError() {
	bad := fstest.MapFS{"etc/hal0/slots/chat.toml": {Data: []byte("port = 80\ndevice = \"gpu-cuda\"\n")}}
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(bad), hal0.WithHost(device.Host{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = box.Resolve("chat")
	fmt.Println(err)
	var first hal0.ValidationError
	if errors.As(err, &first) {
		fmt.Println(first.Line, first.Path, errors.Is(first, hal0.ErrValue))
	}
	// Output:
	// /etc/hal0/slots/chat.toml:1:1: port: must be 8081 to 8200, got 80
	// /etc/hal0/slots/chat.toml:2:1: device: unknown device "gpu-cuda": want one of gpu-rocm, gpu-vulkan, cpu, npu
	// 1 port true
}

// Follow what an operator does to a box, and read it again once for each step.
func ExampleWatch() {
	root, err := os.MkdirTemp("", "box")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	home := hal0.HomeAt(root)
	edits := []string{"port = 8081\n", "port = 80\n", "port = 8082\n"}
	for changes, err := range hal0.Watch(context.Background(), home) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, c := range changes {
			fmt.Println(c.Kind, c.Slot, c.Value.Port)
			for _, p := range c.Problems {
				fmt.Println(p.Line, p.Path, p.Message)
			}
		}
		box, err := hal0.Open(home, hal0.WithHost(device.Host{}))
		fmt.Println(box.Names(), err)
		if len(edits) == 0 {
			break
		}
		if err := errors.Join(os.MkdirAll(home.Slots(), 0o755), os.WriteFile(home.Slot("chat"), []byte(edits[0]), 0o644)); err != nil {
			fmt.Println(err)
		}
		edits = edits[1:]
	}
	// Output:
	// [] <nil>
	// added chat 8081
	// [chat] <nil>
	// invalid chat 8081
	// 1 port must be 8081 to 8200, got 80
	// [chat] <nil>
	// changed chat 8082
	// [chat] <nil>
}

// Bring a slot up on this machine's podman, and wait until it answers.
func ExampleBox_Up() {
	rt, err := podman.New(podman.DefaultURI())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	box, err := hal0.Open(hal0.HomeAt(os.Getenv(hal0.HomeVar)), hal0.WithRuntime(rt))
	if err != nil {
		fmt.Println(err)
		return
	}
	status, err := box.Up(context.Background(), "chat", hal0.OnProgress(func(e hal0.Event) {
		fmt.Println(e.State, e.Message)
	}))
	var failed *hal0.StartError
	if errors.As(err, &failed) {
		fmt.Println("exit code", failed.ExitCode, "after", len(failed.Logs), "lines")
	}
	fmt.Println(status.State)
}

// Change a setting of a box, and see first what that would do to the file.
func ExampleBox_SetSettings() {
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithHost(device.Host{}), hal0.WithFiles(fstest.MapFS{
		"etc/hal0/hal0.toml": {Data: []byte("[slots]\nport_range_end = 8099 # two are enough\n")},
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	change, err := box.SetSettings(context.Background(), []hal0.Edit{hal0.Set("slots.port_range_end", 8120)}, hal0.DryRun())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(change.Diff())
	// Output:
	// --- /etc/hal0/hal0.toml
	// +++ /etc/hal0/hal0.toml
	// @@ -1,2 +1,2 @@
	//  [slots]
	// -port_range_end = 8099 # two are enough
	// +port_range_end = 8120 # two are enough
}

// Make a slot from a type and a model. Device, profile, name and port are picked;
// the recommended device, or the first that is there, serves it.
func ExampleBox_Create() {
	host := device.Host{KFD: "/dev/kfd", DRI: []string{"/dev/dri/renderD128"}}
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files), hal0.WithHost(host))
	if err != nil {
		fmt.Println(err)
		return
	}
	wish := slot.Wish{Type: provider.Embedding, Model: "/mnt/ai-models/bge-m3.gguf"}
	change, err := box.Create(context.Background(), wish, hal0.DryRun())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(change.File)
	fmt.Print(string(change.After))
	// What can't be launched is refused with what would.
	_, err = box.Create(context.Background(), slot.Wish{Type: provider.Embedding, Device: device.CPU, Profile: "rocm"}, hal0.DryRun())
	fmt.Println(err)
	// Output:
	// /etc/hal0/slots/embed.toml
	// name = "embed"
	// port = 8082
	// type = "embedding"
	// device = "gpu-vulkan"
	// provider = "llama-server"
	// profile = "vulkan"
	//
	// [model]
	// default = "/mnt/ai-models/bge-m3.gguf"
	// device: cpu contradicts profile = rocm: device cpu goes with profile vulkan or tts; profile rocm with device gpu-rocm
}

// Give a slot another profile. Its device follows, since the profile is made for
// one; everything else in the file stays as it is.
func ExampleBox_UpdateSlot() {
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files), hal0.WithHost(device.Host{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	size, err := slot.ParseEdit("model.context_size=65536")
	if err != nil {
		fmt.Println(err)
		return
	}
	edits := []hal0.Edit{hal0.Set("profile", "rocm-moe"), size}
	change, err := box.UpdateSlot(context.Background(), "chat", edits, hal0.DryRun())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(change.Notes)
	for line := range strings.Lines(change.Diff()) {
		if line[0] == '+' || line[0] == '-' {
			fmt.Print(line)
		}
	}
	// Output:
	// [device follows: gpu-rocm]
	// --- /etc/hal0/slots/chat.toml
	// +++ /etc/hal0/slots/chat.toml
	// -device = "gpu-vulkan"
	// +device = "gpu-rocm"
	// +profile = "rocm-moe"
	// +context_size = 65536
}

// Look at the whole box. Slots that are fine by themselves may not be side by
// side.
func ExampleBox_Check() {
	sharing := fstest.MapFS{
		"etc/hal0/slots/speak.toml": {Data: []byte("port = 8084\ntype = \"tts\"\ndevice = \"cpu\"\n")},
		"etc/hal0/slots/tell.toml":  {Data: []byte("# a second voice\nport = 8084\ntype = \"tts\"\ndevice = \"cpu\"\ncolour = \"red\"\n")},
	}
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(sharing), hal0.WithHost(device.Host{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	report := box.Check()
	for _, p := range report.Problems {
		fmt.Println(p)
	}
	for _, w := range report.Warnings {
		fmt.Println(w.Code, w.File, w.Line, w.Path)
	}
	// Output:
	// /etc/hal0/slots/speak.toml:1:1: port: 8084 is the port of slot tell (/etc/hal0/slots/tell.toml:2) too: give one of them another port, or disable one
	// /etc/hal0/slots/tell.toml:2:1: port: 8084 is the port of slot speak (/etc/hal0/slots/speak.toml:1) too: give one of them another port, or disable one
	// slot.unknown-key /etc/hal0/slots/tell.toml 5 colour
}
