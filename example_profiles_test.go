package hal0_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing/fstest"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
)

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
