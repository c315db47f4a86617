// Package profile knows the reusable container templates that slots start
// from: an image with bench-tuned flags.
//
// A [Catalog] is what a box serves: its profiles.toml, or the built-in seeds
// when there is no such file.
package profile

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/provider"
)

// A Profile is a container image with flags that were tuned on it. The slot
// adds model, context size and port.
type Profile struct {
	// Name is what slots call it; see [Name].
	Name string `json:"name"`
	// Image is the image reference as written.
	Image string `json:"image"`
	// Flags are given to the image's program before what the slot adds.
	Flags Flags `json:"flags"`
	// MTP turns the multi-token-prediction bundle on, unless a slot says
	// otherwise.
	MTP bool `json:"mtp"`
	// Class is the hardware that the profile is made for. The zero value means
	// [device.ClassGPU].
	Class device.Class `json:"device_class"`
	// Backend is the GPU interface of the image. The zero value means
	// [device.BackendNone].
	Backend device.Backend `json:"backend"`
	// Intent and Quant are for people.
	Intent string `json:"intent,omitempty"`
	Quant  string `json:"quant,omitempty"`
	// TPS is the throughput in tokens a second that the profile reached in
	// hal0's own bench, RTF its real-time factor; 0 when not measured. They are
	// of the seeds, as long as image, flags and MTP are the seed's; profiles.toml
	// has no such key.
	TPS float64 `json:"tps,omitempty"`
	RTF float64 `json:"rtf,omitempty"`
	// ClonedFrom names the profile that this one was made from, or "".
	ClonedFrom string `json:"cloned_from,omitempty"`
	// Seed marks a profile of the built-in catalog, or one of its name in a
	// profiles.toml. It can't be changed or deleted.
	Seed bool `json:"seed"`
}

// MaxName is how many characters a name may have.
const MaxName = 32

// NamePattern is what a name matches, as a regular expression; see [CheckName].
const NamePattern = `^[a-z0-9][a-z0-9_-]{0,31}$`

var nameRE = regexp.MustCompile(NamePattern)

// CheckName returns an error unless s can name a profile: a lower-case letter
// or digit, then up to 31 more of those, "_" or "-".
func CheckName(s string) error {
	if !nameRE.MatchString(s) {
		return fmt.Errorf("%q is not a name: want 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit", s)
	}
	return nil
}

// Family returns the provider that the profile's image is for.
func (p Profile) Family() provider.Name {
	switch {
	case p.Class == device.ClassNPU || strings.Contains(p.Image, "flm"):
		return provider.FLM
	case strings.Contains(p.Image, "kokoro"):
		return provider.Kokoro
	case p.Class == device.ClassImage || strings.Contains(p.Image, "comfyui"):
		return provider.ComfyUI
	}
	return provider.LlamaServer
}

// Fits returns nil when a slot on d can run the profile, else an error that
// says what the profile is made for.
func (p Profile) Fits(d device.Device) error {
	class, backend := p.class(), p.backend()
	ok := false
	switch d {
	case device.GPUROCm, device.GPUVulkan:
		ok = class == device.ClassImage || class == device.ClassGPU && backend == d.Backend()
	case device.NPU:
		ok = class == device.ClassNPU
	case device.CPU:
		// llama.cpp falls back to the CPU unless it was built for ROCm.
		llama := p.Family() == provider.LlamaServer && backend != device.BackendROCm
		ok = class == device.ClassCPU || class == device.ClassGPU && llama
	}
	if !ok {
		return fmt.Errorf("profile %s is made for device_class %s and backend %s, which device %s is not", p.Name, class, backend, d)
	}
	return nil
}

func (p Profile) class() device.Class {
	if p.Class == "" {
		return device.ClassGPU
	}
	return p.Class
}

func (p Profile) backend() device.Backend {
	if p.Backend == "" {
		return device.BackendNone
	}
	return p.Backend
}

// DefaultFor returns the name of the profile that a new slot on d starts from.
func DefaultFor(d device.Device) string {
	switch d {
	case device.GPUVulkan:
		return "vulkan"
	case device.CPU:
		return "tts"
	case device.NPU:
		return "flm"
	case device.GPUROCm:
	}
	return "rocm"
}
