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

// Make a profile of one's own from a seed: other flags, the rest as it is.
func ExampleBox_CloneProfile() {
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithHost(device.Host{}), hal0.WithFiles(fstest.MapFS{
		"etc/hal0/profiles.toml": {Data: []byte("# ours\n[profile.lab]\nimage = \"localhost/llama:1\"\nbackend = \"vulkan\"\n")},
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	change, err := box.CloneProfile(context.Background(), "lab", "lab-big", []hal0.Edit{hal0.Set("flags", "-b 2048")}, hal0.DryRun())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(strings.TrimPrefix(string(change.After), string(change.Before)))
	// Output:
	// [profile.lab-big]
	// image = "localhost/llama:1"
	// device_class = "gpu"
	// backend = "vulkan"
	// cloned_from = "lab"
	// flags = "-b 2048"
}

// A seed is never changed.
func ExampleBox_UpdateProfile() {
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithHost(device.Host{}), hal0.WithFiles(fstest.MapFS{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = box.UpdateProfile(context.Background(), "rocm", []hal0.Edit{hal0.Set("mtp", true)}, hal0.DryRun())
	fmt.Println(errors.Is(err, hal0.ErrSeed), err)
	// Output:
	// true /etc/hal0/profiles.toml: profile.rocm: is a seed and can't be changed: clone it under a new name
}

// See which profiles could be deleted.
func ExampleBox_ProfileUses() {
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files), hal0.WithHost(device.Host{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range box.ProfileUses() {
		fmt.Println(p.Name, p.UsedBy, p.Seed)
	}
	// Output:
	// rocm [] true
	// rocm-dnse [] true
	// rocm-moe [] true
	// vulkan [chat] true
	// flm [] true
	// tts [] true
	// comfyui [] true
}

// Take a profile to another box.
func ExampleBox_ExportProfile() {
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files), hal0.WithHost(device.Host{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := box.ExportProfile("flm")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(data))
	change, err := box.ImportProfile(context.Background(), "flm.json", data, "flm-mine", hal0.DryRun())
	fmt.Println(change.Changed(), err)
	// Output:
	// {
	//   "kind": "hal0.profile",
	//   "schema_version": 1,
	//   "checksum": "sha256:57c625224459aacba6f64ca1d37fd51f19599969bd5b5a31f9cfb60af7932277",
	//   "profile": {
	//     "name": "flm",
	//     "image": "ghcr.io/hal0ai/hal0-toolbox-flm:0.9.43",
	//     "flags": "",
	//     "mtp": false,
	//     "device_class": "npu",
	//     "backend": "none",
	//     "intent": "FLM NPU inference",
	//     "quant": "W4ABF16",
	//     "cloned_from": ""
	//   }
	// }
	// true <nil>
}
